/* SPDX-License-Identifier: BSD-2-Clause
 * Puts a guest's files into its memory and says in which state its processor starts.
 *
 * The loaders are pure: files come in as bytes that the host mapped read-only, guest RAM is reached
 * through vm/gmem.h alone, and the result is a register file and a report. A file may be cut, oversized
 * or hostile: each defect has its own status, and nothing beyond the guest's RAM is ever touched.
 * Spec: [LBP] The Linux/x86 Boot Protocol (Linux, Documentation/arch/x86/boot.rst);
 *       [MB1] Multiboot Specification version 0.6.96. */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include <stdint.h>

#include "system/image.h"
#include "vm/gmem.h"
#include "vm/regs.h"

/* A guest's file. An absent one has no bytes. */
struct boot_file {
    const uint8_t *bytes;
    uint64_t len;
    uint64_t load_at; /* or SYSTEM_AT_ANY                                   */
    const char *args; /* a Multiboot module's string, ends with 0; may be null */
};

struct boot_input {
    const struct system_vm *vm; /* ranges, devices, protocol, command line */
    const struct gmem *mem;     /* the same ranges, all zero               */
    struct boot_file kernel;
    struct boot_file initrd;                     /* Linux only     */
    struct boot_file module[SYSTEM_MODULES_MAX]; /* Multiboot only */
    uint32_t modules;
    uint32_t tsc_khz;  /* not 0: for ${tsc_khz}                               */
    uint32_t restarts; /* how often this VM was started before: for ${restarts} */
};

/* What is wrong. boot_status_text() has the sentence for a person. */
enum boot_status {
    BOOT_OK = 0,
    BOOT_BAD_PROTOCOL,
    BOOT_NO_KERNEL,
    /* Places in guest memory. */
    BOOT_KERNEL_NOT_RAM,
    BOOT_KERNEL_OVERLAPS_ITSELF,
    BOOT_KERNEL_NO_ROOM,
    BOOT_INITRD_NO_ROOM,
    BOOT_MODULE_NO_ROOM,
    BOOT_LOADER_NO_ROOM,
    BOOT_ACPI_NO_ROOM,
    BOOT_LOAD_AT_NOT_RAM,
    BOOT_LOAD_AT_TAKEN,
    BOOT_LOAD_AT_TOO_HIGH,
    BOOT_LOAD_AT_TOO_LOW,
    BOOT_LOAD_AT_MISALIGNED,
    BOOT_LOAD_AT_FIXED,
    /* Command line and module strings. */
    BOOT_TEXT_UNKNOWN_NAME,
    BOOT_TEXT_UNTERMINATED,
    BOOT_TEXT_TOO_LONG,
    /* Linux. */
    BOOT_LINUX_CUT_HEADER,
    BOOT_LINUX_NO_MAGIC,
    BOOT_LINUX_IS_ELF,
    BOOT_LINUX_TOO_OLD,
    BOOT_LINUX_NOT_HIGH,
    BOOT_LINUX_NO_CODE,
    BOOT_LINUX_CUT,
    BOOT_LINUX_BAD_ALIGNMENT,
    BOOT_LINUX_BAD_ADDRESS,
    /* Multiboot. */
    BOOT_MB_NO_HEADER,
    BOOT_MB_BAD_CHECKSUM,
    BOOT_MB_HEADER_CUT,
    BOOT_MB_UNKNOWN_FLAGS,
    BOOT_MB_NO_ADDRESSES,
    BOOT_MB_BAD_HEADER_ADDR,
    BOOT_MB_BAD_LOAD_END,
    BOOT_MB_CUT,
    BOOT_MB_BAD_BSS_END,
    BOOT_MB_BAD_ENTRY,
    /* ELF. */
    BOOT_ELF_CUT_HEADER,
    BOOT_ELF_BAD_FORMAT,
    BOOT_ELF_BAD_MACHINE,
    BOOT_ELF_BAD_TYPE,
    BOOT_ELF_BAD_TABLE,
    BOOT_ELF_TOO_MANY_SEGMENTS,
    BOOT_ELF_NO_SEGMENTS,
    BOOT_ELF_SEGMENT_CUT,
    BOOT_ELF_SEGMENT_SIZES,
    BOOT_ELF_SEGMENT_HIGH,
    BOOT_ELF_BAD_ENTRY,
};
#define BOOT_STATUSES (BOOT_ELF_BAD_ENTRY + 1u)

/* Which part of the guest it is about. */
enum boot_part {
    BOOT_PART_KERNEL = 0,
    BOOT_PART_INITRD,
    BOOT_PART_MODULE,  /* detail: which, from 0 */
    BOOT_PART_CMDLINE, /* the kernel's command line */
    BOOT_PART_LOADER,  /* what the loader adds for the kernel to read */
    BOOT_PART_ACPI,
};

/* Notes: the guest boots, but a person may want to know. */
#define BOOT_NOTE_NO_VIDEO 0x1u /* Multiboot kernel asks for a video mode; there is no display */
#define BOOT_NOTE_RSDP_HIDDEN \
    0x2u                       /* ACPI tables lie where a scan does not find them, and the
                                      protocol has no field for their address (Multiboot)       */
#define BOOT_NOTE_NO_ACPI 0x4u /* no RAM for ACPI tables below 4 GiB                         */

/* Ranges are [lo, hi); both 0 if there is none. */
struct boot_result {
    enum boot_status status;
    enum boot_part part;
    uint32_t detail; /* module or segment number, or the offending flags or version */
    uint32_t notes;  /* BOOT_NOTE_*                                                 */
    gpa_t where;     /* the guest-physical address it is about, if there is one     */
    gpa_t entry;     /* first instruction                                           */
    gpa_t kernel_lo; /* with bss and the space the kernel needs to unpack itself    */
    gpa_t kernel_hi;
    gpa_t initrd_lo;
    gpa_t initrd_hi;
    gpa_t module_lo[SYSTEM_MODULES_MAX];
    gpa_t module_hi[SYSTEM_MODULES_MAX];
    gpa_t info_lo; /* one block: boot_params or Multiboot information, strings, GDT, page tables */
    gpa_t info_hi;
    gpa_t acpi_lo;
    gpa_t acpi_hi;
};

/* Loads the guest. On BOOT_OK the guest's memory is ready and *regs holds the state to start with (all
 * of it: general and system registers). Otherwise *regs is untouched, and what lies in guest memory
 * means nothing. *out is always filled; the status is returned too.
 * @pre the image that holds in->vm passed system_check(); in->modules <= SYSTEM_MODULES_MAX. */
enum boot_status boot_load(const struct boot_input *in, struct vcpu_regs *regs,
                           struct boot_result *out);

/* One sentence: what is wrong and what to do. Never null. */
const char *boot_status_text(enum boot_status status);

#endif
