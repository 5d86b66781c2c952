/* SPDX-License-Identifier: BSD-2-Clause
 * Where the operands of an instruction are, worked out apart from the emulator, so that the two can differ.
 * Spec: [SDM] vol. 1, 3.7.5 (effective addresses); Linux, arch/x86/kvm: x86_emulate_instruction(), and
 * emulator_read_write(), which cuts accesses at pages and into eight bytes. */
#include "kvm/shadow.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cpu/decode.h"
#include "cpu/walk.h"

#define PAGE_BYTES 4096u

struct shadow {
    const struct vcpu_regs *regs;
    struct walk_view view;
    const struct vm_exit_mmio *access;
    enum decode_mode mode;
    bool after;               /* the registers are those after the instruction */
    struct shadow_line *line; /* where to remember, or NULL */
    /* What fitted: the explicit operand, whole and in one page. */
    bool whole;
    uint64_t linear;
    struct walk walk;
};

bool shadow_wanted(void)
{
    const char *given = getenv("BULKHEAD_SHADOW");
    return given != NULL && strcmp(given, "1") == 0;
}

static enum decode_mode mode_of(const struct vcpu_regs *r)
{
    if (walk_is_64(r)) {
        return DECODE_64;
    }
    return (r->seg[SEG_CS].ar & SEG_AR_DB) != 0 ? DECODE_32 : DECODE_16;
}

/* --- Does [linear, linear + bytes) have a part that KVM would report like this? ----------------------- */

static bool in_part(const struct vm_exit_mmio *a, gpa_t gpa, uint32_t bytes)
{
    for (uint32_t done = 0; done < bytes; done += 8) { /* bound: 512 bytes of an operand */
        uint32_t size = bytes - done < 8 ? bytes - done : 8;
        if (a->gpa == gpa + done && a->size == size) {
            return true;
        }
    }
    return false;
}

static bool in_range(struct shadow *s, uint64_t linear, uint32_t bytes)
{
    uint32_t rights =
        (walk_cpl(s->regs) == 3 ? WALK_USER : 0) | (s->access->write ? WALK_WRITE : 0);
    while (bytes != 0) { /* bound: two pages */
        uint32_t room = PAGE_BYTES - (uint32_t)(linear & (PAGE_BYTES - 1u));
        uint32_t part = bytes < room ? bytes : room;
        if (s->mode != DECODE_64) {
            linear &= UINT32_MAX;
        }
        if (walk_translate(&s->view, linear, rights, &s->walk) == WALK_DONE &&
            in_part(s->access, s->walk.gpa, part)) {
            return true;
        }
        linear += part;
        bytes -= part;
    }
    return false;
}

/* --- Addresses --------------------------------------------------------------------------------------------- */

static uint64_t linear_of(const struct shadow *s, uint32_t seg, uint64_t offset)
{
    if (s->mode == DECODE_64) {
        return offset + (seg == SEG_FS || seg == SEG_GS ? s->regs->seg[seg].base : 0);
    }
    return (s->regs->seg[seg].base + offset) & UINT32_MAX;
}

/* How far a string instruction has moved its pointers already. */
static uint64_t moved(const struct shadow *s, const struct insn *i)
{
    if (!s->after || i->form != INSN_STRING) {
        return 0;
    }
    uint64_t step = i->mem_size;
    return (s->regs->rflags & RFLAGS_DF) != 0 ? 0 - step : step;
}

static uint64_t bit_moves(const struct shadow *s, const struct insn *i)
{
    if (i->op < INSN_BT || i->op > INSN_BTC || i->form != INSN_MEM_REG) {
        return 0;
    }
    uint64_t bit = s->regs->gpr[i->reg] << (64u - 8u * i->op_size);
    bool negative = bit >> 63 != 0;
    uint32_t shift = 64u - 8u * i->op_size + (i->op_size == 2 ? 4u : i->op_size == 4 ? 5u : 6u);
    uint64_t unit = bit >> shift | (negative ? ~(UINT64_MAX >> shift) : 0);
    return unit * i->op_size;
}

