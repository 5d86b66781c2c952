/* SPDX-License-Identifier: BSD-2-Clause
 * One loading in progress: what the two protocols' loaders share. Only src/boot includes this.
 *
 * The order is the same for both: read and check the kernel's headers; take the places that are fixed;
 * take the places that are free to choose; only then write. */
#ifndef BOOT_JOB_H
#define BOOT_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot.h"
#include "boot/e820.h"
#include "boot/place.h"

/* What begins every information block: a stack for kernels that push before they set up their own
 * (they should not), and the GDT. Nothing lies below the stack that an overflow could spoil. */
#define JOB_STACK_TOP  0x3E0u
#define JOB_GDT_OFF    0x3E0u
#define JOB_HEAD_BYTES 0x400u

struct boot_job {
    const struct boot_input *in;
    struct boot_result *out;
    gpa_t rsdp; /* of the ACPI tables, or 0 */
    struct place place;
    struct e820_map map;
};

void job_init(struct boot_job *j, const struct boot_input *in, struct boot_result *out);

/* Notes what is wrong and returns `status`. */
enum boot_status job_fail(struct boot_job *j, enum boot_status status, enum boot_part part,
                          gpa_t where);

/* Takes the place that a file's load_at names; all of it must lie below `limit`.
 * @pre load_at is not SYSTEM_AT_ANY. */
enum boot_status job_take_fixed(struct boot_job *j, const struct boot_file *f, enum boot_part part,
                                uint64_t limit);

/* Takes room for the information block: at 64 KiB or above in conventional memory if it can be had,
 * else elsewhere in it but for the first page, else the lowest above the first megabyte. Never at 0:
 * many kernels take a null pointer for an absent structure. */
enum boot_status job_take_info(struct boot_job *j, uint64_t len);

/* Places and writes the ACPI tables, if the VM has them. */
enum boot_status job_add_acpi(struct boot_job *j);

/* Writes `size` bytes of a little-endian number. @pre they are RAM. */
void job_put(const struct boot_job *j, gpa_t gpa, uint32_t size, uint64_t value);

/* Copies bytes, or fills with zeros. @pre `len` bytes at gpa are RAM. */
void job_put_bytes(const struct boot_job *j, gpa_t gpa, const uint8_t *bytes, uint64_t len);
void job_put_zeros(const struct boot_job *j, gpa_t gpa, uint64_t len);

#endif
