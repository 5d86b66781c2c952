/* SPDX-License-Identifier: BSD-2-Clause
 * A broken invariant stops the component that found it, at once and loudly.
 *
 * BH_ASSERT stays in release builds. It must have no side effect and must never test a value that a
 * guest supplied: what a guest does is modelled behaviour, not an error. The trap needs no symbol
 * from the host: it is SIGILL to a Linux process and a fault message to an seL4 fault handler. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#define BH_ASSERT(invariant)  \
    do {                      \
        if (!(invariant)) {   \
            __builtin_trap(); \
        }                     \
    } while (0)

#endif
