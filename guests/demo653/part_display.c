/* SPDX-License-Identifier: BSD-2-Clause
 * Partition "display": a 20 Hz refresh of a page of text, and a background process that checks the
 * vector registers (the AVX halves too where they are enabled) and yields between turns. */
#include "fpu_check.h"
#include "user.h"

#define COLUMNS 64u
#define ROWS    16u

static uint8_t page[ROWS][COLUMNS];

void display_refresh(void);
void display_background(void);

void display_refresh(void)
{
    for (uint32_t turn = 0;; turn++) {
        uint64_t now_us = sys_call(SYS_TIME, 0, 0);
        for (uint32_t row = 0; row < ROWS; row++) {
            for (uint32_t column = 0; column < COLUMNS; column++) {
                page[row][column] = (uint8_t)(' ' + (now_us / 1000u + row + column) % 95u);
            }
        }
        if (page[0][0] != (uint8_t)(' ' + (now_us / 1000u) % 95u)) {
            (void)sys_call(SYS_ERROR, 2, 0);
        }
        (void)sys_call(SYS_REPORT, COUNT_LOOPS_FIRST, 1);
        (void)sys_call(SYS_PERIODIC_WAIT, 0, 0);
    }
}

void display_background(void)
{
    bool avx = sys_call(SYS_AVX, 0, 0) == 1u;
    for (uint32_t seed = 0x2000000;; seed += 64u) {
        bool good = fpu_check_sse(seed);
        if (avx && !fpu_check_avx(seed)) {
            good = false;
        }
        (void)sys_call(SYS_REPORT, COUNT_FPU_CHECKS, 1);
        if (!good) {
            (void)sys_call(SYS_REPORT, COUNT_FPU_ERRORS, 1);
        }
        (void)sys_call(SYS_REPORT, COUNT_LOOPS_SECOND, 1);
        if (seed % 1024u == 0) {
            (void)sys_call(SYS_YIELD, 0, 0);
        }
    }
}
