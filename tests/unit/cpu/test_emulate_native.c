/* SPDX-License-Identifier: BSD-2-Clause
 * Results and flags of emulated instructions. The oracle is the processor that runs the test: every form
 * is run natively on a page of memory and in emulation on a device, and compared. */
#include "emulate_bench.h"

#include <cpuid.h>
#include <sys/mman.h>

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
static void compare(const uint8_t *code, uint32_t len, uint64_t undefined)
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
    uint64_t mask = FLAGS & ~undefined;
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
static void compare_forms(uint32_t opcode, uint32_t ext, uint32_t imm_bytes, uint64_t undefined)
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
                compare(code, len, undefined);
            }
        }
    }
}

/* AF is undefined after these. */
static uint64_t logic(uint32_t alu)
{
    return alu == INSN_OR || alu == INSN_AND || alu == INSN_XOR ? RFLAGS_AF : 0;
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
    compare_forms(0x84, 8, 0, RFLAGS_AF);
    compare_forms(0x85, 8, 0, RFLAGS_AF);
    compare_forms(0xF6, 0, 1, RFLAGS_AF);
    compare_forms(0xF7, 0, 4, RFLAGS_AF);
    for (uint32_t ext = 2; ext < 4; ext++) {
        compare_forms(0xF6, ext, 0, 0);
        compare_forms(0xF7, ext, 0, 0);
    }
    for (uint32_t ext = 0; ext < 2; ext++) {
        compare_forms(0xFE, ext, 0, 0);
        compare_forms(0xFF, ext, 0, 0);
    }
}

static void moves_agree_with_the_processor(void **state)
{
    (void)state;
    for (uint32_t opcode = 0x86; opcode <= 0x8B; opcode++) {
        compare_forms(opcode, 8, 0, 0);
    }
    compare_forms(0xC6, 0, 1, 0);
    compare_forms(0xC7, 0, 4, 0);
    compare_forms(0x63, 8, 0, 0);
    compare_forms(0x0FB7, 8, 0, 0);
    compare_forms(0x0FBF, 8, 0, 0);
    /* Byte sources, whose destination 4 is SP and not AH. */
    for (uint32_t reg = 0; reg < 8; reg++) {
        for (uint32_t op = 0xB6; op <= 0xBE && reg != 4; op += 8) {
            compare((const uint8_t[16]){0x0F, (uint8_t)op, (uint8_t)(reg << 3 | 7)}, 3, 0);
            compare((const uint8_t[16]){0x66, 0x0F, (uint8_t)op, (uint8_t)(reg << 3 | 7)}, 4,
                    false);
            compare((const uint8_t[16]){0x4C, 0x0F, (uint8_t)op, (uint8_t)(reg << 3 | 7)}, 4,
                    false);
        }
    }
}

__extension__ typedef unsigned __int128 wide;

#define OSZAPC     FLAGS
#define SZAP       (RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF)
#define EACH_VALUE 40u

/* Several values of everything for one encoding. */
static void compare_often(const uint8_t *code, uint32_t len, uint64_t undefined)
{
    for (uint32_t i = 0; i < EACH_VALUE; i++) {
        compare(code, len, undefined);
    }
}

/* [SDM] vol. 2: OF is defined for a count of 1 only, CF not beyond the operand's width. */
static uint64_t shift_undefined(uint32_t op, uint32_t count, uint32_t bits)
{
    count &= bits == 64 ? 63u : 31u;
    uint64_t undefined = count == 1 || count == 0 ? 0 : RFLAGS_OF;
    bool shifts = op >= 4;
    undefined |= shifts && count != 0 ? RFLAGS_AF : 0;
    return undefined | (shifts && count >= bits ? RFLAGS_CF : 0);
}

static void shifts_agree_with_the_processor(void **state)
{
    (void)state;
    static const uint8_t prefix[] = {0, 0x66, 0x48};
    for (uint32_t op = 0; op < 8; op++) {
        for (uint32_t count = 0; count < 70; count++) {
            uint8_t imm8[] = {0xC0, (uint8_t)(op << 3 | 7), (uint8_t)count};
            compare(imm8, 3, shift_undefined(op, count, 8));
            for (uint32_t p = 0; p < 3; p++) {
                uint32_t bits = p == 0 ? 32 : p == 1 ? 16 : 64;
                uint8_t imm[] = {prefix[p], 0xC1, (uint8_t)(op << 3 | 7), (uint8_t)count};
                uint32_t skip = p == 0;
                compare(imm + skip, 4 - skip, shift_undefined(op, count, bits));
            }
        }
        for (uint32_t size = 0; size < 2;
             size++) { /* by CL, whatever it is: OF and CF not compared */
            uint8_t cl[] = {(uint8_t)(0xD2 | size), (uint8_t)(op << 3 | 7)};
            uint8_t one[] = {(uint8_t)(0xD0 | size), (uint8_t)(op << 3 | 7)};
            compare_often(cl, 2, RFLAGS_OF | RFLAGS_AF | (op >= 4 ? RFLAGS_CF : 0));
            compare_often(one, 2, op >= 4 ? RFLAGS_AF : 0);
        }
    }
}

