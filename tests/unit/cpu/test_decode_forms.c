/* SPDX-License-Identifier: BSD-2-Clause
 * The decoder's wider half: stack, strings, bits, system, VEX, vectors; a row for each kind of
 * instruction. The rows were assembled by GNU as; what they mean is from [SDM] vol. 2. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/string.h"
#include "cpu/decode.h"
#include "vm/regs.h"

/* Registers that may be absent are stored one higher, so that 0 is none. */
#define AT(reg) ((reg) + 1u)
#define ANY     0xFEu /* the register does not count */
#define R       INSN_READ
#define W       INSN_WRITE
#define RW      (INSN_READ | INSN_WRITE)

struct row {
    const char *text;
    const char *hex;
    uint32_t bits; /* of the code */
    uint8_t op, form, access;
    uint16_t mem_size;
    uint8_t op_size, addr_size; /* 0: 4, or what the code's size says */
    uint8_t reg_kind, reg, reg_size, reg2;
    uint8_t seg, base;
    uint8_t other, other_access, other_size, other_count;
    uint8_t rep, cond, align;
    bool lock, vex;
    uint64_t disp, imm;
};

/* The stack's part of a row. */
#define PUSHES(size, count) \
    .other = INSN_AT_STACK, .other_access = W, .other_size = (size), .other_count = (count)
#define POPS(size, count) \
    .other = INSN_AT_STACK, .other_access = R, .other_size = (size), .other_count = (count)
#define TO_RDI(access, size) \
    .other = INSN_AT_ES_RDI, .other_access = (access), .other_size = (size), .other_count = 1

