/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's calls, as plain C: the only file besides sys.c that knows seL4, and sys.c is the only
 * one that includes its headers. Everything else of this host can be compiled and tested anywhere.
 *
 * Capabilities are named by their slot in the caller's capability space. A call that can fail returns
 * 0 or the kernel's error number. Spec: seL4 Reference Manual 16.0.0, chapters 3 to 10. */
#ifndef SEL4_SYS_H
#define SEL4_SYS_H

#include <stdbool.h>
#include <stdint.h>

#define SYS_PAGE_BITS  12u
#define SYS_PAGE       4096u
#define SYS_LARGE_BITS 21u
#define SYS_LARGE      0x200000u

/* The kernel's error numbers that callers look at. */
#define SYS_OK            0
#define SYS_FAILED_LOOKUP 6

/* --- What the kernel tells the first thread ---------------------------------------------------- */

#define SYS_UNTYPED_MAX 256u

struct sys_untyped {
    uint64_t base; /* physical */
    uint8_t bits;
    bool device;
};

struct sys_boot {
    uint64_t free_slot; /* slots [free_slot, end_slot) are empty */
    uint64_t end_slot;
    uint64_t image_frame; /* capability of the first 4 KiB frame of our own image; one a page */
    uint64_t image_frames;
    uint64_t first_untyped; /* capability of untyped[0]                                        */
    uint64_t end_untyped;   /* there may be more of them than untyped[] has room for           */
    uint64_t ipc_buffer;
    uint64_t rsdp;    /* physical address of the ACPI root pointer, or 0 */
    uint32_t tsc_mhz; /* as the kernel measured it, or 0                  */
    uint32_t untypeds;
    struct sys_untyped untyped[SYS_UNTYPED_MAX];
};

/* Takes the kernel's boot information apart. @pre info is what the kernel passed to the first thread. */
void sys_boot_read(const void *info, struct sys_boot *out);

/* Each thread's first call: where the kernel put its IPC buffer. */
void sys_set_ipc_buffer(uint64_t address);

/* Capabilities that the first thread holds. */
#define SYS_ROOT_TCB     1u
#define SYS_ROOT_CNODE   2u
#define SYS_ROOT_SPACE   3u
#define SYS_IRQ_CONTROL  4u
#define SYS_ASID_CONTROL 5u
#define SYS_ASID_POOL    6u
#define SYS_PORT_CONTROL 7u
#define SYS_BOOT_INFO    9u /* its frame */
#define SYS_DOMAIN       11u
uint64_t sys_sched_control(const void *info); /* of the only node */

/* --- Objects ----------------------------------------------------------------------------------- */

enum sys_object {
    SYS_OBJECT_UNTYPED,
    SYS_OBJECT_TCB,
    SYS_OBJECT_ENDPOINT,
    SYS_OBJECT_NOTIFICATION,
    SYS_OBJECT_CNODE,
    SYS_OBJECT_SCHED,
    SYS_OBJECT_REPLY,
    SYS_OBJECT_FRAME,       /* 4 KiB */
    SYS_OBJECT_LARGE_FRAME, /* 2 MiB */
    SYS_OBJECT_PT,
    SYS_OBJECT_PD,
    SYS_OBJECT_PDPT,
    SYS_OBJECT_SPACE, /* PML4 */
    SYS_OBJECT_VCPU,
    SYS_OBJECT_EPT_PT,
    SYS_OBJECT_EPT_PD,
    SYS_OBJECT_EPT_PDPT,
    SYS_OBJECT_EPT, /* EPT PML4 */
};
#define SYS_OBJECTS (SYS_OBJECT_EPT + 1u)

/* Memory that one takes, as a power of two. `bits` matters for untyped, CNode (slots) and SC only. */
uint32_t sys_object_bits(enum sys_object type, uint32_t bits);

/* Makes one object from an untyped, into a slot of the root CNode. */
int sys_retype(uint64_t untyped, enum sys_object type, uint32_t bits, uint64_t slot);

/* --- Capabilities ------------------------------------------------------------------------------ */

#define SYS_READ  1u
#define SYS_WRITE 2u
#define SYS_GRANT 4u
#define SYS_ALL   (SYS_READ | SYS_WRITE | SYS_GRANT)

/* Copies slot `from` of the root CNode to slot `to` of `cnode`, with a badge if not 0. `depth` is the
 * CNode's number of bits, or 64 for the root's own. */
int sys_copy(uint64_t from, uint64_t cnode, uint64_t to, uint32_t depth, uint32_t rights,
             uint64_t badge);
int sys_delete(uint64_t slot); /* of the root CNode */

/* --- Address spaces ---------------------------------------------------------------------------- */