static void double_shift(uint32_t opcode, uint32_t p)
{
    static const uint8_t prefix[] = {0, 0x66, 0x48};
    uint32_t bits = p == 0 ? 32 : p == 1 ? 16 : 64;
    for (uint32_t count = 0; count < (bits == 16 ? 17u : 70u); count++) {
        uint8_t code[] = {prefix[p], 0x0F, (uint8_t)opcode, 0x17, (uint8_t)count};
        uint32_t skip = p == 0;
        uint32_t effective = count & (bits == 64 ? 63u : 31u);
        uint64_t undefined = effective == 0 ? 0 : RFLAGS_AF | (effective == 1 ? 0 : RFLAGS_OF);
        compare(code + skip, 5 - skip, undefined);
        compare(code + skip, 5 - skip, undefined);
    }
}

static void bit_tests_agree_with_the_processor(void **state)
{
    (void)state;
    static const uint8_t prefix[] = {0, 0x66, 0x48};
    static const uint8_t by_reg[] = {0xA3, 0xAB, 0xB3, 0xBB};
    for (uint32_t p = 0; p < 3; p++) {
        double_shift(0xA4, p);
        double_shift(0xAC, p);
        uint32_t skip = p == 0;
        for (uint32_t op = 4; op < 8; op++) {
            for (uint32_t bit = 0; bit < 256; bit += 3) {
                uint8_t code[] = {prefix[p], 0x0F, 0xBA, (uint8_t)(op << 3 | 7), (uint8_t)bit};
                compare(code + skip, 5 - skip, OSZAPC & ~(RFLAGS_CF | RFLAGS_ZF));
            }
        }
        for (uint32_t op = 0; op < 4; op++) { /* the bit's number in a register: 0 to 63 */
            struct native n = {.rflags = RFLAGS_FIXED};
            for (int64_t bit = -64; bit < 128; bit++) {
                uint8_t code[] = {prefix[p], 0x0F, by_reg[op], 0x0F, 0xC3}; /* bt* [rdi], ecx */
                struct bench *b = fresh(DECODE_64);
                memset(native_data, 0, 64);
                uint64_t data[3] = {any_value(), any_value(), any_value()};
                memcpy(native_data + 8, data, 24);
                memcpy(b->device + 24, data, 24);
                memset(n.gpr, 0, sizeof(n.gpr));
                n.gpr[GPR_RDI] = DEVICE + 16;
                n.gpr[GPR_RCX] = (uint64_t)bit;
                memcpy(b->cache.regs.gpr, n.gpr, sizeof(n.gpr));
                *gpr(b, GPR_RDI) = DEVICE;
                memcpy(native_page, code + skip, 5 - skip);
                n.rflags = RFLAGS_FIXED;
                native_run(&n);
                gpa_t at = bit < 0 ? DEVICE - 1 : DEVICE;
                assert_int_equal(run(b, code + skip, 4 - skip, at), EMULATE_DONE);
                assert_memory_equal(b->device + 24, native_data + 8, 24);
                assert_int_equal(b->cache.regs.rflags & RFLAGS_CF, n.rflags & RFLAGS_CF);
            }
        }
    }
}

static void products_agree_with_the_processor(void **state)
{
    (void)state;
    for (uint32_t ext = 4; ext < 6; ext++) {
        compare_forms(0xF6, ext, 0, SZAP);
        compare_forms(0xF7, ext, 0, SZAP);
    }
    compare_forms(0x0FAF, 8, 0, SZAP);
    compare_forms(0x69, 8, 4, SZAP);
    compare_forms(0x6B, 8, 1, SZAP);
}

