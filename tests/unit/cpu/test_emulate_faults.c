/* SPDX-License-Identifier: BSD-2-Clause
 * Which exception an emulated instruction gives the guest, and which of several comes first. */
#include "emulate_bench.h"

#define DATA_RW      0x3u /* segment types */
#define DATA_RO      0x1u
#define DATA_DOWN    0x7u
#define CODE_READ    0xBu
#define CODE_EXECUTE 0x9u

#define LOAD  0x8B, 0x08 /* mov ecx, [eax/rax] */
#define STORE 0x89, 0x08

static void limits_are_those_of_the_segment(void **state)
{
    (void)state;
    static const struct {
        uint32_t type, limit;
        uint64_t offset;
        bool good;
    } rows[] = {
        {DATA_RW, 0x13, 0x10, true},
        {DATA_RW, 0x12, 0x10, false},
        {DATA_RW, 0xF, 0x10, false},
        {DATA_RW, 0xFFFF, 0xFFFC, true},
        {DATA_RW, 0xFFFF, 0xFFFD, false},
        {DATA_RW, 0xFFFFFFFE, 0xFFFFFFFC, false},
        {DATA_DOWN, 0x0F, 0x10, true}, /* above the limit, up to the top */
        {DATA_DOWN, 0x10, 0x10, false},
        {DATA_DOWN, 0x0F, 0xFFFC, true}, /* of 16 bits, without B */
        {DATA_DOWN, 0x0F, 0xFFFD, false},
        {DATA_DOWN | SEG_AR_DB, 0x0F, 0xFFFD, true},
        {DATA_DOWN | SEG_AR_DB, 0x0F, 0xFFFFFFFD, false},
        {DATA_DOWN | SEG_AR_DB, 0x0F, 0xFFFFFFFC, true},
        {DATA_DOWN | SEG_AR_DB, 0xFFFFFFFF, 0x10, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = fresh(DECODE_32);
        /* The base puts the operand onto the device, wherever the offset is. */
        set_segment(b, SEG_DS, (DEVICE + 8 - rows[i].offset) & UINT32_MAX, rows[i].limit,
                    rows[i].type);
        *gpr(b, GPR_RAX) = rows[i].offset;
        if (rows[i].good) {
            assert_int_equal(RUN(b, DEVICE, LOAD), EMULATE_DONE);
            assert_int_equal(b->last_gpa, DEVICE + 8);
        } else {
            assert_fault(b, 13, 0, LOAD);
            assert_true(b->report.has_code);
        }
    }
}

static void rights_are_those_of_the_segment(void **state)
{
    (void)state;
    static const struct {
        uint32_t ar;
        bool read, write;
    } rows[] = {
        {SEG_AR_P | SEG_AR_S | DATA_RW, true, true},
        {SEG_AR_P | SEG_AR_S | DATA_RO, true, false},
        {SEG_AR_P | SEG_AR_S | CODE_READ, true, false},
        {SEG_AR_P | SEG_AR_S | CODE_EXECUTE, false, false},
        {SEG_AR_UNUSABLE | SEG_AR_P | SEG_AR_S | DATA_RW, false, false},
        {SEG_AR_S | DATA_RW, false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = fresh(DECODE_32);
        *gpr(b, GPR_RAX) = DEVICE;
        b->cache.regs.seg[SEG_FS].ar = rows[i].ar;
        if (rows[i].read) {
            assert_int_equal(RUN(b, DEVICE, 0x64, LOAD), EMULATE_DONE);
        } else {
            assert_fault(b, 13, 0, 0x64, LOAD);
        }
        b = fresh(DECODE_32);
        *gpr(b, GPR_RAX) = DEVICE;
        b->cache.regs.seg[SEG_FS].ar = rows[i].ar;
        if (rows[i].write) {
            assert_int_equal(RUN(b, DEVICE, 0x64, STORE), EMULATE_DONE);
        } else {
            assert_fault(b, 13, 0, 0x64, STORE);
        }
        /* A read-modify-write needs both; real and virtual-8086 mode do not ask. */
        b = fresh(DECODE_32);
        *gpr(b, GPR_RAX) = DEVICE;
        b->cache.regs.seg[SEG_FS].ar = rows[i].ar;
        assert_int_equal(RUN(b, DEVICE, 0x64, 0xFF, 0x00),
                         rows[i].read && rows[i].write ? EMULATE_DONE : EMULATE_FAULT);
        b = fresh(DECODE_32);
        *gpr(b, GPR_RAX) = DEVICE;
        b->cache.regs.cr0 = 0;
        b->cache.regs.seg[SEG_FS].ar = rows[i].ar & ~4u;
        assert_int_equal(RUN(b, DEVICE, 0x64, STORE), EMULATE_DONE);
    }
}

/* CLFLUSH is checked like a load of a byte, but for the right to read: [SDM] vol. 2A, CLFLUSH. */
static void a_line_is_flushed_through_a_segment_that_cannot_be_read(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    *gpr(b, GPR_RAX) = DEVICE;
    b->cache.regs.seg[SEG_FS].ar = SEG_AR_P | SEG_AR_S | CODE_EXECUTE;
    assert_int_equal(RUN(b, DEVICE, 0x64, 0x0F, 0xAE, 0x38), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, CODE + 4);
    assert_int_equal(b->reads, 0);
    b = fresh(DECODE_32);
    *gpr(b, GPR_RAX) = DEVICE;
    b->cache.regs.seg[SEG_FS].limit = DEVICE - 1;
    assert_fault(b, 13, 0, 0x64, 0x0F, 0xAE, 0x38);
    b->cache.regs.seg[SEG_FS].ar = SEG_AR_UNUSABLE;
    assert_fault(b, 13, 0, 0x64, 0x0F, 0xAE, 0x38);
}

static void through_the_stack_segment_it_is_a_stack_fault(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    set_segment(b, SEG_SS, DEVICE, 0xFF, DATA_RW);
    *gpr(b, GPR_RBP) = 0x100;
    assert_fault(b, 12, 0, 0x8B, 0x4D, 0x00); /* mov ecx, [ebp] */
    assert_true(b->report.has_code);
    *gpr(b, GPR_RAX) = 0x100;
    assert_fault(b, 12, 0, 0x36, LOAD);
    b->cache.regs.cr0 = 0; /* real mode: no error code is pushed */
    assert_fault(b, 12, 0, 0x36, LOAD);
    assert_false(b->report.has_code);
    /* A push that does not fit, in 16-bit code: only SP counts. */
    b = fresh(DECODE_16);
    b->cache.regs.seg[SEG_SS].limit = 0xFFFF;
    *gpr(b, GPR_RSP) = 0xABCD0001;
    *gpr(b, GPR_RBX) = 0;
    set_segment(b, SEG_DS, DEVICE, 0xFFFF, DATA_RW);
    assert_fault(b, 12, 0, 0xFF, 0x37); /* push word [bx], to SP 0xFFFF */
}

static void non_canonical_addresses_fault_by_segment(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = 1ull << 47;
    *gpr(b, GPR_RBP) = 1ull << 47;
    assert_fault(b, 13, 0, LOAD);
    assert_fault(b, 12, 0, 0x8B, 0x4D, 0x00);
    *gpr(b, GPR_RAX) = (1ull << 47) - 2; /* its last byte is beyond */
    assert_fault(b, 13, 0, LOAD);
    b->cache.regs.seg[SEG_GS].base = 1ull << 46;
    *gpr(b, GPR_RAX) = 1ull << 46;
    assert_fault(b, 13, 0, 0x65, LOAD);
    *gpr(b, GPR_RSP) = 0x800000000004ull;
    *gpr(b, GPR_RAX) = DEVICE;
    assert_fault(b, 12, 0, 0xFF, 0x30); /* push [rax]: the stack is not */
}

/* Ring 3 with paging; the device's page, and nothing behind it. */
static struct bench *user(void)
{
    struct bench *b = fresh(DECODE_64);
    le_store(b->ram + 0x1000, 8, 0x2067);
    le_store(b->ram + 0x2000, 8, 0x3067);
    le_store(b->ram + 0x3000, 8, 0xE7);                        /* the code, 2 MiB */
    le_store(b->ram + 0x3000 + 8 * (DEVICE >> 21), 8, 0x4067); /* one page        */
    le_store(b->ram + 0x4000, 8, (uint64_t)DEVICE | 0x67);
    b->cache.regs.seg[SEG_SS].ar |= SEG_AR_DPL;
    b->cache.regs.cr0 |= CR0_AM | CR0_WP;
    b->cache.regs.rflags |= RFLAGS_AC;
    return b;
}

static void alignment_is_checked_in_ring_three_alone(void **state)
{
    (void)state;
    struct bench *b = user();
    *gpr(b, GPR_RAX) = DEVICE + 2;
    assert_fault(b, 17, 0, LOAD);
    assert_true(b->report.has_code);
    assert_int_equal(b->reads, 0);
    assert_int_equal(RUN(b, DEVICE, 0x66, LOAD), EMULATE_DONE);
    b = user();
    *gpr(b, GPR_RAX) = DEVICE + 2;
    b->cache.regs.rflags = RFLAGS_FIXED;
    assert_int_equal(RUN(b, DEVICE, LOAD), EMULATE_DONE);
    b = user();
    *gpr(b, GPR_RAX) = DEVICE + 2;
    b->cache.regs.cr0 &= ~CR0_AM;
    assert_int_equal(RUN(b, DEVICE, LOAD), EMULATE_DONE);
    b = user();
    *gpr(b, GPR_RAX) = DEVICE + 2;
    b->cache.regs.seg[SEG_SS].ar &= ~SEG_AR_DPL;
    assert_int_equal(RUN(b, DEVICE, LOAD), EMULATE_DONE);
}

static void page_faults_tell_where_and_why(void **state)
{
    (void)state;
    struct bench *b = user();
    *gpr(b, GPR_RAX) = DEVICE + 0xFFE; /* crosses into a page that is not there */
    assert_fault(b, 14, WALK_USER, LOAD);
    assert_int_equal(b->report.cr2, DEVICE + 0x1000);
    assert_int_equal(b->reads, 0);
    assert_fault(b, 14, WALK_USER | WALK_WRITE, 0xFF, 0x00); /* inc: a write at once */
    le_store(b->ram + 0x4000, 8, (uint64_t)DEVICE | 0x65);
    *gpr(b, GPR_RAX) = DEVICE;
    assert_fault(b, 14, WALK_USER | WALK_WRITE | WALK_PRESENT, STORE);
    assert_int_equal(b->report.cr2, DEVICE);
    le_store(b->ram + 0x4000, 8, (uint64_t)DEVICE | 0x63);
    assert_fault(b, 14, WALK_USER | WALK_PRESENT, LOAD);
    /* The other operand of MOVS, and the stack, fault as well. */
    b = user();
    *gpr(b, GPR_RSI) = DEVICE;
    *gpr(b, GPR_RDI) = 0x40000000;
    assert_fault(b, 14, WALK_USER | WALK_WRITE, 0xA5);
    assert_int_equal(b->report.cr2, 0x40000000);
    *gpr(b, GPR_RAX) = DEVICE;
    *gpr(b, GPR_RSP) = 0x40000008;
    assert_fault(b, 14, WALK_USER | WALK_WRITE, 0xFF, 0x30);
    assert_int_equal(b->report.cr2, 0x40000000);
    assert_int_equal(b->reads, 0);
}

static void the_first_of_several_is_reported(void **state)
{
    (void)state;
    struct bench *b = user(); /* #GP before #PF before #AC: vol. 3A, table 6-2 */
    *gpr(b, GPR_RAX) = DEVICE + 0xFFE;
    assert_fault(b, 14, WALK_USER, LOAD);
    *gpr(b, GPR_RAX) = (1ull << 47) - 2;
    assert_fault(b, 13, 0, LOAD);
    b->cache.regs.cr4 |= CR4_OSFXSR;
    *gpr(b, GPR_RAX) = DEVICE + 0x1008; /* MOVAPS: misaligned, and not there */
    assert_fault(b, 13, 0, 0x0F, 0x28, 0x08);
    b->cache.regs.cr0 |= CR0_TS;
    assert_fault(b, 7, 0, 0x0F, 0x28, 0x08);
    b->cache.regs.cr0 |= CR0_EM;
    assert_fault(b, 6, 0, 0x0F, 0x28, 0x08);
    assert_false(b->report.has_code);
}

static void the_second_page_and_the_other_operand_are_marked(void **state)
{
    (void)state;
    struct bench *b = user();
    le_store(b->ram + 0x4008, 8, ((uint64_t)DEVICE + 0x3000) | 7); /* no flags yet */
    le_store(b->ram + 0x3000 + 8, 8, 0x5007);                      /* 2 MiB: a table        */
    le_store(b->ram + 0x5000, 8, 0x6007);
    *gpr(b, GPR_RSI) = DEVICE;
    *gpr(b, GPR_RDI) = 0x200000;
    assert_int_equal(RUN(b, DEVICE, 0xA5), EMULATE_DONE);
    assert_int_equal(le_load(b->ram + 0x3008, 8), 0x5027); /* accessed */
    assert_int_equal(le_load(b->ram + 0x5000, 8), 0x6067); /* accessed and dirty */
    assert_int_equal(le_load(b->ram + 0x4008, 8), ((uint64_t)DEVICE + 0x3000) | 7);
    /* A fault leaves them alone. */
    b = user();
    le_store(b->ram + 0x4000, 8, (uint64_t)DEVICE | 7);
    *gpr(b, GPR_RAX) = DEVICE + 0xFFE;
    assert_fault(b, 14, WALK_USER | WALK_WRITE, STORE);
    assert_int_equal(le_load(b->ram + 0x4000, 8), (uint64_t)DEVICE | 7);
}

static void code_that_cannot_be_fetched_faults(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    *gpr(b, GPR_RAX) = DEVICE;
    b->cache.regs.seg[SEG_CS].limit = CODE + 1;
    assert_int_equal(RUN(b, DEVICE, LOAD), EMULATE_DONE);
    b = fresh(DECODE_32);
    *gpr(b, GPR_RAX) = DEVICE;
    b->cache.regs.seg[SEG_CS].limit = CODE;
    assert_fault(b, 13, 0, LOAD);
    b->cache.regs.seg[SEG_CS].limit = CODE - 1;
    assert_fault(b, 13, 0, LOAD);
    /* The second page of the instruction is gone. */
    b = user();
    le_store(b->ram + 0x3000, 8, 0x5067);
    le_store(b->ram + 0x5000 + 8 * 8, 8, 0x8067);
    b->cache.regs.rip = 0x8FFF;
    b->ram[0x8FFF] = 0x8B;
    assert_int_equal(emulate_mmio(&b->vcpu, DEVICE, &b->report), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 14);
    assert_int_equal(b->report.cr2, 0x9000);
    assert_int_equal(b->report.error_code, WALK_USER);
    b->cache.regs.efer |= EFER_NXE;
    assert_int_equal(emulate_mmio(&b->vcpu, DEVICE, &b->report), EMULATE_FAULT);
    assert_int_equal(b->report.error_code, WALK_USER | WALK_FETCH);
}

static void what_is_no_instruction_is_undefined(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE;
    assert_fault(b, 6, 0, 0xF0, LOAD); /* LOCK on a load */
    assert_fault(b, 6, 0, 0x0F, 0x0B);
    assert_fault(b, 13, 0, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                 0x66, 0x66, LOAD); /* 16 bytes */
    /* VEX in real mode. ANDN eax, eax, [..] */
    b = fresh(DECODE_16);
    assert_fault(b, 6, 0, 0xC4, 0xE2, 0x78, 0xF2, 0x07);
}

static void impossible_quotients_are_divide_errors(void **state)
{
    (void)state;
    static const struct {
        uint64_t rax, rdx, divisor;
        uint8_t code[3];
        uint8_t len;
    } rows[] = {
        {5, 0, 0, {0xF7, 0x37}, 2},                            /* div dword, by 0           */
        {0, 1, 1, {0xF7, 0x37}, 2},                            /* 2^32 / 1                  */
        {0x80000000, 0xFFFFFFFF, 0xFFFFFFFF, {0xF7, 0x3F}, 2}, /* -2^31 / -1                */
        {0x8000, 0, 0x80, {0xF6, 0x3F}, 2},                    /* idiv byte                 */
        {0x100, 0, 1, {0xF6, 0x37}, 2},
        {0, 1ull << 63, 1ull << 63, {0x48, 0xF7, 0x3F}, 3}, /* -2^127 / -2^63            */
        {0, 7, 7, {0x48, 0xF7, 0x37}, 3},
        {0, 0x4000000000000000, 0x8000000000000000, {0x48, 0xF7, 0x3F}, 3}, /* -2^63 - 0: fits */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = fresh(DECODE_64);
        *gpr(b, GPR_RDI) = DEVICE;
        *gpr(b, GPR_RAX) = rows[i].rax;
        *gpr(b, GPR_RDX) = rows[i].rdx;
        le_store(b->device + 32, 8, rows[i].divisor);
        enum emulate_result r = run(b, rows[i].code, rows[i].len, DEVICE);
        if (i + 1 == sizeof(rows) / sizeof(rows[0])) {
            assert_int_equal(r, EMULATE_DONE);
            assert_int_equal(*gpr(b, GPR_RAX), 0x8000000000000000);
            assert_int_equal(*gpr(b, GPR_RDX), 0);
            continue;
        }
        assert_int_equal(r, EMULATE_FAULT);
        assert_int_equal(b->report.vector, 0);
        assert_false(b->report.has_code);
        assert_int_equal(b->cache.dirty, 0);
    }
}

static void bounds_are_signed_and_inclusive(void **state)
{
    (void)state;
    static const struct {
        uint32_t index;
        bool good;
    } rows[] = {{0xFFFFFFFE, true}, {5, true}, {0, true}, {6, false}, {0xFFFFFFFD, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = fresh(DECODE_32);
        *gpr(b, GPR_RAX) = DEVICE;
        *gpr(b, GPR_RCX) = rows[i].index;
        le_store(b->device + 32, 8, 0x00000005FFFFFFFEull); /* -2 to 5 */
        enum emulate_result r = RUN(b, DEVICE, 0x62, 0x08);
        assert_int_equal(r, rows[i].good ? EMULATE_DONE : EMULATE_FAULT);
        assert_int_equal(b->report.vector, rows[i].good ? 0 : 5);
    }
}

static void a_pair_must_be_aligned_for_sixteen_bytes(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RDI) = DEVICE + 8;
    assert_fault(b, 13, 0, 0x48, 0x0F, 0xC7, 0x0F);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0xC7, 0x0F), EMULATE_DONE); /* CMPXCHG8B need not be */
    b = fresh(DECODE_64);
    *gpr(b, GPR_RDI) = DEVICE;
    *gpr(b, GPR_RAX) = 0x1111;
    *gpr(b, GPR_RDX) = 0x2222;
    *gpr(b, GPR_RBX) = 0x3333;
    *gpr(b, GPR_RCX) = 0x4444;
    le_store(b->device + 32, 8, 0x1111);
    le_store(b->device + 40, 8, 0x2222);
    assert_int_equal(RUN(b, DEVICE, 0xF0, 0x48, 0x0F, 0xC7, 0x0F), EMULATE_DONE);
    assert_int_equal(le_load(b->device + 32, 8), 0x3333);
    assert_int_equal(le_load(b->device + 40, 8), 0x4444);
    assert_true((b->cache.regs.rflags & RFLAGS_ZF) != 0);
    assert_int_equal(b->reads, 2);
    assert_int_equal(b->writes, 2);
}

