/* SPDX-License-Identifier: BSD-2-Clause
 * Debug registers of a guest on a raw host whose kernel does not switch them (seL4): each access exits
 * and is answered from here. What the guest writes it reads back, and the rules are kept; but the
 * processor never has the values, so no breakpoint hits.
 * Spec: [SDM] vol. 3B, 18.2 (debug registers); vol. 2B, MOV debug registers. */
#ifndef CPU_DR_H
#define CPU_DR_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/regs.h"

#define DR6_BD 0x2000ull /* general detect */
#define DR6_BS 0x4000ull /* a single step  */
#define DR6_BT 0x8000ull /* a task switch to a TSS whose T flag is set */

enum dr_result {
    DR_DONE,
    DR_GP, /* #GP(0) */
    DR_UD, /* #UD    */
    DR_DB, /* #DB: DR7.GD was set; DR6 says so, and GD is clear now */
};

struct dr_bank {
    uint64_t dr[4];
    uint64_t dr6;
    uint64_t dr7;
};

void dr_reset(struct dr_bank *bank);

/* MOV to or from DRn, n from 0 to 7. *value is the whole general register: outside 64-bit mode its low
 * half counts, and a read clears the rest. It is written only by a read with DR_DONE.
 * @pre REGS_GPR and REGS_SYS are valid in *regs. */
enum dr_result dr_write(struct dr_bank *bank, const struct vcpu_regs *regs, uint32_t n,
                        uint64_t value);
enum dr_result dr_read(struct dr_bank *bank, const struct vcpu_regs *regs, uint32_t n,
                       uint64_t *value);

/* The guest gets a #DB for these reasons, as in DR6 (0: INT1, which has no bit there): DR6 shows them, and
 * its handler may use the registers. [SDM] vol. 3B, 18.2.3, and 18.2.4 on GD */
void dr_debug(struct dr_bank *bank, uint64_t reasons);

/* A task switch: local breakpoints end with the task. [SDM] vol. 3B, 18.2.4 */
void dr_task_switch(struct dr_bank *bank);

/* True if each register holds what a guest could have written to it. */
bool dr_valid(const struct dr_bank *bank);

#endif