/* Divisions whose quotient fits; those that do not are told by hand, elsewhere. */
static void quotients_agree_with_the_processor(void **state)
{
    (void)state;
    static const uint8_t prefix[] = {0, 0x66, 0x48};
    for (uint32_t p = 0; p < 4; p++) {
        uint32_t size = p == 0 ? 4 : p == 1 ? 2 : p == 2 ? 8 : 1;
        for (uint32_t ext = 6; ext < 8; ext++) {
            uint8_t code[] = {size == 1 ? 0 : prefix[p], size == 1 ? 0xF6 : 0xF7,
                              (uint8_t)(ext << 3 | 7), 0xC3};
            uint32_t skip = code[0] == 0;
            for (uint32_t i = 0; i < 400; i++) {
                struct bench *b = fresh(DECODE_64);
                uint64_t divisor = any_value() & (UINT64_MAX >> (64 - 8 * size));
                uint64_t quotient = any_value() & (UINT64_MAX >> (65 - 8 * size));
                wide all = (wide)quotient * (divisor >> 1);
                if ((divisor >> 1) == 0 || (ext == 7 && (divisor >> (8 * size - 1)) != 0)) {
                    continue;
                }
                struct native n = {.rflags = RFLAGS_FIXED};
                n.gpr[GPR_RDI] = DEVICE;
                n.gpr[GPR_RAX] = size == 1 ? (uint64_t)all & 0xFFFF : (uint64_t)all;
                n.gpr[GPR_RDX] = size == 8 ? (uint64_t)(all >> 64) : (uint64_t)(all >> (8 * size));
                le_store(native_data, 8, divisor);
                le_store(b->device + 32, 8, divisor);
                memcpy(b->cache.regs.gpr, n.gpr, sizeof(n.gpr));
                memcpy(native_page, code + skip, 4 - skip);
                native_run(&n);
                assert_int_equal(run(b, code + skip, 3 - skip, DEVICE), EMULATE_DONE);
                assert_memory_equal(b->cache.regs.gpr, n.gpr, sizeof(n.gpr));
            }
        }
    }
}

static void exchanges_agree_with_the_processor(void **state)
{
    (void)state;
    compare_forms(0x0FC0, 8, 0, 0);
    compare_forms(0x0FC1, 8, 0, 0);
    compare_forms(0x0FB0, 8, 0, 0);
    compare_forms(0x0FB1, 8, 0, 0);
    compare_often((const uint8_t[]){0x0F, 0xC7, 0x0F}, 3, 0);
    compare_often((const uint8_t[]){0xF0, 0x0F, 0xC7, 0x0F}, 4, 0);
    compare_often((const uint8_t[]){0xF0, 0x48, 0x01, 0x07}, 4, 0);
}

static void conditions_agree_with_the_processor(void **state)
{
    (void)state;
    for (uint32_t cond = 0; cond < 16; cond++) {
        compare_often((const uint8_t[]){0x0F, (uint8_t)(0x90 | cond), 0x07}, 3, 0);
        compare_often((const uint8_t[]){0x0F, (uint8_t)(0x40 | cond), 0x17}, 3, 0);
        compare_often((const uint8_t[]){0x66, 0x0F, (uint8_t)(0x40 | cond), 0x17}, 4, 0);
        compare_often((const uint8_t[]){0x4C, 0x0F, (uint8_t)(0x40 | cond), 0x17}, 4, 0);
    }
}

static uint32_t cpuid_bits(uint32_t leaf, uint32_t reg)
{
    uint32_t r[4] = {0, 0, 0, 0};
    (void)__get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]);
    return r[reg];
}

