/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the power device: for power.c, the board and tests only. */
#ifndef DEV_POWER_STATE_H
#define DEV_POWER_STATE_H

#include "dev/power.h"

/* What the keyboard controller takes the next byte at port 0x60 for. */
enum power_kbc_expect {
    POWER_KBC_EXPECT_KEYBOARD = 0, /* passed on to the keyboard, which is not there */
    POWER_KBC_EXPECT_COMMAND_BYTE = 1,
    POWER_KBC_EXPECT_OUTPUT_PORT = 2,
};

struct power_regs {
    uint16_t pm1_sts;
    uint16_t pm1_en;
    uint16_t pm1_cnt;
    uint8_t sci; /* 1: the SCI output is active */
    uint8_t smi_cmd;
    uint8_t reset_control;
    uint8_t port92_reset; /* POWER_PORT92_RESET as last written */
    uint8_t a20;          /* 1: enabled. Port 0x92 and the output port share it */
    uint8_t kbc_command;  /* the command byte                                   */
    uint8_t kbc_status;   /* OBF, CMD, TIMEOUT; the rest is constant            */
    uint8_t kbc_out;      /* the byte at port 0x60                              */
    uint8_t kbc_expect;   /* enum power_kbc_expect                              */
    uint8_t unused;
};

_Static_assert(sizeof(struct power_regs) == 16, "no hidden padding");

struct power {
    struct power_wiring wiring;
    struct power_regs regs;
};

#endif
