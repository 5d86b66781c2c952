/* SPDX-License-Identifier: BSD-2-Clause
 * One loading in progress: what the two protocols' loaders share. */
#include "boot/job.h"

#include "base/arith.h"
#include "base/assert.h"
#include "base/le.h"
#include "boot/acpi.h"

#define PAGE_BYTES 0x1000u

/* Where ACPI has a guest look for the RSDP on a PC. [ACPI] 5.2.5.1 */
#define RSDP_SCAN_LO 0xE0000u
#define RSDP_SCAN_HI 0x100000u

void job_init(struct boot_job *j, const struct boot_input *in, struct boot_result *out)
{
    *out = (struct boot_result){.status = BOOT_OK};
    j->in = in;
    j->out = out;
    j->rsdp = 0;
    place_init(&j->place, in->mem);
    e820_init(&j->map, in->vm);
}

enum boot_status job_fail(struct boot_job *j, enum boot_status status, enum boot_part part,
                          gpa_t where)
{
    j->out->status = status;
    j->out->part = part;
    j->out->where = where;
    return status;
}

enum boot_status job_take_fixed(struct boot_job *j, const struct boot_file *f, enum boot_part part,
                                uint64_t limit)
{
    const uint64_t len = f->len == 0 ? 1 : f->len;
    if (f->load_at >= limit || len > limit - f->load_at) {
        return job_fail(j, BOOT_LOAD_AT_TOO_HIGH, part, f->load_at);
    }
    if (!gmem_contains(j->in->mem, f->load_at, len)) {
        return job_fail(j, BOOT_LOAD_AT_NOT_RAM, part, f->load_at);
    }
    if (!place_is_free(&j->place, f->load_at, len)) {
        return job_fail(j, BOOT_LOAD_AT_TAKEN, part, f->load_at);
    }
    place_use(&j->place, f->load_at, len);
    return BOOT_OK;
}

enum boot_status job_take_info(struct boot_job *j, uint64_t len)
{
    static const struct {
        gpa_t lo;
        gpa_t hi;
    } area[] = {
        {0x10000, 0x90000},
        {PAGE_BYTES, E820_LEGACY_LO},
        {E820_LEGACY_HI, PLACE_4G},
    };
    for (uint32_t i = 0; i < sizeof(area) / sizeof(area[0]); i++) { /* bound: 3 */
        const struct place_want want = {
            .len = align_up(len, PAGE_BYTES),
            .align = PAGE_BYTES,
            .lo = area[i].lo,
            .hi = area[i].hi,
        };
        if (place_take(&j->place, &want, &j->out->info_lo)) {
            j->out->info_hi = j->out->info_lo + want.len;
            return BOOT_OK;
        }
    }
    return job_fail(j, BOOT_LOADER_NO_ROOM, BOOT_PART_LOADER, 0);
}

/* Where a scan finds the tables; else at the top of low RAM, and no longer RAM in the map. */
static bool job_place_acpi(struct boot_job *j, gpa_t *gpa)
{
    const struct place_want scanned = {
        .len = ACPI_BYTES_MAX,
        .align = ACPI_ALIGN,
        .lo = RSDP_SCAN_LO,
        .hi = RSDP_SCAN_HI,
    };
    const struct place_want top = {
        .len = align_up(ACPI_BYTES_MAX, PAGE_BYTES),
        .align = PAGE_BYTES,
        .lo = E820_LEGACY_HI,
        .hi = PLACE_4G,
        .from_top = true,
    };
    if (place_take(&j->place, &scanned, gpa)) {
        j->out->acpi_hi = *gpa + scanned.len;
        return true;
    }
    if (!place_take(&j->place, &top, gpa)) {
        return false;
    }
    e820_mark(&j->map, *gpa, top.len, E820_RESERVED);
    j->out->acpi_hi = *gpa + top.len;
    if (j->in->vm->protocol == SYSTEM_BOOT_MULTIBOOT) {
        j->out->notes |= BOOT_NOTE_RSDP_HIDDEN;
    }
    return true;
}

enum boot_status job_add_acpi(struct boot_job *j)
{
    if ((j->in->vm->devices & SYSTEM_DEV_ACPI) == 0) {
        return BOOT_OK;
    }
    gpa_t gpa;
    if (!job_place_acpi(j, &gpa)) {
        return job_fail(j, BOOT_ACPI_NO_ROOM, BOOT_PART_ACPI, 0);
    }
    uint8_t tables[ACPI_BYTES_MAX];
    const uint32_t len = acpi_build(tables, j->in->vm, gpa);
    job_put_bytes(j, gpa, tables, len);
    j->out->acpi_lo = gpa;
    j->rsdp = gpa;
    return BOOT_OK;
}

void job_put(const struct boot_job *j, gpa_t gpa, uint32_t size, uint64_t value)
{
    uint8_t bytes[8];
    le_store(bytes, size, value);
    job_put_bytes(j, gpa, bytes, size);
}

void job_put_bytes(const struct boot_job *j, gpa_t gpa, const uint8_t *bytes, uint64_t len)
{
    const bool written = gmem_write(j->in->mem, gpa, bytes, len);
    BH_ASSERT(written);
}

void job_put_zeros(const struct boot_job *j, gpa_t gpa, uint64_t len)
{
    const bool written = gmem_fill(j->in->mem, gpa, 0, len);
    BH_ASSERT(written);
}
