/* SPDX-License-Identifier: BSD-2-Clause
 * The instruction decoder. The rows were assembled by GNU as. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "cpu/decode.h"
#include "vm/regs.h"

#define NONE INSN_NO_REG
#define HIGH 1u
#define RIP  2u
#define LOCK 4u

struct row {
    const char *text;
    const char *hex;
    uint32_t bits; /* of the code */
    uint8_t op, form, mem_size, reg_size, reg, seg, base, index, scale, addr_size, flags;
    uint64_t disp, imm;
};

static const struct row rows[] = {
    {"mov [rax], ecx", "8908", 64, INSN_MOV, INSN_MEM_REG, 4, 4, 1, SEG_DS, 0, NONE, 0, 8, 0, 0, 0},
    {"mov [rbx], ah", "8823", 64, INSN_MOV, INSN_MEM_REG, 1, 1, 0, SEG_DS, 3, NONE, 0, 8, HIGH, 0,
     0},
    {"mov [rbx], spl", "408823", 64, INSN_MOV, INSN_MEM_REG, 1, 1, 4, SEG_DS, 3, NONE, 0, 8, 0, 0,
     0},
    {"mov [r12], r9w", "6645890c24", 64, INSN_MOV, INSN_MEM_REG, 2, 2, 9, SEG_DS, 12, NONE, 0, 8, 0,
     0, 0},
    {"mov r15, [r13+8]", "4d8b7d08", 64, INSN_MOV, INSN_REG_MEM, 8, 8, 15, SEG_DS, 13, NONE, 0, 8,
     0, 0x8, 0},
    {"mov eax, [rip+0x1234]", "8b0534120000", 64, INSN_MOV, INSN_REG_MEM, 4, 4, 0, SEG_DS, NONE,
     NONE, 0, 8, RIP, 0x1234, 0},
    {"mov eax, [eip+0x10]", "678b0510000000", 64, INSN_MOV, INSN_REG_MEM, 4, 4, 0, SEG_DS, NONE,
     NONE, 0, 4, RIP, 0x10, 0},
    {"mov qword [rsp+0x10], -2", "48c7442410feffffff", 64, INSN_MOV, INSN_MEM_IMM, 8, 8, 0, SEG_SS,
     4, NONE, 0, 8, 0, 0x10, 0xFFFFFFFFFFFFFFFE},
    {"mov dword [rdi-0x10], 0x80000001", "c747f001000080", 64, INSN_MOV, INSN_MEM_IMM, 4, 4, 0,
     SEG_DS, 7, NONE, 0, 8, 0, 0xFFFFFFFFFFFFFFF0, 0xFFFFFFFF80000001},
    {"mov word [rdi], 0xFEE0", "66c707e0fe", 64, INSN_MOV, INSN_MEM_IMM, 2, 2, 0, SEG_DS, 7, NONE,
     0, 8, 0, 0, 0xFFFFFFFFFFFFFEE0},
    {"mov byte fs:[rdi+rsi*4], 0x80", "64c604b780", 64, INSN_MOV, INSN_MEM_IMM, 1, 1, 0, SEG_FS, 7,
     6, 2, 8, 0, 0, 0xFFFFFFFFFFFFFF80},
    {"mov al, [moffs]", "a0785634120088ffff", 64, INSN_MOV, INSN_REG_MEM, 1, 1, 0, SEG_DS, NONE,
     NONE, 0, 8, 0, 0xFFFF880012345678, 0},
    {"mov [moffs], rax", "48a38877665544332211", 64, INSN_MOV, INSN_MEM_REG, 8, 8, 0, SEG_DS, NONE,
     NONE, 0, 8, 0, 0x1122334455667788, 0},
    {"movzx eax, byte [rdx]", "0fb602", 64, INSN_MOVZX, INSN_REG_MEM, 1, 4, 0, SEG_DS, 2, NONE, 0,
     8, 0, 0, 0},
    {"movzx r8, word [rdx+r10*8+0x12345678]", "4e0fb784d278563412", 64, INSN_MOVZX, INSN_REG_MEM, 2,
     8, 8, SEG_DS, 2, 10, 3, 8, 0, 0x12345678, 0},
    {"movsx dx, byte [rbp]", "660fbe5500", 64, INSN_MOVSX, INSN_REG_MEM, 1, 2, 2, SEG_SS, 5, NONE,
     0, 8, 0, 0, 0},
    {"movsxd rax, dword [rbp]", "48634500", 64, INSN_MOVSX, INSN_REG_MEM, 4, 8, 0, SEG_SS, 5, NONE,
     0, 8, 0, 0, 0},
    {"test byte [rax], 1", "f60001", 64, INSN_TEST, INSN_MEM_IMM, 1, 1, 0, SEG_DS, 0, NONE, 0, 8, 0,
     0, 0x1},
    {"test dword [rax], -1", "f700ffffffff", 64, INSN_TEST, INSN_MEM_IMM, 4, 4, 0, SEG_DS, 0, NONE,
     0, 8, 0, 0, 0xFFFFFFFFFFFFFFFF},
    {"test [rsi], r11", "4c851e", 64, INSN_TEST, INSN_MEM_REG, 8, 8, 11, SEG_DS, 6, NONE, 0, 8, 0,
     0, 0},
    {"lock or dword [rax], 0x10", "f0830810", 64, INSN_OR, INSN_MEM_IMM, 4, 4, 1, SEG_DS, 0, NONE,
     0, 8, LOCK, 0, 0x10},
    {"or qword [rax], -1", "488308ff", 64, INSN_OR, INSN_MEM_IMM, 8, 8, 1, SEG_DS, 0, NONE, 0, 8, 0,
     0, 0xFFFFFFFFFFFFFFFF},
    {"add word [rax], 0x1234", "6681003412", 64, INSN_ADD, INSN_MEM_IMM, 2, 2, 0, SEG_DS, 0, NONE,
     0, 8, 0, 0, 0x1234},
    {"lock xchg [rbx+rcx], dl", "f086140b", 64, INSN_XCHG, INSN_MEM_REG, 1, 1, 2, SEG_DS, 3, 1, 0,
     8, LOCK, 0, 0},
    {"cmp eax, [rsi]", "3b06", 64, INSN_CMP, INSN_REG_MEM, 4, 4, 0, SEG_DS, 6, NONE, 0, 8, 0, 0, 0},
    {"cmp [rsi], eax", "3906", 64, INSN_CMP, INSN_MEM_REG, 4, 4, 0, SEG_DS, 6, NONE, 0, 8, 0, 0, 0},
    {"sbb [r9], cl", "411809", 64, INSN_SBB, INSN_MEM_REG, 1, 1, 1, SEG_DS, 9, NONE, 0, 8, 0, 0, 0},
    {"lock inc qword [rax]", "f048ff00", 64, INSN_INC, INSN_MEM, 8, 8, 0, SEG_DS, 0, NONE, 0, 8,
     LOCK, 0, 0},
    {"dec byte [rax+rax*2]", "fe0c40", 64, INSN_DEC, INSN_MEM, 1, 1, 1, SEG_DS, 0, 0, 1, 8, 0, 0,
     0},
    {"neg word [rax]", "66f718", 64, INSN_NEG, INSN_MEM, 2, 2, 3, SEG_DS, 0, NONE, 0, 8, 0, 0, 0},
    {"neg dword gs:[0x7EE00000]", "65f71c250000e07e", 64, INSN_NEG, INSN_MEM, 4, 4, 3, SEG_GS, NONE,
     NONE, 0, 8, 0, 0x7EE00000, 0},
    {"mov eax, [edi+ecx]", "678b040f", 64, INSN_MOV, INSN_REG_MEM, 4, 4, 0, SEG_DS, 7, 1, 0, 4, 0,
     0, 0},
    {"mov [rax], rcx", "488908", 64, INSN_MOV, INSN_MEM_REG, 8, 8, 1, SEG_DS, 0, NONE, 0, 8, 0, 0,
     0},
    {"REX before a prefix is void", "48668908", 64, INSN_MOV, INSN_MEM_REG, 2, 2, 1, SEG_DS, 0,
     NONE, 0, 8, 0, 0, 0},
    {"cs: is void in 64-bit code", "2e8b00", 64, INSN_MOV, INSN_REG_MEM, 4, 4, 0, SEG_DS, 0, NONE,
     0, 8, 0, 0, 0},
    {"xrelease mov dword [rax], 1", "f3c70001000000", 64, INSN_MOV, INSN_MEM_IMM, 4, 4, 0, SEG_DS,
     0, NONE, 0, 8, 0, 0, 0x1},
    {"not byte [rax]", "f610", 64, INSN_NOT, INSN_MEM, 1, 1, 2, SEG_DS, 0, NONE, 0, 8, 0, 0, 0},
    {"mov rax, [r12*4-0x10]", "4a8b04a5f0ffffff", 64, INSN_MOV, INSN_REG_MEM, 8, 8, 0, SEG_DS, NONE,
     12, 2, 8, 0, 0xFFFFFFFFFFFFFFF0, 0},
    {"mov [eax], ecx", "8908", 32, INSN_MOV, INSN_MEM_REG, 4, 4, 1, SEG_DS, 0, NONE, 0, 4, 0, 0, 0},
    {"mov eax, [0xFEE00020]", "a12000e0fe", 32, INSN_MOV, INSN_REG_MEM, 4, 4, 0, SEG_DS, NONE, NONE,
     0, 4, 0, 0xFEE00020, 0},
    {"mov [0xFEE00020], al", "a22000e0fe", 32, INSN_MOV, INSN_MEM_REG, 1, 1, 0, SEG_DS, NONE, NONE,
     0, 4, 0, 0xFEE00020, 0},
    {"movzx eax, word [ebp+2]", "0fb74502", 32, INSN_MOVZX, INSN_REG_MEM, 2, 4, 0, SEG_SS, 5, NONE,
     0, 4, 0, 0x2, 0},
    {"mov cx, [bx+si]", "67668b08", 32, INSN_MOV, INSN_REG_MEM, 2, 2, 1, SEG_DS, 3, 6, 0, 2, 0, 0,
     0},
    {"and dword es:[esp+esi*2], 0x7F", "268324747f", 32, INSN_AND, INSN_MEM_IMM, 4, 4, 4, SEG_ES, 4,
     6, 1, 4, 0, 0, 0x7F},
    {"mov word [eax+0x100], 0x55AA", "66c78000010000aa55", 32, INSN_MOV, INSN_MEM_IMM, 2, 2, 0,
     SEG_DS, 0, NONE, 0, 4, 0, 0x100, 0x55AA},
    {"xor [eax+ebp], bh", "303c28", 32, INSN_XOR, INSN_MEM_REG, 1, 1, 3, SEG_DS, 0, 5, 0, 4, HIGH,
     0, 0},
    {"mov [bx+si], ax", "8900", 16, INSN_MOV, INSN_MEM_REG, 2, 2, 0, SEG_DS, 3, 6, 0, 2, 0, 0, 0},
    {"mov al, [bp+di+0x10]", "8a4310", 16, INSN_MOV, INSN_REG_MEM, 1, 1, 0, SEG_SS, 5, 7, 0, 2, 0,
     0x10, 0},
    {"mov eax, [di]", "668b05", 16, INSN_MOV, INSN_REG_MEM, 4, 4, 0, SEG_DS, 7, NONE, 0, 2, 0, 0,
     0},
    {"mov word [0x1234], 0x5678", "c70634127856", 16, INSN_MOV, INSN_MEM_IMM, 2, 2, 0, SEG_DS, NONE,
     NONE, 0, 2, 0, 0x1234, 0x5678},
    {"mov dword [bp], 0x12345678", "66c7460078563412", 16, INSN_MOV, INSN_MEM_IMM, 4, 4, 0, SEG_SS,
     5, NONE, 0, 2, 0, 0, 0x12345678},
    {"mov eax, cs:[ecx+edx*4+0x100]", "2e67668b849100010000", 16, INSN_MOV, INSN_REG_MEM, 4, 4, 0,
     SEG_CS, 1, 2, 2, 4, 0, 0x100, 0},
    {"or byte [si-2], 1", "804cfe01", 16, INSN_OR, INSN_MEM_IMM, 1, 1, 1, SEG_DS, 6, NONE, 0, 2, 0,
     0xFFFFFFFFFFFFFFFE, 0x1},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static enum decode_mode mode_of(const struct row *r)
{
    return r->bits == 64 ? DECODE_64 : r->bits == 32 ? DECODE_32 : DECODE_16;
}

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The row's bytes; returns how many. */
static uint32_t bytes_of(const struct row *r, uint8_t *bytes)
{
    uint32_t len = 0;
    for (; r->hex[2 * len] != 0; len++) {
        bytes[len] = (uint8_t)(digit(r->hex[2 * len]) << 4 | digit(r->hex[2 * len + 1]));
    }
    return len;
}

static void same(const struct row *r, uint32_t len, const struct insn *i)
{
    bool uses_reg = r->form == INSN_MEM_REG || r->form == INSN_REG_MEM;
    bool ok = i->op == r->op && i->form == r->form && i->len == len && i->mem_size == r->mem_size &&
              i->addr_size == r->addr_size && i->seg == r->seg && i->base == r->base &&
              i->index == r->index && i->disp == r->disp && i->imm == r->imm &&
              i->rip_relative == ((r->flags & RIP) != 0) && i->lock == ((r->flags & LOCK) != 0);
    ok = ok && (i->index == NONE || i->scale == r->scale);
    ok = ok && (!uses_reg || (i->reg == r->reg && i->reg_size == r->reg_size &&
                              i->high_byte == ((r->flags & HIGH) != 0)));
    if (!ok) {
        fail_msg("%s", r->text);
    }
}

static void instructions_decode_as_the_assembler_meant(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < ROWS; n++) {
        struct insn insn;
        uint8_t bytes[15];
        memset(bytes, 0xCC, sizeof(bytes)); /* what follows is of no importance */
        uint32_t len = bytes_of(&rows[n], bytes);
        assert_int_equal(decode(bytes, 15, mode_of(&rows[n]), &insn), DECODE_DONE);
        same(&rows[n], len, &insn);
        assert_int_equal(decode(bytes, len, mode_of(&rows[n]), &insn), DECODE_DONE);
        same(&rows[n], len, &insn);
    }
}

