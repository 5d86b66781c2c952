/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of device accesses. The oracle for results and flags is the processor that runs the test:
 * every form is run natively on a page of memory and in emulation on a device, and compared. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <sys/mman.h>

#include "base/le.h"
#include "base/string.h"
#include "cpu/emulate.h"
#include "cpu/walk.h"

#define RAM_BYTES 0x10000u
#define CODE      0x8000u
#define DEVICE    0x10000000u /* guest-linear, guest-physical, and the native page */

#define FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct bench {
    _Alignas(4096) uint8_t ram[RAM_BYTES];
    uint8_t device[64]; /* what lies at DEVICE - 32 and on */
    struct gmem gmem;
    struct regs_cache cache;
    struct regs_source source;
    struct emulate_bus bus;
    struct emulate_vcpu vcpu;
    struct emulate_report report;
    uint32_t reads, writes, fetches;
    gpa_t last_gpa;
    uint32_t last_size;
    uint64_t last_val;
};

static struct bench bench;

static uint64_t dev_read(void *owner, gpa_t gpa, uint32_t size)
{
    struct bench *b = owner;
    b->reads++;
    b->last_gpa = gpa;
    b->last_size = size;
    assert_true(gpa >= DEVICE - 32 && gpa + size <= DEVICE + 32);
    return le_load(b->device + (gpa - (DEVICE - 32)), size);
}

static void dev_write(void *owner, gpa_t gpa, uint32_t size, uint64_t val)
{
    struct bench *b = owner;
    b->writes++;
    b->last_gpa = gpa;
    b->last_size = size;
    b->last_val = val;
    assert_true(gpa >= DEVICE - 32 && gpa + size <= DEVICE + 32);
    le_store(b->device + (gpa - (DEVICE - 32)), size, val);
}

static void fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs)
{
    struct bench *b = host;
    (void)regs; /* the test put the truth there before */
    assert_int_equal(vcpu, 3);
    assert_true(groups != 0);
    b->fetches++;
}

static struct bench *fresh(enum decode_mode mode)
{
    struct bench *b = &bench;
    memset(b, 0, sizeof(*b));
    assert_true(gmem_add(&b->gmem, 0, RAM_BYTES, b->ram));
    b->source = (struct regs_source){fetch, b};
    b->bus = (struct emulate_bus){dev_read, dev_write, b};
    b->vcpu = (struct emulate_vcpu){&b->cache, &b->source, &b->gmem, &b->bus, 3};
    struct vcpu_regs *r = &b->cache.regs;
    r->rip = CODE;
    r->rflags = RFLAGS_FIXED;
    if (mode == DECODE_64) {
        r->cr0 = CR0_PE | CR0_PG;
        r->cr4 = CR4_PAE;
        r->efer = EFER_LME | EFER_LMA;
        r->cr3 = 0x1000;
        r->seg[SEG_CS].ar = SEG_AR_L;
        le_store(b->ram + 0x1000, 8, 0x2003);
        le_store(b->ram + 0x2000, 8, 0x83); /* 1 GiB, identity */
    } else if (mode == DECODE_32) {
        r->cr0 = CR0_PE;
        r->seg[SEG_CS].ar = SEG_AR_DB;
    }
    return b;
}

static enum emulate_result run(struct bench *b, const void *code, size_t len, gpa_t gpa)
{
    memcpy(b->ram + CODE, code, len);
    memset(b->ram + CODE + len, 0xCC, 15);
    return emulate_mmio(&b->vcpu, gpa, &b->report);
}

#define RUN(b, gpa, ...) \
    run((b), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), (gpa))

static uint64_t *gpr(struct bench *b, enum gpr n)
{
    return &b->cache.regs.gpr[n];
}

/* --- The processor as oracle --------------------------------------------------------------------- */

struct native {
    uint64_t gpr[GPR_COUNT];
    uint64_t rflags;
};

void *native_code; /* read by the assembly below */
void native_run(struct native *n);

