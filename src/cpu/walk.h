/* SPDX-License-Identifier: BSD-2-Clause
 * Guest page tables: from a linear address to a guest-physical one, in every mode that a guest of
 * ours can be in: no paging, 32-bit (4 MiB pages), PAE (2 MiB), 4-level (2 MiB, 1 GiB).
 *
 * A walk only reads. Accessed and dirty bits are not set: the processor walked the same tables just
 * before, when it ran the instruction that is now emulated.
 * Spec: [SDM] vol. 3A, 4.3 to 4.7. */
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

enum walk_result {
    WALK_DONE,          /* gpa is valid                                                        */
    WALK_FAULT,         /* the guest gets #PF with `error`                                     */
    WALK_NON_CANONICAL, /* the guest gets #GP(0), or #SS(0) if through SS                      */
    WALK_NO_TABLE,      /* a table lies outside RAM: hardware would read all ones or nothing    */
};

struct walk {
    gpa_t gpa;
    uint32_t error; /* page-fault error code */
};

/* The current privilege level, from the registers. */
uint32_t walk_cpl(const struct vcpu_regs *regs);

/* Translates `gva` for an access of kind `access` (WALK_WRITE | WALK_USER | WALK_FETCH).
 * @pre REGS_GPR (for RFLAGS.AC) and REGS_SYS are valid in *regs. */
enum walk_result walk_translate(const struct vcpu_regs *regs, const struct gmem *gmem, uint64_t gva,
                                uint32_t access, struct walk *out);

/* Copies up to `len` code bytes from linear address `gva`; stops where a page or RAM ends. Returns how
 * many. @pre len is at most 4096: two pages at most. */
uint32_t walk_fetch(const struct vcpu_regs *regs, const struct gmem *gmem, uint64_t gva,
                    uint8_t *buf, uint32_t len);

#endif
