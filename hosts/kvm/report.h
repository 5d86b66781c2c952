/* SPDX-License-Identifier: BSD-2-Clause
 * What processes tell of themselves: a page shared with the supervisor, which can still be read after
 * the process was killed. Fixed width, so that it crosses from a simulated machine unchanged. */
#ifndef KVM_REPORT_H
#define KVM_REPORT_H

#include <stdint.h>

#include "net/switch.h"
#include "system/image.h"
#include "virtio/channel.h"
#include "virtio/device.h"
#include "vm/exit.h"
#include "vm/time.h"

#define REPORT_VERSION 5u

enum report_timer {
    REPORT_LAPIC = 0,
    REPORT_PIT = 1,
    REPORT_HPET = 2,
    REPORT_RTC = 3,
};
#define REPORT_TIMERS 4u

enum report_state {
    REPORT_NOT_STARTED = 0,
    REPORT_LOADING = 1,
    REPORT_RUNNING = 2,
    REPORT_ENDED = 3, /* `end` and `end_text` say why; a killed process never gets here */
};

/* Counters that KVM itself keeps (KVM_GET_STATS_FD): 0 where this kernel does not tell. */
struct report_kvm {
    uint64_t exits; /* every VM exit, also those that never left the kernel */
    uint64_t io_exits;
    uint64_t mmio_exits;
    uint64_t halt_exits;
    uint64_t irq_window_exits;
    uint64_t signal_exits;
    uint64_t page_faults; /* nested page faults */
    uint64_t insn_emulation;
};

/* What the shadow decoder saw (shadow.h), in all starts of a VM. Where it is off, it saw none. */
struct report_shadow {
    uint64_t compared;   /* device accesses that KVM reported                               */
    uint64_t mismatches; /* ... that our decoder does not find at RIP                        */
    uint64_t open;       /* ... of which it cannot tell                                      */
    uint64_t earlier;    /* how many KVM reported in the starts before this one              */
    uint64_t last_rip;   /* the last mismatch: RIP at the exit, and what KVM said            */
    uint64_t last_gpa;
    uint32_t last_size;
    uint8_t last_write;
    uint8_t last_mode;      /* enum decode_mode */
    uint8_t last_bytes[18]; /* for a read from RIP on, for a write from RIP - 8 on          */
};

/* What the VM's io tells of itself. */
struct report_io {
    uint32_t pid;
    uint32_t state;   /* enum report_state */
    uint64_t wakes;   /* times that it slept and was woken            */
    uint64_t notices; /* that it sent to the vmm                      */
    char text[128];   /* why it cannot run: one sentence, or empty    */
};

struct vm_report {
    uint32_t version;
    uint32_t state; /* enum report_state */
    uint32_t pid;
    uint32_t cpu;        /* the CPU it is pinned to, or UINT32_MAX                 */
    uint32_t restarts;   /* how often this VM was started before; by the supervisor */
    uint32_t cables_out; /* bit n: card n's is, as its uplink is down; by the supervisor */
    uint64_t load_ns;    /* from process start to the first entry, host ns         */
    uint64_t up_ns;      /* from the first entry to now or to the end, host ns     */
    uint64_t tsc_khz;    /* of the guest                                           */
    uint64_t exits[VM_EXIT_KINDS]; /* exits that reached the core, by enum vm_exit_kind  */
    uint64_t interrupts;           /* injected                                               */
    uint64_t nmis;
    struct tick_counts ticks[REPORT_TIMERS];
    uint64_t unclaimed_pio_reads, unclaimed_pio_writes;
    uint64_t unclaimed_mmio_reads, unclaimed_mmio_writes;
    uint64_t narrow_writes;
    uint64_t last_unclaimed_port, last_unclaimed_gpa;
    uint64_t refused_msr_reads, refused_msr_writes; /* answered with #GP */
    uint64_t last_refused_msr;
    uint64_t console_bytes;   /* written by the guest                                   */
    uint64_t console_dropped; /* ... and lost because nobody read fast enough           */
    uint64_t input_dropped;   /* typed, but the guest's UART was full                   */
    struct report_kvm kvm;
    struct report_shadow shadow;
    struct report_io io;                        /* written by the io, all else by the vmm       */
    struct channel_counts nic[SYSTEM_NICS_MAX]; /* ... but for these: put in by the supervisor  */
    struct vdev_counts card[SYSTEM_NICS_MAX];   /* the registers' half of each card             */
    uint32_t end;         /* enum vm_end                                            */
    uint32_t end_code;    /* debug-exit value, host error number                    */
    char end_text[256];   /* one sentence                                           */
    char ram_backing[64]; /* e.g. "2 MiB pages (hugetlb)", "4 KiB pages"            */
};

/* A page of its own for each switch, and one for each uplink. */
struct switch_report {
    uint32_t state; /* enum report_state */
    uint32_t pid;
    uint64_t wakes;
    char text[128];                              /* why it cannot run: one sentence, or empty */
    struct switch_counts port[SWITCH_PORTS_MAX]; /* in the order of struct system_switch */
};

enum report_link {
    REPORT_LINK_NONE = 0, /* no uplink in the system file     */
    REPORT_LINK_DOWN = 1, /* it cannot be had: `text` says why */
    REPORT_LINK_UP = 2,   /* `text` says what is missing, if anything is */
};

struct uplink_report {
    uint32_t link; /* enum report_link */
    uint32_t pid;
    uint64_t out_frames; /* to the host's sockets, after cutting    */
    uint64_t out_bytes;
    uint64_t in_frames; /* from them                               */
    uint64_t in_bytes;
    uint64_t in_full;       /* dropped: the ring to the switch was full */
    uint64_t out_malformed; /* dropped: words that do not fit           */
    uint64_t out_refused;   /* dropped: to what is this host's alone     */
    uint64_t cut_frames;    /* segmented or checksummed in software     */
    char text[256];
};

/* What goes over the link about one switch. */
struct net_report {
    struct switch_report sw;
    struct uplink_report up;
    uint32_t restarts;        /* of the switch */
    uint32_t uplink_restarts; /* of the uplink */
};

enum report_part {
    REPORT_PART_VMM = 0, /* or the supervisor */
    REPORT_PART_IO = 1,
    REPORT_PART_SWITCH = 2,
    REPORT_PART_UPLINK = 3,
};

/* What a process of ours takes from the host, seen from outside (account.h). The first sample is
 * taken when it has just begun its work, the others every few seconds. */
struct process_report {
    uint32_t part; /* enum report_part: what it is of the VM, or the switch */
    uint32_t pid;
    uint32_t samples;           /* 0: nothing is known             */
    uint64_t private_kib;       /* memory of its own, in the last  */
    uint64_t private_kib_first; /* ... in the first                */
    uint64_t private_kib_peak;  /* ... at most                     */
    uint32_t fds;               /* open descriptors, in the last   */
    uint32_t fds_first;
    uint32_t fds_peak;
};

#endif
