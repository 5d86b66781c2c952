/* SPDX-License-Identifier: BSD-2-Clause
 * The shadow decoder must find what KVM reports, and must not find what KVM would not report. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/le.h"
#include "base/string.h"
#include "kvm/shadow.h"

#define CODE   0x8000u
#define DEVICE 0x10000000u

static _Alignas(8) uint8_t ram[0x10000];
static struct gmem mem;
static struct vcpu_regs regs;

/* 64-bit code at CODE, a 1 GiB identity page, and the page after DEVICE elsewhere: at DEVICE + 2 MiB. */
static void fresh(const void *code, size_t len)
{
    memset(ram, 0, sizeof(ram));
    memset(&mem, 0, sizeof(mem));
    memset(&regs, 0, sizeof(regs));
    assert_true(gmem_add(&mem, 0, sizeof(ram), ram));
    memset(ram + CODE - 32, 0xCC, 64);
    memcpy(ram + CODE, code, len);
    regs.rip = CODE;
    regs.rflags = RFLAGS_FIXED;
    regs.cr0 = CR0_PE | CR0_PG;
    regs.cr4 = CR4_PAE;
    regs.efer = EFER_LME | EFER_LMA;
    regs.cr3 = 0x1000;
    regs.seg[SEG_CS].ar = SEG_AR_L | SEG_AR_P | SEG_AR_S | 0xBu;
    le_store(ram + 0x1000, 8, 0x2063);
    le_store(ram + 0x2000, 8, 0x3063);
    le_store(ram + 0x3000, 8, 0xE3);
    le_store(ram + 0x3000 + 8 * (DEVICE >> 21), 8, 0x4063);
    le_store(ram + 0x4000, 8, DEVICE | 0x63);
    le_store(ram + 0x4008, 8, (DEVICE + 0x200000u) | 0x63);
}
#define FRESH(...) fresh((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static enum shadow_verdict judge(gpa_t gpa, uint32_t size, bool write)
{
    const struct vm_exit_mmio access = {.gpa = gpa, .size = size, .write = write};
    return shadow_judge(&regs, &mem, &access);
}

static void reads_are_found_at_rip_with_their_size_and_direction(void **state)
{
    (void)state;
    FRESH(0x8B, 0x47, 0x10); /* mov eax, [rdi + 16] */
    regs.gpr[GPR_RDI] = DEVICE;
    assert_int_equal(judge(DEVICE + 16, 4, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 16, 8, false), SHADOW_DIFFERS);
    assert_int_equal(judge(DEVICE + 20, 4, false), SHADOW_DIFFERS);
    assert_int_equal(judge(DEVICE + 16, 4, true), SHADOW_DIFFERS);
}

static void writes_are_found_before_rip(void **state)
{
    (void)state;
    FRESH(0xC7, 0x47, 0x10, 1, 0, 0, 0); /* mov dword [rdi + 16], 1 */
    regs.gpr[GPR_RDI] = DEVICE;
    regs.rip = CODE + 7;
    assert_int_equal(judge(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 12, 4, true), SHADOW_DIFFERS);
    regs.rip = CODE + 6;
    assert_int_equal(judge(DEVICE + 16, 4, true), SHADOW_DIFFERS);
}

static void a_plain_instruction_at_rip_does_not_explain_a_write(void **state)
{
    (void)state;
    FRESH(0x89, 0x07); /* mov [rdi], eax: still to come */
    regs.gpr[GPR_RDI] = DEVICE;
    assert_int_equal(judge(DEVICE, 4, true), SHADOW_DIFFERS);
}

static void both_halves_of_a_crossing_operand_are_found(void **state)
{
    (void)state;
    FRESH(0x48, 0x8B, 0x07); /* mov rax, [rdi] */
    regs.gpr[GPR_RDI] = DEVICE + 0xFFD;
    assert_int_equal(judge(DEVICE + 0xFFD, 3, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 0x200000, 5, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 0x200000, 8, false), SHADOW_DIFFERS);
}

static void strings_have_moved_on_when_they_have_written(void **state)
{
    (void)state;
    FRESH(0xF3, 0xAB); /* rep stosd, one round done, not over */
    regs.gpr[GPR_RDI] = DEVICE + 4;
    regs.gpr[GPR_RCX] = 7;
    assert_int_equal(judge(DEVICE, 4, true), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 4, 4, true), SHADOW_DIFFERS);
    regs.rflags |= RFLAGS_DF;
    assert_int_equal(judge(DEVICE + 8, 4, true), SHADOW_FITS);
    regs.rflags &= ~(uint64_t)RFLAGS_DF;
    regs.rip = CODE + 2; /* the last round */
    assert_int_equal(judge(DEVICE, 4, true), SHADOW_FITS);
}

