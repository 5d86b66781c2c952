/* SPDX-License-Identifier: BSD-2-Clause
 * How fast TSC and local APIC timer count. Never measured: there is nothing to measure against.
 * Spec: [SDM] vol. 2A, CPUID leaves 0x15 and 0x16; leaf 0x40000010 as hypervisors define it. */
#ifndef DEMO653_CLOCK_H
#define DEMO653_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "boot.h"

struct clock {
    uint64_t tsc_khz;
    uint64_t apic_khz;  /* before the divider */
    const char *source; /* in words           */
};

/* False: nobody says. The command line is asked first, then the hypervisor, then the processor. */
bool clock_find(struct clock *c, const struct boot_info *boot);

#endif
