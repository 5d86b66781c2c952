/* SPDX-License-Identifier: BSD-2-Clause
 * A bounded reader of x86 ELF executables: ELF32 and ELF64, little-endian.
 *
 * Headers are read once, checked, and copied out; the file is not asked twice, so a file that changes
 * under the reader can only spoil the guest.
 * Spec: [ELF] System V ABI, chapters 4 and 5 (ELF header, program header). */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot.h"

#define ELF_SEGMENTS_MAX 24u

/* A PT_LOAD segment that occupies memory. */
struct elf_segment {
    uint64_t offset; /* of its bytes in the file             */
    uint64_t file_len;
    uint64_t mem_len; /* at least file_len; the rest is zero */
    uint64_t paddr;   /* paddr + mem_len fits                */
    uint64_t vaddr;
};

struct elf {
    uint64_t entry; /* as in the header */
    uint32_t segments;
    struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/* True if the bytes begin like an ELF file. */
bool elf_is(const uint8_t *bytes, uint64_t len);

/* Reads and checks the headers. BOOT_OK or a BOOT_ELF_* status; *bad is then the number of the program
 * header it is about, or the offending value of the file header. */
enum boot_status elf_read(struct elf *e, const uint8_t *bytes, uint64_t len, uint32_t *bad);

/* The physical address of the entry point: e_entry translated through the segment whose virtual
 * addresses hold it, else itself if it is a physical address within a segment. Only bytes that come
 * from the file count: an entry into bss is an error. False: neither. */
bool elf_entry_paddr(const struct elf *e, uint64_t *paddr);

#endif
