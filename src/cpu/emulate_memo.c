/* SPDX-License-Identifier: BSD-2-Clause
 * What the emulator remembers from exit to exit, and how it knows that it still holds.
 *
 * A guest's drivers touch devices from a few places. Fetching, decoding and walking twice is most of the
 * work of an exit, and finds the same each time. Nobody tells when it does not: so the words that it
 * was found in are compared, which is one load each. */
#include "base/bits.h"
#include "base/string.h"
#include "cpu/emulate_int.h"

#define PAGE_BYTES 4096u

/* What the meaning of the bytes at RIP, and every walk for them, depends on beside tables and bytes.
 * The segments of operands do not belong here: those checks are made each time. */
static inline uint64_t memo_control(const struct vcpu_regs *regs)
{
    return (regs->cr0 & UINT32_MAX) | regs->cr4 << 32;
}

static inline uint64_t memo_code(const struct vcpu_regs *regs)
{
    return regs->seg[SEG_CS].limit | (uint64_t)regs->seg[SEG_CS].ar << 32;
}

static inline uint64_t memo_mode(const struct vcpu_regs *regs)
{
    return (regs->efer & UINT32_MAX) | (regs->rflags & (RFLAGS_AC | RFLAGS_VM)) << 32 |
           (uint64_t)(regs->seg[SEG_SS].ar & SEG_AR_DPL) << 57;
}

static inline bool memo_holds(const struct emulate_memo_line *line, const struct vcpu_regs *regs)
{
    const uint64_t *key = line->key;
    uint64_t differ = (key[0] ^ regs->rip) | (key[1] ^ regs->seg[SEG_CS].base) |
                      (key[2] ^ regs->cr3) | (key[3] ^ memo_control(regs)) |
                      (key[4] ^ memo_code(regs)) | (key[5] ^ memo_mode(regs));
    return line->valid && differ == 0 && gmem_watch_same(&line->watch);
}

static inline struct emulate_memo_line *memo_line(const struct emulate_vcpu *v, uint64_t rip)
{
    return &v->memo->line[(rip ^ rip >> 4 ^ rip >> 8) % EMULATE_MEMO_LINES];
}

/* The linear page and what is done to it, never 0. */
static inline uint64_t memo_page(uint64_t linear, uint32_t access)
{
    return (linear & ~(uint64_t)(PAGE_BYTES - 1u)) | access | 0x800u;
}

/* In 32-bit code: is the segment data from 0 to the end, to be read and written? */
static inline bool memo_is_flat(const struct seg_reg *seg)
{
    const uint32_t mask = SEG_AR_UNUSABLE | SEG_AR_P | SEG_CODE | SEG_DOWN | SEG_WRITABLE;
    return seg->base == 0 && seg->limit == UINT32_MAX &&
           (seg->ar & mask) == (SEG_AR_P | SEG_WRITABLE);
}

/* The access itself, and the registers after it. */
static inline void memo_access(const struct emulate_vcpu *v, const struct emulate_memo_line *line,
                               gpa_t at)
{
    const struct insn *insn = &line->insn;
    struct vcpu_regs *regs = regs_edit(v->cache, v->source, v->vcpu, REGS_GPR);
    uint64_t *gpr = &regs->gpr[insn->reg];
    if (insn->form == INSN_REG_MEM) {
        uint64_t val = v->bus->read(v->bus->owner, at, insn->mem_size) & line->ones;
        *gpr = (insn->reg_size >= 4 ? 0 : *gpr & ~ones_bytes(insn->reg_size)) | val;
    } else {
        uint64_t val = insn->form == INSN_MEM_IMM ? insn->imm : *gpr;
        v->bus->write(v->bus->owner, at, insn->mem_size, val & line->ones);
    }
    regs->rip = (regs->rip + insn->len) & line->wrap;
    regs->rflags &= ~(uint64_t)RFLAGS_RF;
}

bool emu_memo_move(const struct emulate_vcpu *v, gpa_t gpa, struct emulate_report *report)
{
    const struct vcpu_regs *regs = regs_view(v->cache, v->source, v->vcpu, REGS_ALL);
    const struct emulate_memo_line *line = memo_line(v, regs->rip);
    const struct emulate_memo_operand *o = &line->operand[0];
    const struct insn *insn = &line->insn;
    if (!line->plain || (regs->rflags & RFLAGS_TF) != 0 || !memo_holds(line, regs)) {
        return false;
    }
    uint64_t linear = insn->disp;
    linear += insn->base != INSN_NO_REG ? regs->gpr[insn->base] : 0;
    linear += insn->index != INSN_NO_REG ? regs->gpr[insn->index] << insn->scale : 0;
    linear += insn->rip_relative ? regs->rip + insn->len : 0;
    linear &= line->wrap;
    uint64_t within = linear & (PAGE_BYTES - 1u);
    if (o->page != memo_page(linear, line->access) || within + insn->mem_size > PAGE_BYTES ||
        !o->device || ((o->gpa ^ gpa) & ~(gpa_t)(PAGE_BYTES - 1u)) != 0 ||
        !gmem_watch_same(&o->watch) ||
        (insn->addr_size == 4 && !memo_is_flat(&regs->seg[insn->seg]))) {
        return false;
    }
    *report = (struct emulate_report){.rip = regs->rip, .operand = o->gpa | within};
    memo_access(v, line, o->gpa | within);
    return true;
}

