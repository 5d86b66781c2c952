/* SPDX-License-Identifier: BSD-2-Clause
 * Emulation of one instruction: fetch, decode, the operation, and what ends it. */
#include "cpu/emulate.h"

#include "base/bits.h"
#include "base/string.h"
#include "cpu/emulate_int.h"

#define PHYS_BITS_MIN 32u
#define PHYS_BITS_MAX 52u

/* What is done with the explicit operand, and nothing else in memory, and may be done at any privilege level in
 * any mode. */
static emu_operand_fn *const operand_table[INSN_OPS] = {
    [INSN_ADD] = emu_op_alu,
    [INSN_OR] = emu_op_alu,
    [INSN_ADC] = emu_op_alu,
    [INSN_SBB] = emu_op_alu,
    [INSN_AND] = emu_op_alu,
    [INSN_SUB] = emu_op_alu,
    [INSN_XOR] = emu_op_alu,
    [INSN_CMP] = emu_op_alu,
    [INSN_TEST] = emu_op_alu,
    [INSN_INC] = emu_op_alu,
    [INSN_DEC] = emu_op_alu,
    [INSN_NOT] = emu_op_alu,
    [INSN_NEG] = emu_op_alu,
    [INSN_ADCX] = emu_op_alu,
    [INSN_ADOX] = emu_op_alu,
    [INSN_ROL] = emu_op_shift,
    [INSN_ROR] = emu_op_shift,
    [INSN_RCL] = emu_op_shift,
    [INSN_RCR] = emu_op_shift,
    [INSN_SHL] = emu_op_shift,
    [INSN_SHR] = emu_op_shift,
    [INSN_SAL] = emu_op_shift,
    [INSN_SAR] = emu_op_shift,
    [INSN_SHLD] = emu_op_shift_double,
    [INSN_SHRD] = emu_op_shift_double,
    [INSN_MOV] = emu_op_mov,
    [INSN_MOVZX] = emu_op_extend,
    [INSN_MOVSX] = emu_op_extend,
    [INSN_MOVBE] = emu_op_movbe,
    [INSN_XCHG] = emu_op_xchg,
    [INSN_MUL] = emu_op_multiply,
    [INSN_IMUL] = emu_op_multiply,
    [INSN_DIV] = emu_op_divide,
    [INSN_IDIV] = emu_op_divide,
    [INSN_BSF] = emu_op_scan,
    [INSN_BSR] = emu_op_scan,
    [INSN_TZCNT] = emu_op_scan,
    [INSN_LZCNT] = emu_op_scan,
    [INSN_POPCNT] = emu_op_scan,
    [INSN_CMPXCHG] = emu_op_cmpxchg,
    [INSN_CMPXCHG8B] = emu_op_cmpxchg_pair,
    [INSN_XADD] = emu_op_xadd,
    [INSN_CRC32] = emu_op_crc32,
    [INSN_SETCC] = emu_op_setcc,
    [INSN_CMOVCC] = emu_op_cmov,
    [INSN_ANDN] = emu_op_bmi,
    [INSN_BEXTR] = emu_op_bmi,
    [INSN_BZHI] = emu_op_bmi,
    [INSN_PDEP] = emu_op_bmi,
    [INSN_PEXT] = emu_op_bmi,
    [INSN_SARX] = emu_op_bmi,
    [INSN_SHLX] = emu_op_bmi,
    [INSN_SHRX] = emu_op_bmi,
    [INSN_RORX] = emu_op_bmi,
    [INSN_BLSR] = emu_op_bmi,
    [INSN_BLSMSK] = emu_op_bmi,
    [INSN_BLSI] = emu_op_bmi,
    [INSN_MULX] = emu_op_mulx,
    [INSN_BOUND] = emu_op_bound,
};

/* The others find what they need by themselves. What is in neither table is not emulated; refused for good:
 * x87, MMX and vector arithmetic, state images. */
