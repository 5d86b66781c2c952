/* SPDX-License-Identifier: BSD-2-Clause
 * Why a claim to memory failed, for a person: what lacks, where, and what to do. */
#ifndef SEL4_PLAN_UNTYPED_SAY_H
#define SEL4_PLAN_UNTYPED_SAY_H

#include "sel4/plan/rights.h"
#include "sel4/plan/untyped.h"

/* What was asked for: RAM of this VM, `bytes` of it, at `at` or (0) anywhere. */
struct untyped_wish {
    const char *vm;
    uint64_t at;
    uint64_t bytes;
};

/* What became of it; not UNTYPED_OK. */
struct untyped_refusal {
    enum untyped_result result;
    uint64_t fault; /* as the claim left it */
};

/* Says it in a few lines. */
void untyped_say(const struct untyped_pool *p, const struct untyped_wish *wish,
                 const struct untyped_refusal *refusal, const struct rights_out *out);

#endif