static uint64_t offset_of(const struct shadow *s, const struct insn *i, uint64_t next)
{
    const uint64_t *gpr = s->regs->gpr;
    uint64_t off = i->disp + bit_moves(s, i) - moved(s, i);
    if (i->base != INSN_NO_REG) {
        off += gpr[i->base];
    }
    if (i->index != INSN_NO_REG) {
        off += gpr[i->index] << i->scale;
    }
    if (i->rip_relative) {
        off += next;
    }
    if (i->op == INSN_XLAT) {
        off += gpr[GPR_RAX] & 0xFFu;
    }
    return off & ones_bytes(i->addr_size);
}

/* The instruction has changed a register that its own address was made of. */
static bool overwritten(const struct shadow *s, const struct insn *i)
{
    bool by_reg = i->op == INSN_XCHG || i->op == INSN_XADD;
    bool by_acc = i->op == INSN_CMPXCHG || i->op == INSN_CMPXCHG8B;
    uint32_t a = i->base;
    uint32_t b = i->index;
    return s->after && ((by_reg && (a == i->reg || b == i->reg)) ||
                        (by_acc && (a == GPR_RAX || b == GPR_RAX || a == GPR_RDX || b == GPR_RDX)));
}

static uint64_t stack_mask(const struct shadow *s)
{
    if (s->mode == DECODE_64) {
        return UINT64_MAX;
    }
    return (s->regs->seg[SEG_SS].ar & SEG_AR_DB) != 0 ? UINT32_MAX : 0xFFFFu;
}

/* Slots that are pushed lie from RSP on when that is done, those to be popped from RSP on before. LEAVE
 * pops from where RBP points; ENTER has pushed to where it points now. */
static bool on_stack(struct shadow *s, const struct insn *i)
{
    bool frame = i->op == INSN_LEAVE || i->op == INSN_ENTER;
    uint64_t at = s->regs->gpr[frame ? GPR_RBP : GPR_RSP] & stack_mask(s);
    uint32_t count = i->other_count == 0 ? 1u : i->other_count;
    for (uint32_t n = 0; n < count; n++) { /* bound: 32 slots */
        if (in_range(s, linear_of(s, SEG_SS, (at + n * i->other_size) & stack_mask(s)),
                     i->other_size)) {
            return true;
        }
    }
    return false;
}

static bool at_other(struct shadow *s, const struct insn *i)
{
    uint8_t wanted = s->access->write ? INSN_WRITE : INSN_READ;
    if ((i->other_access & wanted) == 0) {
        return false;
    }
    if (i->other == INSN_AT_STACK) {
        return on_stack(s, i);
    }
    if (i->other == INSN_AT_ES_RDI || i->other == INSN_AT_ES_REG) {
        uint32_t reg = i->other == INSN_AT_ES_RDI ? (uint32_t)GPR_RDI : i->reg;
        uint64_t off = (s->regs->gpr[reg] - moved(s, i)) & ones_bytes(i->addr_size);
        return in_range(s, linear_of(s, SEG_ES, off), i->other_size);
    }
    return false;
}

static enum shadow_verdict fits(struct shadow *s, const struct insn *i, uint64_t next)
{
    uint8_t wanted = s->access->write ? INSN_WRITE : INSN_READ;
    /* KVM reads the place that SLDT and STR are going to write, of operand size. */
    bool store = (i->op == INSN_SLDT || i->op == INSN_STR) && !s->access->write && i->mem_size != 0;
    if (at_other(s, i) ||
        (store && in_range(s, linear_of(s, i->seg, offset_of(s, i, next)), i->op_size))) {
        return SHADOW_FITS;
    }
    if ((i->access & wanted) == 0 || i->mem_size == 0) {
        return SHADOW_DIFFERS;
    }
    uint64_t linear = linear_of(s, i->seg, offset_of(s, i, next));
    /* AMD and KVM read four bytes for MOVSXD, also where the operand is the manual's m16. */
    bool movsxd = i->op == INSN_MOVSX && i->mem_size == 2 && i->reg_size == 2;
    if (in_range(s, linear, i->mem_size)) {
        s->whole = (linear & (PAGE_BYTES - 1u)) + i->mem_size <= PAGE_BYTES;
        s->linear = linear;
        return SHADOW_FITS;
    }
    if (movsxd && in_range(s, linear, 4)) {
        return SHADOW_FITS;
    }
    return overwritten(s, i) ? SHADOW_OPEN : SHADOW_DIFFERS;
}

