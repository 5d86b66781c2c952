/* SPDX-License-Identifier: BSD-2-Clause
 * The kinds of traffic. Each function draws one shot; the caller fires it. */
#ifndef HOSTILE_KINDS_H
#define HOSTILE_KINDS_H

#include "boot.h"
#include "machine.h"

struct shot *kind_port(void);        /* IN and OUT, every width, every port                     */
struct shot *kind_port_string(void); /* INS and OUTS, REP, up and down                          */
struct shot *kind_device(void);      /* registers of LAPIC, I/O APIC and HPET, by MOV           */
struct shot *kind_memory(void); /* forms that KVM's emulator knows, in ring 0, at any address */
struct shot *kind_memory_user(void); /* any form at all, in ring 3                              */
struct shot *kind_msr(void);
struct shot *kind_cpuid(void);
struct shot *kind_control(void);    /* CR0, CR3, CR4, CR8, debug registers, XCR0               */
struct shot *kind_descriptor(void); /* LGDT, LIDT, LLDT, LTR, segment loads                    */
struct shot *kind_interrupt(void);  /* INT n, through good gates and random ones               */
struct shot *kind_ipi(void);        /* the ICR, every delivery mode                            */
struct shot *kind_timer(void);      /* timers at absurd counts                                 */
struct shot *kind_halt(void);       /* HLT in odd states                                       */
struct shot *kind_flags(void);      /* POPF and IRET                                           */
struct shot *kind_special(void);    /* instructions that hypervisors intercept                 */
struct shot *kind_code(void);       /* random bytes as instructions, ring 0 and 3, 64 to 16 bits */

/* Ports and addresses that shots aim at. `boot` tells where RAM ends. */
void aim_init(const struct boot_info *boot);
uint64_t aim_memory(void);   /* linear, in the world of devices */
uint64_t aim_register(void); /* a naturally aligned register of a chip */

/* One way to end for good, chosen by the seed. Returns if this one did not end anything. */
enum end_kind {
    END_RESET_CF9,
    END_RESET_KEYBOARD,
    END_RESET_PORT92,
    END_TRIPLE_IDT,
    END_TRIPLE_TABLES,
    END_DEBUG_EXIT,
    END_UNKNOWN_FORM,    /* an SSE read of a device in ring 0: more than KVM emulates */
    END_FETCH_DEVICE,    /* instructions from a device's registers                    */
    END_STACK_DEVICE,    /* an exception whose stack is a device                      */
    END_LEAVE_LONG_MODE, /* paging off, and an exception without a gate for it        */
    END_GDT_DEVICE,      /* descriptors in a device: only if asked for, see README.md  */
};
#define ENDS        11u
#define ENDS_CHOSEN 10u /* by a seed */

const char *end_name(enum end_kind kind);
void end_now(enum end_kind kind);

#endif
