/* SPDX-License-Identifier: BSD-2-Clause
 * The Multiboot header and the kernel's segments. */
#include "boot/multiboot_kernel.h"

#include "base/arith.h"
#include "base/le.h"

#define SEARCH_BYTES 8192u /* the header lies in the first so many bytes, as a whole */
#define HEADER_MAGIC 0x1BADB002u

#define HEADER_FLAGS         4u
#define HEADER_CHECKSUM      8u
#define HEADER_BYTES         12u
#define HEADER_ADDR          12u
#define HEADER_LOAD_ADDR     16u
#define HEADER_LOAD_END_ADDR 20u
#define HEADER_BSS_END_ADDR  24u
#define HEADER_ENTRY_ADDR    28u
#define HEADER_ADDRESS_BYTES 32u

#define FLAGS_DEMANDS   0xFFFFu
#define FLAGS_SUPPORTED (MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO | MULTIBOOT_VIDEO_MODE)

/* Finds the header. A magic number with a wrong checksum is chance: the search goes on. */
static enum boot_status multiboot_find(const struct boot_file *f, uint32_t *at)
{
    const uint64_t end = f->len < SEARCH_BYTES ? f->len : SEARCH_BYTES;
    enum boot_status status = BOOT_MB_NO_HEADER;
    for (uint32_t i = 0; i + HEADER_BYTES <= end; i += 4) { /* bound: SEARCH_BYTES / 4 */
        const uint8_t *h = &f->bytes[i];
        if (le32(h) != HEADER_MAGIC) {
            continue;
        }
        if (HEADER_MAGIC + le32(&h[HEADER_FLAGS]) + le32(&h[HEADER_CHECKSUM]) == 0) {
            *at = i;
            return BOOT_OK;
        }
        status = BOOT_MB_BAD_CHECKSUM;
    }
    return status;
}

/* The address fields as one segment. Zeros for load_end_addr and bss_end_addr mean "to the end of the
 * file" and "no bss"; a load_addr of 0 is just address 0. */
static enum boot_status multiboot_read_addresses(struct elf *image, const struct boot_file *f,
                                                 uint32_t at)
{
    const uint8_t *h = &f->bytes[at];
    const uint64_t end = f->len < SEARCH_BYTES ? f->len : SEARCH_BYTES;
    if (at + HEADER_ADDRESS_BYTES > end) {
        return BOOT_MB_HEADER_CUT;
    }
    const uint32_t header = le32(&h[HEADER_ADDR]);
    const uint32_t load = le32(&h[HEADER_LOAD_ADDR]);
    const uint32_t load_end = le32(&h[HEADER_LOAD_END_ADDR]);
    const uint32_t bss_end = le32(&h[HEADER_BSS_END_ADDR]);
    if (load > header || header - load > at) {
        return BOOT_MB_BAD_HEADER_ADDR;
    }
    if (load_end != 0 && load_end <= load) {
        return BOOT_MB_BAD_LOAD_END;
    }
    const uint64_t offset = at - (header - load);
    const uint64_t left = f->len - offset;
    const uint64_t file_len = load_end == 0 ? left : load_end - load;
    if (file_len > left) {
        return BOOT_MB_CUT;
    }
    if (bss_end != 0 && (bss_end < load || bss_end - load < file_len)) {
        return BOOT_MB_BAD_BSS_END;
    }
    image->entry = le32(&h[HEADER_ENTRY_ADDR]);
    image->segments = 1;
    image->segment[0] = (struct elf_segment){
        .offset = offset,
        .file_len = file_len,
        .mem_len = bss_end == 0 ? file_len : bss_end - load,
        .paddr = load,
        .vaddr = load,
    };
    return BOOT_OK;
}

