/* SPDX-License-Identifier: BSD-2-Clause
 * Where KVM's emulator of device accesses is not what processors are. Each row says of which vectors it speaks, and
 * what must be the same all the same: an error of ours in the same form does not look like it.
 * Seen in Linux 6.1; facts from arch/x86/kvm/emulate.c and x86.c there. */
#include "kvm_gaps.h"

#include <stddef.h>
#include <string.h>

#include "processors.h"

struct kvm_gap {
    const char *why;
    bool (*is)(const struct kvm_meeting *m);
};

/* --- Forms -------------------------------------------------------------------------------------------------- */

static bool is_form(const struct vector *v, uint32_t map, uint32_t opcode)
{
    return v->form->map == map && v->form->opcode == opcode;
}

static bool is_stack(const struct vector *v, uint32_t map, uint32_t opcode)
{
    return is_form(v, map, opcode) && v->form->kind == FORM_STACK;
}

static bool is_0f(const struct vector *v, const uint8_t *opcodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_form(v, 0x0F, opcodes[i])) {
            return true;
        }
    }
    return false;
}

static bool is_push_segment(const struct vector *v)
{
    return is_stack(v, 1, 0x0E) || is_stack(v, 1, 0x1E);
}

static bool is_pop_segment(const struct vector *v)
{
    return v->form->kind == FORM_STACK && (v->form->flags & FORM_SELECTOR) != 0;
}

static bool is_bent(const struct vector *v)
{
    const struct seg_reg *s = &v->regs.seg[v->operand_seg];
    return s->limit != (v->regs.seg[SEG_ES].ar >> 14 & 1u ? UINT32_MAX : 0xFFFFu) ||
           (s->ar & 15u) != 3u;
}

/* --- What KVM has not ------------------------------------------------------------------------------------ */

/* It says so, before it has done anything. */
static bool refused(const struct kvm_meeting *m)
{
    return m->kvm->end == END_UNSUPPORTED && m->accesses == 0;
}

static bool lacks_vector(const struct kvm_meeting *m)
{
    static const uint8_t halves[] = {0x12, 0x13, 0x16, 0x17, 0x6E, 0x7E, 0xC4, 0xD6, 0xF0};
    const struct form *f = m->v->form;
    bool scalar = (f->opcode & 0xFEu) == 0x10 && (f->prefix == 0xF2 || f->prefix == 0xF3);
    bool is = is_0f(m->v, halves, sizeof(halves)) || (f->map == 0x0F && scalar) ||
              is_form(m->v, 0x38, 0x2A) || f->map == 0x3A;
    return refused(m) && (f->flags & FORM_XMM) != 0 && is;
}

static bool lacks_counts(const struct kvm_meeting *m)
{
    const struct vector *v = m->v;
    bool crc = v->form->prefix == 0xF2 && (is_form(v, 0x38, 0xF0) || is_form(v, 0x38, 0xF1));
    return refused(m) && (is_form(v, 0x0F, 0xB8) || crc || is_form(v, 0x38, 0xF6));
}

static bool lacks_movbe_66(const struct kvm_meeting *m)
{
    const struct vector *v = m->v;
    bool movbe = v->form->prefix == 0 && v->form->map == 0x38 && (v->form->opcode & 0xFEu) == 0xF0;
    return refused(m) && movbe && memchr(v->code, 0x66, v->len) != NULL;
}

static bool lacks_looks(const struct kvm_meeting *m)
{
    const struct vector *v = m->v;
    bool verify = is_form(v, 0x0F, 0x00) && v->form->digit >= 4;
    bool arpl = is_form(v, 1, 0x63) && v->place != PLACE_64;
    return refused(m) && (is_form(v, 0x0F, 0x02) || is_form(v, 0x0F, 0x03) || verify || arpl);
}

static bool lacks_frames(const struct kvm_meeting *m)
{
    return refused(m) && is_stack(m->v, 1, 0xC8) && (m->v->code[m->v->len - 1] & 31u) != 0;
}

static bool lacks_cmpxchg16b(const struct kvm_meeting *m)
{
    return m->kvm->end == END_UNSUPPORTED && is_form(m->v, 0x0F, 0xC7) && m->v->size == 16;
}

bool kvm_gap_hangs(const struct vector *v)
{
    return is_form(v, 0x0F, 0x01) && v->form->digit < 2;
}

