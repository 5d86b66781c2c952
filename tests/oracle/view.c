/* SPDX-License-Identifier: BSD-2-Clause
 * Both decoders' answers, made comparable. */
#include "view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cpu/decode_int.h"
#include "vm/regs.h"

static ZydisDecoder decoders[3];

void view_init(void)
{
    ZydisDecoderInit(&decoders[DECODE_16], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    ZydisDecoderInit(&decoders[DECODE_32], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&decoders[DECODE_64], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (uint32_t i = 0; i < 3; i++) { /* MPX is gone from processors: its opcodes are NOPs */
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    }
}

/* --- Ours ----------------------------------------------------------------------------------------- */

static struct place explicit_of(const struct insn *i)
{
    return (struct place){.seg = i->seg,
                          .base = i->base,
                          .index = i->index,
                          .scale = i->index == INSN_NO_REG ? 0 : (uint8_t)(1u << i->scale),
                          .access = i->access,
                          .size = i->mem_size,
                          .rip_relative = i->rip_relative,
                          .disp = (int64_t)i->disp};
}

static struct place other_of(const struct insn *i)
{
    struct place p = {.seg = i->other == INSN_AT_STACK ? SEG_SS : SEG_ES,
                      .base = i->other == INSN_AT_ES_RDI ? (uint8_t)GPR_RDI : i->reg,
                      .index = INSN_NO_REG,
                      .access = i->other_access,
                      .size = (uint16_t)(i->other_size * i->other_count)};
    if (i->other == INSN_AT_STACK) {
        p.stack = i->op != INSN_LEAVE; /* which pops from where rBP points */
        p.base = p.stack ? GPR_RSP : GPR_RBP;
    }
    return p;
}

static void view_ours(struct oracle_case *c)
{
    static const enum verdict verdicts[] = {
        [DECODE_DONE] = VERDICT_MEMORY,       [DECODE_NO_MEMORY] = VERDICT_NO_MEMORY,
        [DECODE_SHORT] = VERDICT_REFUSED,     [DECODE_TOO_LONG] = VERDICT_REFUSED,
        [DECODE_UNDEFINED] = VERDICT_REFUSED, [DECODE_UNSUPPORTED] = VERDICT_UNKNOWN,
    };
    struct view *v = &c->ours;
    const struct insn *i = &c->insn;
    memset(v, 0, sizeof(*v));
    c->result = decode(c->bytes, DECODE_BYTES_MAX, (enum decode_mode)c->mode, &c->insn);
    v->verdict = verdicts[c->result];
    if (v->verdict >= VERDICT_REFUSED) {
        return;
    }
    v->len = i->len;
    if (v->verdict == VERDICT_NO_MEMORY) {
        return;
    }
    v->addr_size = i->addr_size;
    if (i->form < INSN_STACK) {
        v->place[v->places++] = explicit_of(i);
    }
    if (i->other != INSN_NO_OTHER) {
        v->place[v->places++] = other_of(i);
    }
}

/* --- Zydis's -------------------------------------------------------------------------------------- */

static uint8_t gpr_of(ZydisRegister reg)
{
    static const struct {
        ZydisRegister first, last;
    } banks[] = {
        {ZYDIS_REGISTER_AX, ZYDIS_REGISTER_R15W},
        {ZYDIS_REGISTER_EAX, ZYDIS_REGISTER_R15D},
        {ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_R15},
        {ZYDIS_REGISTER_AL, ZYDIS_REGISTER_AL},
    };
    for (uint32_t i = 0; i < 4; i++) {
        if (reg >= banks[i].first && reg <= banks[i].last) {
            return (uint8_t)(reg - banks[i].first);
        }
    }
    return INSN_NO_REG;
}

static struct place place_of(const ZydisDecodedOperand *o)
{
    const ZydisDecodedOperandMem *m = &o->mem;
    struct place p = {.seg = (uint8_t)(m->segment - ZYDIS_REGISTER_ES),
                      .base = gpr_of(m->base),
                      .index = gpr_of(m->index),
                      .disp = m->disp.has_displacement ? m->disp.value : 0,
                      .rip_relative =
                          m->base == ZYDIS_REGISTER_RIP || m->base == ZYDIS_REGISTER_EIP};
    p.scale = p.index == INSN_NO_REG ? 0 : m->scale;
    if (m->type != ZYDIS_MEMOP_TYPE_AGEN) {
        p.access |= (o->actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0 ? INSN_READ : 0;
        p.access |= (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 ? INSN_WRITE : 0;
        p.size = o->size / 8u;
    }
    p.stack =
        o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && p.base == GPR_RSP && p.seg == SEG_SS;
    return p;
}

static void view_theirs(struct oracle_case *c)
{
    struct view *v = &c->theirs;
    memset(v, 0, sizeof(*v));
    c->status = ZydisDecoderDecodeFull(&decoders[c->mode], c->bytes, DECODE_BYTES_MAX, &c->zydis,
                                       c->operands);
    if (!ZYAN_SUCCESS(c->status)) {
        v->verdict = VERDICT_REFUSED;
        return;
    }
    v->len = c->zydis.length;
    v->addr_size = c->zydis.address_width / 8u;
    for (uint32_t i = 0; i < c->zydis.operand_count && v->places < PLACES_MAX; i++) {
        if (c->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY) {
            v->place[v->places++] = place_of(&c->operands[i]);
        }
    }
    v->verdict = v->places == 0 ? VERDICT_NO_MEMORY : VERDICT_MEMORY;
}

/* --- Comparison ------------------------------------------------------------------------------------ */

/* `mask` is that of the address size: what is beyond does not count. */
static enum difference place_difference(const struct place *a, const struct place *b, uint64_t mask)
{
    if (a->stack != b->stack) {
        return DIFFERENT_ADDRESS;
    }
    if (!a->stack &&
        (a->seg != b->seg || a->base != b->base || a->index != b->index || a->scale != b->scale ||
         (((uint64_t)a->disp ^ (uint64_t)b->disp) & mask) != 0 ||
         a->rip_relative != b->rip_relative)) {
        return DIFFERENT_ADDRESS;
    }
    if (a->size != b->size) {
        return DIFFERENT_SIZE;
    }
    return a->access != b->access ? DIFFERENT_DIRECTION : SAME;
}

/* The operands, whatever their order. */
static enum difference places_difference(const struct view *a, const struct view *b)
{
    if (a->places != b->places) {
        return DIFFERENT_OPERANDS;
    }
    if (a->places == 0) {
        return SAME;
    }
    if (a->addr_size != b->addr_size) {
        return DIFFERENT_ADDRESS;
    }
    uint64_t mask = ~0ull >> (64u - 8u * a->addr_size);
    enum difference straight = SAME;
    enum difference crossed = SAME;
    for (uint32_t i = 0; i < a->places; i++) {
        enum difference s = place_difference(&a->place[i], &b->place[i], mask);
        enum difference x = place_difference(&a->place[i], &b->place[a->places - 1u - i], mask);
        straight = straight == SAME ? s : straight;
        crossed = crossed == SAME ? x : crossed;
    }
    return straight == SAME || crossed == SAME ? SAME : straight;
}

/* Plain instructions have a way of their own: it must lead to the same. */
static bool ways_differ(const struct oracle_case *c)
{
    struct insn again;
    return c->result == DECODE_DONE &&
           (decode_any(c->bytes, DECODE_BYTES_MAX, (enum decode_mode)c->mode, &again) !=
                c->result ||
            memcmp(&again, &c->insn, sizeof(again)) != 0);
}

void view_compare(struct oracle_case *c)
{
    view_ours(c);
    view_theirs(c);
    if (ways_differ(c)) {
        c->difference = DIFFERENT_WAYS;
    } else if (c->ours.verdict != c->theirs.verdict) {
        c->difference = DIFFERENT_VERDICT;
    } else if (c->ours.len != c->theirs.len) {
        c->difference = DIFFERENT_LENGTH;
    } else {
        c->difference = places_difference(&c->ours, &c->theirs);
    }
}

/* --- For people ------------------------------------------------------------------------------------- */

static void print_view(const char *who, const struct view *v)
{
    static const char *const verdicts[VERDICTS] = {"memory", "no memory", "refused", "unknown"};
    printf("    %-6s %s, %u bytes, address size %u\n", who, verdicts[v->verdict], v->len,
           v->addr_size);
    for (uint32_t i = 0; i < v->places; i++) {
        const struct place *p = &v->place[i];
        printf("           seg %u base %d index %d scale %u disp %" PRId64
               " size %u access %u%s%s\n",
               p->seg, (int8_t)p->base, (int8_t)p->index, p->scale, p->disp, p->size, p->access,
               p->stack ? " stack" : "", p->rip_relative ? " rip" : "");
    }
}

void view_print(const struct oracle_case *c)
{
    static const char *const differences[DIFFERENCES] = {
        "same",    "verdict", "length",    "number of operands",
        "address", "size",    "direction", "our short way from our long one"};
    static const uint32_t bits[] = {16, 32, 64};
    printf("  %u-bit:", bits[c->mode]);
    for (uint32_t i = 0; i < DECODE_BYTES_MAX; i++) {
        printf(" %02x", c->bytes[i]);
    }
    printf("\n    %s differs; Zydis: %s\n", differences[c->difference],
           ZYAN_SUCCESS(c->status) ? ZydisMnemonicGetString(c->zydis.mnemonic) : "refused");
    print_view("ours", &c->ours);
    print_view("Zydis", &c->theirs);
}