static enum boot_status multiboot_read(struct boot_job *j, struct multiboot_kernel *k)
{
    const struct boot_file *f = &j->in->kernel;
    uint32_t at;
    const enum boot_status status = multiboot_find(f, &at);
    if (status != BOOT_OK) {
        return status;
    }
    k->flags = le32(&f->bytes[at + HEADER_FLAGS]);
    if ((k->flags & FLAGS_DEMANDS & ~FLAGS_SUPPORTED) != 0) {
        j->out->detail = k->flags & FLAGS_DEMANDS & ~FLAGS_SUPPORTED;
        return BOOT_MB_UNKNOWN_FLAGS;
    }
    if ((k->flags & MULTIBOOT_VIDEO_MODE) != 0) {
        j->out->notes |= BOOT_NOTE_NO_VIDEO;
    }
    if ((k->flags & MULTIBOOT_ADDRESSES) != 0) {
        return multiboot_read_addresses(&k->image, f, at);
    }
    if (!elf_is(f->bytes, f->len)) {
        return BOOT_MB_NO_ADDRESSES;
    }
    return elf_read(&k->image, f->bytes, f->len, &j->out->detail);
}

static enum boot_status multiboot_take_segments(struct boot_job *j, const struct elf *image)
{
    gpa_t lo = UINT64_MAX;
    gpa_t hi = 0;
    for (uint32_t i = 0; i < image->segments; i++) { /* bound: ELF_SEGMENTS_MAX */
        const struct elf_segment *s = &image->segment[i];
        enum boot_status status = BOOT_OK;
        if (!range_within(s->paddr, s->mem_len, 0, PLACE_4G)) {
            status = BOOT_ELF_SEGMENT_HIGH;
        } else if (!gmem_contains(j->in->mem, s->paddr, s->mem_len)) {
            status = BOOT_KERNEL_NOT_RAM;
        } else if (!place_is_free(&j->place, s->paddr, s->mem_len)) {
            status = BOOT_KERNEL_OVERLAPS_ITSELF;
        }
        if (status != BOOT_OK) {
            j->out->detail = i;
            return job_fail(j, status, BOOT_PART_KERNEL, s->paddr);
        }
        place_use(&j->place, s->paddr, s->mem_len);
        lo = s->paddr < lo ? s->paddr : lo;
        hi = s->paddr + s->mem_len > hi ? s->paddr + s->mem_len : hi;
    }
    j->out->kernel_lo = lo;
    j->out->kernel_hi = hi;
    return BOOT_OK;
}

enum boot_status multiboot_take_kernel(struct boot_job *j, struct multiboot_kernel *k)
{
    enum boot_status status = multiboot_read(j, k);
    if (status != BOOT_OK) {
        return job_fail(j, status, BOOT_PART_KERNEL, 0);
    }
    if (j->in->kernel.load_at != SYSTEM_AT_ANY) {
        return job_fail(j, BOOT_LOAD_AT_FIXED, BOOT_PART_KERNEL, k->image.segment[0].paddr);
    }
    status = multiboot_take_segments(j, &k->image);
    if (status != BOOT_OK) {
        return status;
    }
    if (!elf_entry_paddr(&k->image, &k->entry)) {
        status = (k->flags & MULTIBOOT_ADDRESSES) != 0 ? BOOT_MB_BAD_ENTRY : BOOT_ELF_BAD_ENTRY;
        return job_fail(j, status, BOOT_PART_KERNEL, k->image.entry);
    }
    j->out->entry = k->entry;
    return BOOT_OK;
}

void multiboot_write_kernel(const struct boot_job *j, const struct multiboot_kernel *k)
{
    for (uint32_t i = 0; i < k->image.segments; i++) { /* bound: ELF_SEGMENTS_MAX */
        const struct elf_segment *s = &k->image.segment[i];
        if (s->file_len != 0) {
            job_put_bytes(j, s->paddr, &j->in->kernel.bytes[s->offset], s->file_len);
        }
        job_put_zeros(j, s->paddr + s->file_len, s->mem_len - s->file_len);
    }
}
