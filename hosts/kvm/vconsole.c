/* SPDX-License-Identifier: BSD-2-Clause
 * A VM's console between its UART and the socket to the supervisor. */
#include "kvm/vconsole.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VCONSOLE_CHUNK        2048u
#define VCONSOLE_FINISH_NS    100000000
#define VCONSOLE_FINISH_TRIES 5u

void vconsole_put(struct vconsole *c, uint8_t byte, uint64_t now_ns)
{
    c->bytes++;
    if (c->out_len == VCONSOLE_BUFFER) {
        vconsole_flush(c);
    }
    if (c->out_len == VCONSOLE_BUFFER) {
        c->dropped++;
        return;
    }
    if (c->out_len == 0) {
        c->out_since_ns = now_ns;
    }
    c->out[c->out_len] = byte;
    c->out_len++;
    if (byte == '\n' || c->out_len % VCONSOLE_CHUNK == 0) {
        vconsole_flush(c);
    }
}

void vconsole_flush(struct vconsole *c)
{
    uint32_t sent = 0;
    while (c->fd >= 0 && sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + sent, c->out_len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0) {
            break;
        }
        sent += (uint32_t)n;
    }
    if (sent != 0) {
        memmove(c->out, c->out + sent, c->out_len - sent);
        c->out_len -= sent;
    }
}

void vconsole_finish(struct vconsole *c)
{
    const struct timespec a_while = {.tv_nsec = VCONSOLE_FINISH_NS};
    struct pollfd fd = {.fd = c->fd, .events = POLLOUT};
    vconsole_flush(c);
    for (uint32_t i = 0; c->out_len > 0 && i < VCONSOLE_FINISH_TRIES; i++) {
        (void)ppoll(&fd, 1, &a_while, NULL);
        vconsole_flush(c);
    }
    c->dropped += c->out_len;
    c->out_len = 0;
}

uint64_t vconsole_deadline(const struct vconsole *c)
{
    return c->out_len == 0 ? UINT64_MAX : c->out_since_ns + VCONSOLE_LAG_NS;
}

void vconsole_flush_if_due(struct vconsole *c, uint64_t now_ns)
{
    if (now_ns >= vconsole_deadline(c)) {
        vconsole_flush(c);
        c->out_since_ns = now_ns; /* what is left waits for the reader */
    }
}

bool vconsole_fill(struct vconsole *c)
{
    while (c->fd >= 0 && c->in_len < VCONSOLE_INPUT) {
        ssize_t n = recv(c->fd, c->in + c->in_len, VCONSOLE_INPUT - c->in_len, MSG_DONTWAIT);
        if (n == 0) {
            return false;
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        c->in_len += (uint32_t)n;
    }
    return true;
}

void vconsole_taken(struct vconsole *c, uint32_t taken)
{
    memmove(c->in, c->in + taken, c->in_len - taken);
    c->in_len -= taken;
}