static const struct row rows[] = {
    {"push qword ptr [rbx+8]", "ff7308", 64, .op = INSN_PUSH, .form = INSN_MEM, .access = R,
     .mem_size = 8, .op_size = 8, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RBX), .disp = 8,
     PUSHES(8, 1)},
    {"pop qword ptr [rsp+8]", "8f442408", 64, .op = INSN_POP, .form = INSN_MEM, .access = W,
     .mem_size = 8, .op_size = 8, .reg = ANY, .seg = SEG_SS, .base = AT(GPR_RSP), .disp = 8,
     POPS(8, 1)},
    {"push r9", "4151", 64, .op = INSN_PUSH, .form = INSN_STACK_REG, .access = 0, .mem_size = 0,
     .op_size = 8, .reg = 9, .reg_size = 8, PUSHES(8, 1)},
    {"push r9w", "664151", 64, .op = INSN_PUSH, .form = INSN_STACK_REG, .access = 0, .mem_size = 0,
     .op_size = 2, .reg = 9, .reg_size = 2, PUSHES(2, 1)},
    {"push 0x12345678", "6878563412", 32, .op = INSN_PUSH, .form = INSN_STACK_IMM, .access = 0,
     .mem_size = 0, .reg = ANY, .imm = 0x12345678, PUSHES(4, 1)},
    {"push -2", "6afe", 64, .op = INSN_PUSH, .form = INSN_STACK_IMM, .access = 0, .mem_size = 0,
     .op_size = 8, .reg = ANY, .imm = 0xFFFFFFFFFFFFFFFE, PUSHES(8, 1)},
    {"pop ds", "1f", 16, .op = INSN_POP, .form = INSN_STACK_REG, .access = 0, .mem_size = 0,
     .op_size = 2, .reg_kind = INSN_SEGMENT, .reg = SEG_DS, .reg_size = 2, POPS(2, 1)},
    {"push fs", "0fa0", 64, .op = INSN_PUSH, .form = INSN_STACK_REG, .access = 0, .mem_size = 0,
     .op_size = 8, .reg_kind = INSN_SEGMENT, .reg = SEG_FS, .reg_size = 2, PUSHES(8, 1)},
    {"call qword ptr [rax]", "ff10", 64, .op = INSN_CALL, .form = INSN_MEM, .access = R,
     .mem_size = 8, .op_size = 8, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RAX), PUSHES(8, 1)},
    {"call r11", "41ffd3", 64, .op = INSN_CALL, .form = INSN_STACK_REG, .access = 0, .mem_size = 0,
     .op_size = 8, .reg = 11, .reg_size = 8, PUSHES(8, 1)},
    {"call relative", "e8fefcfdff", 32, .op = INSN_CALL, .form = INSN_STACK_IMM, .access = 0,
     .mem_size = 0, .reg = ANY, .imm = 0xFFFFFFFFFFFDFCFE, PUSHES(4, 1)},
    {"jmp [rax]: 66 is ignored", "66ff20", 64, .op = INSN_JMP, .form = INSN_MEM, .access = R,
     .mem_size = 8, .op_size = 8, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RAX)},
    {"call fword ptr [ebx]", "ff1b", 32, .op = INSN_CALL_FAR, .form = INSN_MEM, .access = R,
     .mem_size = 6, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RBX), PUSHES(4, 2)},
    {"lcall 0x1234, 0x11223344", "9a443322113412", 32, .op = INSN_CALL_FAR, .form = INSN_STACK_IMM,
     .access = 0, .mem_size = 0, .reg = ANY, .imm = 0x123411223344, PUSHES(4, 2)},
    {"ret 0xfff0", "c2f0ff", 64, .op = INSN_RET, .form = INSN_STACK_IMM, .access = 0, .mem_size = 0,
     .op_size = 8, .reg = ANY, .imm = 0xFFF0, POPS(8, 1)},
    {"retf", "cb", 64, .op = INSN_RET_FAR, .form = INSN_STACK, .access = 0, .mem_size = 0,
     .reg = ANY, POPS(4, 2)},
    {"iretq", "48cf", 64, .op = INSN_IRET, .form = INSN_STACK, .access = 0, .mem_size = 0,
     .op_size = 8, .reg = ANY, POPS(8, 5)},
    {"iret", "cf", 32, .op = INSN_IRET, .form = INSN_STACK, .access = 0, .mem_size = 0, .reg = ANY,
     POPS(4, 3)},
    {"pushf", "9c", 16, .op = INSN_PUSHF, .form = INSN_STACK, .access = 0, .mem_size = 0,
     .op_size = 2, .reg = ANY, PUSHES(2, 1)},
    {"pusha", "60", 32, .op = INSN_PUSHA, .form = INSN_STACK, .access = 0, .mem_size = 0,
     .reg = ANY, PUSHES(4, 8)},
    {"enter 0x20, 3", "c8200003", 64, .op = INSN_ENTER, .form = INSN_STACK_IMM, .access = 0,
     .mem_size = 0, .op_size = 8, .reg = ANY, .imm = 0x30020, PUSHES(8, 4)},
    {"leave", "c9", 64, .op = INSN_LEAVE, .form = INSN_STACK, .access = 0, .mem_size = 0,
     .op_size = 8, .reg = ANY, POPS(8, 1)},
    {"rep movsb", "f3a4", 64, .op = INSN_MOVS, .form = INSN_STRING, .access = R, .mem_size = 1,
     .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI), .rep = INSN_REP, TO_RDI(W, 1)},
    {"fs rep movsd", "64f3a5", 32, .op = INSN_MOVS, .form = INSN_STRING, .access = R, .mem_size = 4,
     .reg = ANY, .seg = SEG_FS, .base = AT(GPR_RSI), .rep = INSN_REP, TO_RDI(W, 4)},
    {"repne scasw", "66f2af", 64, .op = INSN_SCAS, .form = INSN_STRING, .access = R, .mem_size = 2,
     .op_size = 2, .reg = ANY, .seg = SEG_ES, .base = AT(GPR_RDI), .rep = INSN_REPNE},
    {"repe cmpsq", "f348a7", 64, .op = INSN_CMPS, .form = INSN_STRING, .access = R, .mem_size = 8,
     .op_size = 8, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI), .rep = INSN_REP, TO_RDI(R, 8)},
    {"stosb", "aa", 16, .op = INSN_STOS, .form = INSN_STRING, .access = W, .mem_size = 1,
     .op_size = 2, .reg = ANY, .seg = SEG_ES, .base = AT(GPR_RDI)},
    {"ss stosb: ES stays", "36aa", 16, .op = INSN_STOS, .form = INSN_STRING, .access = W,
     .mem_size = 1, .op_size = 2, .reg = ANY, .seg = SEG_ES, .base = AT(GPR_RDI)},
    {"lods eax, [si]", "67ad", 32, .op = INSN_LODS, .form = INSN_STRING, .access = R, .mem_size = 4,
     .addr_size = 2, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"insd: REX.W is ignored", "486d", 64, .op = INSN_INS, .form = INSN_STRING, .access = W,
     .mem_size = 4, .op_size = 8, .reg = ANY, .seg = SEG_ES, .base = AT(GPR_RDI)},
    {"outsb", "6e", 32, .op = INSN_OUTS, .form = INSN_STRING, .access = R, .mem_size = 1,
     .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"gs xlatb", "65d7", 32, .op = INSN_XLAT, .form = INSN_MEM, .access = R, .mem_size = 1,
     .reg = ANY, .seg = SEG_GS, .base = AT(GPR_RBX)},
    {"lock cmpxchg [rdi], r9d", "f0440fb10f", 64, .op = INSN_CMPXCHG, .form = INSN_MEM_REG,
     .access = RW, .mem_size = 4, .reg = 9, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI),
     .lock = true},
    {"lock cmpxchg16b [rsi]", "f0480fc70e", 64, .op = INSN_CMPXCHG8B, .form = INSN_MEM,
     .access = RW, .mem_size = 16, .op_size = 8, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI),
     .align = 16, .lock = true},
    {"cmpxchg8b [esi]", "0fc70e", 32, .op = INSN_CMPXCHG8B, .form = INSN_MEM, .access = RW,
     .mem_size = 8, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"lock xadd [rax], rcx", "f0480fc108", 64, .op = INSN_XADD, .form = INSN_MEM_REG, .access = RW,
     .mem_size = 8, .op_size = 8, .reg = 1, .reg_size = 8, .seg = SEG_DS, .base = AT(GPR_RAX),
     .lock = true},
    {"bt [rax], ecx", "0fa308", 64, .op = INSN_BT, .form = INSN_MEM_REG, .access = R, .mem_size = 4,
     .reg = 1, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RAX)},
    {"lock bts qword ptr [rax], 9", "f0480fba2809", 64, .op = INSN_BTS, .form = INSN_MEM_IMM,
     .access = RW, .mem_size = 8, .op_size = 8, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RAX),
     .imm = 9, .lock = true},
    {"shld [rax], ecx, 5", "0fa40805", 64, .op = INSN_SHLD, .form = INSN_MEM_REG_IMM, .access = RW,
     .mem_size = 4, .reg = 1, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RAX), .imm = 5},
    {"shrd [rax], rcx, cl", "480fad08", 64, .op = INSN_SHRD, .form = INSN_MEM_REG_CL, .access = RW,
     .mem_size = 8, .op_size = 8, .reg = 1, .reg_size = 8, .seg = SEG_DS, .base = AT(GPR_RAX)},
    {"imul rax, [rbx], 100", "486b0364", 64, .op = INSN_IMUL, .form = INSN_REG_MEM_IMM, .access = R,
     .mem_size = 8, .op_size = 8, .reg = 0, .reg_size = 8, .seg = SEG_DS, .base = AT(GPR_RBX),
     .imm = 100},
    {"imul eax, [rbx]", "0faf03", 64, .op = INSN_IMUL, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RBX)},
    {"mul byte ptr [rbx]", "f623", 64, .op = INSN_MUL, .form = INSN_MEM, .access = R, .mem_size = 1,
     .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RBX)},
    {"movbe [rdi], eax", "0f38f107", 64, .op = INSN_MOVBE, .form = INSN_MEM_REG, .access = W,
     .mem_size = 4, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"movbe ax, [rdi]", "660f38f007", 64, .op = INSN_MOVBE, .form = INSN_REG_MEM, .access = R,
     .mem_size = 2, .op_size = 2, .reg = 0, .reg_size = 2, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"cmovne r8d, [rdi]", "440f4507", 64, .op = INSN_CMOVCC, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .reg = 8, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI), .cond = 5},
    {"setb [rdi]", "0f9207", 64, .op = INSN_SETCC, .form = INSN_MEM, .access = W, .mem_size = 1,
     .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RDI), .cond = 2},
    {"popcnt eax, [rdi]", "f30fb807", 64, .op = INSN_POPCNT, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"tzcnt eax, [rdi]", "f30fbc07", 64, .op = INSN_TZCNT, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"bsf eax, [rdi]", "0fbc07", 64, .op = INSN_BSF, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"crc32 eax, byte ptr [rdi]", "f20f38f007", 64, .op = INSN_CRC32, .form = INSN_REG_MEM,
     .access = R, .mem_size = 1, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"crc32 eax, word ptr [rdi]", "66f20f38f107", 64, .op = INSN_CRC32, .form = INSN_REG_MEM,
     .access = R, .mem_size = 2, .op_size = 2, .reg = 0, .reg_size = 4, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"adcx eax, [rdi]", "660f38f607", 64, .op = INSN_ADCX, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .op_size = 2, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"movnti [rdi], rax", "480fc307", 64, .op = INSN_MOV, .form = INSN_MEM_REG, .access = W,
     .mem_size = 8, .op_size = 8, .reg = 0, .reg_size = 8, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"movdir64b rax, [rsi]", "660f38f806", 64, .op = INSN_MOVDIR64B, .form = INSN_REG_MEM,
     .access = R, .mem_size = 64, .op_size = 2, .reg = 0, .reg_size = 8, .seg = SEG_DS,
     .base = AT(GPR_RSI), .other = INSN_AT_ES_REG, .other_access = W, .other_size = 64,
     .other_count = 1},
    {"mov [rdi], gs", "8c2f", 64, .op = INSN_MOV, .form = INSN_MEM_REG, .access = W, .mem_size = 2,
     .reg_kind = INSN_SEGMENT, .reg = SEG_GS, .reg_size = 2, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"mov ss, [rdi]", "8e17", 64, .op = INSN_MOV, .form = INSN_REG_MEM, .access = R, .mem_size = 2,
     .reg_kind = INSN_SEGMENT, .reg = SEG_SS, .reg_size = 2, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"les eax, [esi]", "c406", 32, .op = INSN_LOAD_FAR, .form = INSN_REG_MEM, .access = R,
     .mem_size = 6, .reg = 0, .reg_size = 4, .reg2 = AT(SEG_ES), .seg = SEG_DS,
     .base = AT(GPR_RSI)},
    {"lgs ax, [rsi]", "660fb506", 64, .op = INSN_LOAD_FAR, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .op_size = 2, .reg = 0, .reg_size = 2, .reg2 = AT(SEG_GS), .seg = SEG_DS,
     .base = AT(GPR_RSI)},
    {"bound eax, [esi]", "6206", 32, .op = INSN_BOUND, .form = INSN_REG_MEM, .access = R,
     .mem_size = 8, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"arpl [esi], ax", "6306", 32, .op = INSN_ARPL, .form = INSN_MEM_REG, .access = RW,
     .mem_size = 2, .reg = 0, .reg_size = 2, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"lgdt [rsi]", "0f0116", 64, .op = INSN_LGDT, .form = INSN_MEM, .access = R, .mem_size = 10,
     .op_size = 8, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"sidt [bx]", "0f010f", 16, .op = INSN_SIDT, .form = INSN_MEM, .access = W, .mem_size = 6,
     .op_size = 2, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RBX)},
    {"smsw [rsi]", "0f0126", 64, .op = INSN_SMSW, .form = INSN_MEM, .access = W, .mem_size = 2,
     .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"invlpg [rsi]", "0f013e", 64, .op = INSN_INVLPG, .form = INSN_MEM, .access = 0, .mem_size = 0,
     .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"lea rax, [rsi+4]", "488d4604", 64, .op = INSN_LEA, .form = INSN_REG_MEM, .access = 0,
     .mem_size = 0, .op_size = 8, .reg = 0, .reg_size = 8, .seg = SEG_DS, .base = AT(GPR_RSI),
     .disp = 4},
    {"prefetcht0 [rsi]", "0f180e", 64, .op = INSN_HINT, .form = INSN_MEM, .access = 0,
     .mem_size = 0, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"clflush [rsi]", "0fae3e", 64, .op = INSN_CLFLUSH, .form = INSN_MEM, .access = 0,
     .mem_size = 0, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RSI)},
    {"andn eax, ecx, [rdi]", "c4e270f207", 64, .op = INSN_ANDN, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .reg = 0, .reg_size = 4, .reg2 = AT(GPR_RCX), .seg = SEG_DS,
     .base = AT(GPR_RDI), .vex = true},
    {"blsr eax, [rdi]", "c4e278f30f", 64, .op = INSN_BLSR, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .reg = 0, .reg_size = 4, .seg = SEG_DS, .base = AT(GPR_RDI), .vex = true},
    {"rorx rax, [rdi], 7", "c4e3fbf00707", 64, .op = INSN_RORX, .form = INSN_REG_MEM_IMM,
     .access = R, .mem_size = 8, .op_size = 8, .reg = 0, .reg_size = 8, .seg = SEG_DS,
     .base = AT(GPR_RDI), .imm = 7, .vex = true},
    {"movups xmm9, [rdi]", "440f100f", 64, .op = INSN_VMOV, .form = INSN_REG_MEM, .access = R,
     .mem_size = 16, .reg_kind = INSN_XMM, .reg = 9, .reg_size = 16, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"movaps [rdi], xmm1", "0f290f", 64, .op = INSN_VMOV, .form = INSN_MEM_REG, .access = W,
     .mem_size = 16, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16, .seg = SEG_DS,
     .base = AT(GPR_RDI), .align = 16},
    {"movss xmm1, [rdi]", "f30f100f", 64, .op = INSN_VMOV, .form = INSN_REG_MEM, .access = R,
     .mem_size = 4, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"movq xmm1, [rdi]", "f30f7e0f", 64, .op = INSN_VMOV, .form = INSN_REG_MEM, .access = R,
     .mem_size = 8, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"movd [rdi], mm2", "0f7e17", 64, .op = INSN_VMOV, .form = INSN_MEM_REG, .access = W,
     .mem_size = 4, .reg_kind = INSN_MMX, .reg = 2, .reg_size = 8, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"movhps xmm1, [rdi]", "0f160f", 64, .op = INSN_VMOV_HIGH, .form = INSN_REG_MEM, .access = R,
     .mem_size = 8, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"vmovhps xmm1, xmm2, [rdi]", "c5e8160f", 64, .op = INSN_VMOV_HIGH, .form = INSN_REG_MEM,
     .access = R, .mem_size = 8, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16, .reg2 = AT(2),
     .seg = SEG_DS, .base = AT(GPR_RDI), .vex = true},
    {"movlpd [rdi], xmm1", "660f130f", 64, .op = INSN_VMOV_LOW, .form = INSN_MEM_REG, .access = W,
     .mem_size = 8, .op_size = 2, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"vmovdqu ymm3, [rdi]", "c5fe6f1f", 64, .op = INSN_VMOV, .form = INSN_REG_MEM, .access = R,
     .mem_size = 32, .reg_kind = INSN_XMM, .reg = 3, .reg_size = 32, .seg = SEG_DS,
     .base = AT(GPR_RDI), .vex = true},
    {"vmovntdq [rdi], ymm3", "c5fde71f", 64, .op = INSN_VMOV, .form = INSN_MEM_REG, .access = W,
     .mem_size = 32, .reg_kind = INSN_XMM, .reg = 3, .reg_size = 32, .seg = SEG_DS,
     .base = AT(GPR_RDI), .align = 32, .vex = true},
    {"vbroadcastss ymm3, [rdi]", "c4e27d181f", 64, .op = INSN_VBROADCAST, .form = INSN_REG_MEM,
     .access = R, .mem_size = 4, .reg_kind = INSN_XMM, .reg = 3, .reg_size = 32, .seg = SEG_DS,
     .base = AT(GPR_RDI), .vex = true},
    {"movddup xmm1, [rdi]", "f20f120f", 64, .op = INSN_VDUP_LOW_8, .form = INSN_REG_MEM,
     .access = R, .mem_size = 8, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"gs maskmovdqu xmm1, xmm10", "6566410ff7ca", 64, .op = INSN_VMASK_1, .form = INSN_MEM_REG,
     .access = W, .mem_size = 16, .op_size = 2, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16,
     .reg2 = AT(10), .seg = SEG_GS, .base = AT(GPR_RDI)},
    {"vpmaskmovq [rdi], ymm2, ymm1", "c4e2ed8e0f", 64, .op = INSN_VMASK_8, .form = INSN_MEM_REG,
     .access = W, .mem_size = 32, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 32, .reg2 = AT(2),
     .seg = SEG_DS, .base = AT(GPR_RDI), .vex = true},
    {"vextracti128 [rdi], ymm1, 1", "c4e37d390f01", 64, .op = INSN_VEXTRACT,
     .form = INSN_MEM_REG_IMM, .access = W, .mem_size = 16, .reg_kind = INSN_XMM, .reg = 1,
     .reg_size = 32, .seg = SEG_DS, .base = AT(GPR_RDI), .vex = true, .imm = 1},
    {"addps xmm1, [rdi]", "0f580f", 64, .op = INSN_VECTOR, .form = INSN_REG_MEM, .access = R,
     .mem_size = 16, .reg_kind = INSN_XMM, .reg = 1, .reg_size = 16, .seg = SEG_DS,
     .base = AT(GPR_RDI)},
    {"fld tbyte ptr [rdi]", "db2f", 64, .op = INSN_X87, .form = INSN_MEM, .access = R,
     .mem_size = 10, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RDI)},
    {"fxsave [rdi]", "0fae07", 64, .op = INSN_SYSTEM, .form = INSN_MEM, .access = W,
     .mem_size = 512, .reg = ANY, .seg = SEG_DS, .base = AT(GPR_RDI)},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static uint8_t reg_of(uint8_t stored)
{
    return stored == 0 ? INSN_NO_REG : (uint8_t)(stored - 1u);
}

