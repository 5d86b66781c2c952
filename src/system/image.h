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

#include "system/sel4.h"

#define SYSTEM_MAGIC   0x646165686B6C7542ull /* "Bulkhead" */
#define SYSTEM_VERSION 3u

#define SYSTEM_VMS_MAX      8u
#define SYSTEM_NAME_MAX     32u /* bytes with the final 0, for every string below */
#define SYSTEM_PATH_MAX     1024u
#define SYSTEM_CMDLINE_MAX  2048u
#define SYSTEM_ARGS_MAX     512u
#define SYSTEM_MODULES_MAX  8u
#define SYSTEM_RANGES_MAX   8u
#define SYSTEM_SERIALS_MAX  4u
#define SYSTEM_NICS_MAX     2u /* of one VM */
#define SYSTEM_SWITCHES_MAX 4u
#define SYSTEM_FORWARDS_MAX 8u  /* of one uplink */
#define SYSTEM_CPU_WORDS    18u /* words of processor features: cpu/cpuid.h numbers them */

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

/* The guest's processor. The named ones are the same on every host, but for the vendor. */
enum system_cpu_model {
    SYSTEM_CPU_HOST = 0,      /* what the policy lets through of the host's */
    SYSTEM_CPU_QEMU64 = 1,    /* about what QEMU calls qemu64               */
    SYSTEM_CPU_BASELINE2 = 2, /* x86-64-v2                                  */
    SYSTEM_CPU_BASELINE3 = 3, /* x86-64-v3                                  */
};
#define SYSTEM_CPU_MODELS 4u
#define SYSTEM_CPU_MODEL_BITS \
    39u /* physical addresses of the named ones: any desk machine has them */

/* How a virtio-net device is presented to the guest. */
enum system_shell {
    SYSTEM_SHELL_PCI_LEGACY = 1,     /* transitional PCI function, register block in I/O space */
    SYSTEM_SHELL_PCI_LEGACY_MEM = 2, /* the same, register block behind a memory BAR           */
    SYSTEM_SHELL_PCI_MODERN = 3,     /* virtio 1 only: capabilities, MSI-X                     */
    SYSTEM_SHELL_MMIO_LEGACY = 4,    /* virtio-mmio, version 1                                 */
    SYSTEM_SHELL_MMIO = 5,           /* virtio-mmio, version 2                                 */
    SYSTEM_SHELL_BLOCK = 6,          /* the legacy PCI register block at a fixed address       */
};

/* Where a PC's firmware puts the BARs of PCI functions. */
#define SYSTEM_PCI_IO_BASE   0xC000u
#define SYSTEM_PCI_IO_BYTES  0x1000u
#define SYSTEM_PCI_MEM_BASE  0xFEA00000u
#define SYSTEM_PCI_MEM_BYTES 0x100000u

#define SYSTEM_NIC_BYTES 0x1000u    /* register window of a shell that is no PCI function */
#define SYSTEM_IRQ_NONE  UINT32_MAX /* no interrupt: the guest polls                      */

#define SYSTEM_NIC_CSUM       0x1u /* offers checksum offload, both ways            */
#define SYSTEM_NIC_TSO        0x2u /* offers TCP segmentation, both ways; needs CSUM */
#define SYSTEM_NIC_MERGEABLE  0x4u
#define SYSTEM_NIC_INDIRECT   0x8u
#define SYSTEM_NIC_EVENT_IDX  0x10u
#define SYSTEM_NIC_OFFERS_ALL 0x1Fu

#define SYSTEM_NIC_PINNED     0x1u /* the switch lets frames from mac[] through, and no others */
#define SYSTEM_NIC_FOLLOWS    0x2u /* its cable is out while its switch's uplink is down       */
#define SYSTEM_NIC_POLICY_ALL 0x3u

struct system_nic {
    uint64_t at;           /* guest-physical base of the register window; 0 for PCI shells */
    uint32_t shell;        /* enum system_shell; 0: no such NIC                            */
    uint32_t irq;          /* I/O APIC input (of INTA# for PCI shells), or SYSTEM_IRQ_NONE */
    uint32_t switch_;      /* index into switch_[]                                         */
    uint32_t offers;       /* SYSTEM_NIC_*                                                 */
    uint32_t queue_size;   /* entries, a power of two from 8 to 256                        */
    uint32_t mtu;          /* 68 to 65,535                                                 */
    uint8_t mac[6];        /* a unicast address                                            */
    uint16_t pci_device;   /* PCI shells: device number on bus 0, 1 to 31                  */
    uint32_t policy;       /* SYSTEM_NIC_PINNED, SYSTEM_NIC_FOLLOWS                        */
    uint32_t peers;        /* bit n: may send to port n of its switch                      */
    uint32_t frames_per_s; /* 0: no limit                                                 */
    uint32_t bytes_per_s;
    uint32_t broadcasts_per_s;
    uint32_t unused;
};

