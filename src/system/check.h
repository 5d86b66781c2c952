/* SPDX-License-Identifier: BSD-2-Clause
 * The one checker that accepts or refuses a frozen system. The command line maps what it finds to
 * file and line; every component runs it again on the image it was handed. */
#ifndef SYSTEM_CHECK_H
#define SYSTEM_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "system/image.h"

enum system_fault_code {
    SYSTEM_OK = 0,
    /* The image as such: vm, field and index mean nothing. */
    SYSTEM_TOO_SHORT, /* fewer bytes than a struct system_image, or than total_bytes */
    SYSTEM_BAD_MAGIC,
    SYSTEM_BAD_VERSION,
    SYSTEM_BAD_CRC,
    SYSTEM_BAD_FLAGS, /* unknown flag bits                                           */
    SYSTEM_NO_VMS,
    SYSTEM_TOO_MANY_VMS,
    /* One VM. */
    SYSTEM_UNTERMINATED, /* a string without its final 0                                */
    SYSTEM_BAD_NAME,     /* empty, or not of letters, digits, '-' and '_'                */
    SYSTEM_SAME_NAME,    /* other_vm has it too                                         */
    SYSTEM_BAD_VALUE,    /* an enumeration or count out of range, unknown device bits   */
    SYSTEM_NO_KERNEL,
    SYSTEM_EMPTY_FILE,     /* a named file of 0 bytes                                     */
    SYSTEM_WRONG_PROTOCOL, /* initrd with Multiboot, modules with Linux                   */
    SYSTEM_NO_MEMORY,      /* no ranges                                                   */
    SYSTEM_RANGE_EMPTY,
    SYSTEM_RANGE_ALIGN,     /* not of whole 4 KiB pages                                    */
    SYSTEM_RANGE_WRAPS,     /* ends beyond 2^46 (what the page tables of every host reach) */
    SYSTEM_RANGE_ORDER,     /* not ascending                                               */
    SYSTEM_RANGE_OVERLAP,   /* other_index: the range it overlaps                          */
    SYSTEM_RANGE_DEVICE,    /* overlaps the place of a device's registers (see other_index:
                                SYSTEM_DEV_* bit)                                           */
    SYSTEM_NO_LOW_MEMORY,   /* Linux needs RAM at 0 to boot                                */
    SYSTEM_PORT_RANGE,      /* a UART's eight ports do not fit below 0x10000               */
    SYSTEM_PORT_OVERLAP,    /* other_index: UART it overlaps                               */
    SYSTEM_PORT_DEVICE,     /* other_index: SYSTEM_DEV_* bit of the device there           */
    SYSTEM_IRQ_RANGE,       /* beyond 15                                                   */
    SYSTEM_IRQ_TAKEN,       /* other_index: SYSTEM_DEV_* bit of the device, or 0 with 
                                other UART sharing; ISA edges cannot be shared              */
    SYSTEM_NEEDS_DEVICE,    /* other_index: SYSTEM_DEV_* bit it needs, index: bit that needs it */
    SYSTEM_HIDDEN_DEVICE,   /* index: SYSTEM_DEV_* bit that ACPI tables without power deny */
    SYSTEM_LOAD_AT_OUTSIDE, /* load_at .. + bytes is not all RAM                           */
    SYSTEM_PACKED_OUTSIDE,  /* a packed file lies outside the image                        */
    SYSTEM_LOAD_AT_OVERLAP, /* two files are loaded to the same place; other_index: the other
                               module                                                      */
    SYSTEM_CPU_BOTH,        /* a processor feature is both on and off; index: which              */
    SYSTEM_CPU_WIDTH,       /* field RANGE: beyond what a processor of that model addresses     */
    /* One network card: field NIC, index: which. */
    SYSTEM_NIC_NEEDS_PCI,  /* a PCI shell without the device "pci"                        */
    SYSTEM_NIC_SLOT_TAKEN, /* other_index: the card with the same PCI device number       */
    SYSTEM_NIC_AT_ALIGN,   /* not a whole 4 KiB page below 2^46                           */
    SYSTEM_NIC_AT_RAM,     /* registers in RAM; other_index: the range                    */
    SYSTEM_NIC_AT_DEVICE,  /* other_index: SYSTEM_DEV_* bit of the device there           */
    SYSTEM_NIC_AT_NIC,     /* other_index: the card there                                 */
    SYSTEM_NIC_AT_ACPI,    /* virtio-mmio beyond 4 GiB, where the tables cannot tell of it */
    SYSTEM_NIC_BARS_RAM,   /* RAM where the BARs of PCI functions are; other_index: range */
    SYSTEM_NIC_IRQ_RANGE,  /* no interrupt controller of this VM has that input           */
    SYSTEM_NIC_IRQ_TAKEN,  /* an edge-triggered device has it; other_index: SYSTEM_DEV_*
                              bit, or 0: a serial port                                    */
    SYSTEM_NIC_MAC,        /* no unicast address                                          */
    SYSTEM_NIC_SAME_MAC,   /* on the same switch; other_vm, other_index: the other card   */
    SYSTEM_NIC_QUEUE,      /* not a power of two from 8 to 256                            */
    SYSTEM_NIC_MTU,
    SYSTEM_NIC_TSO_ALONE, /* "tso" without "csum"                                        */
    /* One switch: field SWITCH, index: which; vm means nothing. */
    SYSTEM_SWITCH_NAME,
    SYSTEM_SWITCH_SAME_NAME, /* other_index: the other switch                           */
    SYSTEM_SWITCH_VALUE,
    SYSTEM_SWITCH_NETWORK,  /* prefix not 8 to 30, or host bits in the network's address */
    SYSTEM_SWITCH_HOST,     /* the host's address is not a host of that network          */
    SYSTEM_FORWARD_PORT,    /* other_index: which forward; a port is 0                   */
    SYSTEM_FORWARD_OUTSIDE, /* other_index; not a host of the uplink's network           */
    SYSTEM_FORWARD_TAKEN, /* other_index; a forward of switch other_vm has that port of the host */
    /* What only seL4 reads (system/sel4.h). The last of this list. Backing: field RANGE, index. */
    SYSTEM_BACKING_ALIGN = 200, /* not the same distance from a 2 MiB boundary as the range  */
    SYSTEM_BACKING_LOW,         /* where the kernel and its first program are                */
    SYSTEM_BACKING_WRAPS,       /* ends beyond 2^46                                          */
    SYSTEM_BACKING_DEVICE,      /* where every PC has its interrupt controllers and timers   */
    SYSTEM_BACKING_OVERLAP,     /* other_vm, other_index: the range that lies there, too     */
    SYSTEM_BUDGET_RANGE,        /* field BUDGET or SWITCH; index 0: vmm, 1: io               */
    SYSTEM_BUDGET_WINDOWS,      /* field BUDGET; its windows are less than its budget        */
    SYSTEM_WINDOW_RANGE,        /* field WINDOW, index: which                                */
    SYSTEM_FRAME_LONG,          /* field WINDOW: the last one of a table that is too long    */
    SYSTEM_NATIVE_NAME,         /* field NATIVE, index: which                                */
    SYSTEM_NATIVE_SAME_NAME,    /* as a VM (other_vm) or another native (other_index)        */
    SYSTEM_NATIVE_MAC,
    SYSTEM_NATIVE_SAME_MAC, /* as a card or a native on the same switch                      */
    SYSTEM_NATIVE_ADDRESS,  /* no IPv4 address of a station                                  */
    SYSTEM_NATIVE_PORTS,    /* the switch has no port left                                   */
};

