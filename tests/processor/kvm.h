/* SPDX-License-Identifier: BSD-2-Clause
 * KVM's processor, in every mode: one guest, entered once for each vector. What ends a vector, HLT or an
 * exception whose handler is a HLT, brings it back. */
#ifndef PROCESSOR_KVM_H
#define PROCESSOR_KVM_H

#include "outcome.h"

/* What answers KVM where its guest has no memory. */
struct kvm_devices {
    uint64_t (*load)(void *owner, uint64_t gpa, uint32_t size);
    void (*store)(void *owner, uint64_t gpa, uint32_t size, uint64_t val);
    void *owner;
};

/* `devices`: the data pages below DEVICE_END are no memory, so that KVM itself emulates what touches them, and asks
 * for every access; null: there is memory everywhere. Copied. False: `why` says what is missing. */
bool kvm_begin(const struct kvm_devices *devices, const char **why);

/* How long a vector may take; 5 s at first. */
void kvm_patience(long seconds);

/* END_UNSUPPORTED: KVM does not emulate it. */
void kvm_run_vector(const struct vector *v, uint8_t *ram, struct outcome *out);

#endif