/* --- Memory ------------------------------------------------------------------------------------------------
 * Drivers touch devices from a few places, and what is found there hangs on few registers and few words of
 * RAM: the instruction's bytes and the entries of the page tables that lead to it and to its operand. As long
 * as none of them has changed, only the operand's address is worked out anew. What does not fit is never
 * remembered: it is looked at in full, each time. */

/* All that decoding and walks hang on, beside RAM. */
static void key_of(const struct shadow *s, uint64_t key[6])
{
    const struct vcpu_regs *r = s->regs;
    key[0] = r->rip;
    key[1] = r->seg[SEG_CS].base;
    key[2] = r->cr3;
    key[3] = (r->cr0 & UINT32_MAX) | r->cr4 << 32;
    key[4] = r->seg[SEG_CS].ar | r->efer << 32;
    key[5] = (r->rflags & (RFLAGS_AC | RFLAGS_VM)) |
             (uint64_t)(r->seg[SEG_SS].ar & SEG_AR_DPL) << 32 | (uint64_t)s->after << 63;
}

static bool watch_walk(const struct gmem *mem, struct gmem_watch *watch, const struct walk *walk)
{
    bool all = walk->levels == 0 || walk->entry_bytes == sizeof(uint64_t);
    for (uint32_t i = 0; i < walk->levels && all; i++) { /* bound: WALK_LEVELS_MAX */
        all = gmem_watch_add(mem, watch, walk->at[i], walk->entry[i]);
    }
    return all;
}

/* The words that the `len` bytes lie in, if those still are what was decoded. */
static bool watch_code(const struct gmem *mem, struct gmem_watch *watch,
                       const struct walk_code *code, uint32_t len)
{
    uint64_t word[3];
    gpa_t gpa = code->first.gpa;
    uint32_t before = (uint32_t)(gpa & 7u);
    bool all = (gpa & (PAGE_BYTES - 1u)) + len <= PAGE_BYTES;
    for (uint32_t n = 0; 8u * n < before + len && all; n++) { /* bound: 3 words */
        gpa_t at = gpa - before + 8u * n;
        all = gmem_load64(mem, at, &word[n]) && gmem_watch_add(mem, watch, at, word[n]);
    }
    return all && memcmp((const uint8_t *)word + before, code->bytes, len) == 0;
}

static void remember(const struct shadow *s, const struct insn *insn, const struct walk_code *code,
                     bool ahead)
{
    struct shadow_line *l = s->line;
    const struct gmem *mem = s->view.gmem;
    l->code.count = 0;
    l->tables.count = 0;
    l->known = watch_walk(mem, &l->code, &code->first) &&
               watch_code(mem, &l->code, code, insn->len) && watch_walk(mem, &l->tables, &s->walk);
    l->ahead = ahead;
    l->insn = *insn;
    l->page = s->linear & ~(uint64_t)(PAGE_BYTES - 1u);
    l->gpa = s->walk.gpa & ~(gpa_t)(PAGE_BYTES - 1u);
    key_of(s, l->key);
}

static bool remembered(const struct shadow *s)
{
    const struct shadow_line *l = s->line;
    const struct insn *i = &l->insn;
    uint64_t key[6];
    key_of(s, key);
    if (!l->known || memcmp(key, l->key, sizeof(key)) != 0) {
        return false;
    }
    uint64_t next = s->regs->rip + (l->ahead ? i->len : 0);
    uint64_t linear = linear_of(s, i->seg, offset_of(s, i, next));
    uint64_t within = linear & (PAGE_BYTES - 1u);
    return linear - within == l->page && within + i->mem_size <= PAGE_BYTES &&
           in_part(s->access, l->gpa + within, i->mem_size) && gmem_watch_same(&l->code) &&
           gmem_watch_same(&l->tables);
}