__asm__(".text\n"
        ".globl native_run\n"
        "native_run:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdi\n"
        "push 128(%rdi); popfq\n"
        "mov 0(%rdi),%rax; mov 8(%rdi),%rcx; mov 16(%rdi),%rdx; mov 24(%rdi),%rbx\n"
        "mov 40(%rdi),%rbp; mov 48(%rdi),%rsi\n"
        "mov 64(%rdi),%r8; mov 72(%rdi),%r9; mov 80(%rdi),%r10; mov 88(%rdi),%r11\n"
        "mov 96(%rdi),%r12; mov 104(%rdi),%r13; mov 112(%rdi),%r14; mov 120(%rdi),%r15\n"
        "mov 56(%rdi),%rdi\n"
        "call *native_code(%rip)\n"
        "push %rdi; mov 8(%rsp),%rdi\n"
        "mov %rax,0(%rdi); mov %rcx,8(%rdi); mov %rdx,16(%rdi); mov %rbx,24(%rdi)\n"
        "mov %rbp,40(%rdi); mov %rsi,48(%rdi); pop 56(%rdi)\n"
        "mov %r8,64(%rdi); mov %r9,72(%rdi); mov %r10,80(%rdi); mov %r11,88(%rdi)\n"
        "mov %r12,96(%rdi); mov %r13,104(%rdi); mov %r14,112(%rdi); mov %r15,120(%rdi)\n"
        "pushfq; pop 128(%rdi)\n"
        "pop %rdi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n");

static uint8_t *native_page; /* executable */
static uint8_t *native_data; /* at DEVICE */

static int native_begin(void **state)
{
    (void)state;
    native_page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    /* The hint is taken where nothing else is mapped, so that RDI is the same in both worlds. */
    native_data = mmap((void *)(uintptr_t)DEVICE, 4096, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    native_code = native_page;
    return native_page == MAP_FAILED || native_data != (void *)(uintptr_t)DEVICE;
}

static uint64_t random_state = 1;

static uint64_t any_value(void)
{
    static const uint64_t sharp[] = {0,          1,          0x7F,       0x80,
                                     0xFF,       0x7FFF,     0x8000,     0xFFFF,
                                     0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF,
                                     1ull << 63, UINT64_MAX, 0x100,      0xFFFFFFFFFFFFFF00};
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t x = random_state >> 11;
    return (x & 1) != 0 ? sharp[x >> 1 & 15] : x * 0x9E3779B97F4A7C15ull;
}

/* Runs one instruction, whose memory operand is [rdi], in both worlds. */
static void compare(const uint8_t *code, uint32_t len, bool af_undefined)
{
    struct bench *b = fresh(DECODE_64);
    struct native n;
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        n.gpr[i] = any_value();
    }
    n.gpr[GPR_RDI] = DEVICE;
    n.rflags = RFLAGS_FIXED | (any_value() & FLAGS);
    uint64_t data = any_value();
    le_store(native_data, 8, data);
    le_store(b->device + 32, 8, data);
    memcpy(b->cache.regs.gpr, n.gpr, sizeof(n.gpr));
    b->cache.regs.rflags = n.rflags;
    memcpy(native_page, code, len);
    native_page[len] = 0xC3;
    native_run(&n);
    if (run(b, code, len, DEVICE) != EMULATE_DONE) {
        fail_msg("not emulated: %02x %02x %02x %02x", code[0], code[1], code[2], code[3]);
    }
    uint64_t mask = FLAGS & ~(af_undefined ? (uint64_t)RFLAGS_AF : 0);
    bool same = memcmp(n.gpr, b->cache.regs.gpr, sizeof(n.gpr)) == 0 &&
                le_load(native_data, 8) == le_load(b->device + 32, 8) &&
                (n.rflags & mask) == (b->cache.regs.rflags & mask);
    if (!same) {
        fail_msg("differs: %02x %02x %02x %02x %02x %02x", code[0], code[1], code[2], code[3],
                 code[4], code[5]);
    }
    assert_int_equal(b->cache.regs.rip, CODE + len);
    assert_true(b->reads <= 1 && b->writes <= 1);
}

