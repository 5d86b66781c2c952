/* SPDX-License-Identifier: BSD-2-Clause
 * The newc writer: a magic and thirteen 8-digit hexadecimal fields, the name, the data; name and
 * data are each padded to 4 bytes. */
#include "cpio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPIO_HEADER_BYTES 110u
#define CPIO_COPY_BYTES   65536u

struct cpio_entry {
    const char *name;
    uint32_t mode; /* with the type bits */
    uint32_t links;
    uint32_t bytes;
    uint32_t dev_major, dev_minor;
};

static bool cpio_fail(struct cpio *c, int error)
{
    if (c->error == 0) {
        c->error = error;
    }
    return false;
}

static bool cpio_put(struct cpio *c, const void *data, size_t bytes)
{
    const uint8_t *at = data;

    while (c->error == 0 && bytes > 0) { /* bound: bytes; each turn writes at least one or fails */
        ssize_t n = write(c->fd, at, bytes);

        if (n > 0) {
            at += n;
            bytes -= (size_t)n;
            c->written += (uint64_t)n;
        } else if (n == 0) {
            return cpio_fail(c, EIO);
        } else if (errno != EINTR) {
            return cpio_fail(c, errno);
        }
    }
    return c->error == 0;
}

static bool cpio_pad(struct cpio *c)
{
    static const uint8_t zero[4];

    return cpio_put(c, zero, (size_t)((4 - c->written % 4) % 4));
}

static bool cpio_header(struct cpio *c, const struct cpio_entry *e)
{
    char head[CPIO_HEADER_BYTES + 1];
    size_t name_bytes = strlen(e->name) + 1;

    if (c->error != 0) {
        return false;
    }
    if (name_bytes == 1 || name_bytes > CPIO_NAME_MAX) {
        return cpio_fail(c, ENAMETOOLONG);
    }
    /* ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check */
    (void)snprintf(head, sizeof(head), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
                   c->inode, e->mode, 0u, 0u, e->links, 0u, e->bytes, 0u, 0u, e->dev_major,
                   e->dev_minor, (uint32_t)name_bytes, 0u);
    c->inode++;
    return cpio_put(c, head, CPIO_HEADER_BYTES) && cpio_put(c, e->name, name_bytes) && cpio_pad(c);
}

void cpio_begin(struct cpio *c, int fd)
{
    *c = (struct cpio){.fd = fd, .inode = 1};
}

bool cpio_dir(struct cpio *c, const char *name, uint32_t mode)
{
    struct cpio_entry e = {.name = name, .mode = S_IFDIR | mode, .links = 2};

    return cpio_header(c, &e);
}

bool cpio_symlink(struct cpio *c, const char *name, const char *target)
{
    size_t bytes = strlen(target);
    struct cpio_entry e = {.name = name, .mode = S_IFLNK | 0777, .links = 1};

    if (bytes == 0 || bytes >= CPIO_NAME_MAX) {
        return cpio_fail(c, ENAMETOOLONG);
    }
    e.bytes = (uint32_t)bytes;
    return cpio_header(c, &e) && cpio_put(c, target, bytes) && cpio_pad(c);
}

bool cpio_char_device(struct cpio *c, const char *name, uint32_t mode, uint32_t dev_major,
                      uint32_t dev_minor)
{
    struct cpio_entry e = {.name = name,
                           .mode = S_IFCHR | mode,
                           .links = 1,
                           .dev_major = dev_major,
                           .dev_minor = dev_minor};

    return cpio_header(c, &e);
}

static bool cpio_file_header(struct cpio *c, const char *name, uint32_t mode, uint64_t bytes)
{
    struct cpio_entry e = {.name = name, .mode = S_IFREG | mode, .links = 1};

    if (bytes > UINT32_MAX) {
        return cpio_fail(c, EFBIG); /* the format has 32 bits for it */
    }
    e.bytes = (uint32_t)bytes;
    return cpio_header(c, &e);
}

bool cpio_file(struct cpio *c, const char *name, uint32_t mode, const void *data, uint64_t bytes)
{
    return cpio_file_header(c, name, mode, bytes) && cpio_put(c, data, (size_t)bytes) &&
           cpio_pad(c);
}

/* read(2) that goes on after a signal. */
static ssize_t cpio_read(int from, void *buf, size_t bytes)
{
    ssize_t n;

    do { /* bound: the signals that arrive meanwhile */
        n = read(from, buf, bytes);
    } while (n < 0 && errno == EINTR);
    return n;
}

bool cpio_copy(struct cpio *c, const char *name, uint32_t mode, int from, uint64_t bytes)
{
    uint8_t buf[CPIO_COPY_BYTES];
    ssize_t n;

    if (!cpio_file_header(c, name, mode, bytes)) {
        return false;
    }
    for (uint64_t left = bytes; left > 0; left -= (uint64_t)n) { /* bound: bytes */
        n = cpio_read(from, buf, left < sizeof(buf) ? (size_t)left : sizeof(buf));
        if (n <= 0) {
            return cpio_fail(c, n < 0 ? errno : ESTALE);
        }
        if (!cpio_put(c, buf, (size_t)n)) {
            return false;
        }
    }
    n = cpio_read(from, buf, 1);
    if (n != 0) {
        return cpio_fail(c, n < 0 ? errno : ESTALE);
    }
    return cpio_pad(c);
}

bool cpio_end(struct cpio *c)
{
    struct cpio_entry e = {.name = "TRAILER!!!", .links = 1};

    c->inode = 0;
    return cpio_header(c, &e);
}
