/* SPDX-License-Identifier: BSD-2-Clause
 * The processors there are, and what is known to be their own freedom or fault. */
#ifndef PROCESSOR_PROCESSORS_H
#define PROCESSOR_PROCESSORS_H

#include "campaign.h"

extern const struct processor
    processor_native; /* this machine's, in ring 3                            */
extern const struct processor
    processor_kvm; /* KVM's guests; in the simulated machine that is QEMU   */

#endif