/* The opcode with each prefix and register. `ext` is 8 for "any register in ModRM". */
static void compare_forms(uint32_t opcode, uint32_t ext, uint32_t imm_bytes, bool af_undefined)
{
    static const uint8_t prefixes[][2] = {{0, 0},       {0x66, 0}, {0, 0x40},    {0, 0x48},
                                          {0x66, 0x48}, {0, 0x44}, {0x66, 0x44}, {0, 0x4C}};
    for (uint32_t p = 0; p < 8; p++) {
        for (uint32_t reg = ext == 8 ? 0 : ext; reg < (ext == 8 ? 8 : ext + 1); reg++) {
            uint8_t code[16] = {0};
            uint32_t len = 0;
            bool high_byte_form = prefixes[p][1] == 0;
            if (ext == 8 && reg == 4 && (prefixes[p][1] & 4) == 0 && !high_byte_form) {
                continue; /* RSP cannot be compared natively */
            }
            if (ext == 8 && reg == 4 && high_byte_form && (opcode & 1) != 0) {
                continue;
            }
            for (uint32_t i = 0; i < 2; i++) {
                code[len] = prefixes[p][i];
                len += prefixes[p][i] != 0;
            }
            code[len] = 0x0F;
            len += opcode >= 0x0F00;
            code[len++] = (uint8_t)opcode;
            code[len++] = (uint8_t)(reg << 3 | 7);
            uint32_t imm = imm_bytes;
            if (imm == 4 && prefixes[p][0] == 0x66 && (prefixes[p][1] & 8) == 0) {
                imm = 2;
            }
            le_store(code + len, 8, any_value());
            len += imm;
            for (uint32_t n = 0; n < 6; n++) {
                compare(code, len, af_undefined);
            }
        }
    }
}

static bool logic(uint32_t alu)
{
    return alu == INSN_OR || alu == INSN_AND || alu == INSN_XOR;
}

static void alu_forms_agree_with_the_processor(void **state)
{
    (void)state;
    for (uint32_t alu = 0; alu < 8; alu++) {
        for (uint32_t form = 0; form < 4; form++) {
            compare_forms(alu << 3 | form, 8, 0, logic(alu));
        }
        compare_forms(0x80, alu, 1, logic(alu));
        compare_forms(0x81, alu, 4, logic(alu));
        compare_forms(0x83, alu, 1, logic(alu));
    }
    compare_forms(0x84, 8, 0, true);
    compare_forms(0x85, 8, 0, true);
    compare_forms(0xF6, 0, 1, true);
    compare_forms(0xF7, 0, 4, true);
    for (uint32_t ext = 2; ext < 4; ext++) {
        compare_forms(0xF6, ext, 0, false);
        compare_forms(0xF7, ext, 0, false);
    }
    for (uint32_t ext = 0; ext < 2; ext++) {
        compare_forms(0xFE, ext, 0, false);
        compare_forms(0xFF, ext, 0, false);
    }
}

static void moves_agree_with_the_processor(void **state)
{
    (void)state;
    for (uint32_t opcode = 0x86; opcode <= 0x8B; opcode++) {
        compare_forms(opcode, 8, 0, false);
    }
    compare_forms(0xC6, 0, 1, false);
    compare_forms(0xC7, 0, 4, false);
    compare_forms(0x63, 8, 0, false);
    compare_forms(0x0FB7, 8, 0, false);
    compare_forms(0x0FBF, 8, 0, false);
    /* Byte sources, whose destination 4 is SP and not AH. */
    for (uint32_t reg = 0; reg < 8; reg++) {
        for (uint32_t op = 0xB6; op <= 0xBE && reg != 4; op += 8) {
            compare((const uint8_t[16]){0x0F, (uint8_t)op, (uint8_t)(reg << 3 | 7)}, 3, false);
            compare((const uint8_t[16]){0x66, 0x0F, (uint8_t)op, (uint8_t)(reg << 3 | 7)}, 4,
                    false);
            compare((const uint8_t[16]){0x4C, 0x0F, (uint8_t)op, (uint8_t)(reg << 3 | 7)}, 4,
                    false);
        }
    }
}

