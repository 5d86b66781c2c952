/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of a VM: its wiring (pointers, never saved), its chips, and its registers. */
#ifndef BOARD_VM_STATE_H
#define BOARD_VM_STATE_H

#include "board/vm.h"
#include "cpu/dr.h"
#include "cpu/emulate.h"
#include "cpu/msr.h"
#include "dev/debugexit_state.h"
#include "dev/hpet_state.h"
#include "dev/ioapic_state.h"
#include "dev/lapic_state.h"
#include "dev/msix_state.h"
#include "dev/pci_state.h"
#include "dev/pic_state.h"
#include "dev/pit_state.h"
#include "dev/pmtimer_state.h"
#include "dev/power_state.h"
#include "dev/rtc_state.h"
#include "dev/uart_state.h"
#include "virtio/device_state.h"
#include "virtio/mmio_state.h"
#include "virtio/net_state.h"
#include "virtio/pci_function_state.h"
#include "virtio/pci_legacy_state.h"
#include "virtio/pci_modern_state.h"
#include "vm/bus.h"

#define ISA_IRQS 16u

/* ISA interrupts of the PC. */
#define ISA_IRQ_TIMER   0u
#define ISA_IRQ_CASCADE 2u
#define ISA_IRQ_RTC     8u
#define ISA_IRQ_SCI     9u

/* Which serial port a byte came from. */
struct vm_uart_end {
    struct vm *vm;
    uint32_t serial;
};

/* A network card: the device, and the shell that the system file chose; the others lie idle. */
struct vm_nic {
    struct vm *vm;
    uint32_t number;
    bool line;   /* its interrupt line: several cards may share an input */
    void *shell; /* what is on the bus; null: no such card               */
    uint64_t at; /* where its registers are now, or BUS_OFF              */
    struct vdev dev;
    struct vnet net;
    struct msix msix;
    struct vpci pci;
    struct vlegacy legacy;
    struct vmodern modern;
    struct vmmio mmio;
};

struct vcpu {
    /* Wiring. */
    struct emulate_vcpu emulated;
    struct emulate_memo memo; /* holds pointers to RAM */
    /* Registers. */
    struct regs_cache cache;
    bool halted;
    bool irq_ready; /* as of the last exit */
    bool nmi_ready;
    bool irq_flag;
    uint8_t cr8; /* as the guest left it: CR8 is there without a local APIC, too */
    bool nmi_pending;
    bool shadow;            /* raw hosts: the emulator has loaded SS */
    bool nmi_unblock;       /* raw hosts: ... has carried out an IRET */
    bool exception_pending; /* raw hosts: the emulator wants the guest to have this */
    bool exception_has_code;
    uint8_t exception_vector;
    uint32_t exception_code;
    struct dr_bank drs; /* raw hosts: MOV DR exits */
};

struct vm {
    /* Wiring. */
    struct vm_wiring w;
    struct cpuid_cpu cpu;
    uint32_t cpu_missing[CPUID_WORDS];
    bool cpu_complete;
    struct vm_clock clock;
    struct vm_uart_end uart_end[SYSTEM_SERIALS_MAX];
    struct bus bus;
    struct emulate_bus devices; /* the emulator's way to it */
    struct emulate_bus ports;
    /* Chips. */
    struct lapic lapic;
    struct ioapic ioapic;
    struct pic pic;
    struct pit pit;
    struct hpet hpet;
    struct rtc rtc;
    struct pci pci;
    struct power power;
    struct pmtimer pmtimer;
    struct debugexit debugexit;
    struct uart uart[SYSTEM_SERIALS_MAX];
    struct vm_nic nic[SYSTEM_NICS_MAX];
    struct msr_bank msrs;
    /* Registers. */
    struct vcpu vcpu[VM_VCPUS_MAX];
    struct vm_counts counts;
    struct vm_outcome outcome;
    uint32_t doorbells_version;
    uint64_t tsc; /* of the call in progress */
    vm_ns_t now;
    vm_ns_t deadline;      /* of the last plan */
    uint64_t deadline_tsc; /* the same in the guest's TSC */
};

/* board/wire.c: puts the chips that the system file names on the bus and connects their lines. */
bool board_wire(struct vm *vm);
void board_reset(struct vm *vm);
/* For struct msg_line: interrupt messages to the local APICs. Owner is the VM. */
void board_message(void *vm, const struct irq_msg *msg);

/* board/wire_net.c: the same for network cards. */
bool board_wire_nics(struct vm *vm);
void board_reset_nics(struct vm *vm);
/* ISA interrupts that cards drive, as bits: level-triggered ones. */
uint32_t board_nic_isa_irqs(const struct vm *vm);
/* Takes what the io components have to say. False: one has not yet obeyed, and the guest must wait. */
bool board_poll_nics(struct vm *vm);

static inline bool board_has(const struct vm *vm, uint32_t device)
{
    return (vm->w.system->devices & device) != 0;
}

static inline void board_set_time(struct vm *vm, uint64_t tsc)
{
    if (tsc != vm->tsc) { /* both are 0 at first */
        vm->tsc = tsc;
        vm->now = clock_ns_at(&vm->clock, tsc);
    }
}

/* Ends the VM; the first reason stands. */
static inline void board_end(struct vm *vm, enum vm_end end, uint32_t code, const char *message)
{
    if (vm->outcome.end == VM_END_NONE) {
        vm->outcome.end = end;
        vm->outcome.code = code;
        vm->outcome.message = message;
    }
}

#endif
