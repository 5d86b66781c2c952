/* SPDX-License-Identifier: BSD-2-Clause
 * The register cache of a vCPU. */
#include "vm/regs.h"

#include "base/assert.h"

const struct vcpu_regs *regs_view(struct regs_cache *c, const struct regs_source *src,
                                  uint32_t vcpu, uint32_t groups)
{
    uint32_t missing = groups & ~c->valid;
    if (missing != 0) {
        src->fetch(src->host, vcpu, missing, &c->regs);
        c->valid |= missing;
    }
    return &c->regs;
}

struct vcpu_regs *regs_edit(struct regs_cache *c, const struct regs_source *src, uint32_t vcpu,
                            uint32_t groups)
{
    (void)regs_view(c, src, vcpu, groups);
    c->dirty |= groups;
    return &c->regs;
}

void regs_forget(struct regs_cache *c)
{
    BH_ASSERT(c->dirty == 0);
    c->valid = 0;
}
