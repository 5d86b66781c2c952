/* SPDX-License-Identifier: BSD-2-Clause
 * FPU, SSE and AVX state: switched on, saved and restored with XSAVE where offered, else FXSAVE.
 * Spec: [SDM] vol. 1, chapter 13 (XSAVE), 10.5 (FXSAVE). */
#ifndef DEMO653_FPU_H
#define DEMO653_FPU_H

#include <stdbool.h>
#include <stdint.h>

#define FPU_STATE_BYTES 1024u

struct fpu_state {
    uint8_t area[FPU_STATE_BYTES];
} __attribute__((aligned(64)));

/* @pre once, before anything else here. */
void fpu_init(void);

/* The state a process starts with: everything initial, all exceptions masked. */
void fpu_reset(struct fpu_state *s);
void fpu_save(struct fpu_state *s);
void fpu_restore(const struct fpu_state *s);

bool fpu_has_avx(void);
void fpu_print(void);

#endif
