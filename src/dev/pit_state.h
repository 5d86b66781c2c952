/* SPDX-License-Identifier: BSD-2-Clause
 * Layout of the 8254. Only pit.c, the board and tests include this. */
#ifndef DEV_PIT_STATE_H
#define DEV_PIT_STATE_H

#include "dev/pit.h"
#include "vm/ticks.h"

/* Times are input clocks since guest time zero; counts are binary, whatever the guest chose. */
struct pit_channel {
    int64_t start;         /* clock that loads or loaded `reload`: elapsed = clock - start     */
    int64_t switch_at;     /* if pending in modes 2, 3: clock at which `next` is loaded        */
    int64_t left;          /* modes 0, 4, while frozen: what is left to count, below 0 if past */
    uint32_t reload;       /* count in effect, 1 to 65536                                      */
    uint32_t next;         /* if pending: count that the next load takes                       */
    uint32_t held;         /* what the counter shows while it does not count                   */
    uint16_t latch;        /* latched count, as the guest reads it                             */
    uint8_t control;       /* low six bits of the control word                                 */
    uint8_t status;        /* latched status                                                   */
    uint8_t lsb;           /* first byte of a count whose second is awaited                    */
    uint8_t running;       /* has a count and, in modes 1 and 5, a trigger                     */
    uint8_t frozen;        /* running, but its gate is low                                     */
    uint8_t pending;       /* `next` waits                                                     */
    uint8_t fired;         /* modes 0, 1, 4, 5: OUT has risen at the end                       */
    uint8_t gate;          /* level of the gate                                                */
    uint8_t held_out;      /* OUT while it is not counting                                     */
    uint8_t count_latched; /* latch is to be read                                              */
    uint8_t status_latched;
    uint8_t read_msb;  /* the next read gives the second byte  */
    uint8_t write_msb; /* the next write gives the second byte */
    uint8_t unused[5];
};

struct pit_regs {
    struct pit_channel ch[PIT_CHANNELS];
    struct ticks ticks; /* of channel 0                    */
    uint8_t nmi;        /* port 0x61, the writable bits    */
    uint8_t line;       /* level that out0 was last set to */
    uint8_t unused[6];
};

struct pit {
    struct pit_wiring wiring;
    struct pit_regs regs;
};

#endif
