/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "boot/entry.h"

static void the_page_tables_map_4_gib_to_themselves(void **state)
{
    (void)state;
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, MIB);
    assert_true(gmem_fill(&f->mem, 0, 0xFF, MIB));
    entry_write_tables(&f->mem, 0x10000);
    for (uint64_t gva = 0; gva < ENTRY_MAPPED; gva += 0x200000) {
        const uint64_t pml4e = guest_num(f, 0x10000 + 8 * (gva >> 39), 8);
        const uint64_t pdpte = guest_num(f, (pml4e & ~0xFFFull) + 8 * (gva >> 30 & 511), 8);
        const uint64_t pde = guest_num(f, (pdpte & ~0xFFFull) + 8 * (gva >> 21 & 511), 8);
        assert_int_equal(pml4e & 0xFFF, 3);
        assert_int_equal(pdpte & 0xFFF, 3);
        assert_int_equal(pde, gva | 0x83);
    }
    assert_int_equal(guest_num(f, 0x10008, 8), 0);
    assert_int_equal(guest_num(f, 0x11020, 8), 0);
    assert_int_equal(guest_num(f, 0x10000 + ENTRY_TABLES_BYTES, 8), UINT64_MAX);
    fixture_close(f);
}

/* The descriptor caches must say what the GDT says, or the first reload changes the machine. */
static void assert_descriptor(const struct fixture *f, gpa_t gdt, const struct seg_reg *s)
{
    const uint64_t d = guest_num(f, gdt + s->selector, 8);
    const uint64_t limit = (d & 0xFFFF) | (d >> 32 & 0xF0000);
    assert_int_equal(s->ar, d >> 40 & 0xF0FF);
    assert_int_equal(s->limit, limit << 12 | 0xFFF);
    assert_int_equal(s->base, (d >> 16 & 0xFFFFFF) | (d >> 32 & 0xFF000000u));
}

static void the_registers_agree_with_the_gdt(void **state)
{
    (void)state;
    for (uint32_t wide = 0; wide < 2; wide++) {
        struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, MIB);
        struct vcpu_regs r;
        if (wide != 0) {
            entry_write_gdt64(&f->mem, 0x1000);
            entry_regs64(&r, 0x123456, 0x1000, 0x10000);
        } else {
            entry_write_gdt32(&f->mem, 0x1000);
            entry_regs32(&r, 0x123456, 0x1000);
        }
        assert_int_equal(r.gdtr.base, 0x1000);
        assert_int_equal(r.gdtr.limit, 31);
        assert_int_equal(guest_num(f, 0x1000, 8), 0);
        for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
            assert_int_equal(r.seg[i].selector, i == SEG_CS ? 0x10 : 0x18);
            assert_descriptor(f, 0x1000, &r.seg[i]);
        }
        assert_int_equal((r.seg[SEG_CS].ar & SEG_AR_L) != 0, wide);
        assert_int_equal((r.seg[SEG_CS].ar & SEG_AR_DB) != 0, wide == 0);
        assert_int_equal(r.seg[SEG_TR].ar, 0x8B);
        assert_int_equal(r.rip, 0x123456);
        assert_int_equal(r.rflags, 2);
        assert_int_equal(r.cr0, wide != 0 ? 0x80000011 : 0x11);
        assert_int_equal(r.cr3, wide != 0 ? 0x10000 : 0);
        assert_int_equal(r.cr4, wide != 0 ? 0x20 : 0);
        assert_int_equal(r.efer, wide != 0 ? 0x500 : 0);
        assert_int_equal(r.xcr0, 1);
        for (uint32_t i = 0; i < GPR_COUNT; i++) {
            assert_int_equal(r.gpr[i], 0);
        }
        fixture_close(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_tables_map_4_gib_to_themselves),
        cmocka_unit_test(the_registers_agree_with_the_gdt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