/* A driver's one access function may serve several devices: a line for each page of them. */
static struct shadow_line *line_of(struct shadow_memory *memory, uint64_t rip, gpa_t gpa)
{
    uint64_t mixed = (rip + (gpa >> 12)) * 0x9E3779B97F4A7C15ull;
    return memory == NULL ? NULL : &memory->line[(mixed >> 32) % SHADOW_LINES];
}

/* --- Candidates -------------------------------------------------------------------------------------------- */

/* The instruction of `len` bytes at `rip`, or of any length if that is 0. */
static enum shadow_verdict judge_at(struct shadow *s, uint64_t rip, uint32_t len)
{
    struct walk_code code;
    struct insn insn;
    walk_fetch(&s->view, linear_of(s, SEG_CS, rip), DECODE_BYTES_MAX, &code);
    if (decode(code.bytes, code.count, s->mode, &insn) != DECODE_DONE ||
        (len != 0 && insn.len != len)) {
        return SHADOW_DIFFERS;
    }
    if (s->after && len == 0 && (insn.form != INSN_STRING || insn.rep == INSN_NO_REP)) {
        return SHADOW_DIFFERS; /* only a repeated one stays where it is */
    }
    s->whole = false;
    enum shadow_verdict v = fits(s, &insn, rip + insn.len);
    if (v == SHADOW_FITS && s->whole && s->line != NULL) {
        remember(s, &insn, &code, rip == s->regs->rip);
    }
    return v;
}

enum shadow_verdict shadow_judge(const struct vcpu_regs *regs, const struct gmem *mem,
                                 const struct vm_exit_mmio *access, struct shadow_memory *memory)
{
    struct shadow s = {
        .regs = regs,
        .view = {.regs = regs, .gmem = mem, .phys_bits = 52, .pages_1g = true},
        .access = access,
        .mode = mode_of(regs),
        .after = access->write,
        .line = line_of(memory, regs->rip, access->gpa),
    };
    if (memory != NULL && remembered(&s)) {
        memory->hits++;
        return SHADOW_FITS;
    }
    enum shadow_verdict best = judge_at(&s, regs->rip, 0);
    if (!access->write || best == SHADOW_FITS) {
        return best;
    }
    for (uint32_t len = 1; len <= DECODE_BYTES_MAX; len++) {
        enum shadow_verdict v = judge_at(&s, regs->rip - len, len);
        if (v == SHADOW_FITS) {
            return v;
        }
        best = v == SHADOW_OPEN ? v : best;
    }
    /* A CALL that pushes to a device is at its target now. */
    struct insn call = {.other_size = (uint8_t)access->size, .other_count = 1};
    bool called = best == SHADOW_DIFFERS && on_stack(&s, &call);
    return called ? SHADOW_OPEN : best;
}

void shadow_count(struct report_shadow *r, const struct vcpu_regs *regs, const struct gmem *mem,
                  const struct vm_exit_mmio *access, struct shadow_memory *memory)
{
    enum shadow_verdict v = shadow_judge(regs, mem, access, memory);
    r->compared++;
    r->open += v == SHADOW_OPEN;
    if (v != SHADOW_DIFFERS) {
        return;
    }
    const struct walk_view view = {.regs = regs, .gmem = mem, .phys_bits = 52, .pages_1g = true};
    const struct shadow s = {.regs = regs, .mode = mode_of(regs)};
    struct walk_code code;
    uint64_t back = access->write ? 8 : 0; /* of a write the bytes before RIP are of interest */
    walk_fetch(&view, linear_of(&s, SEG_CS, regs->rip - back), DECODE_BYTES_MAX, &code);
    r->mismatches++;
    r->last_rip = regs->rip;
    r->last_gpa = access->gpa;
    r->last_size = access->size;
    r->last_write = access->write;
    r->last_mode = (uint8_t)s.mode;
    memset(r->last_bytes, 0, sizeof(r->last_bytes));
    memcpy(r->last_bytes, code.bytes, code.count);
}
