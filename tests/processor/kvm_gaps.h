/* SPDX-License-Identifier: BSD-2-Clause
 * Where KVM's emulator of device accesses is not what processors are: the explained differences of the roads. */
#ifndef PROCESSOR_KVM_GAPS_H
#define PROCESSOR_KVM_GAPS_H

#include "roads.h"

/* A vector whose roads met, and did not agree. */
struct kvm_meeting {
    const struct vector *v;
    const struct outcome *raw;
    const struct outcome *kvm;
    bool state; /* registers or exception differ */
    bool ram;
    struct road_difference d;
    uint32_t accesses; /* of KVM's */
};

/* Why, or NULL: nobody knows. */
const char *kvm_gap(const struct kvm_meeting *m);

/* The reasons, by number; NULL: there are no more. */
const char *kvm_gap_why(uint32_t n);

/* KVM tries this instruction for ever, and does not come back to tell. */
bool kvm_gap_hangs(const struct vector *v);

#endif
