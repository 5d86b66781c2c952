/* SPDX-License-Identifier: BSD-2-Clause
 * Partition "flight": a 40 Hz control law, and a background process that fills its windows.
 *
 * The control law is a real one if a small one: a second-order filter follows a square wave, in
 * double precision. It must stay within its bounds, or the partition raises an application
 * error. */
#include "fpu_check.h"
#include "user.h"

#define TURNS_PER_WAVE 80u

static double position;
static double velocity;

void flight_control(void);
void flight_background(void);

void flight_control(void)
{
    for (uint32_t turn = 0;; turn++) {
        double demand = (turn / TURNS_PER_WAVE) % 2u == 0 ? 1.0 : -1.0;
        const double step = 0.025;
        double force = 16.0 * (demand - position) - 6.0 * velocity;
        velocity += step * force;
        position += step * velocity;
        if (position > 2.0 || position < -2.0) {
            (void)sys_call(SYS_ERROR, 1, 0);
        }
        (void)sys_call(SYS_REPORT, COUNT_LOOPS_FIRST, 1);
        (void)sys_call(SYS_PERIODIC_WAIT, 0, 0);
    }
}

void flight_background(void)
{
    for (uint32_t seed = 0x1000000;; seed += 64u) {
        bool good = fpu_check_sse(seed);
        (void)sys_call(SYS_REPORT, COUNT_FPU_CHECKS, 1);
        if (!good) {
            (void)sys_call(SYS_REPORT, COUNT_FPU_ERRORS, 1);
        }
        (void)sys_call(SYS_REPORT, COUNT_LOOPS_SECOND, 1);
    }
}
