/* SPDX-License-Identifier: BSD-2-Clause
 * One virtual machine: the PC that the system image describes, and its two entrances.
 *
 * The core never owns the thread. A host calls vm_entry() before it enters the guest (what to inject,
 * which window to ask for, when to be back) and vm_exit() after (what happened, at what time):
 *
 *     vm_entry(vm, 0, tsc, &plan);          plan.go says run, wait or stop
 *     ... the host obeys, the guest runs ...
 *     vm_exit(vm, 0, tsc, &x);              x may bring back results for the host to hand on
 *
 * The host serialises all calls for one VM; `tsc` is the guest's TSC and never runs backwards.
 * vm_entry() may be called again without an entry between (after a wait that was cut short), and only
 * counts an interrupt as taken when its plan says so: the host must then deliver it.
 *
 * A virtio device's queues are served by another component (virtio/channel.h). When that one notifies,
 * the host only calls vm_entry() again. While a reset of the device waits for it, plan.go is VM_GO_WAIT:
 * the guest's write to the register is complete when the guest goes on. */
#ifndef BOARD_VM_H
#define BOARD_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/cpuid.h"
#include "system/image.h"
#include "virtio/channel.h"
#include "virtio/device.h"
#include "vm/bus.h"
#include "vm/exit.h"
#include "vm/gmem.h"
#include "vm/regs.h"
#include "vm/time.h"

#define VM_VCPUS_MAX     1u
#define VM_STORAGE_BYTES 24576u /* what vm_init() needs, aligned to 8 */

struct vm;

/* What the host gives a VM. Copied; the pointers stay valid while the VM lives. */
struct vm_wiring {
    const struct system_vm *system; /* checked by system_check() */
    struct gmem mem;                /* its ranges, mapped        */
    struct regs_source regs;
    uint32_t tsc_khz;  /* of the guest's TSC, not 0                           */
    uint64_t epoch_s;  /* wall-clock time at guest TSC 0, in Unix seconds     */
    bool tsc_deadline; /* the host sees writes to IA32_TSC_DEADLINE           */
    void *host;
    void (*console)(void *host, uint32_t serial, uint8_t byte); /* a UART sent a byte  */
    void (*cpuid)(void *host, struct cpuid_leaf *leaf);         /* CPUID as the host can support it;
                                                                   null: it offers nothing */
    bool host_switches;  /* the host's kernel keeps MSRs, PKRU, XSS of its guests apart (KVM): what
                            cpu/cpuid_list.h calls HOST may be offered                   */
    uint64_t xcr0_fixed; /* not 0: the host cannot switch XCR0, and this is its value    */
    /* Raw hosts: the vCPU's MSRs that the core has no place for (cpu/msr_list.h, MSR_VCPU). Values
     * have been checked. False: there is no such register here, and the guest gets #GP. */
    bool (*msr_read)(void *host, uint32_t index, uint64_t *value);
    bool (*msr_write)(void *host, uint32_t index, uint64_t value);
    struct channel *channel[SYSTEM_NICS_MAX]; /* of each NIC, to its io component      */
    void (*kick)(void *host, uint32_t nic);   /* wake that component: a queue has work,
                                                  or there is a request in the channel  */
};

/* Where a guest's notification of a queue arrives. A host that sees the write without leaving its
 * kernel (KVM: ioeventfd) may wake the io component by itself; one that does not need do nothing. */
struct vm_doorbell {
    uint64_t addr;
    uint8_t space;  /* enum bus_space                                   */
    uint8_t width;  /* bytes                                            */
    uint16_t value; /* what is written: the number of the queue        */
    uint32_t nic;
};
#define VM_DOORBELLS_MAX (2u * SYSTEM_NICS_MAX)

/* Counters of one VM since it started. */
struct vm_counts {
    uint64_t exits[VM_EXIT_KINDS];
    uint64_t interrupts; /* injected */
    uint64_t nmis;
    uint64_t refused_msr_reads; /* answered with #GP */
    uint64_t refused_msr_writes;
    uint32_t last_refused_msr;
    uint64_t emulated;        /* raw hosts: instructions carried out by the core        */
    uint64_t emulated_faults; /* ... that gave the guest an exception                    */
    uint64_t not_emulated;    /* ... that ended the VM                                   */
    uint32_t startup_ipis;    /* INIT and STARTUP messages: there is no second vCPU to take them */
};

enum vm_timer {
    VM_TIMER_LAPIC = 0,
    VM_TIMER_PIT = 1,
    VM_TIMER_HPET = 2,
    VM_TIMER_RTC = 3,
};
#define VM_TIMERS 4u

/* Why a VM ended, once vm_entry() says VM_GO_STOP. */
struct vm_outcome {
    enum vm_end end;
    uint32_t code;       /* debug-exit value                              */
    const char *message; /* host error or emulation: static text, or null */
    uint64_t detail[4];  /* as vm_exit_error                              */
};

/* Builds the board in `storage` and resets it at `tsc`. NULL only if the storage is too small.
 * @pre storage is aligned to 8 and outlives the VM. */
struct vm *vm_init(void *storage, size_t bytes, const struct vm_wiring *w, uint64_t tsc);

/* The first registers, as a boot loader left them: the host fetches nothing before. */
void vm_set_regs(struct vm *vm, uint32_t vcpu, const struct vcpu_regs *regs);

/* @pre vcpu < VM_VCPUS_MAX for all of these. */
void vm_entry(struct vm *vm, uint32_t vcpu, uint64_t tsc, struct vm_plan *plan);
void vm_exit(struct vm *vm, uint32_t vcpu, uint64_t tsc, struct vm_exit *x);

/* Registers that the host must write back before it enters: the groups, and *regs. Calling it says
 * that they were written. 0: nothing to do. */
uint32_t vm_take_dirty(struct vm *vm, uint32_t vcpu, const struct vcpu_regs **regs);

/* Bytes for a UART. Returns how many it took: offer the rest again later. */
uint32_t vm_console_input(struct vm *vm, uint32_t serial, const uint8_t *bytes, uint32_t len,
                          uint64_t tsc);

/* Fills `out` with the doorbells as they are now; returns how many. The version changes when they do:
 * a host that uses them looks at it after each exit. */
uint32_t vm_doorbells(const struct vm *vm, struct vm_doorbell out[VM_DOORBELLS_MAX]);
uint32_t vm_doorbells_version(const struct vm *vm);

/* The cable of a NIC: a driver that wants to know gets an interrupt at the next entry. Up at first.
 * @pre nic is less than the system's nics. */
void vm_set_link(struct vm *vm, uint32_t nic, bool up, uint64_t tsc);
const struct vdev_counts *vm_nic_counts(const struct vm *vm, uint32_t nic);

struct vm_outcome vm_outcome(const struct vm *vm);
const struct vm_counts *vm_counts(const struct vm *vm);
const struct bus_counts *vm_bus_counts(const struct vm *vm);
void vm_ticks(const struct vm *vm, enum vm_timer timer, struct tick_counts *out);

/* The guest's processor. A host that finds features missing that the system file demands must not run
 * the VM: bits by enum cpuid_feature, or null if all is there. */
const struct cpuid_cpu *vm_cpu(const struct vm *vm);
const uint32_t *vm_cpu_missing(const struct vm *vm);

#endif