enum system_uplink {
    SYSTEM_UPLINK_NONE = 0,
    SYSTEM_UPLINK_USER = 1, /* unprivileged: the host's own sockets (NAT, DHCP, DNS) */
};

/* A port of the host that leads into the system. Addresses are IPv4 in host byte order. */
struct system_forward {
    uint32_t host_address; /* 0: all of the host's */
    uint32_t guest_address;
    uint16_t host_port;
    uint16_t guest_port;
    uint8_t udp; /* 0: TCP */
    uint8_t unused[3];
};

#define SYSTEM_SWITCH_LOOPBACK 0x1u /* guests reach the host's own 127.0.0.1 by host_address */

/* Ports of a switch: its NICs in the order of the file, VM by VM; then the uplink, if any. */
struct system_switch {
    char name[SYSTEM_NAME_MAX];
    uint32_t cpu;     /* logical CPU, or SYSTEM_CPU_ANY; of its uplink, too */
    uint32_t uplink;  /* enum system_uplink                                  */
    uint32_t network; /* of the uplink: IPv4 network and prefix length, host order */
    uint32_t prefix;
    uint32_t host_address; /* what guests call the host by, in that network */
    uint32_t forwards;
    uint32_t flags; /* SYSTEM_SWITCH_* */
    uint32_t unused;
    struct system_forward forward[SYSTEM_FORWARDS_MAX];
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
    uint32_t cpu_model;                           /* enum system_cpu_model */
    uint32_t cpu_on[SYSTEM_CPU_WORDS];            /* features demanded, as bits: cpu/cpuid.h */
    uint32_t cpu_off[SYSTEM_CPU_WORDS];           /* features not to be offered              */
    struct system_range range[SYSTEM_RANGES_MAX]; /* ascending, disjoint */
    struct system_serial serial[SYSTEM_SERIALS_MAX];
    struct system_file kernel;
    struct system_file initrd;                     /* Linux only     */
    struct system_file module[SYSTEM_MODULES_MAX]; /* Multiboot only */
    uint32_t nics;
    uint32_t io_cpu; /* logical CPU where its queues are served, or SYSTEM_CPU_ANY */
    struct system_nic nic[SYSTEM_NICS_MAX];
    char cmdline[SYSTEM_CMDLINE_MAX]; /* ${tsc_khz} and the like are not yet expanded */
};

#define SYSTEM_FLAG_STRICT 1u /* refuse to fold CPUs that are not there */

struct system_image {
    uint64_t magic;
    uint32_t version;
    uint32_t crc;         /* crc32 of all total_bytes, with this field taken as 0 */
    uint64_t total_bytes; /* with packed files                                    */
    uint32_t flags;       /* SYSTEM_FLAG_*                                        */
    uint32_t vms;
    uint32_t switches;
    uint32_t unused;
    struct system_vm vm[SYSTEM_VMS_MAX]; /* unused ones are all zero */
    struct system_switch switch_[SYSTEM_SWITCHES_MAX];
    struct system_sel4 sel4;
};

_Static_assert(sizeof(struct system_file) == 1560, "no hidden padding");
_Static_assert(sizeof(struct system_nic) == 64, "no hidden padding");
_Static_assert(sizeof(struct system_switch) == 64 + SYSTEM_FORWARDS_MAX * 16u, "no hidden padding");
_Static_assert(sizeof(struct system_vm) % 8 == 0, "no hidden padding");
_Static_assert(sizeof(struct system_image) ==
                   40 + (uint64_t)SYSTEM_VMS_MAX * sizeof(struct system_vm) +
                       (uint64_t)SYSTEM_SWITCHES_MAX * sizeof(struct system_switch) +
                       sizeof(struct system_sel4),
               "no hidden padding");
_Static_assert(SYSTEM_VMS_MAX == 8u && SYSTEM_RANGES_MAX == 8u && SYSTEM_SWITCHES_MAX == 4u &&
                   SYSTEM_NAME_MAX == 32u,
               "system/sel4.h has the same bounds");

#endif