/* A 64-bit address with SIB, displacement and prefixes at random: LEA says where it is. */
static void addresses_agree_with_the_processor(void **state)
{
    (void)state;
    uint32_t compared = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t x = any_value() ^ (uint64_t)i * 0x9E3779B97F4A7C15ull;
        uint32_t modrm = (uint32_t)x & 0xC7;
        uint32_t rex = 0x40 | ((uint32_t)(x >> 8) & 3);
        uint8_t code[16] = {0x67, (uint8_t)rex, 0x8D, (uint8_t)modrm};
        bool no_base = (modrm & 7) == 5 && modrm >> 6 == 0; /* RIP-relative */
        bool stack = (modrm & 7) == 4 && (x >> 16 & 7) == 4 && (rex & 1) == 0;
        if (modrm >> 6 == 3 || no_base || stack) {
            continue;
        }
        le_store(code + 4, 8, x >> 16);
        struct bench *b = fresh(DECODE_64);
        for (uint32_t n = 0; n < 512; n++) { /* all 512 GiB, identity */
            le_store(b->ram + 0x2000 + 8 * n, 8, (uint64_t)n << 30 | 0x83);
        }
        struct native n = {.rflags = RFLAGS_FIXED};
        for (uint32_t r = 0; r < GPR_COUNT; r++) {
            n.gpr[r] = any_value() & 0xFFFFFFFFFull;
            b->cache.regs.gpr[r] = n.gpr[r];
        }
        uint32_t first = x >> 63 != 0 ? 0 : 1; /* with or without the address-size prefix */
        code[1] |= 8;                          /* the whole of LEA's result */
        memcpy(native_page, code + first, 16 - first);
        memset(native_page + 16 - first, 0x90, 16);
        struct insn insn;
        code[2] = 0x8A;
        assert_int_equal(decode(code + first, 15, DECODE_64, &insn), DECODE_DONE);
        native_page[insn.len] = 0xC3;
        native_run(&n);
        if (n.gpr[GPR_RAX] >> 39 != 0) {
            continue; /* beyond what is mapped */
        }
        assert_int_equal(run(b, code + first, 15, 1ull << 50), EMULATE_ELSEWHERE);
        assert_int_equal(b->report.operand, n.gpr[GPR_RAX]);
        compared++;
    }
    assert_true(compared > 5000);
}

/* --- The classic mistakes, one by one ------------------------------------------------------------- */

static void immediates_are_whole_and_sign_extended(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0xC7, 0x00, 0x78, 0x56, 0x34, 0x82), EMULATE_DONE);
    assert_int_equal(b->last_size, 4);
    assert_int_equal(b->last_val, 0x82345678);
    b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0x48, 0xC7, 0x00, 0x78, 0x56, 0x34, 0x82), EMULATE_DONE);
    assert_int_equal(b->last_size, 8);
    assert_int_equal(b->last_val, 0xFFFFFFFF82345678ull);
    assert_int_equal(b->reads, 0); /* a plain store does not read the device */
    assert_int_equal(b->fetches, 1);
    assert_int_equal(b->cache.dirty, REGS_GPR);
}

static void sixteen_bit_code_uses_segments_and_wraps(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_16);
    b->cache.regs.seg[SEG_DS].base = DEVICE - 0x10000;
    b->cache.regs.seg[SEG_SS].base = DEVICE - 0x18;
    *gpr(b, GPR_RBX) = 0x1FFF8; /* only BX counts */
    *gpr(b, GPR_RSI) = 0x18;
    *gpr(b, GPR_RAX) = 0xAABBCCDD;
    assert_int_equal(RUN(b, DEVICE, 0x89, 0x00),
                     EMULATE_ELSEWHERE); /* 0xFFF8 + 0x18 wraps to 0x10 */
    *gpr(b, GPR_RSI) = 0;
    assert_int_equal(RUN(b, DEVICE - 8, 0x89, 0x00), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE - 8);
    assert_int_equal(b->last_val, 0xCCDD);
    b->cache.regs.rip = CODE;
    *gpr(b, GPR_RBP) = 0x1C;
    assert_int_equal(RUN(b, DEVICE, 0x88, 0x66, 0x02),
                     EMULATE_DONE); /* mov [bp+2], ah through SS */
    assert_int_equal(b->last_gpa, DEVICE + 6);
    assert_int_equal(b->last_val, 0xCC);
}

static void code_segment_base_and_instruction_pointer_wrap(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    b->cache.regs.seg[SEG_CS].base = CODE - 0x100;
    b->cache.regs.rip = 0x100;
    assert_int_equal(RUN(b, DEVICE, 0xA1, 0x00, 0x00, 0x00, 0x10), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, 0x105);
    b->cache.regs.rip = 0xFFFFFFFE;
    b->cache.regs.seg[SEG_CS].base = CODE + 2;
    assert_int_equal(RUN(b, DEVICE, 0xA1, 0x00, 0x00, 0x00, 0x10), EMULATE_DONE);
    assert_int_equal(b->cache.regs.rip, 3);
    b->cache.regs.seg[SEG_CS].ar = 0;
    b->cache.regs.rip = 0xFFFF;
    assert_int_equal(emulate_next_rip(&b->cache.regs, 2), 1);
}

