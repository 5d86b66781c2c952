/* SPDX-License-Identifier: BSD-2-Clause
 * A VM's console between its UART and the socket to the supervisor.
 *
 * A guest is never held up by a slow reader: what does not fit is dropped and counted. Bytes are
 * gathered into lines, so that a line costs one system call, not eighty. */
#ifndef KVM_VCONSOLE_H
#define KVM_VCONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#define VCONSOLE_BUFFER 65536u
#define VCONSOLE_INPUT  4096u
#define VCONSOLE_LAG_NS 10000000u /* a partial line waits at most 10 ms */

struct vconsole {
    int fd; /* stream socket, non-blocking; -1: nobody listens */
    uint32_t out_len;
    uint32_t in_len;
    uint64_t out_since_ns; /* guest time of the oldest byte not yet sent */
    uint64_t bytes;
    uint64_t dropped;
    uint8_t out[VCONSOLE_BUFFER];
    uint8_t in[VCONSOLE_INPUT];
};

void vconsole_put(struct vconsole *c, uint8_t byte, uint64_t now_ns);

/* Sends what can be sent without waiting. */
void vconsole_flush(struct vconsole *c);

/* At the end of a VM: waits a little for a slow reader, then counts what is left as dropped. */
void vconsole_finish(struct vconsole *c);

/* Flushes if a whole line is there, the buffer grows large, or a partial line waited long enough. */
void vconsole_flush_if_due(struct vconsole *c, uint64_t now_ns);

/* When vconsole_flush_if_due wants to be called again, or UINT64_MAX. */
uint64_t vconsole_deadline(const struct vconsole *c);

/* Reads what was typed into in[]. False: the other side closed. */
bool vconsole_fill(struct vconsole *c);

/* The guest took the first `taken` bytes of in[]. */
void vconsole_taken(struct vconsole *c, uint32_t taken);

#endif