static bool operands_match(const struct row *r, const struct insn *i)
{
    bool has_memory = r->form < INSN_STACK;
    return i->access == r->access && i->mem_size == r->mem_size &&
           (!has_memory ||
            (i->seg == r->seg && i->base == reg_of(r->base) && i->disp == r->disp)) &&
           (r->reg == ANY ||
            (i->reg == r->reg && i->reg_size == r->reg_size && i->reg_kind == r->reg_kind)) &&
           i->reg2 == reg_of(r->reg2) && i->imm == r->imm && i->align == r->align;
}

static bool row_matches(const struct row *r, uint32_t len, const struct insn *i)
{
    uint32_t op_size = r->op_size == 0 ? 4 : r->op_size;
    uint32_t addr_size = r->addr_size == 0 ? r->bits / 8u : r->addr_size;
    bool is_conditional = r->op == INSN_SETCC || r->op == INSN_CMOVCC;
    return i->op == r->op && i->form == r->form && i->len == len && i->op_size == op_size &&
           i->addr_size == addr_size && operands_match(r, i) && i->other == r->other &&
           i->other_access == r->other_access && i->other_size == r->other_size &&
           i->other_count == r->other_count && i->rep == r->rep && i->lock == r->lock &&
           i->vex == r->vex && (!is_conditional || i->cond == r->cond);
}

