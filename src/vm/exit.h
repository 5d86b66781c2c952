/* SPDX-License-Identifier: BSD-2-Clause
 * What a host and the core tell each other around each entry into the guest.
 *
 * A host that has hardware exits in its hands (seL4: VMX) reports them raw: "EPT violation at this
 * address", "I/O instruction". The core reads registers through the cache, decodes, emulates, and
 * steps RIP. A host whose kernel did that work (KVM) reports the decoded access and takes the result
 * of a read from the same struct; the kernel steps RIP at the next entry. Devices see no difference.
 * A raw host also ends blocking by STI and MOV SS whenever the core stepped RIP, and begins the latter if
 * the plan says so: the core has then loaded SS.
 * Spec: [SDM] vol. 3C, 26.2 and appendix C (basic exit reasons). */
#ifndef VM_EXIT_H
#define VM_EXIT_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/gmem.h"

enum vm_exit_kind {
    VM_EXIT_NONE = 0,   /* came back for the host's own reasons: deadline, kick, signal      */
    VM_EXIT_IRQ_WINDOW, /* the guest can take an interrupt now                               */
    VM_EXIT_NMI_WINDOW,
    VM_EXIT_HLT,     /* decoded hosts: RIP is past it. Raw hosts set `raw`                */
    VM_EXIT_PIO,     /* decoded I/O: u.pio                                                */
    VM_EXIT_PIO_RAW, /* I/O instruction as hardware reports it: u.pio_raw                 */
    VM_EXIT_MMIO,    /* decoded access to what is not RAM: u.mmio                         */
    VM_EXIT_EPT,     /* EPT or nested page fault, instruction not decoded: u.ept          */
    VM_EXIT_CPUID,   /* raw hosts only: KVM answers from the table it was given           */
    VM_EXIT_RDMSR,   /* u.msr                                                             */
    VM_EXIT_WRMSR,
    VM_EXIT_CR, /* u.cr: MOV to or from a control register, CLTS, LMSW               */
    VM_EXIT_DR, /* u.dr: MOV to or from a debug register                             */
    VM_EXIT_XSETBV,
    VM_EXIT_VMCALL,
    VM_EXIT_WBINVD, /* and INVD                                                        */
    VM_EXIT_RDPMC,
    VM_EXIT_UNDEFINED,  /* an instruction that this guest's processor does not have: MONITOR,
                          MWAIT, VMX instructions, GETSEC, ENCLS, XSAVES ...              */
    VM_EXIT_EXCEPTION,  /* raw hosts: one that was watched, u.exception. The guest gets it   */
    VM_EXIT_TASK,       /* raw hosts: a task switch by hardware, u.task. Nothing was done yet */
    VM_EXIT_SHUTDOWN,   /* triple fault                                                      */
    VM_EXIT_HOST_ERROR, /* the host cannot go on: u.error. The VM stops                      */
};
#define VM_EXIT_KINDS (VM_EXIT_HOST_ERROR + 1u)

/* How reports name them, in this order: the initialiser of an array. */
#define VM_EXIT_NAMES                                                                         \
    {                                                                                         \
        "none", "irq_window", "nmi_window", "hlt", "pio", "pio_raw", "mmio", "ept", "cpuid",  \
            "rdmsr", "wrmsr", "cr", "dr", "xsetbv", "vmcall", "wbinvd", "rdpmc", "undefined", \
            "exception", "task", "shutdown", "host_error"                                     \
    }

/* Decoded I/O: `count` accesses of `size` bytes to one port. `data` is the host's buffer of
 * count * size bytes: the core reads it (write) or fills it (read). */
struct vm_exit_pio {
    uint8_t *data;
    uint32_t count;
    uint16_t port;
    uint8_t size; /* 1, 2, 4 */
    bool write;
};

/* [SDM] vol. 3C, table 28-5, exit qualification for I/O instructions. */
struct vm_exit_pio_raw {
    uint16_t port;
    uint8_t size;
    bool write;
    bool string;
    bool rep;
    uint8_t insn_len;
};

/* Decoded access to device memory. `value` holds the bytes written, or takes those read. */
struct vm_exit_mmio {
    gpa_t gpa;
    uint64_t value;
    uint32_t size; /* 1 to 8, not always a power of two: the host splits at page ends */
    bool write;
};

struct vm_exit_ept {
    gpa_t gpa;
    uint64_t gva; /* valid if gva_valid */
    bool gva_valid;
    bool write;
    bool fetch;
};

/* `fault` is set by the core: the guest gets #GP(0) and the instruction has no effect. */
struct vm_exit_msr {
    uint32_t index;
    uint64_t value; /* written, or taken by the host after a read */
    bool fault;
};

/* [SDM] vol. 3C, table 28-3. */
#define VM_CR_MOV  0u
#define VM_CR_CLTS 2u
#define VM_CR_LMSW 3u

