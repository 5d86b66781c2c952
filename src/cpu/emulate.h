/* SPDX-License-Identifier: BSD-2-Clause
 * Carries out the instruction at RIP that touched device memory, on hosts that report only "EPT
 * violation at this guest-physical address" (seL4). Hosts with a kernel that emulates (KVM) do not
 * come here, but in tests.
 *
 * The instruction is fetched and decoded once. Its operand is read and written at most once each,
 * through the caller's bus; where it crosses from one page into the next, each part is accessed once,
 * and a part that lies in RAM goes to RAM. Registers, flags and RIP change only if all of it was done.
 * Spec: [SDM] vol. 2 (instructions), vol. 1, 3.4.3 (flags), vol. 3C, 28.2.1 (EPT violations). */
#ifndef CPU_EMULATE_H
#define CPU_EMULATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/decode.h"
#include "vm/gmem.h"
#include "vm/regs.h"

/* Device accesses of 1 to 8 bytes; not always a power of two, where an operand crosses a page. */
struct emulate_bus {
    uint64_t (*read)(void *owner, gpa_t gpa, uint32_t size);
    void (*write)(void *owner, gpa_t gpa, uint32_t size, uint64_t val);
    void *owner;
};

/* The vCPU and its world. */
struct emulate_vcpu {
    struct regs_cache *cache;
    const struct regs_source *source;
    const struct gmem *gmem;
    const struct emulate_bus *bus;
    uint32_t vcpu;
};

enum emulate_result {
    EMULATE_DONE,        /* RIP is past the instruction                                          */
    EMULATE_FAULT,       /* the guest gets the exception in the report; nothing else changed     */
    EMULATE_NO_CODE,     /* the instruction cannot be read from RAM                              */
    EMULATE_UNSUPPORTED, /* not an instruction that the decoder knows                            */
    EMULATE_ELSEWHERE,   /* its operand is not at `gpa`: a page walk or a stack access faulted   */
};

/* What happened, and what a person needs to know if it was not EMULATE_DONE. */
struct emulate_report {
    uint8_t vector; /* EMULATE_FAULT: 13 or 14 */
    uint8_t count;  /* of `bytes`              */
    uint8_t bytes[DECODE_BYTES_MAX];
    bool trap; /* EMULATE_DONE with RFLAGS.TF: a single-step #DB is due */
    uint32_t error_code;
    uint64_t cr2; /* for vector 14           */
    uint64_t rip; /* of the instruction      */
    gpa_t operand;
};

/* Emulates the instruction whose access to `gpa` made the guest exit. After EMULATE_DONE the host must
 * also end STI and MOV-SS blocking, which belong to the instruction before. */
enum emulate_result emulate_mmio(const struct emulate_vcpu *v, gpa_t gpa,
                                 struct emulate_report *report);

/* The code size at CS:RIP. @pre REGS_SYS is valid in *regs. */
enum decode_mode emulate_mode(const struct vcpu_regs *regs);

/* RIP after an instruction of `len` bytes: it wraps with the code size. @pre as above. */
uint64_t emulate_next_rip(const struct vcpu_regs *regs, uint32_t len);

/* One operation of `size` bytes on a and b, and the flags after it: *rflags is in and out. The result
 * is zero-extended. Exposed for tests. */
uint64_t emulate_alu(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *rflags);

#endif
