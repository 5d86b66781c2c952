/* SPDX-License-Identifier: BSD-2-Clause
 * Guest page tables: from a linear address to a guest-physical one, in every mode that a guest of
 * ours can be in: no paging, 32-bit (4 MiB pages, PSE-36), PAE (2 MiB), 4-level (2 MiB, 1 GiB).
 *
 * walk_translate() only reads, and tells which entries it read. walk_mark() then sets accessed and dirty flags, as the processor does
 * when it uses the translation: for an operand that no exit was about, it has not done so itself.
 * Protection keys are not checked. Five levels are refused, as CPUID never offers LA57.
 * Spec: [SDM] vol. 3A, 4.3 to 4.8. */
#ifndef CPU_WALK_H
#define CPU_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/gmem.h"
#include "vm/regs.h"

/* What the access is: the bits of a page-fault error code. [SDM] vol. 3A, 4.7 */
#define WALK_PRESENT  0x01u /* in an error code only: the page is there, but forbidden */
#define WALK_WRITE    0x02u
#define WALK_USER     0x04u
#define WALK_RESERVED 0x08u /* in an error code only: a reserved bit is set            */
#define WALK_FETCH    0x10u
/* Of an access alone: the processor makes it for itself, to a descriptor table or a TSS, whatever the
 * privilege level; RFLAGS.AC does not open user pages to it. [SDM] vol. 3A, 4.6.1 */
#define WALK_IMPLICIT 0x100u

/* Whose tables, and what the processor makes of them. */
struct walk_view {
    const struct vcpu_regs *regs; /* REGS_GPR (for RFLAGS.AC) and REGS_SYS are valid        */
    const struct gmem *gmem;
    uint8_t phys_bits; /* MAXPHYADDR, 32 to 52: address bits above it are reserved          */
    bool pages_1g;     /* 1 GiB pages are offered                                           */
};

enum walk_result {
    WALK_DONE,          /* gpa is valid                                                     */
    WALK_FAULT,         /* the guest gets #PF with `error`                                  */
    WALK_NON_CANONICAL, /* the guest gets #GP(0), or #SS(0) if through SS                   */
    WALK_NO_RAM,        /* a table, or the code to fetch, is not in RAM; or five levels     */
    WALK_CHANGED,       /* from walk_mark() only: another processor changed the tables      */
};

#define WALK_LEVELS_MAX 4u

struct walk {
    gpa_t gpa;
    uint32_t error; /* page-fault error code                                               */
    bool unmarked;  /* an accessed or dirty flag is still due: walk_mark()                 */
    uint8_t levels; /* entries on the way, as they were read                               */
    uint8_t entry_bytes;
    gpa_t at[WALK_LEVELS_MAX];
    uint64_t entry[WALK_LEVELS_MAX];
};

/* Code bytes, and why there are no more of them. */
struct walk_code {
    uint8_t bytes[15];
    uint8_t count;
    struct walk first;    /* how the first byte was found                                     */
    enum walk_result end; /* WALK_DONE: as many as were asked for                          */
    uint32_t error;       /* WALK_FAULT: the error code ...                                */
    uint64_t gva;         /* ... and the address of the first byte that could not be had   */
};

/* The current privilege level, from the registers. */
uint32_t walk_cpl(const struct vcpu_regs *regs);

/* True if the code segment is one of 64-bit code: elsewhere linear addresses have 32 bits. */
bool walk_is_64(const struct vcpu_regs *regs);

/* True if bits 47 to 63 are equal. */
bool walk_canonical(uint64_t gva);

/* Translates `gva` for an access of kind `access` (WALK_WRITE | WALK_USER | WALK_FETCH |
 * WALK_IMPLICIT). Without 64-bit mode, gva counts modulo 2^32. */
enum walk_result walk_translate(const struct walk_view *view, uint64_t gva, uint32_t access,
                                struct walk *out);

/* Sets the accessed flags on the way to `gva`, and the dirty flag if the access is a write, each in
 * one locked access that fails if the entry is no longer what was read. WALK_DONE: all are set. */
enum walk_result walk_mark(const struct walk_view *view, uint64_t gva, uint32_t access);

/* Copies `want` code bytes from linear address `gva`, or as many as can be had.
 * @pre want is at most 15: two pages at most. */
void walk_fetch(const struct walk_view *view, uint64_t gva, uint32_t want, struct walk_code *out);

#endif
