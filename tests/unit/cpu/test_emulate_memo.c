/* SPDX-License-Identifier: BSD-2-Clause
 * What the emulator remembers must be seen in nothing but its speed. */
#include "emulate_bench.h"

/* 4 KiB pages for the code and the device; a store to the device at RAX. */
static struct bench *remembering(void)
{
    struct bench *b = fresh(DECODE_64);
    le_store(b->ram + 0x2000, 8, 0x3067);
    le_store(b->ram + 0x3000, 8, 0x4067);
    le_store(b->ram + 0x4000 + 8 * 8, 8, 0x8067);
    le_store(b->ram + 0x1000, 8, 0x2067);
    le_store(b->ram + 0x3000 + 8 * (DEVICE >> 21), 8, 0x5067);
    le_store(b->ram + 0x5000, 8, (uint64_t)DEVICE | 0x67);
    le_store(b->ram + 0x5008, 8, ((uint64_t)DEVICE - 0x1000) | 0x67);
    b->vcpu.memo = &b->memo;
    *gpr(b, GPR_RAX) = DEVICE;
    *gpr(b, GPR_RCX) = 0x1234;
    return b;
}

static enum emulate_result again(struct bench *b, gpa_t gpa)
{
    b->cache.regs.rip = CODE;
    b->cache.dirty = 0;
    return emulate_mmio(&b->vcpu, gpa, &b->report);
}

static void the_same_access_gives_the_same(void **state)
{
    (void)state;
    struct bench *b = remembering();
    assert_int_equal(RUN(b, DEVICE, 0x89, 0x48, 0x10), EMULATE_DONE);
    for (uint32_t i = 0; i < 5; i++) {
        *gpr(b, GPR_RCX) = 0x12340000 + i;
        *gpr(b, GPR_RAX) = DEVICE + 4 * i;
        b->cache.regs.rflags |= RFLAGS_RF;
        assert_int_equal(again(b, DEVICE), EMULATE_DONE);
        assert_int_equal(b->last_val, 0x12340000 + i);
        assert_int_equal(b->last_gpa, DEVICE + 16 + 4 * i);
        assert_int_equal(b->report.operand, DEVICE + 16 + 4 * i);
        assert_int_equal(b->report.rip, CODE);
        assert_int_equal(b->cache.regs.rip, CODE + 3);
        assert_int_equal(b->cache.regs.rflags, RFLAGS_FIXED);
        assert_int_equal(b->cache.dirty, REGS_GPR);
    }
    assert_int_equal(b->writes, 6);
}

static void loads_of_every_width_are_those_of_a_first_time(void **state)
{
    (void)state;
    static const uint8_t codes[][4] = {
        {0x8A, 0x08, 0x90, 0x90}, {0x66, 0x8B, 0x08, 0x90}, {0x8B, 0x08, 0x90, 0x90},
        {0x48, 0x8B, 0x08, 0x90}, {0x0F, 0xB6, 0x08, 0x90}, {0x48, 0x0F, 0xB7, 0x08},
        {0x66, 0x0F, 0xB6, 0x08}, {0x8A, 0x28, 0x90, 0x90}, /* mov ch, [rax] */
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        uint64_t first = 0;
        struct bench *b = remembering();
        le_store(b->device + 32, 8, 0xF1F2F3F4F5F6F7F8);
        for (uint32_t n = 0; n < 3; n++) {
            *gpr(b, GPR_RCX) = 0x1111111111111111;
            b->cache.regs.rip = CODE;
            assert_int_equal(run(b, codes[i], 4, DEVICE), EMULATE_DONE);
            first = n == 0 ? *gpr(b, GPR_RCX) : first;
            assert_int_equal(*gpr(b, GPR_RCX), first);
        }
    }
}

static void rewritten_code_is_seen(void **state)
{
    (void)state;
    struct bench *b = remembering();
    assert_int_equal(RUN(b, DEVICE, 0x89, 0x48, 0x10), EMULATE_DONE);
    b->ram[CODE + 2] = 0x20; /* another displacement */
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE + 32);
    b->ram[CODE] = 0x8B; /* a load */
    le_store(b->device + 64, 4, 0xABCD);
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RCX), 0xABCD);
    b->ram[CODE] = 0x0F;
    b->ram[CODE + 1] = 0x0B;
    assert_int_equal(again(b, DEVICE), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 6);
}

