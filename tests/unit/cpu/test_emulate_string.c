/* SPDX-License-Identifier: BSD-2-Clause
 * Emulated string instructions: both ends, repetition, and where it stops. */
#include "emulate_bench.h"

static void elements_move_between_device_and_memory(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    le_store(b->device + 32, 8, 0x1122334455667788);
    *gpr(b, GPR_RSI) = DEVICE;
    *gpr(b, GPR_RDI) = 0x4000;
    assert_int_equal(RUN(b, DEVICE, 0xA5), EMULATE_DONE); /* movsd: device to RAM */
    assert_int_equal(le_load(b->ram + 0x4000, 8), 0x55667788);
    assert_int_equal(*gpr(b, GPR_RSI), DEVICE + 4);
    assert_int_equal(*gpr(b, GPR_RDI), 0x4004);
    assert_int_equal(b->cache.regs.rip, CODE + 1);
    b->cache.regs.rip = CODE;
    *gpr(b, GPR_RSI) = 0x4000;
    *gpr(b, GPR_RDI) = DEVICE + 16;
    b->cache.regs.rflags |= RFLAGS_DF;
    assert_int_equal(RUN(b, DEVICE, 0x48, 0xA5), EMULATE_DONE); /* movsq: RAM to device, down */
    assert_int_equal(le_load(b->device + 48, 8), 0x55667788);
    assert_int_equal(*gpr(b, GPR_RSI), 0x3FF8);
    assert_int_equal(*gpr(b, GPR_RDI), DEVICE + 8);
    /* Device to device: one read, one write. */
    b = fresh(DECODE_64);
    le_store(b->device + 32, 2, 0xBEEF);
    *gpr(b, GPR_RSI) = DEVICE;
    *gpr(b, GPR_RDI) = DEVICE + 64;
    assert_int_equal(RUN(b, DEVICE, 0x66, 0xA5), EMULATE_DONE);
    assert_int_equal(le_load(b->device + 96, 2), 0xBEEF);
    assert_int_equal(b->reads, 1);
    assert_int_equal(b->writes, 1);
}

static void a_repetition_is_done_in_bounded_portions(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    for (uint32_t i = 0; i < 200; i++) {
        b->ram[0x4000 + i] = (uint8_t)(i + 1);
    }
    *gpr(b, GPR_RSI) = 0x4000;
    *gpr(b, GPR_RDI) = DEVICE;
    *gpr(b, GPR_RCX) = 150;
    uint32_t calls = 0;
    while (b->cache.regs.rip == CODE && calls < 9) {
        assert_int_equal(RUN(b, DEVICE, 0xF3, 0xA4), EMULATE_DONE);
        calls++;
        uint64_t done = calls < 3 ? calls * EMULATE_REPEAT_MAX : 150;
        assert_int_equal(*gpr(b, GPR_RCX), 150 - done);
        assert_int_equal(*gpr(b, GPR_RSI), 0x4000 + done);
        assert_int_equal((b->cache.regs.rflags & RFLAGS_RF) != 0, calls < 3);
    }
    assert_int_equal(calls, 3);
    assert_int_equal(b->cache.regs.rip, CODE + 2);
    assert_int_equal(b->writes, 150);
    assert_memory_equal(b->device + 32, b->ram + 0x4000, 150);
}

static void a_count_of_zero_touches_nothing(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RDI) = DEVICE;
    *gpr(b, GPR_RCX) = 0x100000000ull; /* ECX is 0 */
    assert_int_equal(RUN(b, DEVICE, 0x67, 0xF3, 0xAA), EMULATE_DONE);
    assert_int_equal(b->writes, 0);
    assert_int_equal(b->cache.regs.rip, CODE + 3);
    assert_int_equal(*gpr(b, GPR_RCX), 0x100000000ull);
}

static void registers_count_by_the_address_size(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RDI) = 0xAAAAAAAA00000000ull | DEVICE;
    *gpr(b, GPR_RCX) = 0xBBBBBBBB00000002ull;
    *gpr(b, GPR_RAX) = 0x5A;
    assert_int_equal(RUN(b, DEVICE, 0x67, 0xF3, 0xAA), EMULATE_DONE); /* rep stosb [edi] */
    assert_int_equal(*gpr(b, GPR_RDI), DEVICE + 2);
    assert_int_equal(*gpr(b, GPR_RCX), 0);
    assert_int_equal(b->writes, 2);
    b = fresh(DECODE_16);
    set_segment(b, SEG_ES, DEVICE, 0xFFFF, 3);
    *gpr(b, GPR_RDI) = 0x12340000;
    b->cache.regs.rflags |= RFLAGS_DF;
    assert_int_equal(RUN(b, DEVICE, 0xAA), EMULATE_DONE); /* stosb, DI wraps, the rest stays */
    assert_int_equal(*gpr(b, GPR_RDI), 0x1234FFFF);
}