static void rip_relative_counts_from_the_next_instruction(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    uint32_t disp = DEVICE + 4 - (CODE + 10);
    uint8_t code[10] = {0xC7, 0x05, 0, 0, 0, 0, 0x0B, 0, 0, 0};
    le_store(code + 2, 4, disp);
    assert_int_equal(run(b, code, sizeof(code), DEVICE + 4), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE + 4);
    assert_int_equal(b->last_val, 0x0B);
    /* FS and GS have bases in 64-bit code, the others do not. */
    b = fresh(DECODE_64);
    b->cache.regs.seg[SEG_GS].base = DEVICE - 0x100;
    b->cache.regs.seg[SEG_DS].base = 0x5000;
    *gpr(b, GPR_RAX) = 0x108;
    assert_int_equal(RUN(b, DEVICE, 0x65, 0x8A, 0x10), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE + 8);
    b->cache.regs.rip = CODE;
    *gpr(b, GPR_RAX) = DEVICE;
    assert_int_equal(RUN(b, DEVICE, 0x8A, 0x10), EMULATE_DONE);
    assert_int_equal(b->last_gpa, DEVICE);
}

static void an_operand_across_two_pages_goes_to_both_once(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE - 3;
    *gpr(b, GPR_RCX) = 0x1122334455667788;
    le_store(b->device + 29, 8, 0xF0F1F2F3F4F5F6F7);
    assert_int_equal(RUN(b, DEVICE, 0x48, 0x87, 0x08), EMULATE_DONE); /* xchg [rax], rcx */
    assert_int_equal(b->reads, 2);
    assert_int_equal(b->writes, 2);
    assert_int_equal(b->last_gpa, DEVICE);
    assert_int_equal(b->last_size, 5);
    assert_int_equal(*gpr(b, GPR_RCX), 0xF0F1F2F3F4F5F6F7);
    assert_int_equal(le_load(b->device + 29, 8), 0x1122334455667788);
    /* One part in RAM, the other in a device. */
    b = fresh(DECODE_64);
    b->cache.regs.cr0 = CR0_PE;
    b->cache.regs.efer = 0;
    b->cache.regs.seg[SEG_CS].ar = SEG_AR_DB;
    b->gmem.region[0].size = RAM_BYTES;
    assert_true(gmem_add(&b->gmem, DEVICE - 0x1000, 0x1000, b->ram + 0x3000));
    *gpr(b, GPR_RAX) = DEVICE - 2;
    assert_int_equal(RUN(b, DEVICE, 0xC7, 0x00, 0x44, 0x33, 0x22, 0x11), EMULATE_DONE);
    assert_int_equal(b->writes, 1);
    assert_int_equal(b->last_size, 2);
    assert_int_equal(b->last_val, 0x1122);
    assert_int_equal(le16(b->ram + 0x3FFE), 0x3344);
}

static void a_fault_on_the_second_page_changes_nothing(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    le_store(b->ram + 0x2000, 8, 0x3003);
    le_store(b->ram + 0x3000, 8, 0x83);                     /* 2 MiB at 0: the code         */
    le_store(b->ram + 0x3000 + 0x7F * 8, 8, DEVICE | 0x83); /* 2 MiB at 0xFE00000; then none */
    *gpr(b, GPR_RAX) = 0xFFFFFFE;
    struct vcpu_regs before = b->cache.regs;
    assert_int_equal(RUN(b, DEVICE + 0x1FFFFE, 0x87, 0x08), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 14);
    assert_int_equal(b->report.cr2, 0x10000000);
    assert_int_equal(b->report.error_code, WALK_WRITE);
    assert_int_equal(b->reads + b->writes, 0);
    assert_int_equal(b->cache.dirty, 0);
    assert_memory_equal(&before, &b->cache.regs, sizeof(before));
}