static bool hangs_on_tables(const struct kvm_meeting *m)
{
    return m->kvm->end == END_LOST && is_form(m->v, 0x0F, 0x01) && m->v->form->digit < 4;
}

/* --- What KVM does otherwise ------------------------------------------------------------------------------ */

static bool both_done(const struct kvm_meeting *m)
{
    return m->raw->end == END_DONE && m->kvm->end == END_DONE;
}

/* Registers, exception and RAM are the same. */
static bool only_accesses(const struct kvm_meeting *m)
{
    return !m->state && !m->ram;
}

static bool same_accesses(const struct kvm_meeting *m)
{
    return !m->d.devices && !m->d.cut && !m->d.less && !m->d.more && !m->d.other;
}

static bool popa_again(const struct kvm_meeting *m)
{
    return is_stack(m->v, 1, 0x61) && m->kvm->end != END_LOST && m->accesses != 0;
}

static bool last_write_only(const struct kvm_meeting *m)
{
    return is_stack(m->v, 1, 0x60) && both_done(m) && !m->state && m->d.less;
}

static bool far_at_once(const struct kvm_meeting *m)
{
    return m->v->form->size == SIZE_F && only_accesses(m) && m->d.cut;
}

/* With an operand size of four or eight bytes it looks at as many, and may find that they fault. */
static bool reads_selector_store(const struct kvm_meeting *m)
{
    bool stores = is_form(m->v, 0x0F, 0x00) && m->v->form->digit < 2;
    bool reads = only_accesses(m) && m->d.more && !m->d.writes;
    bool faults = m->v->op_size > 2 && m->raw->end == END_DONE && m->kvm->end == END_FAULT &&
                  m->accesses == 0;
    return stores && (reads || faults);
}

/* A fault of the slot beyond its first two bytes, which KVM leaves alone: by its page, or by the limit. */
static bool is_beyond_two(const struct kvm_meeting *m)
{
    const struct vector *v = m->v;
    const struct seg_reg *ss = &v->regs.seg[SEG_SS];
    uint32_t off = (uint32_t)(v->operand - ss->base);
    bool limit = m->raw->vector == 12 && ss->limit >= off + 1u && ss->limit < off + v->size - 1u;
    bool page =
        m->raw->vector == 14 && m->raw->cr2 >= v->operand + 2 && m->raw->cr2 < v->operand + v->size;
    return m->raw->end == END_FAULT && (limit || page) && m->d.more;
}

static bool pops_two_bytes(const struct kvm_meeting *m)
{
    bool alike = only_accesses(m) && m->d.less;
    return is_pop_segment(m->v) && m->v->size > 2 && (alike || is_beyond_two(m));
}

static bool pushes_two_bytes(const struct kvm_meeting *m)
{
    bool into_ram = m->v->operand + m->v->size > DEVICE_END;
    bool alike = both_done(m) && !m->state && (!m->ram || into_ram) && m->d.less;
    bool in_ram = both_done(m) && !m->state && m->ram && into_ram; /* all of the rest */
    return is_push_segment(m->v) && m->v->size == 4 && (alike || in_ram || is_beyond_two(m));
}

static bool stores_wide_selector(const struct kvm_meeting *m)
{
    bool stores = is_form(m->v, 1, 0x8C) || (is_form(m->v, 0x0F, 0x00) && m->v->form->digit < 2);
    bool into_ram = m->ram && m->v->operand + m->v->op_size > DEVICE_END;
    return stores && m->v->op_size == 8 && both_done(m) && !m->state && (m->d.more || into_ram);
}

static bool enters_wide(const struct kvm_meeting *m)
{
    return is_stack(m->v, 1, 0xC8) && memchr(m->v->code, 0x66, m->v->len) != NULL && both_done(m);
}

/* The stack pointer that ENTER leaves is beyond the limit: #SS by the manual, if not by KVM. */
static bool enters_anywhere(const struct kvm_meeting *m)
{
    return is_stack(m->v, 1, 0xC8) && m->raw->end == END_FAULT && m->raw->vector == 12 &&
           m->kvm->end == END_DONE && is_bent(m->v);
}