static void secrets_of_the_system_stay_so_under_umip(void **state)
{
    (void)state;
    struct bench *b = user();
    b->cache.regs.rflags = RFLAGS_FIXED;
    b->cache.regs.gdtr = (struct table_reg){.base = 0xFFFF800000001000ull, .limit = 0x7F};
    b->cache.regs.seg[SEG_TR].selector = 0x40;
    *gpr(b, GPR_RAX) = DEVICE + 2;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x01, 0x00), EMULATE_DONE); /* sgdt [rax] */
    assert_int_equal(le_load(b->device + 34, 2), 0x7F);
    assert_int_equal(le_load(b->device + 36, 8), 0xFFFF800000001000ull);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x00, 0x08), EMULATE_DONE); /* str [rax] */
    assert_int_equal(b->last_val, 0x40);
    assert_int_equal(b->last_size, 2);
    b = user();
    *gpr(b, GPR_RAX) = DEVICE;
    b->cache.regs.cr4 |= CR4_UMIP;
    assert_fault(b, 13, 0, 0x0F, 0x01, 0x00);
    assert_fault(b, 13, 0, 0x0F, 0x00, 0x08);
    assert_fault(b, 13, 0, 0x0F, 0x01, 0x20); /* smsw [rax] */
}

static void segment_registers_move_both_ways(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_16);
    set_segment(b, SEG_DS, DEVICE, 0xFFFF, DATA_RW);
    le_store(b->device + 32, 8, 0x123456789ABCull);
    assert_int_equal(RUN(b, DEVICE, 0x8E, 0x06, 0x00, 0x00), EMULATE_DONE); /* mov es, [0] */
    assert_int_equal(b->cache.regs.seg[SEG_ES].selector, 0x9ABC);
    assert_int_equal(b->cache.regs.seg[SEG_ES].base, 0x9ABC0);
    assert_int_equal(b->cache.dirty, REGS_GPR | REGS_SYS);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0xC4, 0x1E, 0x00, 0x00), EMULATE_DONE); /* les bx, [0] */
    assert_int_equal(*gpr(b, GPR_RBX), 0x9ABC);
    assert_int_equal(b->cache.regs.seg[SEG_ES].selector, 0x5678);
    b = fresh(DECODE_32);
    *gpr(b, GPR_RAX) = DEVICE;
    b->cache.regs.seg[SEG_GS].selector = 0x33;
    assert_int_equal(RUN(b, DEVICE, 0x8C, 0x28), EMULATE_DONE); /* mov [eax], gs: two bytes */
    assert_int_equal(b->last_size, 2);
    assert_int_equal(b->last_val, 0x33);
}

