/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of the emulator share: one instruction under way.
 *
 * Each operation is one function. It resolves its operands (which can fail), settles (after which
 * nothing is left that can, but what the operand's value decides), and then reads, writes and edits
 * registers. What it returns beside EMULATE_DONE, nothing was changed. */
#ifndef CPU_EMULATE_INT_H
#define CPU_EMULATE_INT_H

#include "cpu/emulate.h"
#include "cpu/walk.h"

#define VECTOR_DE 0u
#define VECTOR_BR 5u
#define VECTOR_UD 6u
#define VECTOR_NM 7u
#define VECTOR_SS 12u
#define VECTOR_GP 13u
#define VECTOR_PF 14u
#define VECTOR_AC 17u

#define SEG_CODE     0x8u /* types of segments */
#define SEG_DOWN     0x4u /* of data: expands downwards    */
#define SEG_WRITABLE 0x2u /* of data; of code: may be read */

#define EMU_VECTOR_BYTES 32u
#define EMU_DUES_MAX     4u

/* An operand as the instruction names it. */
struct emu_ref {
    uint64_t offset;
    uint32_t size;
    uint8_t seg;
    uint8_t access; /* INSN_READ, INSN_WRITE                             */
    uint8_t align;  /* bytes, for #GP; 0: unaligned is #AC at most       */
};

/* Where it is: one part, or two in adjoining pages. */
struct emu_span {
    gpa_t gpa[2];
    uint32_t size[2]; /* bytes; size[1] is 0 for one part */
};

/* Accessed and dirty flags that are still to be set. */
struct emu_due {
    uint64_t linear;
    uint32_t access;
};

struct emu {
    const struct emulate_vcpu *v;
    const struct vcpu_regs *regs;
    struct emulate_report *report;
    struct walk_view view;
    struct emulate_memo_line *line; /* where to remember, or null                   */
    struct insn insn;
    gpa_t page;   /* of the exit                                         */
    bool here;    /* an operand lies in it, or nobody asks               */
    bool repeat;  /* stay at this instruction: it has more elements to do */
    uint8_t mode; /* enum decode_mode                                    */
    uint8_t cpl;
    uint8_t dues;
    uint8_t translated; /* parts of operands, so far                          */
    uint64_t next_rip;  /* where to go on                                      */
    struct emu_due due[EMU_DUES_MAX];
};

typedef enum emulate_result emu_fn(struct emu *e);

/* --- emulate_mem.c ---------------------------------------------------------------------------------- */

/* The exception for the guest, with error code `code` if it is one that has such. */
enum emulate_result emu_fault(struct emu *e, uint8_t vector, uint32_t code);

/* Translates and checks an operand. EMULATE_DONE: *span says where it is. */
enum emulate_result emu_resolve(struct emu *e, const struct emu_ref *ref, struct emu_span *span);

/* All operands are resolved: sets flags in the page tables. Last chance to fail. */
enum emulate_result emu_settle(struct emu *e);

/* The offset of the explicit operand in its segment. */
uint64_t emu_offset(const struct emu *e);
struct emu_ref emu_explicit_ref(const struct emu *e);

/* Resolves the explicit operand, and settles. */
enum emulate_result emu_explicit(struct emu *e, struct emu_span *span);

/* @pre the operand has at most 8 bytes. */
uint64_t emu_load(const struct emu *e, const struct emu_span *span);
void emu_store(const struct emu *e, const struct emu_span *span, uint64_t val);

/* @pre the operand has at most EMU_VECTOR_BYTES. */
void emu_load_bytes(const struct emu *e, const struct emu_span *span, uint8_t *buf);
void emu_store_bytes(const struct emu *e, const struct emu_span *span, const uint8_t *buf);

/* --- emulate.c ----------------------------------------------------------------------------------------- */

/* The registers, to be changed. */
struct vcpu_regs *emu_edit(struct emu *e);

/* General registers. 32-bit results clear the upper half, narrower ones leave the rest. */
uint64_t emu_gpr(const struct emu *e, uint32_t reg, uint32_t size);
void emu_set_gpr(struct emu *e, uint32_t reg, uint32_t size, uint64_t val);

/* The instruction's register operand, which may be AH to BH. */
uint64_t emu_reg(const struct emu *e);
void emu_set_reg(struct emu *e, uint64_t val);

bool emu_is_real(const struct emu *e); /* real or virtual-8086 mode: segments are selector * 16 */

/* --- emulate_memo.c ------------------------------------------------------------------------------------ */

/* Carries out a plain move that is remembered with its operand. False: nothing was done. */
bool emu_memo_move(const struct emulate_vcpu *v, gpa_t gpa, struct emulate_report *report);

/* Looks for the instruction at RIP. True: insn and the report's bytes are filled. */
bool emu_memo_find(struct emu *e);

/* Remembers the instruction that was decoded from *code, if all it follows from can be watched. */
void emu_memo_keep(struct emu *e, const struct walk_code *code);

/* The same for a part of an operand. */
bool emu_memo_find_page(struct emu *e, uint64_t linear, uint32_t access, gpa_t *gpa);
void emu_memo_keep_page(struct emu *e, uint64_t linear, uint32_t access, const struct walk *walk);

/* --- emulate_system.c ------------------------------------------------------------------------------------ */

/* Loads a segment register in real or virtual-8086 mode. */
void emu_set_real_segment(struct emu *e, uint32_t seg, uint16_t selector);

/* --- Operations ------------------------------------------------------------------------------------------ */

emu_fn emu_op_alu, emu_op_mov, emu_op_extend, emu_op_movbe, emu_op_shift, emu_op_shift_double;
emu_fn emu_op_multiply, emu_op_divide, emu_op_scan, emu_op_bmi, emu_op_mulx, emu_op_crc32;
emu_fn emu_op_setcc, emu_op_cmov, emu_op_xlat, emu_op_touch, emu_op_bound;
emu_fn emu_op_bit, emu_op_xchg, emu_op_xadd, emu_op_cmpxchg, emu_op_cmpxchg_pair;
emu_fn emu_op_push, emu_op_pop, emu_op_pusha, emu_op_popa, emu_op_pushf, emu_op_popf;
emu_fn emu_op_call, emu_op_jmp, emu_op_ret, emu_op_enter, emu_op_leave;
emu_fn emu_op_string;
emu_fn emu_op_vmov, emu_op_vbroadcast;
emu_fn emu_op_load_far, emu_op_arpl, emu_op_store_selector, emu_op_store_table, emu_op_smsw;

#endif