struct vm_exit_cr {
    uint8_t cr;  /* 0, 3, 4, 8 */
    uint8_t gpr; /* enum gpr   */
    bool write;
    uint8_t insn_len;
    uint8_t access;  /* VM_CR_*: CLTS and LMSW need no other field but `source` */
    uint16_t source; /* of LMSW */
};

/* [SDM] vol. 3C, table 28-4. The processor has not looked at CPL, CR4.DE or DR7.GD before. */
struct vm_exit_dr {
    uint8_t dr;  /* 0 to 7   */
    uint8_t gpr; /* enum gpr */
    bool write;
};

/* What delivers it to the guest does not touch the debug registers: [SDM] vol. 3C, 27.6.1. insn_len is
 * not 0 for INT1 only, whose exception comes after it. */
struct vm_exit_exception {
    uint8_t vector;
    bool has_error_code;
    uint16_t error_code;
    uint32_t debug; /* #DB: why, as in DR6 (B0 to B3, BD, BS) */
};

/* [SDM] vol. 3C, exit qualification for task switches, and the event whose gate in the IDT is a task gate. The
 * processor has looked at privilege levels before, and at no more that could be relied upon. */
#define VM_TASK_CALL 0u
#define VM_TASK_IRET 1u
#define VM_TASK_JMP  2u
#define VM_TASK_GATE 3u

struct vm_exit_task {
    uint16_t selector; /* of the new TSS                                                    */
    uint8_t source;    /* VM_TASK_*                                                         */
    uint8_t insn_len;  /* of CALL, IRET, JMP, INT n and its like; 0: no instruction's event */
    /* Of VM_TASK_GATE alone: */
    uint8_t vector;
    bool exception;      /* of the processor's: not an interrupt, not INT n or its like       */
    bool external;       /* faults on the way say that the program did not ask (EXT)          */
    bool has_error_code; /* goes onto the new stack                                           */
    uint32_t error_code;
};

struct vm_exit_error {
    uint64_t code[4];    /* as the host defines: shown in the report */
    const char *message; /* static text */
};

/* One exit. Filled by the host; the fields named above are filled by vm_exit() for the host. */
struct vm_exit {
    enum vm_exit_kind kind;
    bool raw;         /* RIP still points at the instruction; insn_len is its length      */
    bool irq_ready;   /* the guest would take an interrupt at once (IF, no STI/SS shadow) */
    bool nmi_ready;   /* the same for an NMI                                              */
    bool irq_flag;    /* RFLAGS.IF                                                        */
    uint8_t cr8;      /* the task priority as the guest left it in CR8                    */
    uint8_t insn_len; /* if raw and the architecture defines it for this kind, else 0    */
    union {
        struct vm_exit_pio pio;
        struct vm_exit_pio_raw pio_raw;
        struct vm_exit_mmio mmio;
        struct vm_exit_ept ept;
        struct vm_exit_msr msr;
        struct vm_exit_cr cr;
        struct vm_exit_dr dr;
        struct vm_exit_exception exception;
        struct vm_exit_task task;
        struct vm_exit_error error;
    } u;
};

/* What the host is to do next. */
enum vm_go {
    VM_GO_RUN,  /* enter the guest                                                 */
    VM_GO_WAIT, /* halted: call vm_entry again at the deadline or when told something */
    VM_GO_STOP, /* do not enter again; vm_end() says why                           */
};

enum vm_end {
    VM_END_NONE = 0,
    VM_END_POWER_OFF,    /* the guest asked for it                          */
    VM_END_RESET,        /* the guest asked for it: start the VM anew       */
    VM_END_DEBUG_EXIT,   /* debug-exit port; the value is the exit code     */
    VM_END_TRIPLE_FAULT, /* shutdown cycle                                  */
    VM_END_EMULATION,    /* an instruction that the core cannot emulate     */
    VM_END_HOST_ERROR,   /* the host could not go on                        */
};

#define VM_INJECT_NONE      0u
#define VM_INJECT_IRQ       1u
#define VM_INJECT_NMI       2u
#define VM_INJECT_EXCEPTION 3u

struct vm_plan {
    enum vm_go go;
    uint8_t inject; /* VM_INJECT_*; the interrupt counts as delivered              */
    uint8_t vector;
    bool has_error_code;
    bool irq_window; /* come back as soon as the guest can take an interrupt        */
    bool nmi_window;
    bool shadow;      /* raw hosts: set blocking by MOV SS. Nothing is injected then             */
    bool nmi_unblock; /* raw hosts: an IRET was emulated, end blocking by NMI              */
    uint8_t cr8;      /* task priority for CR8 and TPR                               */
    uint32_t error_code;
    uint64_t deadline_tsc; /* be back when the guest's TSC reaches this; UINT64_MAX never */
    uint32_t kicks;        /* bit n: make vCPU n come back (VM_EXIT_NONE) soon            */
};

#endif
