/* SPDX-License-Identifier: BSD-2-Clause
 * Debug registers that nobody switches. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/dr.h"

#define DR6_RESET 0xFFFF0FF0u
#define DR7_RESET 0x400u

/* 64-bit code of the kernel. */
static struct vcpu_regs long_mode(void)
{
    struct vcpu_regs r;
    memset(&r, 0, sizeof(r));
    r.cr0 = CR0_PE | CR0_PG;
    r.efer = EFER_LME | EFER_LMA;
    r.seg[SEG_CS].ar = SEG_AR_L;
    return r;
}

static void registers_hold_what_they_can(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        uint64_t value;
        enum dr_result result;
        uint64_t after;
    } rows[] = {
        {0, 0x123456789ABCDEF0, DR_DONE, 0x123456789ABCDEF0}, /* also not canonical */
        {3, UINT64_MAX, DR_DONE, UINT64_MAX},
        {6, 0, DR_DONE, DR6_RESET},
        {6, 0xFFFFFFFF, DR_DONE, DR6_RESET | 0xE00F},
        {6, 0x100000000, DR_GP, DR6_RESET | 0xE00F},
        {7, 0, DR_DONE, DR7_RESET},
        {7, 0xFFFFDFFF, DR_DONE, 0xFFFF07FF},
        {7, 1ull << 63, DR_GP, 0xFFFF07FF},
        {4, 1, DR_DONE, DR6_RESET | 1}, /* the same as 6 */
        {5, 2, DR_DONE, DR7_RESET | 2},
    };
    struct vcpu_regs r = long_mode();
    struct dr_bank b;
    dr_reset(&b);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 0;
        assert_int_equal(dr_write(&b, &r, rows[i].n, rows[i].value), rows[i].result);
        assert_int_equal(dr_read(&b, &r, rows[i].n, &value), DR_DONE);
        assert_int_equal(value, rows[i].after);
        assert_true(dr_valid(&b));
    }
    uint64_t value = 0;
    assert_int_equal(dr_read(&b, &r, 6, &value), DR_DONE);
    assert_int_equal(value, DR6_RESET | 1);
    assert_int_equal(dr_read(&b, &r, 1, &value), DR_DONE);
    assert_int_equal(value, 0);
}

static void a_debug_exception_shows_its_reasons_and_opens_the_registers(void **state)
{
    (void)state;
    static const struct {
        uint64_t reasons;
        uint64_t dr6;
    } rows[] = {
        {DR6_BS, DR6_RESET | 0x4000},       /* the reset value stands for the rest */
        {0x5, DR6_RESET | 0x4005},          /* what happened before stays ...      */
        {DR6_BD | 0x2, DR6_RESET | 0x6002}, /* ... but for the breakpoints         */
        {0, DR6_RESET | 0x6000},            /* INT1                                */
        {UINT64_MAX, DR6_RESET | 0xE00F},   /* nothing else is a reason            */
    };
    struct vcpu_regs r = long_mode();
    struct dr_bank b;
    dr_reset(&b);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 0;
        assert_int_equal(dr_write(&b, &r, 7, 0x2000), DR_DONE);
        dr_debug(&b, rows[i].reasons);
        assert_int_equal(dr_read(&b, &r, 6, &value), DR_DONE); /* general detect is off */
        assert_int_equal(value, rows[i].dr6);
        assert_true(dr_valid(&b));
    }
}

static void outside_64_bit_mode_the_low_half_counts(void **state)
{
    (void)state;
    struct vcpu_regs r = long_mode();
    struct dr_bank b;
    uint64_t value = UINT64_MAX;
    dr_reset(&b);
    assert_int_equal(dr_write(&b, &r, 2, UINT64_MAX), DR_DONE);
    r.seg[SEG_CS].ar = SEG_AR_DB;
    assert_int_equal(dr_read(&b, &r, 2, &value), DR_DONE);
    assert_int_equal(value, UINT32_MAX);
    assert_int_equal(dr_write(&b, &r, 2, 0x1122334455667788), DR_DONE);
    assert_int_equal(b.dr[2], 0x55667788);
    assert_int_equal(dr_write(&b, &r, 7, 0xFFFFFFFF00000000), DR_DONE);
    assert_int_equal(b.dr7, DR7_RESET);
}