static void requested_privilege_is_raised_never_lowered(void **state)
{
    (void)state;
    for (uint32_t mine = 0; mine < 4; mine++) {
        for (uint32_t theirs = 0; theirs < 4; theirs++) {
            struct bench *b = fresh(DECODE_32);
            *gpr(b, GPR_RAX) = DEVICE;
            *gpr(b, GPR_RCX) = 0x50 | mine;
            le_store(b->device + 32, 2, 0x1230 | theirs);
            assert_int_equal(RUN(b, DEVICE, 0x63, 0x08), EMULATE_DONE);
            assert_int_equal(b->writes, mine > theirs);
            assert_int_equal(le_load(b->device + 32, 2), 0x1230 | (mine > theirs ? mine : theirs));
            assert_int_equal((b->cache.regs.rflags & RFLAGS_ZF) != 0, mine > theirs);
        }
    }
    struct bench *b = fresh(DECODE_16);
    assert_fault(b, 6, 0, 0x63, 0x08);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_those_of_the_segment),
        cmocka_unit_test(rights_are_those_of_the_segment),
        cmocka_unit_test(a_line_is_flushed_through_a_segment_that_cannot_be_read),
        cmocka_unit_test(through_the_stack_segment_it_is_a_stack_fault),
        cmocka_unit_test(non_canonical_addresses_fault_by_segment),
        cmocka_unit_test(alignment_is_checked_in_ring_three_alone),
        cmocka_unit_test(page_faults_tell_where_and_why),
        cmocka_unit_test(the_first_of_several_is_reported),
        cmocka_unit_test(the_second_page_and_the_other_operand_are_marked),
        cmocka_unit_test(code_that_cannot_be_fetched_faults),
        cmocka_unit_test(what_is_no_instruction_is_undefined),
        cmocka_unit_test(impossible_quotients_are_divide_errors),
        cmocka_unit_test(bounds_are_signed_and_inclusive),
        cmocka_unit_test(a_pair_must_be_aligned_for_sixteen_bytes),
        cmocka_unit_test(secrets_of_the_system_stay_so_under_umip),
        cmocka_unit_test(segment_registers_move_both_ways),
        cmocka_unit_test(requested_privilege_is_raised_never_lowered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
