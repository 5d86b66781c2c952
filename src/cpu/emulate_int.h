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
#define VECTOR_TS 10u
#define VECTOR_NP 11u
#define VECTOR_SS 12u
#define VECTOR_GP 13u
#define VECTOR_PF 14u
#define VECTOR_AC 17u

#define SEG_CODE          0x8u /* types of segments */
#define SEG_DOWN          0x4u /* of data: expands downwards    */
#define SEG_CONFORMING    0x4u /* of code                       */
#define SEG_WRITABLE      0x2u /* of data; of code: may be read */
#define SEG_READABLE      0x2u
#define SEG_TYPE_ACCESSED 0x1u

#define SYSTEM_TSS_16       0x1u /* types of system descriptors */
#define SYSTEM_LDT          0x2u
#define SYSTEM_TSS_16_BUSY  0x3u
#define SYSTEM_CALL_GATE_16 0x4u
#define SYSTEM_TASK_GATE    0x5u
#define SYSTEM_TSS          0x9u
#define SYSTEM_TSS_BUSY     0xBu
#define SYSTEM_CALL_GATE    0xCu

#define SELECTOR_RPL        0x3u
#define SELECTOR_LDT        0x4u
#define SELECTOR_IS_NULL(s) (((s) & ~SELECTOR_RPL) == 0)
#define SELECTOR_ERROR(s)   ((s) & ~SELECTOR_RPL) /* as an error code names it */
#define SEG_AR_DESCRIPTOR   0xF0FFu               /* bits 55 to 40, without those of the limit */

#define EMU_VECTOR_BYTES 32u
#define EMU_DUES_MAX     4u

/* A stack: the current one, or one that is to be. */
struct emu_stack {
    struct seg_reg seg;
    uint64_t pointer;
    uint8_t mode;   /* enum decode_mode of the code that uses it */
    uint8_t cpl;    /* its level                                 */
    uint16_t error; /* the code of a #SS                         */
};

/* An operand as the instruction names it. */
struct emu_ref {
    uint64_t offset;
    uint32_t size;
    uint8_t seg;
    uint8_t access;                /* INSN_READ, INSN_WRITE                             */
    uint8_t align;                 /* bytes, for #GP; 0: unaligned is #AC at most       */
    bool loose;                    /* not even that                                     */
    const struct emu_stack *stack; /* null: by the registers            */
};

/* Where it is: one part, or two in adjoining pages. */
struct emu_span {
    gpa_t gpa[2];
    uint32_t size[2]; /* bytes; size[1] is 0 for one part */
};

/* A far pointer in memory. */
struct emu_far_ptr {
    struct emu_span offset;
    struct emu_span selector;
};

/* A descriptor as it was read. */
struct emu_descriptor {
    bool found; /* the selector is within its table          */
    uint64_t linear;
    uint64_t low;
    uint64_t high; /* of those with 16 bytes, else 0 */
};

/* Where a far transfer leads. */
struct emu_target {
    uint64_t offset;
    uint16_t selector;
    bool code;      /* it is a code segment                                  */
    bool is_64;     /* ... of 64-bit code                                    */
    uint8_t level;  /* CPL there                                             */
    uint8_t gate;   /* bytes of what a CALL by its gate pushes; 0: no gate   */
    uint8_t params; /* ... and how many words it copies                      */
    uint32_t ar;    /* of the descriptor                                     */
    uint32_t limit;
    struct emu_descriptor d;
};

/* What is pushed, in this order. */
#define EMU_PUSH_WORDS 4u
struct emu_push {
    const struct emu_stack *stack;
    uint32_t size; /* bytes of a word                                 */
    uint32_t words;
    uint32_t params; /* behind the second: copied from the current stack */
    uint64_t word[EMU_PUSH_WORDS];
};

