/* SPDX-License-Identifier: BSD-2-Clause
 * Frames over a byte stream. The reader asks for exactly what the frame at hand still lacks, so a
 * frame never drags a part of the next one along. */
#include "kvm/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* How many bytes the frame in the buffer still lacks; 0: it is whole. -1: not a frame. */
static long link_lacks(const struct link_reader *r, struct link_head *head)
{
    if (r->have < sizeof(*head)) {
        return (long)(sizeof(*head) - r->have);
    }
    memcpy(head, r->buf, sizeof(*head));
    if (head->magic != LINK_MAGIC || head->len > LINK_DATA_MAX) {
        return -1;
    }
    return (long)(sizeof(*head) + head->len - r->have);
}

enum link_result link_read(struct link_reader *r, int fd, struct link_head *head,
                           const uint8_t **data)
{
    long lacks = link_lacks(r, head);
    if (lacks == 0) { /* the last call returned this one */
        r->have = 0;
        lacks = (long)sizeof(*head);
    }
    while (lacks > 0) { /* bound: each turn but a signal's makes the frame more complete */
        ssize_t n = read(fd, r->buf + r->have, (size_t)lacks);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return LINK_AGAIN;
        }
        if (n <= 0) {
            return LINK_CLOSED;
        }
        r->have += (size_t)n;
        lacks = link_lacks(r, head);
    }
    *data = r->buf + sizeof(*head);
    return lacks == 0 ? LINK_FRAME : LINK_BROKEN;
}

/* Writes without SIGPIPE where fd is a socket; other files have no such option. */
static ssize_t link_send(int fd, struct iovec *iov, size_t count)
{
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
    ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) {
        n = writev(fd, iov, (int)count);
    }
    return n;
}

static bool link_wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n;
    do {
        n = poll(&p, 1, -1);
    } while (n < 0 && errno == EINTR);
    return n == 1 && (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

/* Drops the first `n` bytes from the two parts. */
static void link_advance(struct iovec iov[2], size_t n)
{
    for (size_t i = 0; i < 2; i++) {
        size_t part = n < iov[i].iov_len ? n : iov[i].iov_len;
        if (part > 0) { /* an empty body has no address to add to */
            iov[i].iov_base = (char *)iov[i].iov_base + part;
        }
        iov[i].iov_len -= part;
        n -= part;
    }
}

bool link_write(int fd, enum link_type type, uint16_t vm, const void *data, size_t len)
{
    struct link_head head = {
        .magic = LINK_MAGIC, .type = (uint16_t)type, .vm = vm, .len = (uint32_t)len};
    union {
        const void *in;
        void *out; /* struct iovec knows no const */
    } body = {.in = data};
    struct iovec iov[2] = {{.iov_base = &head, .iov_len = sizeof(head)},
                           {.iov_base = body.out, .iov_len = len}};
    if (len > LINK_DATA_MAX) {
        return false;
    }
    while (iov[0].iov_len + iov[1].iov_len > 0) { /* bound: each turn writes, waits or fails */
        ssize_t n = link_send(fd, iov, 2);
        if (n >= 0) {
            link_advance(iov, (size_t)n);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!link_wait_writable(fd)) {
                return false;
            }
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

enum link_sent link_flush(struct link_writer *w, int fd)
{
    while (w->at < w->end) { /* bound: each turn writes, is interrupted or ends the loop */
        struct iovec iov = {.iov_base = w->buf + w->at, .iov_len = w->end - w->at};
        ssize_t n = link_send(fd, &iov, 1);
        if (n > 0) {
            w->at += (size_t)n;
        } else if (n == 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
            return LINK_FULL;
        } else if (errno != EINTR) {
            return LINK_GONE;
        }
    }
    return LINK_SENT;
}

enum link_sent link_post(struct link_writer *w, int fd, enum link_type type, uint16_t vm,
                         const void *data, size_t len)
{
    const struct link_head head = {
        .magic = LINK_MAGIC, .type = (uint16_t)type, .vm = vm, .len = (uint32_t)len};
    enum link_sent sent = link_flush(w, fd);
    if (sent != LINK_SENT || len > LINK_DATA_MAX) {
        return sent == LINK_SENT ? LINK_GONE : sent;
    }
    memcpy(w->buf, &head, sizeof(head));
    if (len > 0) {
        memcpy(w->buf + sizeof(head), data, len);
    }
    w->at = 0;
    w->end = sizeof(head) + len;
    return link_flush(w, fd) == LINK_GONE ? LINK_GONE : LINK_SENT;
}