bool emu_memo_find(struct emu *e)
{
    if (e->v->memo == NULL) {
        return false;
    }
    struct emulate_memo_line *line = memo_line(e->v, e->regs->rip);
    if (!memo_holds(line, e->regs)) {
        return false;
    }
    e->line = line;
    e->insn = line->insn;
    e->report->count = line->insn.len;
    memcpy(e->report->bytes, line->bytes, sizeof(line->bytes));
    return true;
}

/* A move whose addresses are as wide as the code's, by nobody whose alignment is checked. */
static bool memo_is_plain(const struct emu *e)
{
    const struct insn *insn = &e->insn;
    bool moves = (insn->op == INSN_MOV || insn->op == INSN_MOVZX) && insn->reg_kind == INSN_GPR;
    bool based = insn->seg == SEG_FS || insn->seg == SEG_GS;
    bool wide = insn->addr_size == (e->mode == DECODE_64 ? 8u : 4u);
    return moves && !insn->high_byte && !based && wide && insn->align == 0 &&
           e->mode != DECODE_16 && !emu_is_real(e) && e->cpl != 3;
}

/* Watches the entries that a walk has read. */
static bool memo_watch_walk(const struct gmem *gmem, struct gmem_watch *watch,
                            const struct walk *walk)
{
    bool all = walk->levels == 0 || walk->entry_bytes == sizeof(uint64_t);
    for (uint32_t i = 0; i < walk->levels && all; i++) { /* bound: WALK_LEVELS_MAX */
        all = gmem_watch_add(gmem, watch, walk->at[i], walk->entry[i]);
    }
    return all;
}

/* Watches the words that the instruction's bytes lie in, as long as they are those that were decoded. */
static bool memo_watch_code(const struct gmem *gmem, struct gmem_watch *watch, gpa_t gpa,
                            const struct walk_code *code, uint32_t len)
{
    bool all = (gpa & (PAGE_BYTES - 1u)) + len <= PAGE_BYTES;
    uint32_t done = 0;
    while (done < len && all) { /* bound: 3 words */
        uint64_t word = 0;
        gpa_t at = (gpa + done) & ~7ull;
        all = gmem_load64(gmem, at, &word) && gmem_watch_add(gmem, watch, at, word);
        for (uint32_t i = (uint32_t)(gpa + done - at); i < 8u && done < len; i++) {
            all = all && (uint8_t)(word >> (8u * i)) == code->bytes[done];
            done++;
        }
    }
    return all;
}

void emu_memo_keep(struct emu *e, const struct walk_code *code)
{
    const struct gmem *gmem = e->v->gmem;
    if (e->v->memo == NULL) {
        return;
    }
    struct emulate_memo_line *line = memo_line(e->v, e->regs->rip);
    const struct vcpu_regs *regs = e->regs;
    line->plain = false;
    line->watch.count = 0;
    line->valid = memo_watch_walk(gmem, &line->watch, &code->first) &&
                  memo_watch_code(gmem, &line->watch, code->first.gpa, code, e->insn.len);
    if (!line->valid) {
        return;
    }
    line->key[0] = regs->rip;
    line->key[1] = regs->seg[SEG_CS].base;
    line->key[2] = regs->cr3;
    line->key[3] = memo_control(regs);
    line->key[4] = memo_code(regs);
    line->key[5] = memo_mode(regs);
    line->plain = memo_is_plain(e);
    line->wrap = ones_bytes(e->insn.addr_size);
    line->ones = line->plain ? ones_bytes(e->insn.mem_size) : 0;
    line->access = (e->insn.access & INSN_WRITE) != 0 ? WALK_WRITE : 0;
    memcpy(line->bytes, code->bytes, sizeof(line->bytes));
    line->insn = e->insn;
    for (uint32_t i = 0; i < EMULATE_MEMO_OPERANDS; i++) {
        line->operand[i].page = 0;
    }
    e->line = line;
}

bool emu_memo_find_page(struct emu *e, uint64_t linear, uint32_t access, gpa_t *gpa)
{
    if (e->line == NULL) {
        return false;
    }
    const struct emulate_memo_operand *o = &e->line->operand[e->translated % EMULATE_MEMO_OPERANDS];
    if (o->page != memo_page(linear, access) || !gmem_watch_same(&o->watch)) {
        return false;
    }
    *gpa = o->gpa | (linear & (PAGE_BYTES - 1u));
    return true;
}

void emu_memo_keep_page(struct emu *e, uint64_t linear, uint32_t access, const struct walk *walk)
{
    if (e->line == NULL) {
        return;
    }
    struct emulate_memo_operand *o = &e->line->operand[e->translated % EMULATE_MEMO_OPERANDS];
    o->watch.count = 0;
    o->page = 0;
    if (!walk->unmarked && memo_watch_walk(e->v->gmem, &o->watch, walk)) {
        o->page = memo_page(linear, access);
        o->gpa = walk->gpa & ~(gpa_t)(PAGE_BYTES - 1u);
        o->device = !gmem_touches(e->v->gmem, o->gpa, PAGE_BYTES);
    }
}
