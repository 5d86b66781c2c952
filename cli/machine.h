/* SPDX-License-Identifier: BSD-2-Clause
 * The simulated machine: where KVM is absent or useless, QEMU simulates an AMD machine with SVM,
 * Debian's cloud kernel with kvm-amd runs on it, and this very program is all that runs there.
 * See docs/design/simulated-machine.md.
 *
 * Order of use: machine_start(); speak kvm/link.h on machine_link_fd() until LINK_DONE, or until
 * the link closes, or until MACHINE_BOOT_SECONDS have passed without a frame; machine_finish(). */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/image.h"

/* Silent for so long after machine_start(): it will not come up any more. A quiet host needs 3 s. */
#define MACHINE_BOOT_SECONDS 120

/* The kernel starts the program in the machine under this name: where argv[0] is that and getpid()
 * is 1, main() calls machine_init_main(). */
#define MACHINE_INIT_PATH "/machine-init"

struct machine;

struct machine_options {
    uint64_t ram_bytes_extra; /* beyond the sum of the guests and what the machine needs itself   */
    const char *log_dir;      /* there machine.log is kept (its serial console and QEMU's errors);
                                 NULL: nowhere, but the tail still goes into `why`                */
    bool verbose;             /* its kernel is not quiet; the QEMU command goes to stderr         */
};

/* Starts it and returns at once; HELLO comes over the link once it is up.
 * NULL: `why` says what is wrong and what to do. @pre image is checked. */
struct machine *machine_start(const struct system_image *image, const struct machine_options *opt,
                              char *why, size_t why_size);

/* A non-blocking stream socket that speaks kvm/link.h; closed by machine_finish(). */
int machine_link_fd(const struct machine *m);

/* Ends it and frees m: closes the link, which tells the supervisor inside to stop everything; kills
 * what has not ended some seconds later. Nonzero if it ended badly, or had to be killed, or if its
 * supervisor's status was not 0: then `why` has the reason. Leaves nothing behind. */
int machine_finish(struct machine *m, char *why, size_t why_size);

/* True if its init was never heard of: ask after the link closed or stayed silent for
 * MACHINE_BOOT_SECONDS. The caller may then finish it and try once more. */
bool machine_failed_to_boot(struct machine *m);

/* PID 1 inside it. Does not return but on a failure that leaves nothing else to do. */
int machine_init_main(void);

#endif
