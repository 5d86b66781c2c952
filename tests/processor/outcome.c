/* SPDX-License-Identifier: BSD-2-Clause
 * Comparing, and telling. */
#include "outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMPARED                                                                         \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_DF | \
     RFLAGS_TF | RFLAGS_AC)

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void tell(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < t->left ? (size_t)n : t->left - 1;
    t->at += used;
    t->left -= used;
}

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

bool outcome_same(const struct vector *v, const struct outcome *got, const uint8_t *got_ram,
                  const struct outcome *wanted, const uint8_t *wanted_ram, char *text, size_t size)
{
    struct text t = {text, size};
    bool same = same_ending(got, wanted);
    uint64_t flags = COMPARED & ~(wanted->end == END_DONE ? v->undefined : 0);
    text[0] = '\0';
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
    uint32_t told = 0;
    if (memcmp(got_ram + WORLD_DATA, wanted_ram + WORLD_DATA, WORLD_END - WORLD_DATA) == 0) {
        return same;
    }
    for (uint32_t i = WORLD_DATA; i < WORLD_END && told < 8; i++) {
        if (got_ram[i] != wanted_ram[i]) {
            tell(&t, "  byte at %x is %02x, not %02x\n", i, got_ram[i], wanted_ram[i]);
            told++;
        }
    }
    return false;
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
    if (v->patch[0].len != 0) {
        tell(&t, "  memory at %x: ", v->patch[0].at);
        for (uint32_t i = 0; i < v->patch[0].len && i < 32; i++) {
            tell(&t, "%02x", v->patch[0].bytes[i]);
        }
        tell(&t, "\n");
    }
}