static void cr4_de_takes_the_other_names_away(void **state)
{
    (void)state;
    struct vcpu_regs r = long_mode();
    struct dr_bank b;
    uint64_t value = 42;
    dr_reset(&b);
    r.cr4 = CR4_DE;
    for (uint32_t n = 0; n < 8; n++) {
        enum dr_result expected = n == 4 || n == 5 ? DR_UD : DR_DONE;
        assert_int_equal(dr_write(&b, &r, n, 0), expected);
        assert_int_equal(dr_read(&b, &r, n, &value), expected);
    }
    r.seg[SEG_SS].ar = 3u << 5;
    assert_int_equal(dr_read(&b, &r, 4, &value), DR_UD); /* before the privilege */
}

static void only_the_kernel_may(void **state)
{
    (void)state;
    struct vcpu_regs r = long_mode();
    struct dr_bank b;
    uint64_t value = 42;
    dr_reset(&b);
    for (uint32_t cpl = 1; cpl < 4; cpl++) {
        r.seg[SEG_SS].ar = cpl << 5;
        assert_int_equal(dr_write(&b, &r, 0, 1), DR_GP);
        assert_int_equal(dr_read(&b, &r, 7, &value), DR_GP);
    }
    assert_int_equal(value, 42);
    assert_int_equal(b.dr[0], 0);
    memset(&r, 0, sizeof(r)); /* real mode */
    assert_int_equal(dr_write(&b, &r, 0, 1), DR_DONE);
    r.cr0 = CR0_PE;
    r.rflags = RFLAGS_VM;
    assert_int_equal(dr_write(&b, &r, 0, 2), DR_GP);
}

static void general_detect_traps_one_access_and_ends(void **state)
{
    (void)state;
    struct vcpu_regs r = long_mode();
    struct dr_bank b;
    uint64_t value = 42;
    dr_reset(&b);
    assert_int_equal(dr_write(&b, &r, 7, 0x2000), DR_DONE);
    r.seg[SEG_SS].ar = 3u << 5;
    assert_int_equal(dr_read(&b, &r, 0, &value), DR_GP); /* a user cannot use it up */
    r.seg[SEG_SS].ar = 0;
    assert_int_equal(dr_read(&b, &r, 0, &value), DR_DB);
    assert_int_equal(value, 42);
    assert_int_equal(b.dr6, DR6_RESET | 0x2000);
    assert_int_equal(b.dr7, DR7_RESET);
    assert_int_equal(dr_read(&b, &r, 0, &value), DR_DONE);
    assert_int_equal(dr_write(&b, &r, 7, 0x2000), DR_DONE);
    assert_int_equal(dr_write(&b, &r, 0, 7), DR_DB);
    assert_int_equal(b.dr[0], 0);
}

static void a_task_switch_ends_local_breakpoints(void **state)
{
    (void)state;
    struct vcpu_regs r = long_mode();
    struct dr_bank b;
    uint64_t value = 0;
    dr_reset(&b);
    assert_int_equal(dr_write(&b, &r, 7, 0xFFFF0FFF & ~0x2000u), DR_DONE);
    dr_task_switch(&b);
    assert_int_equal(dr_read(&b, &r, 7, &value), DR_DONE);
    assert_int_equal(value, 0xFFFF06AA); /* L0 to L3 and LE are gone */
    assert_true(dr_valid(&b));
    dr_debug(&b, DR6_BT);
    assert_int_equal(dr_read(&b, &r, 6, &value), DR_DONE);
    assert_int_equal(value, DR6_RESET | 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_switch_ends_local_breakpoints),
        cmocka_unit_test(registers_hold_what_they_can),
        cmocka_unit_test(a_debug_exception_shows_its_reasons_and_opens_the_registers),
        cmocka_unit_test(outside_64_bit_mode_the_low_half_counts),
        cmocka_unit_test(cr4_de_takes_the_other_names_away),
        cmocka_unit_test(only_the_kernel_may),
        cmocka_unit_test(general_detect_traps_one_access_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
