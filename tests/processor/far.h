/* SPDX-License-Identifier: BSD-2-Clause
 * Far transfers: where they are to go, through what, and what they find on their way. */
#ifndef PROCESSOR_FAR_H
#define PROCESSOR_FAR_H

#include "encode.h"

/* Bytes that it has on the stack; decides which way a return goes. */
uint32_t far_frame_bytes(struct maker *m);

/* Descriptors, gates, stacks of the TSS; what the pointer is to be. Before it is encoded. */
void far_choose(struct maker *m);

/* Fills `bytes` with what its operand holds; returns how many. After it is encoded. */
uint32_t far_memory(struct maker *m, uint8_t *bytes);

#endif