static void scans_and_sums_agree_with_the_processor(void **state)
{
    (void)state;
    static const uint8_t operand[] = {0, 0x66, 0x48};
    const uint32_t features = cpuid_bits(1, 2);
    const uint32_t extended = cpuid_bits(0x80000001u, 2);
    const uint32_t seven = cpuid_bits(7, 1);
    for (uint32_t p = 0; p < 3; p++) {
        for (uint32_t op = 0xBC; op < 0xBE; op++) {
            uint8_t scan[] = {operand[p], 0x0F, (uint8_t)op, 0x17};
            compare_often(scan + (p == 0), 4 - (p == 0), OSZAPC & ~RFLAGS_ZF);
        }
        uint8_t zcnt[] = {operand[p] == 0x66 ? 0x66 : 0xF3,
                          0xF3,
                          operand[p] == 0x48 ? 0x48 : 0x40,
                          0x0F,
                          0xBC,
                          0x17};
        uint64_t others = OSZAPC & ~(RFLAGS_ZF | RFLAGS_CF);
        if ((seven & bit_BMI) != 0) {
            compare_often(zcnt, 6, others);
        }
        zcnt[4] = 0xBD;
        if ((extended & bit_LZCNT) != 0) {
            compare_often(zcnt, 6, others);
        }
        zcnt[4] = 0xB8;
        if ((features & bit_POPCNT) != 0) {
            compare_often(zcnt, 6, 0);
        }
        for (uint32_t op = 0xF0; op < 0xF2; op++) {
            uint8_t movbe[] = {operand[p], 0x0F, 0x38, (uint8_t)op, 0x17};
            uint8_t crc[] = {0xF2, operand[p], 0x0F, 0x38, (uint8_t)op, 0x17};
            if ((features & bit_MOVBE) != 0) {
                compare_often(movbe + (p == 0), 5 - (p == 0), 0);
            }
            crc[1] = p == 0 ? 0x40 : crc[1];
            if ((features & bit_SSE4_2) != 0 && p != 1) {
                compare_often(crc, 6, 0);
            }
        }
    }
    if ((seven & bit_ADX) != 0) {
        compare_often((const uint8_t[]){0x66, 0x0F, 0x38, 0xF6, 0x17}, 5, 0);
        compare_often((const uint8_t[]){0xF3, 0x48, 0x0F, 0x38, 0xF6, 0x17}, 6, 0);
    }
}

static void bit_manipulation_agrees_with_the_processor(void **state)
{
    (void)state;
    static const struct {
        uint8_t map, pp, opcode, modrm; /* reg is RDX, or the group's number */
        uint64_t undefined;
    } forms[] = {
        {2, 0, 0xF2, 0x17, RFLAGS_AF | RFLAGS_PF},             /* ANDN   */
        {2, 0, 0xF7, 0x17, RFLAGS_AF | RFLAGS_SF | RFLAGS_PF}, /* BEXTR  */
        {2, 0, 0xF5, 0x17, RFLAGS_AF | RFLAGS_PF},             /* BZHI   */
        {2, 3, 0xF5, 0x17, 0},                                 /* PDEP   */
        {2, 2, 0xF5, 0x17, 0},                                 /* PEXT   */
        {2, 2, 0xF7, 0x17, 0},                                 /* SARX   */
        {2, 1, 0xF7, 0x17, 0},                                 /* SHLX   */
        {2, 3, 0xF7, 0x17, 0},                                 /* SHRX   */
        {2, 3, 0xF6, 0x17, 0},                                 /* MULX   */
        {2, 0, 0xF3, 0x0F, RFLAGS_AF | RFLAGS_PF},             /* BLSR   */
        {2, 0, 0xF3, 0x17, RFLAGS_AF | RFLAGS_PF},             /* BLSMSK */
        {2, 0, 0xF3, 0x1F, RFLAGS_AF | RFLAGS_PF},             /* BLSI   */
        {3, 3, 0xF0, 0x17, 0},                                 /* RORX   */
    };
    const uint32_t seven = cpuid_bits(7, 1);
    if ((seven & bit_BMI) == 0 || (seven & bit_BMI2) == 0) {
        return;
    }
    for (uint32_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        for (uint32_t w = 0; w < 2; w++) {
            for (uint32_t n = 0; n < 20; n++) {
                uint32_t vvvv = forms[i].map == 3 ? 15u : 9u ^ 15u; /* R9, inverted */
                uint8_t code[] = {0xC4,
                                  (uint8_t)(0xE0 | forms[i].map),
                                  (uint8_t)(w << 7 | vvvv << 3 | forms[i].pp),
                                  forms[i].opcode,
                                  forms[i].modrm,
                                  (uint8_t)(n * 7)};
                compare(code, forms[i].map == 3 ? 6 : 5, forms[i].undefined);
            }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alu_forms_agree_with_the_processor),
        cmocka_unit_test(moves_agree_with_the_processor),
        cmocka_unit_test(shifts_agree_with_the_processor),
        cmocka_unit_test(bit_tests_agree_with_the_processor),
        cmocka_unit_test(products_agree_with_the_processor),
        cmocka_unit_test(quotients_agree_with_the_processor),
        cmocka_unit_test(exchanges_agree_with_the_processor),
        cmocka_unit_test(conditions_agree_with_the_processor),
        cmocka_unit_test(scans_and_sums_agree_with_the_processor),
        cmocka_unit_test(bit_manipulation_agrees_with_the_processor),
        cmocka_unit_test(addresses_agree_with_the_processor),
    };
    return cmocka_run_group_tests(tests, native_begin, NULL);
}
