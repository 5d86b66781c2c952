/* SPDX-License-Identifier: BSD-2-Clause
 * Writes a cpio archive of the "newc" kind, as Linux unpacks it for an initramfs.
 * Spec: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 *
 * Nothing of the building machine goes into it: owner 0:0, time 0, inode numbers in order of
 * writing. The same input gives the same bytes. File contents are streamed, never held.
 *
 * Errors stick: after the first one every call does nothing and returns false, `error` keeps its
 * errno, so that a caller may look once, at cpio_end(). */
#ifndef CLI_CPIO_H
#define CLI_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPIO_NAME_MAX 1024u /* bytes of a name, with its final 0 */

struct cpio {
    int fd;           /* open for writing; stays the caller's        */
    int error;        /* errno of the first failure, or 0            */
    uint32_t inode;   /* of the next entry                           */
    uint64_t written; /* bytes so far: a multiple of 4 between calls */
};

void cpio_begin(struct cpio *c, int fd);

/* Names have no leading '/'. A directory must be written before what lies in it. `mode` holds the
 * permission bits only. A name that is empty or too long is ENAMETOOLONG. */
bool cpio_dir(struct cpio *c, const char *name, uint32_t mode);
bool cpio_symlink(struct cpio *c, const char *name, const char *target);
bool cpio_char_device(struct cpio *c, const char *name, uint32_t mode, uint32_t dev_major,
                      uint32_t dev_minor);

/* A file from memory. 4 GiB or more: EFBIG. */
bool cpio_file(struct cpio *c, const char *name, uint32_t mode, const void *data, uint64_t bytes);

/* A file whose `bytes` bytes are read from fd `from`, from its present position on. If `from` ends
 * early or has more, that is ESTALE: it changed since it was measured. */
bool cpio_copy(struct cpio *c, const char *name, uint32_t mode, int from, uint64_t bytes);

/* The trailer. True: the whole archive was written. */
bool cpio_end(struct cpio *c);

#endif