static void every_kind_of_instruction_is_described_for_the_emulator(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < ROWS; n++) {
        const struct row *r = &rows[n];
        enum decode_mode mode = r->bits == 64 ? DECODE_64 : r->bits == 32 ? DECODE_32 : DECODE_16;
        struct insn insn;
        uint8_t bytes[15];
        uint32_t len = 0;
        memset(bytes, 0xCC, sizeof(bytes)); /* what follows is of no importance */
        for (; r->hex[2 * len] != 0; len++) {
            bytes[len] = (uint8_t)(digit(r->hex[2 * len]) << 4 | digit(r->hex[2 * len + 1]));
        }
        assert_int_equal(decode(bytes, 15, mode, &insn), DECODE_DONE);
        if (!row_matches(r, len, &insn)) {
            fail_msg("%s", r->text);
        }
        for (uint32_t cut = 0; cut < len; cut++) {
            assert_int_equal(decode(bytes, cut, mode, &insn), DECODE_SHORT);
        }
    }
}

static void a_shift_by_cl_or_by_one_has_its_form(void **state)
{
    (void)state;
    static const uint8_t by[3][3] = {{0xC1, 0x20, 0x07}, {0xD1, 0x20, 0}, {0xD3, 0x20, 0}};
    static const uint8_t form[3] = {INSN_MEM_IMM, INSN_MEM_IMM, INSN_MEM_CL};
    static const uint64_t imm[3] = {7, 1, 0};
    for (uint32_t n = 0; n < 3; n++) {
        for (uint32_t op = 0; op < 8; op++) {
            struct insn insn;
            uint8_t bytes[3] = {by[n][0], (uint8_t)(op << 3), by[n][2]};
            assert_int_equal(decode(bytes, 3, DECODE_64, &insn), DECODE_DONE);
            assert_int_equal(insn.op, INSN_ROL + op);
            assert_int_equal(insn.form, form[n]);
            assert_int_equal(insn.imm, imm[n]);
        }
    }
}

static void enter_masks_its_level(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xC8, 0x34, 0x12, 0xFF};
    struct insn insn;
    assert_int_equal(decode(bytes, 4, DECODE_32, &insn), DECODE_DONE);
    assert_int_equal(insn.imm, 0x1F1234);
    assert_int_equal(insn.other_count, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_instruction_is_described_for_the_emulator),
        cmocka_unit_test(a_shift_by_cl_or_by_one_has_its_form),
        cmocka_unit_test(enter_masks_its_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