static void each_byte_that_is_missing_is_missed(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < ROWS; n++) {
        uint8_t bytes[15];
        uint32_t full = bytes_of(&rows[n], bytes);
        for (uint32_t len = 0; len < full; len++) {
            struct insn insn;
            uint8_t tail[15]; /* so many before its end, for the address sanitizer */
            uint8_t *at = tail + 15 - len;
            memcpy(at, bytes, len);
            assert_int_equal(decode(at, len, mode_of(&rows[n]), &insn), DECODE_SHORT);
        }
    }
}

static void what_touches_no_memory_is_told_apart_from_what_is_undefined(void **state)
{
    (void)state;
    static const struct {
        enum decode_mode mode;
        enum decode_result result;
        uint8_t len; /* with DECODE_NO_MEMORY */
        uint8_t bytes[15];
    } odd[] = {
        {DECODE_64, DECODE_NO_MEMORY, 2, {0x89, 0xC8}},                /* mov eax, ecx   */
        {DECODE_64, DECODE_NO_MEMORY, 2, {0xA8, 0x01}},                /* test al, 1     */
        {DECODE_64, DECODE_NO_MEMORY, 2, {0x04, 0x01}},                /* add al, 1      */
        {DECODE_64, DECODE_NO_MEMORY, 10, {0x48, 0xB8, 1, 2, 3}},      /* mov rax, imm64 */
        {DECODE_32, DECODE_NO_MEMORY, 1, {0x48}},                      /* dec eax        */
        {DECODE_32, DECODE_NO_MEMORY, 1, {0x40}},                      /* inc eax        */
        {DECODE_16, DECODE_NO_MEMORY, 3, {0xE9, 0x00, 0x01}},          /* jmp            */
        {DECODE_64, DECODE_NO_MEMORY, 6, {0x66, 0xE9, 0, 1, 2, 3}},    /* 66 is ignored  */
        {DECODE_32, DECODE_NO_MEMORY, 4, {0x66, 0xE9, 0x00, 0x01}},    /* jmp ax-sized   */
        {DECODE_64, DECODE_NO_MEMORY, 3, {0x0F, 0x22, 0x18}},          /* mov cr3: no mod */
        {DECODE_64, DECODE_NO_MEMORY, 2, {0xD9, 0xE8}},                /* fld1           */
        {DECODE_64, DECODE_NO_MEMORY, 4, {0xC5, 0xF8, 0x28, 0xC1}},    /* vmovaps        */
        {DECODE_64, DECODE_NO_MEMORY, 3, {0xC5, 0xF8, 0x77}},          /* vzeroupper     */
        {DECODE_32, DECODE_NO_MEMORY, 7, {0xEA, 1, 2, 3, 4, 5, 6}},    /* jmp far        */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xEA, 1, 2, 3, 4, 5, 6}},    /* not in 64-bit code */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xF0, 0x89, 0x08}},          /* lock mov       */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xF0, 0x39, 0x08}},          /* lock cmp       */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xF0, 0x03, 0x08}},          /* lock add reg, mem */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xF0, 0x85, 0x08}},          /* lock test      */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xF0, 0x01, 0xC8}},          /* lock add reg, reg */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xF0, 0xA4}},                /* lock movsb     */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xF0, 0x90}},                /* lock nop       */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xC6, 0x48, 0x00, 0x00}},    /* C6 /1          */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xFE, 0x10}},                /* FE /2          */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xFF, 0x38}},                /* FF /7          */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x82, 0x00, 0x01}},          /* not in 64-bit code */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x06}},                      /* push es        */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x8D, 0xC0}},                /* lea reg, reg   */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x8E, 0x08}},                /* mov cs, [rax]  */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x8E, 0x30}},                /* mov ?, [rax]   */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x0F, 0x0B}},                /* ud2            */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x0F, 0x22, 0xC8}},          /* mov cr1        */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x66, 0xC5, 0xF8, 0x10, 0}}, /* 66 before VEX */
        {DECODE_64, DECODE_UNDEFINED, 0, {0x48, 0xC5, 0xF8, 0x10, 0}}, /* REX before VEX */
        {DECODE_64, DECODE_UNDEFINED, 0, {0xC5, 0xE8, 0x10, 0x00}},    /* vvvv not 1111b */
        {DECODE_64, DECODE_UNSUPPORTED, 0, {0x0F, 0x0F, 0x00, 0x00}},  /* 3DNow!         */
        {DECODE_64, DECODE_UNSUPPORTED, 0, {0x62, 0xF1, 0x7C, 0x48, 0x10, 0x00}}, /* EVEX */
        {DECODE_64, DECODE_UNSUPPORTED, 0, {0x8F, 0xE9, 0x78, 0x80, 0x00}},       /* XOP  */
        {DECODE_64,
         DECODE_TOO_LONG,
         0, /* one byte more than 15 */
         {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0xC7, 0x00,
          0x01}},
        {DECODE_64,
         DECODE_TOO_LONG,
         0,
         {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
          0x66}},
    };
    for (uint32_t n = 0; n < sizeof(odd) / sizeof(odd[0]); n++) {
        struct insn insn;
        enum decode_result result = decode(odd[n].bytes, 15, odd[n].mode, &insn);
        if (result != odd[n].result || (odd[n].len != 0 && insn.len != odd[n].len)) {
            fail_msg("row %u: result %d", n, result);
        }
    }
}