static void the_source_segment_can_be_chosen_the_other_not(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    set_segment(b, SEG_FS, DEVICE - 0x10, 0xFFFF, 3);
    set_segment(b, SEG_ES, 0x4000, 0xFFFF, 3);
    *gpr(b, GPR_RSI) = 0x10;
    *gpr(b, GPR_RDI) = 0x20;
    b->device[32] = 0x77;
    assert_int_equal(RUN(b, DEVICE, 0x64, 0xA4), EMULATE_DONE);
    assert_int_equal(b->ram[0x4020], 0x77);
    set_segment(b, SEG_ES, 0x4000, 0x20, 3);
    b->cache.regs.rip = CODE;
    b->cache.dirty = 0;
    assert_fault(b, 13, 0, 0x64, 0xA4);
}

static void compares_stop_where_they_must(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    memset(b->device + 32, 0x55, 32);
    memset(b->ram + 0x4000, 0x55, 32);
    b->ram[0x4000 + 7] = 0x54;
    *gpr(b, GPR_RSI) = DEVICE;
    *gpr(b, GPR_RDI) = 0x4000;
    *gpr(b, GPR_RCX) = 20;
    assert_int_equal(RUN(b, DEVICE, 0xF3, 0xA6), EMULATE_DONE); /* repe cmpsb */
    assert_int_equal(*gpr(b, GPR_RCX), 12);
    assert_int_equal(*gpr(b, GPR_RSI), DEVICE + 8);
    assert_int_equal(b->cache.regs.rflags & FLAGS, 0); /* 0x55 - 0x54 = 1 */
    assert_int_equal(b->cache.regs.rip, CODE + 2);
    /* REPNE SCASB for the byte that is elsewhere, from above and below. */
    b = fresh(DECODE_64);
    b->device[32 + 5] = 0x99;
    *gpr(b, GPR_RDI) = DEVICE;
    *gpr(b, GPR_RCX) = 50;
    *gpr(b, GPR_RAX) = 0x1299;
    assert_int_equal(RUN(b, DEVICE, 0xF2, 0xAE), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RDI), DEVICE + 6);
    assert_int_equal(*gpr(b, GPR_RCX), 44);
    assert_true((b->cache.regs.rflags & RFLAGS_ZF) != 0);
    assert_int_equal(b->reads, 6);
    /* None found: the count ends it, with the flags of the last one. */
    b = fresh(DECODE_64);
    *gpr(b, GPR_RDI) = DEVICE;
    *gpr(b, GPR_RCX) = 3;
    *gpr(b, GPR_RAX) = 1;
    assert_int_equal(RUN(b, DEVICE, 0xF2, 0xAE), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RCX), 0);
    assert_int_equal(b->cache.regs.rip, CODE + 2);
    assert_true((b->cache.regs.rflags & RFLAGS_ZF) == 0);
}

static void lods_fills_part_of_the_register(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    le_store(b->device + 32, 8, 0xF1F2F3F4F5F6F7F8);
    *gpr(b, GPR_RSI) = DEVICE;
    *gpr(b, GPR_RAX) = 0x1111111111111111;
    assert_int_equal(RUN(b, DEVICE, 0xAC), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RAX), 0x11111111111111F8);
    b->cache.regs.rip = CODE;
    *gpr(b, GPR_RSI) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0xAD), EMULATE_DONE);
    assert_int_equal(*gpr(b, GPR_RAX), 0xF5F6F7F8);
}

static void single_step_traps_after_each_element(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RDI) = DEVICE;
    *gpr(b, GPR_RCX) = 2;
    b->cache.regs.rflags |= RFLAGS_TF;
    assert_int_equal(RUN(b, DEVICE, 0xF3, 0xAA), EMULATE_DONE);
    assert_true(b->report.trap);
    assert_int_equal(b->cache.regs.rip, CODE);
    assert_int_equal(*gpr(b, GPR_RCX), 1);
    assert_true((b->cache.regs.rflags & RFLAGS_RF) != 0);
    assert_int_equal(RUN(b, DEVICE, 0xF3, 0xAA), EMULATE_DONE);
    assert_true(b->report.trap);
    assert_int_equal(b->cache.regs.rip, CODE + 2);
    assert_int_equal(b->cache.regs.rflags, RFLAGS_FIXED | RFLAGS_TF);
}