int sys_assign_asid(uint64_t space); /* of an address space or an EPT */
int sys_map(uint64_t frame, uint64_t space, uint64_t address, uint32_t rights, bool device);
int sys_map_ept(uint64_t frame, uint64_t ept, uint64_t gpa);
int sys_unmap(uint64_t frame);

/* After SYS_FAILED_LOOKUP: the paging structure that is missing. False: it is no such failure. */
bool sys_missing(bool ept, enum sys_object *type);
int sys_map_table(enum sys_object type, uint64_t table, uint64_t space, uint64_t address);

/* --- Threads ----------------------------------------------------------------------------------- */

struct sys_thread {
    uint64_t tcb;
    uint64_t cnode;
    uint64_t space;
    uint64_t ipc_frame;
    uint64_t ipc_address;
    uint64_t sched;          /* 0: somebody binds one later */
    uint64_t fault_endpoint; /* badged */
    uint32_t cnode_bits;
    uint32_t priority;
};

int sys_thread_configure(const struct sys_thread *t);
int sys_thread_bind(uint64_t tcb, uint64_t notification);
int sys_thread_start(uint64_t tcb, uint64_t entry, uint64_t stack, uint64_t argument);
int sys_thread_suspend(uint64_t tcb);
void sys_sched_bind(uint64_t sched, uint64_t tcb); /* lets it run   */
void sys_sched_unbind(uint64_t sched);             /* takes it away */
int sys_sched_configure(uint64_t control, uint64_t sched, uint64_t budget_us, uint64_t period_us);

/* --- Messages ---------------------------------------------------------------------------------- */

#define SYS_MESSAGE_WORDS 8u

struct sys_message {
    uint64_t badge;
    uint64_t label;
    uint64_t words;
    uint64_t word[SYS_MESSAGE_WORDS]; /* the first ones */
};

#define SYS_FAULT_CAP       1u /* labels of fault messages */
#define SYS_FAULT_SYSCALL   2u
#define SYS_FAULT_EXCEPTION 3u
#define SYS_FAULT_TIMEOUT   5u
#define SYS_FAULT_MEMORY    6u

void sys_receive(uint64_t endpoint, uint64_t reply, struct sys_message *m);
void sys_send(uint64_t endpoint, const struct sys_message *m); /* badge is not used */
void sys_signal(uint64_t notification);
uint64_t sys_wait(uint64_t notification); /* returns the badge */
uint64_t sys_poll(uint64_t notification); /* 0: nothing came   */

/* --- Ports and interrupts ---------------------------------------------------------------------- */

int sys_issue_ports(uint64_t first, uint64_t last, uint64_t slot);
void sys_out8(uint64_t ports, uint16_t port, uint8_t value);
uint8_t sys_in8(uint64_t ports, uint16_t port);
int sys_issue_irq(uint64_t slot, uint32_t ioapic, uint32_t pin, bool level, bool low,
                  uint32_t number);
int sys_irq_notify(uint64_t irq, uint64_t notification);
void sys_irq_ack(uint64_t irq);

/* --- Virtual processors ------------------------------------------------------------------------ */

/* General registers in the order in which the kernel passes them. */
#define SYS_VCPU_GPRS 15u

/* What vm_enter takes and brings back. On a notification only rip, primary and event come back. */
struct sys_vcpu_exit {
    uint64_t rip;
    uint64_t primary; /* primary processor-based controls */
    uint64_t event;   /* VM-entry interruption information */
    uint64_t reason;
    uint64_t qualification;
    uint64_t insn_len;
    uint64_t gpa;
    uint64_t rflags;
    uint64_t interruptibility;
    uint64_t cr3;
    uint64_t gpr[SYS_VCPU_GPRS];
    uint64_t badge;
};

int sys_vcpu_bind(uint64_t vcpu, uint64_t tcb);
int sys_set_ept(uint64_t tcb, uint64_t ept);
/* Both trap on a field that the kernel refuses: that is our own mistake. */
uint64_t sys_vmcs_read(uint64_t vcpu, uint32_t field);
uint64_t sys_vmcs_write(uint64_t vcpu, uint32_t field, uint64_t value); /* returns what stuck */
void sys_vcpu_set_gprs(uint64_t vcpu, const uint64_t gpr[SYS_VCPU_GPRS]);
uint64_t sys_vcpu_msr_read(uint64_t vcpu, uint32_t index);
void sys_vcpu_msr_write(uint64_t vcpu, uint32_t index, uint64_t value);

/* Enters the guest of the calling thread with x->rip, x->primary and x->event. True: a VM exit. False: a
 * notification came (x->badge); the guest may not have run: then x->event is still valid. */
bool sys_vm_enter(struct sys_vcpu_exit *x);

/* --- The processor ----------------------------------------------------------------------------- */

static inline uint64_t sys_tsc(void)
{
    uint32_t lo;
    uint32_t hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((uint64_t)hi << 32) | lo;
}

#endif