static emu_fn *const emulate_table[INSN_OPS] = {
    [INSN_BT] = emu_op_bit,
    [INSN_BTS] = emu_op_bit,
    [INSN_BTR] = emu_op_bit,
    [INSN_BTC] = emu_op_bit,
    [INSN_PUSH] = emu_op_push,
    [INSN_POP] = emu_op_pop,
    [INSN_PUSHA] = emu_op_pusha,
    [INSN_POPA] = emu_op_popa,
    [INSN_PUSHF] = emu_op_pushf,
    [INSN_POPF] = emu_op_popf,
    [INSN_CALL] = emu_op_call,
    [INSN_JMP] = emu_op_jmp,
    [INSN_RET] = emu_op_ret,
    [INSN_JMP_FAR] = emu_op_jmp_far,
    [INSN_CALL_FAR] = emu_op_call_far,
    [INSN_RET_FAR] = emu_op_ret_far,
    [INSN_IRET] = emu_op_iret,
    [INSN_ENTER] = emu_op_enter,
    [INSN_LEAVE] = emu_op_leave,
    [INSN_MOVS] = emu_op_string,
    [INSN_CMPS] = emu_op_string,
    [INSN_STOS] = emu_op_string,
    [INSN_LODS] = emu_op_string,
    [INSN_SCAS] = emu_op_string,
    [INSN_INS] = emu_op_string,
    [INSN_OUTS] = emu_op_string,
    [INSN_XLAT] = emu_op_xlat,
    [INSN_CLFLUSH] = emu_op_touch,
    [INSN_LOAD_FAR] = emu_op_load_far,
    [INSN_ARPL] = emu_op_arpl,
    [INSN_LAR] = emu_op_look,
    [INSN_LSL] = emu_op_look,
    [INSN_VERR] = emu_op_look,
    [INSN_VERW] = emu_op_look,
    [INSN_LLDT] = emu_op_load_system,
    [INSN_LTR] = emu_op_load_system,
    [INSN_LGDT] = emu_op_load_table,
    [INSN_LIDT] = emu_op_load_table,
    [INSN_LMSW] = emu_op_lmsw,
    [INSN_SLDT] = emu_op_store_selector,
    [INSN_STR] = emu_op_store_selector,
    [INSN_SGDT] = emu_op_store_table,
    [INSN_SIDT] = emu_op_store_table,
    [INSN_SMSW] = emu_op_smsw,
    [INSN_VMOV] = emu_op_vmov,
    [INSN_VMOV_LOW] = emu_op_vmov,
    [INSN_VMOV_HIGH] = emu_op_vmov,
    [INSN_VBROADCAST] = emu_op_vbroadcast,
    [INSN_VDUP_LOW_4] = emu_op_vdup,
    [INSN_VDUP_LOW_8] = emu_op_vdup,
    [INSN_VDUP_HIGH_4] = emu_op_vdup,
    [INSN_VINSERT] = emu_op_vinsert,
    [INSN_VEXTRACT] = emu_op_vextract,
    [INSN_VMASK_1] = emu_op_vmask,
    [INSN_VMASK_4] = emu_op_vmask,
    [INSN_VMASK_8] = emu_op_vmask,
};

/* --- The instruction ------------------------------------------------------------------------------------ */

enum decode_mode emulate_mode(const struct vcpu_regs *regs)
{
    if (walk_is_64(regs)) {
        return DECODE_64;
    }
    return (regs->seg[SEG_CS].ar & SEG_AR_DB) != 0 ? DECODE_32 : DECODE_16;
}

/* 16-bit code wraps no earlier: the limit of its segment is what stops it. */
uint64_t emulate_next_rip(const struct vcpu_regs *regs, uint32_t len)
{
    return (regs->rip + len) & (walk_is_64(regs) ? UINT64_MAX : UINT32_MAX);
}