static void pushes_are_found_on_the_stack(void **state)
{
    (void)state;
    FRESH(0x50); /* push rax */
    regs.rip = CODE + 1;
    regs.gpr[GPR_RSP] = DEVICE + 0x40;
    assert_int_equal(judge(DEVICE + 0x40, 8, true), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 0x48, 8, true), SHADOW_DIFFERS);
    FRESH(0x58); /* pop rax */
    regs.gpr[GPR_RSP] = DEVICE + 0x40;
    assert_int_equal(judge(DEVICE + 0x40, 8, false), SHADOW_FITS);
}

static void what_cannot_be_told_is_said_to_be_open(void **state)
{
    (void)state;
    FRESH(0x87, 0x00); /* xchg [rax], eax: rax is no address any more */
    regs.rip = CODE + 2;
    regs.gpr[GPR_RAX] = 0x1234;
    assert_int_equal(judge(DEVICE, 4, true), SHADOW_OPEN);
}

static void bits_move_the_operand(void **state)
{
    (void)state;
    FRESH(0x0F, 0xA3, 0x07); /* bt [rdi], eax */
    regs.gpr[GPR_RDI] = DEVICE + 0x100;
    regs.gpr[GPR_RAX] = (uint32_t)-33;
    assert_int_equal(judge(DEVICE + 0x100 - 8, 4, false), SHADOW_FITS);
    regs.gpr[GPR_RAX] = 65;
    assert_int_equal(judge(DEVICE + 0x108, 4, false), SHADOW_FITS);
}

static void kvm_reads_before_it_stores_a_selector(void **state)
{
    (void)state;
    FRESH(0x0F, 0x00, 0x0B); /* str [rbx] */
    regs.gpr[GPR_RBX] = DEVICE;
    assert_int_equal(judge(DEVICE, 4, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE, 8, false), SHADOW_DIFFERS);
}

static void movsxd_of_16_bits_reads_two_bytes_or_four(void **state)
{
    (void)state;
    FRESH(0x66, 0x63, 0x03); /* movsxd ax, [rbx] */
    regs.gpr[GPR_RBX] = DEVICE;
    assert_int_equal(judge(DEVICE, 2, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE, 4, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE, 8, false), SHADOW_DIFFERS);
}

static void accesses_that_repeat_are_sampled_and_others_are_not(void **state)
{
    static struct shadow_watch w;
    struct vm_exit_mmio access = {.gpa = DEVICE, .size = 4, .write = true};
    uint32_t due = 0;
    (void)state;
    assert_false(shadow_due(&w, &access));
    w.level = 1;
    for (uint32_t i = 0; i < SHADOW_FIRST + 160; i++) {
        due += shadow_due(&w, &access);
    }
    assert_int_equal(due, SHADOW_FIRST + 160 / SHADOW_EACH);
    access.write = false;
    assert_true(shadow_due(&w, &access));
    w.level = 2;
    access.write = true;
    assert_true(shadow_due(&w, &access));
}

static void mismatches_are_counted_and_the_last_is_kept(void **state)
{
    struct report_shadow r = {0};
    const struct vm_exit_mmio good = {.gpa = DEVICE, .size = 4};
    const struct vm_exit_mmio bad = {.gpa = DEVICE + 4, .size = 4};
    (void)state;
    FRESH(0x8B, 0x07);
    regs.gpr[GPR_RDI] = DEVICE;
    shadow_count(&r, &regs, &mem, &good);
    shadow_count(&r, &regs, &mem, &bad);
    assert_int_equal(r.compared, 2);
    assert_int_equal(r.mismatches, 1);
    assert_int_equal(r.last_rip, CODE);
    assert_int_equal(r.last_gpa, DEVICE + 4);
    assert_int_equal(r.last_bytes[0], 0x8B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_are_found_at_rip_with_their_size_and_direction),
        cmocka_unit_test(writes_are_found_before_rip),
        cmocka_unit_test(a_plain_instruction_at_rip_does_not_explain_a_write),
        cmocka_unit_test(both_halves_of_a_crossing_operand_are_found),
        cmocka_unit_test(strings_have_moved_on_when_they_have_written),
        cmocka_unit_test(pushes_are_found_on_the_stack),
        cmocka_unit_test(what_cannot_be_told_is_said_to_be_open),
        cmocka_unit_test(bits_move_the_operand),
        cmocka_unit_test(kvm_reads_before_it_stores_a_selector),
        cmocka_unit_test(movsxd_of_16_bits_reads_two_bytes_or_four),
        cmocka_unit_test(accesses_that_repeat_are_sampled_and_others_are_not),
        cmocka_unit_test(mismatches_are_counted_and_the_last_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