/* A return, to another stack or on this one. */
struct emu_return {
    struct emu_target to;
    bool switches; /* SS and the pointer come from the stack */
    uint16_t selector;
    uint64_t pointer;
    uint64_t moved;  /* bytes that it releases, on both stacks, beyond what it pops */
    uint32_t popped; /* slots                                  */
    struct emu_descriptor d;
    struct seg_reg ss;
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
    bool resume;  /* RFLAGS.RF is what the instruction made of it         */
    uint8_t mode; /* enum decode_mode                                    */
    uint8_t cpl;
    uint8_t dues;
    uint8_t translated; /* parts of operands, so far                          */
    uint64_t next_rip;  /* where to go on                                      */
    struct emu_due due[EMU_DUES_MAX];
};

typedef enum emulate_result emu_fn(struct emu *e);

/* An operation on the explicit operand alone, which is resolved and settled. */
typedef enum emulate_result emu_operand_fn(struct emu *e, const struct emu_span *mem);

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

/* Bytes of one page of RAM. */
uint64_t emu_ram_read(const struct gmem *gmem, gpa_t gpa, uint32_t size);

/* --- emulate_regs.c ------------------------------------------------------------------------------------ */

/* The registers, to be changed. */
struct vcpu_regs *emu_edit(struct emu *e);
struct vcpu_regs *emu_edit_system(struct emu *e); /* system registers, too */

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

/* --- emulate_stack.c ------------------------------------------------------------------------------------- */

/* A slot at `by` bytes from the stack pointer, upwards; `by` may be the negative of a number. */
struct emu_ref emu_stack_slot(const struct emu *e, uint64_t by, uint8_t access);
/* Moves the pointer by so much. */
void emu_stack_move(struct emu *e, uint64_t by);

/* --- emulate_segment.c ----------------------------------------------------------------------------------- */

/* Where a byte is that the processor itself reads or writes, in RAM. Flags in the page tables are set. */
enum emulate_result emu_table_translate(struct emu *e, uint64_t linear, uint32_t access,
                                        gpa_t *gpa);

/* What the processor reads for itself: at most eight bytes of a descriptor table or a TSS, in RAM. */
enum emulate_result emu_table_read(struct emu *e, uint64_t linear, uint32_t size, uint64_t *val);

/* Reads the descriptor that a selector names, of 8 or 16 bytes. */
enum emulate_result emu_find_descriptor(struct emu *e, uint16_t selector, uint32_t bytes,
                                        struct emu_descriptor *d);

uint64_t emu_descriptor_base(const struct emu_descriptor *d);
uint32_t emu_descriptor_limit(const struct emu_descriptor *d);

/* What a segment register becomes that `selector` is loaded into. */
void emu_describe_segment(uint16_t selector, const struct emu_descriptor *d, struct seg_reg *out);

/* A data segment that can be written, of exactly this level: SS may have it. */
bool emu_stack_allowed(const struct emu_descriptor *d, uint16_t selector, uint32_t level);

uint32_t emu_descriptor_dpl(const struct emu_descriptor *d);
bool emu_descriptor_is_present(const struct emu_descriptor *d);

/* The checks are passed: marks the descriptor accessed; *out is what the segment register becomes. */
enum emulate_result emu_accept_segment(struct emu *e, uint16_t selector,
                                       const struct emu_descriptor *d, struct seg_reg *out);

/* What loading `selector` makes of ES, SS, DS, FS or GS, in any mode, or the exception. The accessed
 * flag of the descriptor is set. */
enum emulate_result emu_check_segment(struct emu *e, uint32_t seg, uint16_t selector,
                                      struct seg_reg *out);

/* ... and then it is loaded. */
void emu_set_segment(struct emu *e, uint32_t seg, const struct seg_reg *now);

/* Resolves the explicit operand as a far pointer whose offset has `size` bytes. */
enum emulate_result emu_far_operand(struct emu *e, uint32_t size, struct emu_far_ptr *ptr);

/* --- task.c ------------------------------------------------------------------------------------------------ */

/* What JMP and CALL do whose selector names a TSS, busy or not, or a task gate, and IRET with NT set (`selector` is not looked at
 * then), outside IA-32e mode. `source` is VM_TASK_JMP, VM_TASK_CALL or VM_TASK_IRET. All checks are made here, privilege
 * first. The instruction's operands are settled; EMULATE_DONE, or EMULATE_FAULT with report.switched, and the registers are the new
 * task's: the caller changes none after. */