static void emu_begin(struct emu *e, const struct emulate_vcpu *v, struct emulate_report *report)
{
    bool sound = v->phys_bits >= PHYS_BITS_MIN && v->phys_bits <= PHYS_BITS_MAX;
    e->v = v;
    e->regs = regs_view(v->cache, v->source, v->vcpu, REGS_ALL);
    e->report = report;
    e->view = (struct walk_view){
        .regs = e->regs,
        .gmem = v->gmem,
        .phys_bits = sound ? v->phys_bits : PHYS_BITS_MAX,
        .pages_1g = !v->lacks_1g,
    };
    e->repeat = false;
    e->resume = false;
    e->mode = (uint8_t)emulate_mode(e->regs);
    e->cpl = (uint8_t)walk_cpl(e->regs);
    e->dues = 0;
    e->translated = 0;
    e->line = NULL;
    memset(report, 0, sizeof(*report));
    report->rip = e->regs->rip;
}

/* How many code bytes there are up to the limit of the code segment. */
static uint32_t emu_code_bytes(const struct emu *e)
{
    uint64_t limit = e->regs->seg[SEG_CS].limit;
    if (e->mode == DECODE_64 || limit == UINT32_MAX) {
        return DECODE_BYTES_MAX;
    }
    if (e->regs->rip > limit) {
        return 0;
    }
    uint64_t left = limit - e->regs->rip + 1u;
    return left < DECODE_BYTES_MAX ? (uint32_t)left : DECODE_BYTES_MAX;
}

/* The instruction does not end where the code bytes do. */
static enum emulate_result emu_short(struct emu *e, const struct walk_code *code)
{
    switch (code->end) {
    case WALK_FAULT:
        e->report->cr2 = code->gva;
        return emu_fault(e, VECTOR_PF, code->error);
    case WALK_DONE: /* the segment ends */
    case WALK_NON_CANONICAL:
        return emu_fault(e, VECTOR_GP, 0);
    default:
        return EMULATE_NO_CODE;
    }
}

/* Without a memory of it. */
static enum emulate_result emu_decode_anew(struct emu *e)
{
    struct walk_code code = {.count = 0};
    uint64_t at = e->regs->rip;
    if (e->mode != DECODE_64) {
        at = (at + e->regs->seg[SEG_CS].base) & UINT32_MAX;
    }
    walk_fetch(&e->view, at, emu_code_bytes(e), &code);
    e->report->count = code.count;
    memcpy(e->report->bytes, code.bytes, sizeof(code.bytes));
    switch (decode(code.bytes, code.count, (enum decode_mode)e->mode, &e->insn)) {
    case DECODE_DONE:
        emu_memo_keep(e, &code);
        return EMULATE_DONE;
    case DECODE_SHORT:
        return emu_short(e, &code);
    case DECODE_TOO_LONG:
        return emu_fault(e, VECTOR_GP, 0);
    case DECODE_UNDEFINED:
        return emu_fault(e, VECTOR_UD, 0);
    case DECODE_NO_MEMORY:
        return EMULATE_ELSEWHERE;
    default:
        return EMULATE_UNSUPPORTED;
    }
}

static enum emulate_result emu_decode(struct emu *e)
{
    enum emulate_result r = emu_memo_find(e) ? EMULATE_DONE : emu_decode_anew(e);
    if (r == EMULATE_DONE) {
        e->next_rip = emulate_next_rip(e->regs, e->insn.len);
    }
    return r;
}

/* All of it is done. A string that stays repeats under RF: its breakpoint has been seen. */
static void emu_finish(struct emu *e, bool single_step)
{
    struct vcpu_regs *regs = emu_edit(e);
    e->report->trap = single_step && !e->report->shadow;
    if (e->report->switched) {
        return; /* they are the new task's */
    }
    regs->rflags &= e->resume ? UINT64_MAX : ~(uint64_t)RFLAGS_RF;
    if (e->repeat) {
        regs->rflags |= RFLAGS_RF;
    } else {
        regs->rip = e->next_rip;
    }
}

