/* SPDX-License-Identifier: BSD-2-Clause
 * Both roads to a device, with KVM itself on the decoded one. */
#ifndef PROCESSOR_KVM_ROADS_H
#define PROCESSOR_KVM_ROADS_H

#include "campaign.h"

bool kvm_roads_begin(const char **why);

extern const struct processor processor_roads;

#endif
