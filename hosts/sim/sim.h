/* SPDX-License-Identifier: BSD-2-Clause
 * A deterministic host: time moves only when the script says so, and the guest is a C function.
 *
 * Each access below is one full exit: the guest leaves, the core acts, the guest is entered again, and
 * whatever the plan injects runs as the guest's interrupt handler before the access returns. Nothing
 * depends on the machine underneath, so a test can count everything. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board/vm.h"

#define SIM_LOG_MAX     4096u
#define SIM_CONSOLE_MAX 65536u
#define SIM_ACCESS_TSC  1000u /* what one exit costs, in TSC ticks */
#define SIM_MSRS        8u    /* of the vCPU that the guest may use */

struct sim;

/* The guest's interrupt handler: runs with interrupts off. */
typedef void sim_isr_fn(struct sim *s, uint8_t vector);

/* A NIC's io component: called when the guest waits for it, to obey what the channel asks for. */
typedef void sim_io_fn(struct sim *s, uint32_t nic);

struct sim_event {
    uint64_t tsc;
    uint8_t inject; /* VM_INJECT_* */
    uint8_t vector;
    uint32_t error; /* of an exception that has one, else 0 */
};

struct sim {
    struct vm *vm;
    struct system_vm system;
    struct gmem mem;
    struct vcpu_regs regs; /* the processor: what fetch reads and write-back writes */
    uint64_t tsc;
    uint32_t tsc_khz;
    sim_isr_fn *isr;
    void *script;  /* the test's own */
    sim_io_fn *io; /* null: the io components sleep */
    struct channel *channel[SYSTEM_NICS_MAX];
    uint32_t kicks[SYSTEM_NICS_MAX];
    uint8_t cr8;
    bool halted;
    uint32_t fetches;    /* how often the core asked for registers */
    uint32_t pdptes;     /* how often it gave page-directory pointers */
    struct vm_plan plan; /* the last one */
    uint32_t msrs;       /* of the vCPU, as far as they were written  */
    struct {
        uint32_t index;
        uint64_t value;
    } msr[SIM_MSRS];
    uint32_t events; /* injected so far; the first SIM_LOG_MAX are in log */
    struct sim_event log[SIM_LOG_MAX];
    uint32_t console_len;
    char console[SIM_CONSOLE_MAX + 1u]; /* of the first UART, always terminated */
};

/* CPUID of the processor underneath: Intel, AVX and XSAVE, no AVX-512. For struct vm_wiring. */
void sim_cpuid(void *host, struct cpuid_leaf *leaf);

/* Builds a VM from a description (its files are not looked at). `khz` is the TSC frequency. The guest
 * starts with interrupts off. Aborts if memory runs out: this host is for tests. */
struct sim *sim_new(const struct system_vm *system, uint32_t khz);
void sim_free(struct sim *s);

/* A description to start from: RAM at 0, the named devices, one UART at 0x3F8 on IRQ 4. */
struct system_vm sim_system(uint64_t ram_bytes, uint32_t devices);

/* Decoded accesses, as KVM reports them. */
uint64_t sim_in(struct sim *s, uint16_t port, uint8_t size);
void sim_out(struct sim *s, uint16_t port, uint8_t size, uint32_t value);
uint64_t sim_load(struct sim *s, gpa_t gpa, uint32_t size);
void sim_store(struct sim *s, gpa_t gpa, uint32_t size, uint64_t value);
bool sim_rdmsr(struct sim *s, uint32_t index, uint64_t *value); /* false: #GP */
bool sim_wrmsr(struct sim *s, uint32_t index, uint64_t value);

/* One exit exactly as given, whatever it is; results come back in *x. */
void sim_exit(struct sim *s, struct vm_exit *x);

/* An EPT violation at `gpa` by the instruction that s->regs.rip points at: the core decodes it. */
void sim_ept(struct sim *s, gpa_t gpa, bool write);

/* The guest computes for so many TSC ticks; deadlines bring it back and handlers run in between. */
void sim_compute(struct sim *s, uint64_t tsc);

/* The guest computes, but the host is away: no exit before the whole time is over. */
void sim_sleep_host(struct sim *s, uint64_t tsc);

/* HLT with interrupts as they are. True: an event woke it; false: nothing will, or not before
 * `give_up_tsc` more ticks. */
bool sim_hlt(struct sim *s, uint64_t give_up_tsc);

/* The guest is looked after without an exit: an io component has notified. */
void sim_notify(struct sim *s);

void sim_sti(struct sim *s);
void sim_cli(struct sim *s);

#endif