/* Segment registers beside what addresses need of them, LDTR, TR, the tables. */
static bool emu_needs_segments(const struct insn *insn)
{
    bool system = insn->op >= INSN_LOAD_FAR && insn->op <= INSN_LMSW;
    bool far = insn->op == INSN_CALL_FAR || insn->op == INSN_JMP_FAR || insn->op == INSN_RET_FAR ||
               insn->op == INSN_IRET;
    return insn->reg_kind == INSN_SEGMENT || system || far;
}

static enum emulate_result emu_operate(struct emu *e)
{
    emu_operand_fn *with = operand_table[e->insn.op];
    emu_fn *op = emulate_table[e->insn.op];
    if (with != NULL) {
        struct emu_span mem;
        enum emulate_result r = emu_explicit(e, &mem);
        return r == EMULATE_DONE ? with(e, &mem) : r;
    }
    return op != NULL ? op(e) : EMULATE_UNSUPPORTED;
}

static enum emulate_result emu_execute(struct emu *e)
{
    bool single_step = (e->regs->rflags & RFLAGS_TF) != 0;
    if (e->insn.vex && emu_is_real(e)) {
        return emu_fault(e, VECTOR_UD, 0);
    }
    if (emu_needs_segments(&e->insn)) {
        (void)regs_view(e->v->cache, e->v->source, e->v->vcpu, REGS_ALL | REGS_SEG);
    }
    enum emulate_result r = emu_operate(e);
    if (r == EMULATE_DONE) {
        emu_finish(e, single_step);
    }
    return r;
}

/* Without a memory of the whole of it. */
static enum emulate_result emu_mmio(const struct emulate_vcpu *v, gpa_t gpa,
                                    struct emulate_report *report)
{
    struct emu e;
    e.page = gpa;
    e.here = false;
    emu_begin(&e, v, report);
    enum emulate_result r = emu_decode(&e);
    if (r != EMULATE_DONE) {
        return r;
    }
    if (e.insn.access == 0 && e.insn.other == INSN_NO_OTHER && e.insn.op != INSN_CLFLUSH) {
        return EMULATE_ELSEWHERE; /* an address at most */
    }
    return emu_execute(&e);
}

enum emulate_result emulate_mmio(const struct emulate_vcpu *v, gpa_t gpa,
                                 struct emulate_report *report)
{
    if (v->memo != NULL && emu_memo_move(v, gpa, report)) {
        return EMULATE_DONE;
    }
    return emu_mmio(v, gpa, report);
}

enum emulate_result emulate_port_string(const struct emulate_vcpu *v, struct emulate_report *report)
{
    struct emu e;
    e.page = 0;
    e.here = true;
    emu_begin(&e, v, report);
    enum emulate_result r = emu_decode(&e);
    if (r == EMULATE_ELSEWHERE) {
        return EMULATE_UNSUPPORTED;
    }
    if (r == EMULATE_DONE && e.insn.op != INSN_INS && e.insn.op != INSN_OUTS) {
        return EMULATE_UNSUPPORTED; /* the code was changed meanwhile */
    }
    return r == EMULATE_DONE ? emu_execute(&e) : r;
}

enum emulate_result emulate_task_switch(const struct emulate_vcpu *v, const struct vm_exit_task *t,
                                        struct emulate_report *report)
{
    struct emu e;
    e.page = 0;
    e.here = true;
    memset(&e.insn, 0, sizeof(e.insn));
    emu_begin(&e, v, report);
    (void)regs_view(v->cache, v->source, v->vcpu, REGS_ALL | REGS_SEG);
    e.next_rip = emulate_next_rip(e.regs, t->insn_len);
    const bool single_step = t->source != VM_TASK_GATE && (e.regs->rflags & RFLAGS_TF) != 0;
    enum emulate_result r = emu_task_exit(&e, t);
    report->trap = r == EMULATE_DONE && single_step;
    return r;
}
