/* SPDX-License-Identifier: BSD-2-Clause
 * Words in memory that another component reads and writes at the same time.
 *
 * The other one is not trusted: a value is loaded once, and what was loaded is what is validated and
 * used. Nothing here waits.
 * Spec: ISO C11 7.17.3 (order), by the compilers' built-ins, which take plain objects: what is shared
 * with a guest or another program cannot be _Atomic. */
#ifndef BASE_SHARED_H
#define BASE_SHARED_H

#include <stddef.h>
#include <stdint.h>

/* What the other one wrote before it released this value is seen by all that follows. */
static inline uint32_t shared_load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Releases: all that was written before is seen by whoever loads this value. */
static inline void shared_store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Both in one step, and a full fence: for words that both sides write. */
static inline uint32_t shared_exchange(uint32_t *word, uint32_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static inline uint32_t shared_or(uint32_t *word, uint32_t bits)
{
    return __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

/* Between a store and a load that must not overtake it, even inside the processor. */
static inline void shared_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A private copy of shared bytes. The compiler cannot go back to the original afterwards. (The built-in
 * needs no call where len is a small constant; a freestanding memcpy() always does.) */
static inline void shared_copy(void *to, const void *from, size_t len)
{
    __builtin_memcpy(to, from, len);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