enum emulate_result emu_task_switch(struct emu *e, uint8_t source, uint16_t selector);

/* The same from an exit: privilege levels have been looked at. */
enum emulate_result emu_task_exit(struct emu *e, const struct vm_exit_task *t);

/* --- emulate_target.c ------------------------------------------------------------------------------------ */

enum emulate_result emu_selector_fault(struct emu *e, uint8_t vector, uint16_t selector);

/* The stack of now; a slot of `size` bytes at `by` from its pointer. */
void emu_stack_now(const struct emu *e, struct emu_stack *s);
uint32_t emu_stack_width(const struct emu_stack *s);
struct emu_ref emu_stack_ref(const struct emu_stack *s, uint64_t by, uint32_t size, uint8_t access);

/* Reads what was resolved before all is: in RAM, or the access that the exit was about. */
enum emulate_result emu_load_early(struct emu *e, const struct emu_span *span, uint64_t *val);

/* Slots `first` and on of the current stack. @pre count is at most EMU_SLOTS_MAX. */
#define EMU_SLOTS_MAX 6u
enum emulate_result emu_load_slots(struct emu *e, uint64_t by, uint32_t count, uint64_t *val);

/* Reads the descriptor that t->selector names, of whatever kind, in protected mode. */
enum emulate_result emu_target_find(struct emu *e, struct emu_target *t);
/* In real and in virtual-8086 mode there is nothing to read. */
void emu_target_real(const struct emu *e, struct emu_target *t);
/* Is the offset one that code may have? */
enum emulate_result emu_target_limit(struct emu *e, const struct emu_target *t);
/* CS and RIP; @pre all is checked, and settled. */
enum emulate_result emu_target_mark(struct emu *e, const struct emu_target *t);
void emu_target_go(struct emu *e, const struct emu_target *t);

/* --- emulate_gate.c -------------------------------------------------------------------------------------- */

/* t has named something that is no code: the code that a call gate leads to, the exception, or a switch to another
 * task, which is done then (report.switched). */
enum emulate_result emu_gate_follow(struct emu *e, struct emu_target *t);

/* The stack of an inner level, out of the TSS. */
enum emulate_result emu_gate_stack(struct emu *e, const struct emu_target *t, struct emu_stack *s,
                                   struct emu_descriptor *d);

/* --- emulate_return.c ------------------------------------------------------------------------------------ */

/* r->to.selector, offset, popped and moved are what was found: everything else, up to all checks. */
enum emulate_result emu_return_check(struct emu *e, struct emu_return *r);
/* Then it settles, and goes. */
enum emulate_result emu_return_go(struct emu *e, const struct emu_return *r);

/* --- Operations ------------------------------------------------------------------------------------------ */

emu_operand_fn emu_op_alu, emu_op_mov, emu_op_extend, emu_op_movbe, emu_op_shift;
emu_operand_fn emu_op_shift_double, emu_op_multiply, emu_op_divide, emu_op_scan, emu_op_bmi;
emu_operand_fn emu_op_mulx, emu_op_crc32, emu_op_setcc, emu_op_cmov, emu_op_bound;
emu_operand_fn emu_op_xchg, emu_op_xadd, emu_op_cmpxchg, emu_op_cmpxchg_pair;
emu_fn emu_op_xlat, emu_op_touch, emu_op_bit;
emu_fn emu_op_push, emu_op_pop, emu_op_pusha, emu_op_popa, emu_op_pushf, emu_op_popf;
emu_fn emu_op_call, emu_op_jmp, emu_op_ret, emu_op_enter, emu_op_leave;
emu_fn emu_op_string;
emu_fn emu_op_vmov, emu_op_vbroadcast, emu_op_vdup, emu_op_vinsert, emu_op_vextract;
emu_fn emu_op_vmask;
emu_fn emu_op_jmp_far, emu_op_call_far, emu_op_ret_far, emu_op_iret;
emu_fn emu_op_look, emu_op_load_system, emu_op_load_table, emu_op_lmsw;
emu_fn emu_op_load_far, emu_op_arpl, emu_op_store_selector, emu_op_store_table, emu_op_smsw;

#endif
