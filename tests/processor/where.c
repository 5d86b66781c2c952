/* SPDX-License-Identifier: BSD-2-Clause
 * Where a vector's accesses go, by its registers as they are. */
#include "base/bits.h"
#include "vector.h"

bool vector_on_device(uint64_t linear)
{
    return linear >= WORLD_DATA && linear < DEVICE_END;
}

uint64_t vector_pointer(const struct vector *v, const uint64_t *gpr, enum gpr reg)
{
    uint32_t seg = reg == GPR_RDI ? (uint32_t)SEG_ES : v->override != 0xFF ? v->override : SEG_DS;
    uint64_t base = v->regs.seg[seg].base;
    uint64_t off = gpr[reg] & ones_bytes(v->addr_size);
    if (place_is_64(v->place)) {
        return off + (seg >= SEG_FS ? base : 0);
    }
    return (base + off) & UINT32_MAX;
}

uint64_t vector_stack(const struct vector *v)
{
    const struct seg_reg *ss = &v->regs.seg[SEG_SS];
    uint64_t sp = v->regs.gpr[GPR_RSP];
    if (place_is_64(v->place)) {
        return sp;
    }
    return (ss->base + ((ss->ar & SEG_AR_DB) != 0 ? sp & UINT32_MAX : sp & 0xFFFFu)) & UINT32_MAX;
}

uint64_t vector_exit(const struct vector *v, const uint64_t *gpr)
{
    uint64_t at = v->operand;
    if (v->form->kind == FORM_STRING) {
        uint64_t si = vector_pointer(v, gpr, GPR_RSI);
        bool from = (v->form->flags & FORM_SI) != 0 && vector_on_device(si);
        at = from || (v->form->flags & FORM_DI) == 0 ? si : vector_pointer(v, gpr, GPR_RDI);
    }
    if (!vector_on_device(at) && vector_on_device(at + v->size - 1u)) {
        at += v->size - 1u;
    }
    return vector_on_device(at) ? at : WORLD_DATA;
}
