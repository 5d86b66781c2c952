/* SPDX-License-Identifier: BSD-2-Clause
 * Carries out the instruction at RIP that touched device memory, on hosts that report only "EPT
 * violation at this guest-physical address" (seL4), and string I/O, which they report no better. Hosts
 * with a kernel that emulates (KVM) do not come here, but in tests.
 *
 * The instruction is fetched and decoded once. First all its operands are translated and checked, as
 * the processor would: segment rights and limits, canonical addresses, paging, alignment; then accessed
 * and dirty flags are set; then each operand is read and written at most once, through the caller's bus,
 * what lies in RAM in RAM. Registers, flags and RIP change only if all of it was done. A repeated
 * string instruction is done element by element, so many at a time, each as a whole.
 * Spec: [SDM] vol. 2 (instructions), vol. 1, 3.4.3 (flags), vol. 3A, 5.3 (limits), 6.9 (priorities),
 * vol. 3C, 28.2.1 (EPT violations). */
#ifndef CPU_EMULATE_H
#define CPU_EMULATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/decode.h"
#include "vm/exit.h"
#include "vm/gmem.h"
#include "vm/regs.h"

/* Elements of a repeated string instruction that one call does at most: then interrupts have a chance. */
#define EMULATE_REPEAT_MAX 64u

/* Device accesses of 1 to 8 bytes; not always a power of two, where an operand crosses a page. Larger
 * operands come as several, in ascending order. For I/O ports, gpa is the port. */
struct emulate_bus {
    uint64_t (*read)(void *owner, gpa_t gpa, uint32_t size);
    void (*write)(void *owner, gpa_t gpa, uint32_t size, uint64_t val);
    void *owner;
};

/* What was found out about instructions that made the guest exit before: what they decode to, and where
 * their operands are. Each line says from which words of RAM (code bytes, page-table entries) and from
 * which registers that follows, and holds only while all of these are as they were: so it is right when
 * the guest rewrites its code or its tables. All zeros: nothing is known. Wiring: never saved. */
#define EMULATE_MEMO_LINES    8u
#define EMULATE_MEMO_KEYS     6u
#define EMULATE_MEMO_OPERANDS 2u

struct emulate_memo_operand {
    struct gmem_watch watch; /* the page-table entries on the way           */
    uint64_t page;           /* linear address and access; 0: none          */
    gpa_t gpa;
    bool device; /* none of the page is RAM                     */
};

struct emulate_memo_line {
    uint64_t key[EMULATE_MEMO_KEYS]; /* rip and what code fetch and walks depend on */
    bool valid;
    bool plain;      /* a move between a register and a device, and nothing to check    */
    uint32_t access; /* of a plain one, as walks call it                                */
    uint64_t wrap;   /* ... the bits of its addresses                                   */
    uint64_t ones;   /* ... the bits of its memory operand                              */
    uint8_t bytes[DECODE_BYTES_MAX];
    struct insn insn;
    struct gmem_watch watch; /* entries on the way to the code, and the code */
    struct emulate_memo_operand operand[EMULATE_MEMO_OPERANDS];
};

struct emulate_memo {
    struct emulate_memo_line line[EMULATE_MEMO_LINES];
};

/* The vCPU and its world. */
struct emulate_vcpu {
    struct regs_cache *cache;
    const struct regs_source *source;
    const struct gmem *gmem;
    const struct emulate_bus *bus;
    uint32_t vcpu;
    const struct emulate_bus *ports; /* null: INS and OUTS are not emulated                  */
    uint8_t phys_bits;               /* MAXPHYADDR; 0 or beyond 32 to 52: as if it were 52    */
    bool lacks_1g;                   /* no 1 GiB pages                                        */
    struct emulate_memo *memo;       /* of this vCPU; null: nothing is remembered             */
};

enum emulate_result {
    EMULATE_DONE, /* RIP is past the instruction, or at it: a string with more to do   */
    EMULATE_FAULT, /* the guest gets the exception in the report; nothing else changed, unless `switched` */
    EMULATE_AGAIN,       /* nothing was done: another processor changed the page tables. Enter */
    EMULATE_NO_CODE,     /* the instruction cannot be read from RAM                           */
    EMULATE_UNSUPPORTED, /* an instruction that is not emulated                               */
    EMULATE_ELSEWHERE,   /* no operand is at `gpa`: a page walk, or an event's stack, is there */
    EMULATE_NO_VECTOR,   /* it needs vector registers, which the host cannot give             */
};
#define EMULATE_RESULTS (EMULATE_NO_VECTOR + 1u)

/* What happened, and what a person needs to know if it was not EMULATE_DONE. */
struct emulate_report {
    uint8_t vector; /* EMULATE_FAULT: which exception                                         */
    bool has_code;  /* it comes with error_code                                               */
    uint8_t count;  /* of `bytes`, which are there unless the result is EMULATE_DONE          */
    uint8_t bytes[DECODE_BYTES_MAX];
    bool trap;   /* EMULATE_DONE with RFLAGS.TF: a single-step #DB is due                        */
    bool shadow; /* EMULATE_DONE: SS was loaded. Neither interrupt, NMI nor #DB goes in before the
                  * next instruction is done: [SDM] vol. 3A, 6.8.3                            */
    bool
        switched; /* another task runs now. With EMULATE_FAULT: the fault is the new task's           */
    bool
        task_trap; /* EMULATE_DONE: #DB is due as the new TSS has its T flag set                       */
    bool nmi_unblock; /* an IRET, done or faulted: NMIs are no longer blocked                     */
    uint32_t error_code;
    uint64_t cr2;  /* for vector 14           */
    uint64_t rip;  /* of the instruction      */
    gpa_t operand; /* the last that was found */
};

/* Emulates the instruction whose access to `gpa` made the guest exit. After EMULATE_DONE the host must
 * also end STI and MOV-SS blocking, which belong to the instruction before, or, with `shadow`, begin the
 * latter. */
enum emulate_result emulate_mmio(const struct emulate_vcpu *v, gpa_t gpa,
                                 struct emulate_report *report);

/* Emulates INS or OUTS at RIP, repeated or not, for which the processor has found the ports allowed.
 * @pre v->ports is not null. */
enum emulate_result emulate_port_string(const struct emulate_vcpu *v,
                                        struct emulate_report *report);

/* Switches tasks, as the processor would have from the exit on. EMULATE_AGAIN never comes of it: an event may be under
 * way. */
enum emulate_result emulate_task_switch(const struct emulate_vcpu *v, const struct vm_exit_task *t,
                                        struct emulate_report *report);

/* The code size at CS:RIP. @pre REGS_SYS is valid in *regs. */
enum decode_mode emulate_mode(const struct vcpu_regs *regs);

/* RIP after an instruction of `len` bytes: it wraps at 2^32 but in 64-bit code. @pre as above. */
uint64_t emulate_next_rip(const struct vcpu_regs *regs, uint32_t len);

#endif