/* What cannot be done is left to the processor, with the elements before it done. */
static void a_fault_in_the_middle_comes_at_the_next_entry(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    set_segment(b, SEG_ES, DEVICE, 9, 3);
    *gpr(b, GPR_RDI) = 0;
    *gpr(b, GPR_RCX) = 5;
    *gpr(b, GPR_RAX) = 0x01020304;
    assert_int_equal(RUN(b, DEVICE, 0xF3, 0xAB), EMULATE_DONE);
    assert_int_equal(b->writes, 2);
    assert_int_equal(*gpr(b, GPR_RCX), 3);
    assert_int_equal(*gpr(b, GPR_RDI), 8);
    assert_int_equal(b->cache.regs.rip, CODE);
    assert_int_equal(b->report.vector, 0);
    b->cache.dirty = 0;
    b->writes = 0;
    assert_fault(b, 13, 0, 0xF3, 0xAB);
}

static void ports_are_read_after_the_destination_is_known_good(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    b->vcpu.ports = &b->ports;
    b->port_val = 0x41;
    *gpr(b, GPR_RDX) = 0xFFFF03F8;
    *gpr(b, GPR_RDI) = 0x4000;
    *gpr(b, GPR_RCX) = 3;
    memcpy(b->ram + CODE, "\xF3\x6C", 2); /* rep insb */
    assert_int_equal(emulate_port_string(&b->vcpu, &b->report), EMULATE_DONE);
    assert_memory_equal(b->ram + 0x4000, "ABC\0", 4);
    assert_int_equal(b->last_gpa, 0x3F8);
    assert_int_equal(*gpr(b, GPR_RDI), 0x4003);
    assert_int_equal(*gpr(b, GPR_RCX), 0);
    assert_int_equal(b->cache.regs.rip, CODE + 2);
    /* Read-only destination: no byte is lost. */
    b = fresh(DECODE_32);
    b->vcpu.ports = &b->ports;
    set_segment(b, SEG_ES, 0, 0xFFFF, 1);
    b->ram[CODE] = 0x6D;
    assert_int_equal(emulate_port_string(&b->vcpu, &b->report), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 13);
    assert_int_equal(b->port_reads, 0);
    /* OUTSD through another segment, downwards. */
    b = fresh(DECODE_32);
    b->vcpu.ports = &b->ports;
    set_segment(b, SEG_GS, 0x4000, 0xFFFF, 1);
    le_store(b->ram + 0x4010, 4, 0xCAFEF00D);
    *gpr(b, GPR_RSI) = 0x10;
    *gpr(b, GPR_RDX) = 0xCF8;
    b->cache.regs.rflags |= RFLAGS_DF;
    memcpy(b->ram + CODE, "\x65\x6F", 2);
    assert_int_equal(emulate_port_string(&b->vcpu, &b->report), EMULATE_DONE);
    assert_int_equal(b->port_val, 0xCAFEF00D);
    assert_int_equal(*gpr(b, GPR_RSI), 0x0C);
    assert_int_equal(b->port_writes, 1);
}

static void ports_and_devices_meet(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    b->vcpu.ports = &b->ports;
    b->port_val = 0x30;
    *gpr(b, GPR_RDI) = DEVICE;
    *gpr(b, GPR_RCX) = 1000;
    memcpy(b->ram + CODE, "\xF3\x66\x6D", 3); /* rep insw, to a device */
    assert_int_equal(emulate_port_string(&b->vcpu, &b->report), EMULATE_DONE);
    assert_int_equal(b->port_reads, EMULATE_REPEAT_MAX);
    assert_int_equal(b->writes, EMULATE_REPEAT_MAX);
    assert_int_equal(*gpr(b, GPR_RCX), 1000 - EMULATE_REPEAT_MAX);
    assert_int_equal(b->cache.regs.rip, CODE);
    assert_int_equal(le_load(b->device + 34, 2), 0x31);
    /* Without ports it is refused, as is what is no such instruction. */
    b->vcpu.ports = NULL;
    assert_int_equal(RUN(b, DEVICE, 0x66, 0x6D), EMULATE_UNSUPPORTED);
    b->vcpu.ports = &b->ports;
    b->ram[CODE] = 0x90;
    assert_int_equal(emulate_port_string(&b->vcpu, &b->report), EMULATE_UNSUPPORTED);
    b->ram[CODE] = 0xA4;
    assert_int_equal(emulate_port_string(&b->vcpu, &b->report), EMULATE_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_move_between_device_and_memory),
        cmocka_unit_test(a_repetition_is_done_in_bounded_portions),
        cmocka_unit_test(a_count_of_zero_touches_nothing),
        cmocka_unit_test(registers_count_by_the_address_size),
        cmocka_unit_test(the_source_segment_can_be_chosen_the_other_not),
        cmocka_unit_test(compares_stop_where_they_must),
        cmocka_unit_test(lods_fills_part_of_the_register),
        cmocka_unit_test(single_step_traps_after_each_element),
        cmocka_unit_test(a_fault_in_the_middle_comes_at_the_next_entry),
        cmocka_unit_test(ports_are_read_after_the_destination_is_known_good),
        cmocka_unit_test(ports_and_devices_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
