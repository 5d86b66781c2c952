/* SPDX-License-Identifier: BSD-2-Clause
 * Comparing, and telling. */
#include "outcome.h"

#include <string.h>

#include "text.h"

#define COMPARED                                                                         \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_DF | \
     RFLAGS_TF | RFLAGS_AC)
#define COMPARED_FAR (RFLAGS_IF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VM)

static void tell_ending(struct text *t, const char *who, const struct outcome *o)
{
    switch (o->end) {
    case END_DONE:
        tell(t, "  %s: done, rip %llx", who, (unsigned long long)o->rip);
        break;
    case END_FAULT:
        tell(t, "  %s: exception %u, error %x, cr2 %llx, rip %llx", who, o->vector, o->error,
             (unsigned long long)o->cr2, (unsigned long long)o->rip);
        break;
    case END_UNSUPPORTED:
        tell(t, "  %s: not supported", who);
        break;
    default:
        tell(t, "  %s: %s", who, o->why);
        break;
    }
    tell(t, ", rflags %llx\n", (unsigned long long)o->rflags);
}

static bool same_ending(const struct outcome *a, const struct outcome *b)
{
    return a->end == b->end && a->rip == b->rip &&
           (a->end != END_FAULT || (a->vector == b->vector && a->error == b->error &&
                                    (a->vector != 14 || a->cr2 == b->cr2)));
}

static void tell_vector_register(struct text *t, uint32_t n, const uint8_t *got,
                                 const uint8_t *wanted)
{
    tell(t, "  ymm%u is ", n);
    for (uint32_t i = 0; i < 32; i++) {
        tell(t, "%02x", got[i]);
    }
    tell(t, "\n       not ");
    for (uint32_t i = 0; i < 32; i++) {
        tell(t, "%02x", wanted[i]);
    }
    tell(t, "\n");
}

#define CR0_TOLD (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

/* What of a segment register the processor has shown. */
static bool same_segment(const struct outcome *got, const struct outcome *wanted, uint32_t n)
{
    const struct seg_reg *a = &got->seg[n];
    const struct seg_reg *b = &wanted->seg[n];
    bool usable = (a->ar & SEG_AR_UNUSABLE) == 0;
    /* A return from the kernel to a process clears the level of a null selector. */
    bool cleared = a->selector < 4 && b->selector == 0;
    if ((wanted->selectors >> n & 1u) != 0 && a->selector != b->selector && !cleared) {
        return false;
    }
    if ((wanted->caches >> n & 1u) == 0) {
        return true;
    }
    if (usable != ((b->ar & SEG_AR_UNUSABLE) == 0)) {
        return false;
    }
    return !usable ||
           (a->base == b->base && a->limit == b->limit && ((a->ar ^ b->ar) & 0xF0FFu) == 0);
}

static bool same_system(const struct vector *v, const struct outcome *got,
                        const struct outcome *wanted, struct text *t)
{
    bool same = true;
    for (uint32_t i = 0; i < SEG_COUNT; i++) {
        const struct seg_reg *a = &got->seg[i];
        const struct seg_reg *b = &wanted->seg[i];
        if ((v->form->flags & (FORM_SELECTOR | FORM_FAR)) != 0 && !same_segment(got, wanted, i)) {
            same = false;
            tell(t, "  segment %u is %x:%llx+%x/%x, not %x:%llx+%x/%x\n", i, a->selector,
                 (unsigned long long)a->base, a->limit, a->ar, b->selector,
                 (unsigned long long)b->base, b->limit, b->ar);
        }
    }
    if (wanted->system && (v->form->flags & FORM_SYSTEM) != 0 &&
        (got->gdtr.base != wanted->gdtr.base || got->gdtr.limit != wanted->gdtr.limit ||
         got->idtr.base != wanted->idtr.base || got->idtr.limit != wanted->idtr.limit ||
         ((got->cr0 ^ wanted->cr0) & CR0_TOLD) != 0)) {
        same = false;
        tell(t, "  gdtr %llx+%x, not %llx+%x; idtr %llx+%x, not %llx+%x; cr0 %llx, not %llx\n",
             (unsigned long long)got->gdtr.base, got->gdtr.limit,
             (unsigned long long)wanted->gdtr.base, wanted->gdtr.limit,
             (unsigned long long)got->idtr.base, got->idtr.limit,
             (unsigned long long)wanted->idtr.base, wanted->idtr.limit,
             (unsigned long long)got->cr0, (unsigned long long)wanted->cr0);
    }
    return same;
}

