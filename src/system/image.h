/* SPDX-License-Identifier: BSD-2-Clause
 * The frozen system: one flat, position-independent, checksummed image. The only thing that
 * components read; `bulkhead check`, `run` and `pack` make it from the system file.
 *
 * Every size is decided when it is frozen: RAM is a list of ranges (sized RAM is laid out by then),
 * file sizes are known, names and command lines are in place. All integers are little-endian.
 * There are no offsets to follow but those of packed files, so there is little to get wrong. */
#ifndef SYSTEM_IMAGE_H
#define SYSTEM_IMAGE_H

#include <stdint.h>

#define SYSTEM_MAGIC   0x646165686B6C7542ull /* "Bulkhead" */
#define SYSTEM_VERSION 2u

#define SYSTEM_VMS_MAX     8u
#define SYSTEM_NAME_MAX    32u /* bytes with the final 0, for every string below */
#define SYSTEM_PATH_MAX    1024u
#define SYSTEM_CMDLINE_MAX 2048u
#define SYSTEM_ARGS_MAX    512u
#define SYSTEM_MODULES_MAX 8u
#define SYSTEM_RANGES_MAX  8u
#define SYSTEM_SERIALS_MAX 4u

#define SYSTEM_CPU_ANY UINT32_MAX /* not pinned         */
#define SYSTEM_AT_ANY  UINT64_MAX /* the loader chooses */

#define SYSTEM_PRIORITY_MAX 98u /* 0: as any other process. One is left above every VM */

/* A guest's file. An absent one has an empty path. */
struct system_file {
    char path[SYSTEM_PATH_MAX]; /* where the host finds it, if not packed      */
    char args[SYSTEM_ARGS_MAX]; /* a Multiboot module's string; may hold ${...} */
    uint64_t bytes;             /* size when frozen                            */
    uint64_t load_at;           /* guest-physical address, or SYSTEM_AT_ANY    */
    uint64_t packed_at;         /* offset in the packed image; 0: not packed   */
};

struct system_range {
    uint64_t base; /* guest-physical, 4 KiB aligned */
    uint64_t size; /* bytes, a multiple of 4 KiB    */
};

struct system_serial {
    uint16_t port; /* first of eight I/O ports; 0: no such UART */
    uint8_t irq;   /* ISA interrupt, 0 to 15                    */
    uint8_t unused[5];
};

enum system_protocol {
    SYSTEM_BOOT_LINUX = 1,
    SYSTEM_BOOT_MULTIBOOT = 2,
};

/* Devices: absent unless named in the system file. */
#define SYSTEM_DEV_LAPIC      0x0001u /* timers = [ "lapic" ]                                 */
#define SYSTEM_DEV_PIT        0x0002u /* timers = [ "pit" ]: 8254 and port 0x61               */
#define SYSTEM_DEV_HPET       0x0004u /* timers = [ "hpet" ]                                  */
#define SYSTEM_DEV_PM_TIMER   0x0008u /* timers = [ "pm" ]: ACPI power-management timer       */
#define SYSTEM_DEV_PIC        0x0010u /* 8259 pair                                            */
#define SYSTEM_DEV_IOAPIC     0x0020u
#define SYSTEM_DEV_RTC        0x0040u /* MC146818 and CMOS                                    */
#define SYSTEM_DEV_PCI        0x0080u /* host bridge at 0xCF8/0xCFC                           */
#define SYSTEM_DEV_ACPI       0x0100u /* the tables                                           */
#define SYSTEM_DEV_POWER      0x0200u /* PM1 registers, reset ports 0xCF9, 0x64 and 0x92      */
#define SYSTEM_DEV_DEBUG_EXIT 0x0400u /* port 0xF4                                            */
#define SYSTEM_DEV_ALL        0x07FFu

enum system_on_failure {
    SYSTEM_FAIL_STOP = 0, /* this VM stays down, the others go on */
    SYSTEM_FAIL_RESTART = 1,
    SYSTEM_FAIL_STOP_ALL = 2,
};

struct system_vm {
    char name[SYSTEM_NAME_MAX];
    uint32_t cpu;         /* logical CPU, or SYSTEM_CPU_ANY         */
    uint32_t protocol;    /* enum system_protocol                   */
    uint32_t devices;     /* SYSTEM_DEV_*                           */
    uint32_t tick_policy; /* enum tick_policy (vm/time.h)           */
    uint32_t on_failure;  /* enum system_on_failure                 */
    uint32_t ranges;      /* how many of range[] are used           */
    uint32_t serials;
    uint32_t modules;
    uint32_t priority;                            /* 0 to SYSTEM_PRIORITY_MAX: higher goes first */
    uint32_t unused;                              /* zero */
    struct system_range range[SYSTEM_RANGES_MAX]; /* ascending, disjoint */
    struct system_serial serial[SYSTEM_SERIALS_MAX];
    struct system_file kernel;
    struct system_file initrd;                     /* Linux only     */
    struct system_file module[SYSTEM_MODULES_MAX]; /* Multiboot only */
    char cmdline[SYSTEM_CMDLINE_MAX]; /* ${tsc_khz}, ${apic_khz} are not yet expanded */
};

#define SYSTEM_FLAG_STRICT 1u /* refuse to fold CPUs that are not there */

struct system_image {
    uint64_t magic;
    uint32_t version;
    uint32_t crc;         /* crc32 of all total_bytes, with this field taken as 0 */
    uint64_t total_bytes; /* with packed files                                    */
    uint32_t flags;       /* SYSTEM_FLAG_*                                        */
    uint32_t vms;
    struct system_vm vm[SYSTEM_VMS_MAX]; /* unused ones are all zero */
};

_Static_assert(sizeof(struct system_file) == 1560, "no hidden padding");
_Static_assert(sizeof(struct system_vm) % 8 == 0, "no hidden padding");
_Static_assert(sizeof(struct system_image) ==
                   32 + (uint64_t)SYSTEM_VMS_MAX * sizeof(struct system_vm),
               "no hidden padding");

#endif
