/* SPDX-License-Identifier: BSD-2-Clause
 * KVM's processor, in every mode: one guest, entered once for each vector. What ends a vector, HLT or an
 * exception whose handler is a HLT, brings it back. */
#ifndef PROCESSOR_KVM_H
#define PROCESSOR_KVM_H

#include "outcome.h"

/* `device`: the data pages below DEVICE_END are no memory, so that KVM itself emulates what touches them and
 * asks for every access. False: `why` says what is missing. */
bool kvm_begin(bool device, const char **why);

void kvm_run_vector(const struct vector *v, uint8_t *ram, struct outcome *out);

/* Accesses to devices that KVM has asked for. */
uint64_t kvm_accesses(void);

#endif
