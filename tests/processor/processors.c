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

static const char *kvm_excuse(const struct vector *v, const struct outcome *model,
                              const struct outcome *real)
{
    bool aligned = (v->form->flags & FORM_ALIGNED) != 0;
    if (aligned && model->end == END_FAULT && model->vector == 13 && real->end == END_DONE &&
        (v->operand & (v->size - 1u)) != 0) {
        return "QEMU does not check the alignment of vector operands";
    }
    return NULL;
}

static const char *device_excuse(const struct vector *v, const struct outcome *model,
                                 const struct outcome *real)
{
    (void)v;
    (void)model;
    (void)real;
    return NULL;
}

const struct processor processor_native = {
    .name = "native",
    .limits = {.native = true, .segments = true, .avx = true},
    .stop = {0xF4, 0xCC, 0xCC, 0xCC},
    .can = native_at,
    .adjust = native_adjust,
    .run = native_run,
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