enum system_field {
    SYSTEM_FIELD_NONE = 0,
    SYSTEM_FIELD_NAME,
    SYSTEM_FIELD_CPU,
    SYSTEM_FIELD_PRIORITY,
    SYSTEM_FIELD_PROTOCOL,
    SYSTEM_FIELD_DEVICES,
    SYSTEM_FIELD_TICK_POLICY,
    SYSTEM_FIELD_ON_FAILURE,
    SYSTEM_FIELD_RANGE,  /* index: which */
    SYSTEM_FIELD_SERIAL, /* index: which */
    SYSTEM_FIELD_KERNEL,
    SYSTEM_FIELD_INITRD,
    SYSTEM_FIELD_MODULE, /* index: which */
    SYSTEM_FIELD_CMDLINE,
    SYSTEM_FIELD_NIC, /* index: which */
    SYSTEM_FIELD_CPU_MODEL,
    SYSTEM_FIELD_CPU_FEATURES, /* index: which */
    SYSTEM_FIELD_SWITCH,       /* index: which */
    SYSTEM_FIELD_BUDGET = 100,
    SYSTEM_FIELD_WINDOW, /* index: which */
    SYSTEM_FIELD_NATIVE, /* index: which */
};

struct system_fault {
    enum system_fault_code code;
    enum system_field field;
    uint32_t vm;
    uint32_t index;
    uint32_t other_vm;
    uint32_t other_index;
};

/* Where the devices of the virtual board answer: the one list that this checker refuses overlaps
 * with and that `bulkhead check` prints. */
enum system_place_kind {
    SYSTEM_PLACE_MEMORY, /* guest-physical addresses */
    SYSTEM_PLACE_PORTS,  /* I/O ports                */
    SYSTEM_PLACE_IRQ,    /* ISA interrupt            */
};

struct system_place {
    uint32_t device; /* one SYSTEM_DEV_* bit */
    enum system_place_kind kind;
    uint64_t first;
    uint64_t count;
};

#define SYSTEM_PLACES 24u
extern const struct system_place system_places[SYSTEM_PLACES];

/* Looks at `bytes` bytes of image and writes up to `max` faults, in the order found. Returns how many
 * there are in all; 0 means that the image is good in every respect a component relies on.
 * @pre image is aligned to 8. */
size_t system_check(const struct system_image *image, uint64_t bytes, struct system_fault *faults,
                    size_t max);

/* Ports of a switch are numbered: its network cards in the order of VMs and cards, then its uplink.
 * The port of a card, or of the uplink (vm = SYSTEM_VMS_MAX); SYSTEM_PORTS_MAX: there is none. */
#define SYSTEM_PORTS_MAX (SYSTEM_VMS_MAX * SYSTEM_NICS_MAX + 1u)
uint32_t system_port(const struct system_image *image, uint32_t switch_, uint32_t vm, uint32_t nic);
/* How many ports the switch has. */
uint32_t system_ports(const struct system_image *image, uint32_t switch_);
/* Behind these: the ports of native components, which are there under seL4 only. How many there are in
 * all, and the port of one; SYSTEM_PORTS_MAX: it is plugged in elsewhere. */
uint32_t system_ports_all(const struct system_image *image, uint32_t switch_);
uint32_t system_native_port(const struct system_image *image, uint32_t switch_, uint32_t native);

/* The CPU that a VM, or a native component, has under seL4: "any" is the first. */
uint32_t system_sel4_cpu(uint32_t cpu);

/* Sets magic, version, total_bytes and crc: the last step of freezing. */
void system_seal(struct system_image *image, uint64_t total_bytes);

#endif
