/* SPDX-License-Identifier: BSD-2-Clause
 * The part of the frozen system that only a host on seL4 reads: where RAM lies in the machine, when
 * who may run, and components that are no VM. Other hosts check it and leave it alone. */
#ifndef SYSTEM_SEL4_H
#define SYSTEM_SEL4_H

#include <stdint.h>

#define SYSTEM_WINDOWS_MAX 32u
#define SYSTEM_NATIVES_MAX 2u

#define SYSTEM_LARGE_BYTES   0x200000u  /* a large frame                                    */
#define SYSTEM_BACKING_FIRST 0x1000000u /* below 16 MiB are the kernel and its first program */

#define SYSTEM_PERIOD_MIN_US 100u
#define SYSTEM_PERIOD_MAX_US 10000000u
#define SYSTEM_BUDGET_MIN_US 10u
#define SYSTEM_WINDOW_MIN_US 100u
#define SYSTEM_FRAME_MAX_US  10000000u /* all windows of a CPU together */

/* So much time in each period; both 0: as much as there is. */
struct system_budget {
    uint32_t budget_us;
    uint32_t period_us;
};

/* One row of the time-window table of a CPU: the table is the rows of VMs on that CPU, in order. */
struct system_window {
    uint32_t vm;
    uint32_t window_us;
};

enum system_program {
    SYSTEM_PROGRAM_UDP_ECHO = 1, /* answers UDP datagrams, ARP and ping */
};

/* A component that sits on a switch port and is no VM. */
struct system_native {
    char name[32]; /* SYSTEM_NAME_MAX */
    uint32_t program;
    uint32_t switch_;
    uint32_t cpu;     /* logical CPU, or SYSTEM_CPU_ANY */
    uint32_t address; /* IPv4, host byte order */
    uint8_t mac[6];
    uint16_t udp_port;
    struct system_budget time;
};

struct system_sel4 {
    uint64_t backing[8][8]; /* [vm][range]: physical address; 0: anywhere */
    struct system_budget vmm[8];
    struct system_budget io[8];
    struct system_budget switch_[4];
    struct system_window window[SYSTEM_WINDOWS_MAX];
    struct system_native native[SYSTEM_NATIVES_MAX];
    uint32_t windows;
    uint32_t natives;
};

_Static_assert(sizeof(struct system_native) == 64, "no hidden padding");
_Static_assert(sizeof(struct system_sel4) % 8 == 0, "no hidden padding");

#endif
