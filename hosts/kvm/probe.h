/* SPDX-License-Identifier: BSD-2-Clause
 * Is /dev/kvm there, and does it really run guest code? (FIELD: it may exist, answer every
 * capability, and still emulate ring 0 in software.) */
#ifndef KVM_PROBE_H
#define KVM_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* True if a long-mode SSE snippet ran in a small VM within the time limit. Else false, and `why`
 * holds half a sentence ("/dev/kvm is absent"). */
bool kvm_probe(char *why, size_t why_size);

#endif