/* Nothing else is different. */
static bool null_ss_is_flat(const struct kvm_meeting *m)
{
    const struct seg_reg *a = &m->raw->seg[SEG_SS];
    const struct seg_reg *b = &m->kvm->seg[SEG_SS];
    struct outcome fixed = *m->kvm;
    char text[64];
    fixed.seg[SEG_SS].ar = a->ar;
    return m->v->place == PLACE_64 && both_done(m) && !m->ram &&
           (same_accesses(m) || (m->v->form->size == SIZE_F && m->d.cut)) &&
           (a->ar & SEG_AR_UNUSABLE) != 0 && a->selector < 4 && a->selector == b->selector &&
           outcome_same(m->v, m->raw, campaign_clean, &fixed, campaign_clean, text, sizeof(text));
}

/* A page fault in the page that is read-only, with the bits "present" and "write" in its error code. */
static bool is_write_denied(const struct outcome *o)
{
    return o->end == END_FAULT && o->vector == 14 && (o->error & 3u) == 3u &&
           (o->cr2 - WORLD_DATA) >> 12 == PAGE_RO;
}

static bool writes_read_only(const struct kvm_meeting *m)
{
    return (m->v->form->flags & FORM_RMW) == FORM_RMW && is_write_denied(m->raw) &&
           m->kvm->end == END_DONE && m->d.more && m->d.writes;
}

/* The same but for flags and one register. */
static bool one_result(const struct kvm_meeting *m)
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        different += m->raw->gpr[i] != m->kvm->gpr[i];
    }
    return both_done(m) && !m->ram && same_accesses(m) && different <= 1 &&
           m->raw->rip == m->kvm->rip;
}

static bool counts_zeros_otherwise(const struct kvm_meeting *m)
{
    bool counts = is_form(m->v, 0x0F, 0xBC) || is_form(m->v, 0x0F, 0xBD);
    return counts && m->v->form->prefix == 0xF3 && one_result(m);
}

/* What an error code names is not present, which is looked at after the levels. */
static bool names_absent(uint32_t error)
{
    uint32_t table = (error & 4u) != 0 ? WORLD_LDT : WORLD_GDT;
    return (campaign_clean[table + (error & 0xFFF8u) + 5u] & 0x80u) == 0;
}

/* Of RPL and CPL, one is beyond the segment's level, and the other is not. */
static bool loads_other_level(const struct kvm_meeting *m)
{
    bool denied = m->raw->end == END_FAULT && m->raw->vector == 13 && m->raw->error != 0;
    bool absent = m->kvm->end == END_FAULT && m->kvm->vector == 11 &&
                  m->kvm->error == m->raw->error && names_absent(m->raw->error);
    bool is = false;
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        const struct seg_reg *s = &m->kvm->seg[i];
        uint32_t dpl = s->ar >> 5 & 3u;
        bool loaded = (s->selector & ~3u) == m->raw->error && i != SEG_CS && i != SEG_SS;
        is = is || (loaded && ((s->selector & 3u) > dpl) != (m->v->cpl > dpl));
    }
    is = is && m->kvm->end == END_DONE;
    return (is || absent) && denied && (m->v->form->flags & FORM_SELECTOR) != 0;
}

static bool ltr_without_selector(const struct kvm_meeting *m)
{
    const struct outcome *a = m->raw;
    const struct outcome *b = m->kvm;
    return is_form(m->v, 0x0F, 0x00) && m->v->form->digit == 3 && a->end == END_FAULT &&
           b->end == END_FAULT && a->vector == 13 && b->vector == 13 && (a->error & 4u) != 0 &&
           b->error == 0;
}

/* CALL m: the stack faults, and the target is out of bounds, which KVM finds first. */
static bool calls_first(const struct kvm_meeting *m)
{
    uint64_t slot = vector_stack(m->v) - m->v->size;
    return is_form(m->v, 1, 0xFF) && m->v->form->digit == 2 && m->raw->end == END_FAULT &&
           m->raw->vector == 14 && m->raw->cr2 - slot < m->v->size && m->kvm->end == END_FAULT &&
           m->kvm->vector == 13 && m->d.more && !m->d.writes;
}

static bool aligns_first(const struct kvm_meeting *m)
{
    return (m->v->form->flags & FORM_ALIGNED) != 0 && (m->v->operand & (m->v->size - 1u)) != 0 &&
           m->raw->end == END_FAULT && m->raw->vector == 12 && m->kvm->end == END_FAULT &&
           m->kvm->vector == 13 && m->raw->rip == m->kvm->rip;
}

