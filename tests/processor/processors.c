/* SPDX-License-Identifier: BSD-2-Clause
 * The processors, and the list of explained differences: each with its reason. */
#include "processors.h"

#include "kvm.h"
#include "native.h"

static bool native_at(enum place place, uint32_t cpl)
{
    return native_can(place) && cpl == 3;
}

/* Real mode has no rings, and the places without paging none that a page could tell apart. */
static bool kvm_at(enum place place, uint32_t cpl)
{
    return place != PLACE_REAL || cpl == 0;
}

/* The same fault in all but the bit of the error code that says "write". */
static bool only_write_bit(const struct outcome *model, const struct outcome *real)
{
    return model->end == END_FAULT && real->end == END_FAULT && model->vector == 14 &&
           real->vector == 14 && model->rip == real->rip && model->cr2 == real->cr2 &&
           model->error == (real->error | 2u);
}

static bool same_fault(const struct outcome *a, const struct outcome *b)
{
    return a->end == END_FAULT && b->end == END_FAULT && a->rip == b->rip &&
           a->vector == b->vector && (a->vector != 14 || a->cr2 == b->cr2);
}

/* PUSHA, POPA, ENTER: several slots. */
static bool has_slots(const struct form *f)
{
    return f->kind == FORM_STACK && ((f->opcode & 0xFEu) == 0x60 || f->opcode == 0xC8);
}

/* The last bytes are ModRM of that kind, a displacement, and an immediate. */
static bool is_rip_relative(const struct vector *v, uint32_t immediate)
{
    return v->place == PLACE_64 && v->len > 6u + immediate &&
           (v->code[v->len - 5u - immediate] & 0xC7u) == 5u &&
           v->code[v->len - 6u - immediate] == v->form->opcode;
}

/* QEMU 7.2, where it is not what the manuals say and real processors do. */
static const char *qemu_excuse(const struct vector *v, const struct outcome *model,
                               const struct outcome *real)
{
    const struct form *f = v->form;
    bool is_16 = v->place == PLACE_REAL || v->place == PLACE_16 || v->place == PLACE_COMPAT_16;
    if ((f->flags & FORM_RMW) == FORM_RMW && only_write_bit(model, real)) {
        return "QEMU reads first, then writes: the error code says read where processors say write";
    }
    if (f->map == 1 && (f->opcode & 0xFEu) == 0xF6 && f->digit == 1 &&
        (real->vector == 6 || real->end == END_LOST)) {
        return "QEMU has no TEST at F6 /1 and F7 /1; processors have";
    }
    if (model->end == END_FAULT && real->end == END_FAULT && model->vector == 12 &&
        real->vector == 13 && v->place == PLACE_64) {
        return "QEMU raises #GP for what is not canonical through SS; processors raise #SS";
    }
    if (is_16 && f->map == 0x38 && (f->opcode & 0xFEu) == 0xF0) {
        return "QEMU takes CRC32 and MOVBE without the prefix 66 for 32 bits in 16-bit code, too";
    }
    if (f->map == 0x38 && f->opcode == 0xF6 && !(f->flags & FORM_VEX)) {
        return "QEMU loses flags in ADCX and ADOX";
    }
    if (f->map == 0x0F && (f->opcode == 0xA4 || f->opcode == 0xAC) && is_rip_relative(v, 1)) {
        return "QEMU forgets the immediate of SHLD and SHRD when it computes RIP-relative addresses";
    }
    if (f->map == 0x0F && (f->opcode & 0xFEu) == 0xBC && f->prefix == 0 && v->size == 4 &&
        (model->rflags & real->rflags & RFLAGS_ZF) != 0) {
        return "BSF and BSR of 0: the upper half of a 32-bit destination is the processor's freedom";
    }
    if ((f->flags & FORM_ALIGNED) != 0 && model->end == END_FAULT && model->vector == 13 &&
        (v->operand & (v->size - 1u)) != 0) {
        return "QEMU does not check the alignment of vector operands";
    }
    if ((f->flags & FORM_XMM) != 0 && same_fault(model, real)) {
        return "QEMU stores 16 bytes in two parts, of which the first stays when the second faults";
    }
    return NULL;
}

static const char *kvm_excuse(const struct vector *v, const struct outcome *model,
                              const struct outcome *real)
{
    if (has_slots(v->form) && same_fault(model, real)) {
        return "PUSHA, POPA and ENTER that fault half way: what was done before is the processor's freedom";
    }
    if (has_slots(v->form) && model->end == END_FAULT && real->end == END_FAULT &&
        model->rip == real->rip && model->vector == real->vector) {
        return "QEMU pushes the slots of PUSHA from the lowest on; processors from the highest";
    }
    return qemu_excuse(v, model, real);
}

static const char *device_excuse(const struct vector *v, const struct outcome *model,
                                 const struct outcome *real)
{
    (void)v;
    (void)model;
    (void)real;
    return NULL;
}

static const char *native_excuse(const struct vector *v, const struct outcome *model,
                                 const struct outcome *real)
{
    bool fault = model->end == END_FAULT && real->end == END_FAULT && model->rip == real->rip;
    if (fault && model->vector == 14 && real->vector == 17) {
        return "of a page fault and an alignment check either may come first (SDM vol. 3A, 6.9)";
    }
    if (fault && (v->form->flags & FORM_ALIGNED) != 0 && model->vector == 12 &&
        real->vector == 13) {
        return "of a limit and an alignment of vectors either may come first (SDM vol. 3A, 6.9)";
    }
    if (has_slots(v->form) && same_fault(model, real)) {
        return "PUSHA, POPA and ENTER that fault half way: what was done before is the processor's freedom";
    }
    return NULL;
}

const struct processor processor_native = {
    .name = "native",
    .limits = {.native = true, .segments = true, .avx = true},
    .stop = {0xF4, 0xCC, 0xCC, 0xCC},
    .can = native_at,
    .adjust = native_adjust,
    .run = native_run,
    .excuse = native_excuse,
};

const struct processor processor_kvm = {
    .name = "kvm",
    .limits = {.frames = true},
    .stop = {0xF4, 0xCC, 0xCC, 0xCC},
    .can = kvm_at,
    .run = kvm_run_vector,
    .excuse = kvm_excuse,
};

const struct processor processor_device = {
    .name = "device",
    .limits = {.frames = true},
    .stop = {0xF4, 0xCC, 0xCC, 0xCC},
    .can = kvm_at,
    .run = kvm_run_vector,
    .excuse = device_excuse,
};