static void a_fault_address_wraps_at_four_gigabytes(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_32);
    b->cache.regs.cr0 = CR0_PE | CR0_PG;
    b->cache.regs.cr4 = CR4_PSE;
    b->cache.regs.cr3 = 0x1000;
    le_store(b->ram + 0x1000, 4, 0x83);                       /* 4 MiB at 0: the code */
    le_store(b->ram + 0x1000 + 0x3FF * 4, 4, DEVICE | 0x83u); /* and at 0xFFC00000    */
    b->cache.regs.seg[SEG_DS].base = 0x00900000;
    *gpr(b, GPR_RAX) = 0xFFF00010;
    assert_int_equal(RUN(b, DEVICE, 0x8B, 0x08), EMULATE_FAULT); /* mov ecx, [eax] */
    assert_int_equal(b->report.cr2, 0x00800010);
    /* From the last page into the first, which is absent here. */
    le_store(b->ram + 0x1000, 4, 0);
    le_store(b->ram + 0x1000 + 4, 4, 0x83); /* the code moves to 4 MiB */
    b->cache.regs.seg[SEG_CS].base = 0x400000;
    b->cache.regs.seg[SEG_DS].base = 0;
    *gpr(b, GPR_RAX) = 0xFFFFFFFE;
    assert_int_equal(RUN(b, DEVICE + 0x3FFFFE, 0x8B, 0x08), EMULATE_FAULT);
    assert_int_equal(b->report.cr2, 0);
}

static void what_cannot_be_emulated_is_told_with_its_bytes(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    struct vcpu_regs before = b->cache.regs;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x11, 0x00), EMULATE_UNSUPPORTED);
    assert_int_equal(b->report.rip, CODE);
    assert_int_equal(b->report.count, 15);
    assert_int_equal(b->report.bytes[1], 0x11);
    assert_memory_equal(&before, &b->cache.regs, sizeof(before));
    /* Code that is not in RAM, or ends with it in the middle of an instruction. */
    b->cache.regs.rip = DEVICE;
    assert_int_equal(emulate_mmio(&b->vcpu, DEVICE, &b->report), EMULATE_NO_CODE);
    assert_int_equal(b->report.count, 0);
    b->cache.regs.rip = RAM_BYTES - 1;
    b->ram[RAM_BYTES - 1] = 0x8B;
    assert_int_equal(emulate_mmio(&b->vcpu, DEVICE, &b->report), EMULATE_NO_CODE);
    assert_int_equal(b->report.count, 1);
    /* The exit was about another page than the operand's. */
    b->cache.regs.rip = CODE;
    *gpr(b, GPR_RAX) = DEVICE;
    assert_int_equal(RUN(b, DEVICE + 0x1000, 0x8B, 0x00), EMULATE_ELSEWHERE);
    assert_int_equal(b->reads, 0);
}

static void a_single_step_trap_is_reported_and_resume_flag_ends(void **state)
{
    (void)state;
    struct bench *b = fresh(DECODE_64);
    *gpr(b, GPR_RAX) = DEVICE;
    b->cache.regs.rflags |= RFLAGS_TF | 0x10000;
    assert_int_equal(RUN(b, DEVICE, 0x8B, 0x00), EMULATE_DONE);
    assert_true(b->report.trap);
    assert_int_equal(b->cache.regs.rflags, RFLAGS_FIXED | RFLAGS_TF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alu_forms_agree_with_the_processor),
        cmocka_unit_test(moves_agree_with_the_processor),
        cmocka_unit_test(addresses_agree_with_the_processor),
        cmocka_unit_test(immediates_are_whole_and_sign_extended),
        cmocka_unit_test(sixteen_bit_code_uses_segments_and_wraps),
        cmocka_unit_test(code_segment_base_and_instruction_pointer_wrap),
        cmocka_unit_test(rip_relative_counts_from_the_next_instruction),
        cmocka_unit_test(an_operand_across_two_pages_goes_to_both_once),
        cmocka_unit_test(a_fault_on_the_second_page_changes_nothing),
        cmocka_unit_test(a_fault_address_wraps_at_four_gigabytes),
        cmocka_unit_test(what_cannot_be_emulated_is_told_with_its_bytes),
        cmocka_unit_test(a_single_step_trap_is_reported_and_resume_flag_ends),
    };
    return cmocka_run_group_tests(tests, native_begin, NULL);
}