/* Every opcode with every ModRM: an answer, and a length within what was given. */
static void any_bytes_get_an_answer(void **state)
{
    (void)state;
    uint32_t done = 0;
    for (uint32_t mode = DECODE_16; mode <= DECODE_64; mode++) {
        for (uint32_t n = 0; n < 0x60000; n++) {
            static const uint8_t lead[6][2] = {{0, 0},    {0x66, 1}, {0x67, 1},
                                               {0x48, 1}, {0x4F, 1}, {0x0F, 1}};
            uint8_t bytes[15] = {0};
            uint32_t prefix = n >> 16;
            uint32_t at = lead[prefix][1];
            bytes[0] = lead[prefix][0];
            bytes[at] = (uint8_t)(n >> 8);
            bytes[at + 1] = (uint8_t)n;
            bytes[at + 2] = (uint8_t)(n * 37);
            struct insn insn;
            if (decode(bytes, 15, (enum decode_mode)mode, &insn) != DECODE_DONE) {
                continue;
            }
            done++;
            assert_true(insn.len >= 1 && insn.len <= 15);
            assert_true(insn.op < INSN_OPS && insn.form <= INSN_STACK_IMM && insn.reg < GPR_COUNT);
            assert_true(insn.base < GPR_COUNT || insn.base == INSN_NO_REG);
            assert_true(insn.index < GPR_COUNT || insn.index == INSN_NO_REG);
            assert_true(insn.seg <= SEG_GS && insn.scale <= 3);
        }
    }
    assert_true(done > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_decode_as_the_assembler_meant),
        cmocka_unit_test(each_byte_that_is_missing_is_missed),
        cmocka_unit_test(what_touches_no_memory_is_told_apart_from_what_is_undefined),
        cmocka_unit_test(any_bytes_get_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