static bool same_bytes(const uint8_t *got, const uint8_t *wanted, uint32_t at, uint32_t end,
                       struct text *t)
{
    uint32_t told = 0;
    if (memcmp(got + at, wanted + at, end - at) == 0) {
        return true;
    }
    for (uint32_t i = at; i < end && told < 8; i++) {
        if (got[i] != wanted[i]) {
            tell(t, "  byte at %x is %02x, not %02x\n", i, got[i], wanted[i]);
            told++;
        }
    }
    return false;
}

bool outcome_same(const struct vector *v, const struct outcome *got, const uint8_t *got_ram,
                  const struct outcome *wanted, const uint8_t *wanted_ram, char *text, size_t size)
{
    struct text t = {text, size};
    bool same = same_ending(got, wanted);
    uint64_t flags = COMPARED & ~(wanted->end == END_DONE ? v->undefined : 0);
    text[0] = '\0';
    flags |= (v->form->flags & FORM_FAR) != 0 ? COMPARED_FAR : 0;
    if (!same || ((got->rflags ^ wanted->rflags) & flags) != 0) {
        same = false;
        tell_ending(&t, "emulator ", got);
        tell_ending(&t, "processor", wanted);
        tell(&t, "  flags that differ: %llx, of those compared: %llx\n",
             (unsigned long long)((got->rflags ^ wanted->rflags) & flags),
             (unsigned long long)flags);
    }
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        if (got->gpr[i] != wanted->gpr[i]) {
            same = false;
            tell(&t, "  register %u is %llx, not %llx (was %llx)\n", i,
                 (unsigned long long)got->gpr[i], (unsigned long long)wanted->gpr[i],
                 (unsigned long long)v->regs.gpr[i]);
        }
    }
    for (uint32_t i = 0; i < 16; i++) {
        if (memcmp(got->ymm[i], wanted->ymm[i], 32) != 0) {
            same = false;
            tell_vector_register(&t, i, got->ymm[i], wanted->ymm[i]);
        }
    }
    same = same_system(v, got, wanted, &t) && same;
    if ((v->form->flags & (FORM_SELECTOR | FORM_FAR)) != 0) {
        same = same_bytes(got_ram, wanted_ram, WORLD_LDT, WORLD_IDT32, &t) && same;
    }
    return same_bytes(got_ram, wanted_ram, WORLD_DATA, WORLD_END, &t) && same;
}

void vector_tell(const struct vector *v, char *text, size_t size)
{
    struct text t = {text, size};
    tell(&t, "%s (%s, cpl %u; seed %llu, number %u): ", v->form->name, place_names[v->place],
         v->cpl, (unsigned long long)v->seed, v->number);
    for (uint32_t i = 0; i < v->len; i++) {
        tell(&t, "%02x ", v->code[i]);
    }
    tell(&t, "\n  operand of %u bytes at %llx through segment %u, %s; rip %llx rflags %llx\n",
         v->size, (unsigned long long)v->operand, v->operand_seg, v->scene,
         (unsigned long long)v->regs.rip, (unsigned long long)v->regs.rflags);
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        tell(&t, "%s%llx", i == 0 ? "  registers " : " ", (unsigned long long)v->regs.gpr[i]);
    }
    tell(&t, "\n");
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        const struct seg_reg *s = &v->regs.seg[i];
        tell(&t, "%s%llx+%x/%x", i == 0 ? "  segments " : " ", (unsigned long long)s->base,
             s->limit, s->ar);
    }
    tell(&t, "\n");
    for (uint32_t i = PATCH_FAR; i < PATCHES && v->patch[i].len != 0; i++) {
        tell(&t, "  memory at %x: ", v->patch[i].at);
        for (uint32_t j = 0; j < v->patch[i].len && j < 16; j++) {
            tell(&t, "%02x", v->patch[i].bytes[j]);
        }
        tell(&t, "\n");
    }
    if (v->patch[0].len != 0) {
        tell(&t, "  memory at %x: ", v->patch[0].at);
        for (uint32_t i = 0; i < v->patch[0].len && i < 32; i++) {
            tell(&t, "%02x", v->patch[0].bytes[i]);
        }
        tell(&t, "\n");
    }
}
