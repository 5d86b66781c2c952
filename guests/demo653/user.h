/* SPDX-License-Identifier: BSD-2-Clause
 * The interface between kernel and partitions: int 0x80, number in RAX, arguments in RDI and RSI,
 * result in RAX. Nothing is passed by reference: the kernel never touches partition memory. */
#ifndef DEMO653_USER_H
#define DEMO653_USER_H

#include <stdbool.h>
#include <stdint.h>

#define SYS_TIME          0u /* -> 653 time in us: ticks times the period            */
#define SYS_PERIODIC_WAIT 1u /* until the next release point of this process         */
#define SYS_YIELD         2u /* gives up the rest of this tick                       */
#define SYS_REPORT        3u /* (counter, n): adds n to a counter of this partition  */
#define SYS_RESTARTS      4u /* -> how often this partition was restarted            */
#define SYS_ERROR         5u /* (code): an application error; the health monitor acts */
#define SYS_AVX           6u /* -> 1 if AVX may be used                              */

#define SYS_BAD UINT64_MAX /* unknown call or counter */

enum counter {
    COUNT_LOOPS_FIRST = 0,  /* turns of the partition's first process  */
    COUNT_LOOPS_SECOND = 1, /* ... and of its second                   */
    COUNT_FPU_CHECKS = 2,   /* SSE or AVX register files compared      */
    COUNT_FPU_ERRORS = 3,   /* ... of which some register had changed  */
    COUNT_BREACHES = 4,     /* a forbidden act that did not fault      */
    COUNTERS = 5,
};

static inline uint64_t sys_call(uint64_t number, uint64_t a, uint64_t b)
{
    uint64_t result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "memory");
    return result;
}

#endif
