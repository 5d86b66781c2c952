/* SPDX-License-Identifier: BSD-2-Clause
 * The bank of debug registers. */
#include "cpu/dr.h"

#include "base/string.h"
#include "cpu/walk.h"

#define DR6_FIXED1   0xFFFF0FF0ull /* also RTM (16) and BLD (11): those features are not offered */
#define DR6_WRITABLE 0xE00Full
#define DR6_B        0xFull /* which breakpoints hit: only the last exception's */
#define DR6_REASONS  (DR6_B | DR6_BD | DR6_BS | DR6_BT)
#define DR7_FIXED1   0x400ull
#define DR7_WRITABLE 0xFFFF23FFull
#define DR7_GD       0x2000ull
#define DR7_LOCAL    0x155ull /* L0 to L3, LE */

void dr_reset(struct dr_bank *bank)
{
    memset(bank, 0, sizeof(*bank));
    bank->dr6 = DR6_FIXED1;
    bank->dr7 = DR7_FIXED1;
}

void dr_debug(struct dr_bank *bank, uint64_t reasons)
{
    bank->dr6 = (bank->dr6 & ~DR6_B) | (reasons & DR6_REASONS);
    bank->dr7 &= ~DR7_GD;
}

void dr_task_switch(struct dr_bank *bank)
{
    bank->dr7 &= ~DR7_LOCAL;
}

/* What the processor has not checked before the exit: [SDM] vol. 3C, 26.1.3. */
static enum dr_result dr_check(struct dr_bank *bank, const struct vcpu_regs *regs, uint32_t n)
{
    if ((n == 4u || n == 5u) && (regs->cr4 & CR4_DE) != 0) {
        return DR_UD;
    }
    if (walk_cpl(regs) != 0) {
        return DR_GP;
    }
    if ((bank->dr7 & DR7_GD) != 0) {
        dr_debug(bank, DR6_BD);
        return DR_DB;
    }
    return DR_DONE;
}

/* DR4 and DR5 are other names of DR6 and DR7. */
static uint64_t *dr_at(struct dr_bank *bank, uint32_t n)
{
    if (n < 4u) {
        return &bank->dr[n];
    }
    return (n & 1u) == 0 ? &bank->dr6 : &bank->dr7;
}

enum dr_result dr_write(struct dr_bank *bank, const struct vcpu_regs *regs, uint32_t n,
                        uint64_t value)
{
    enum dr_result result = dr_check(bank, regs, n);
    if (result != DR_DONE) {
        return result;
    }
    value = walk_is_64(regs) ? value : (uint32_t)value;
    if (n < 4u) {
        bank->dr[n] = value; /* also what is not canonical: [SDM] 18.2.6 */
    } else if (value > UINT32_MAX) {
        return DR_GP;
    } else if ((n & 1u) == 0) {
        bank->dr6 = (value & DR6_WRITABLE) | DR6_FIXED1;
    } else {
        bank->dr7 = (value & DR7_WRITABLE) | DR7_FIXED1;
    }
    return DR_DONE;
}

enum dr_result dr_read(struct dr_bank *bank, const struct vcpu_regs *regs, uint32_t n,
                       uint64_t *value)
{
    enum dr_result result = dr_check(bank, regs, n);
    if (result == DR_DONE) {
        uint64_t all = *dr_at(bank, n);
        *value = walk_is_64(regs) ? all : (uint32_t)all;
    }
    return result;
}

bool dr_valid(const struct dr_bank *bank)
{
    return (bank->dr6 & ~DR6_WRITABLE) == DR6_FIXED1 && (bank->dr7 & ~DR7_WRITABLE) == DR7_FIXED1;
}