static void changed_tables_are_seen(void **state)
{
    (void)state;
    static const gpa_t code_entries[] = {0x1000, 0x2000, 0x3000, 0x4040};
    struct bench *b = remembering();
    for (size_t i = 0; i < 4; i++) {
        b = remembering();
        assert_int_equal(RUN(b, DEVICE, 0x89, 0x08), EMULATE_DONE);
        assert_int_equal(again(b, DEVICE), EMULATE_DONE);
        uint64_t entry = le_load(b->ram + code_entries[i], 8);
        le_store(b->ram + code_entries[i], 8, entry & ~1ull);
        assert_int_equal(again(b, DEVICE), EMULATE_FAULT);
        assert_int_equal(b->report.vector, 14);
        assert_int_equal(b->report.cr2, CODE);
    }
    b = remembering();
    assert_int_equal(RUN(b, DEVICE, 0x89, 0x08), EMULATE_DONE);
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    le_store(b->ram + 0x5000, 8, (uint64_t)DEVICE | 0x65); /* read-only, and WP is off */
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    b->cache.regs.cr0 |= CR0_WP;
    assert_int_equal(again(b, DEVICE), EMULATE_FAULT);
    assert_int_equal(b->report.error_code, WALK_PRESENT | WALK_WRITE);
    le_store(b->ram + 0x5000, 8, (uint64_t)DEVICE | 0x7); /* flags taken away are set again */
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    assert_int_equal(le_load(b->ram + 0x5000, 8), (uint64_t)DEVICE | 0x67);
    le_store(b->ram + 0x5000, 8, ((uint64_t)DEVICE - 0x1000) | 0x67); /* another device page */
    *gpr(b, GPR_RAX) = DEVICE + 0xFF0;
    assert_int_equal(again(b, DEVICE - 0x10), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE - 0x10);
    assert_int_equal(again(b, DEVICE), EMULATE_ELSEWHERE);
    le_store(b->ram + 0x5000, 8, 0x6067); /* RAM */
    *gpr(b, GPR_RAX) = DEVICE + 8;
    uint32_t writes = b->writes;
    assert_int_equal(again(b, DEVICE), EMULATE_ELSEWHERE);
    assert_int_equal(b->writes, writes);
}

static void changed_registers_are_seen(void **state)
{
    (void)state;
    struct bench *b = remembering();
    assert_int_equal(RUN(b, DEVICE, 0x89, 0x08), EMULATE_DONE);
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    b->cache.regs.seg[SEG_SS].ar |= SEG_AR_DPL; /* a user now, on user pages */
    b->cache.regs.cr0 |= CR0_AM;
    b->cache.regs.rflags |= RFLAGS_AC;
    *gpr(b, GPR_RAX) = DEVICE + 1;
    assert_int_equal(again(b, DEVICE), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 17);
    b = remembering();
    assert_int_equal(RUN(b, DEVICE, 0x89, 0x08), EMULATE_DONE);
    b->cache.regs.rflags |= RFLAGS_TF;
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    assert_true(b->report.trap);
    b->cache.regs.rflags = RFLAGS_FIXED;
    b->cache.regs.cr4 |= CR4_SMAP; /* the pages are a user's */
    assert_int_equal(again(b, DEVICE), EMULATE_FAULT);
    b->cache.regs.cr4 = CR4_PAE;
    b->cache.regs.cr3 = 0x7000;
    assert_int_equal(again(b, DEVICE), EMULATE_FAULT);
    b->cache.regs.cr3 = 0x1000;
    le_store(b->ram + 0x5000, 8, ((uint64_t)DEVICE - 0x1000) | 0x67);
    le_store(b->ram + 0x5008, 8, (uint64_t)DEVICE | 0x67);
    *gpr(b, GPR_RAX) = DEVICE + 0xFFE; /* from the page before into this one */
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE);
    assert_int_equal(b->last_size, 2);
    le_store(b->ram + 0x5000, 8, (uint64_t)DEVICE | 0x67);
    *gpr(b, GPR_RAX) = 1ull << 47;
    assert_int_equal(again(b, DEVICE), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 13);
    b->cache.regs.seg[SEG_CS].ar ^= SEG_AR_L | SEG_AR_DB; /* the same bytes in 32-bit code */
    *gpr(b, GPR_RAX) = 0xFFFFFFFF00000000ull | DEVICE;
    assert_int_equal(again(b, DEVICE), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_access_gives_the_same),
        cmocka_unit_test(loads_of_every_width_are_those_of_a_first_time),
        cmocka_unit_test(rewritten_code_is_seen),
        cmocka_unit_test(changed_tables_are_seen),
        cmocka_unit_test(changed_registers_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