/* Both fault in the same way, and KVM has read before. */
static bool reads_before_fault(const struct kvm_meeting *m)
{
    return m->raw->end == END_FAULT && only_accesses(m) && m->d.more && !m->d.writes;
}

static bool pages_first(const struct kvm_meeting *m)
{
    const struct outcome *a = m->raw;
    return m->accesses == 0 && a->end == END_FAULT && (a->vector == 12 || a->vector == 13) &&
           m->kvm->end == END_FAULT && m->kvm->vector == 14 && is_bent(m->v);
}

/* The segment may not be written, by its type. */
static bool real_types(const struct kvm_meeting *m)
{
    const struct seg_reg *s = &m->v->regs.seg[m->v->operand_seg];
    return m->v->place == PLACE_REAL && (s->ar & 2u) == 0 && m->raw->end == END_DONE &&
           m->kvm->end == END_FAULT && m->kvm->vector == 13;
}

static bool never_left(const struct kvm_meeting *m)
{
    return m->accesses == 0 && processor_kvm.excuse(m->v, m->raw, m->kvm) != NULL;
}

static const struct kvm_gap gaps[] = {
    {"KVM has no moves of less than 16 bytes of vector registers, no duplicating ones, no MOVNTDQA and LDDQU",
     lacks_vector},
    {"KVM has no POPCNT, CRC32, ADCX, ADOX", lacks_counts},
    {"KVM has no MOVBE with the prefix 66", lacks_movbe_66},
    {"KVM has no LAR, LSL, VERR, VERW, ARPL", lacks_looks},
    {"KVM has no ENTER with a level", lacks_frames},
    {"KVM has no CMPXCHG16B", lacks_cmpxchg16b},
    {"KVM looks for the operand of LGDT, LIDT, SGDT, SIDT in memory, and tries for ever",
     hangs_on_tables},
    {"KVM begins POPA anew after each slot, with rSP moved on", popa_again},
    {"KVM tells only of the last of PUSHA's writes", last_write_only},
    {"KVM reads a far pointer at once, processors its two parts", far_at_once},
    {"KVM reads what SLDT and STR then write", reads_selector_store},
    {"KVM reads two bytes of a selector's slot", pops_two_bytes},
    {"KVM writes two bytes of a selector's slot of four (SDM vol. 2, PUSH: so do some processors)",
     pushes_two_bytes},
    {"KVM stores eight bytes of a selector with REX.W; processors two", stores_wide_selector},
    {"KVM's ENTER pushes as much as the stack is wide, whatever the operand size", enters_wide},
    {"KVM's ENTER does not look whether its frame is within the limit", enters_anywhere},
    {"KVM makes a flat segment of a null SS, to keep the level there", null_ss_is_flat},
    {"KVM writes where QEMU has found that reading is allowed; processors look for a write at once",
     writes_read_only},
    {"KVM takes TZCNT for BSF, LZCNT for BSR", counts_zeros_otherwise},
    {"KVM loads a segment if one of CPL and RPL allows it; processors if both do",
     loads_other_level},
    {"KVM's #GP of LTR with a selector of the LDT has no error code", ltr_without_selector},
    {"KVM reads before it finds that the stack or the destination may not be written",
     reads_before_fault},
    {"of a stack that faults and a target out of bounds KVM finds the target first; an EPYC, and we, the stack",
     calls_first},
    {"of a limit and an alignment of vectors either may come first (SDM vol. 3A, 6.9)",
     aligns_first},
    {"QEMU's processor looks at pages, not at limits and types of segments, and KVM comes too late",
     pages_first},
    {"KVM looks at the type of a segment in real mode, where nothing is protected", real_types},
    {"no device access: QEMU's processor has done it, as explained for `processor kvm`",
     never_left},
};
#define GAPS (sizeof(gaps) / sizeof(gaps[0]))

const char *kvm_gap(const struct kvm_meeting *m)
{
    for (uint32_t i = 0; i < GAPS; i++) {
        if (gaps[i].is(m)) {
            return gaps[i].why;
        }
    }
    return NULL;
}

const char *kvm_gap_why(uint32_t n)
{
    return n < GAPS ? gaps[n].why : NULL;
}
