/* SPDX-License-Identifier: BSD-2-Clause
 * What the supervisor of the VMs and the person's side of `bulkhead run` say to each other.
 *
 * A byte stream of frames, both ways: a socket pair at the desk, a virtio serial port out of a
 * simulated machine. Each frame is a struct link_head and `len` bytes. Both sides run on the same
 * kind of machine from the same build, so the structs travel as they are. */
#ifndef KVM_LINK_H
#define KVM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/report.h"

#define LINK_MAGIC    0x4B4C4842u /* "BHLK" */
#define LINK_VERSION  4u
#define LINK_DATA_MAX 32768u
#define LINK_NO_VM    0xFFFFu

enum link_type {
    /* supervisor to person */
    LINK_HELLO = 1,   /* u32 LINK_VERSION: the first frame                                   */
    LINK_NOTE = 2,    /* text, one line without newline; vm or LINK_NO_VM                    */
    LINK_STARTED = 3, /* vm; struct vm_report: its process runs (again)                      */
    LINK_CONSOLE = 4, /* vm; bytes that the guest wrote to its first UART                    */
    LINK_STOPPED = 5, /* vm; struct link_stopped                                             */
    LINK_REPORT = 6,  /* vm; struct vm_report: about once a second, and after LINK_STOPPED   */
    LINK_DONE = 7,    /* nothing runs any more: the last frame                               */
    LINK_SWITCH = 8,  /* vm: index of a switch; struct net_report: once a second, and last   */
    LINK_PROCESS = 9, /* vm, index of a switch, or LINK_NO_VM: the supervisor;
                         struct process_report                                             */
    /* person to supervisor */
    LINK_INPUT = 32, /* vm; bytes for the guest's first UART                                */
    LINK_STOP = 33,  /* end every VM; LINK_DONE follows                                     */
    LINK_KILL = 34,  /* vm, or index of a switch; u32 enum link_victim, or nothing for VMM  */
};

/* Whose process LINK_KILL ends by SIGKILL. */
enum link_victim {
    LINK_VICTIM_VMM = 0,
    LINK_VICTIM_IO = 1,
    LINK_VICTIM_SWITCH = 2,
    LINK_VICTIM_UPLINK = 3,
};
#define LINK_VICTIMS 4u

struct link_head {
    uint32_t magic;
    uint16_t type;
    uint16_t vm;
    uint32_t len;
};

enum link_stop_cause {
    LINK_STOP_POWER_OFF = 1,  /* by the guest                        */
    LINK_STOP_RESET = 2,      /* by the guest; it is started again   */
    LINK_STOP_DEBUG_EXIT = 3, /* by the guest; `code`               */
    LINK_STOP_FAILED = 4,     /* triple fault, emulation, host error */
    LINK_STOP_DIED = 5,       /* its process ended by itself; `code` is the signal or 0 */
    LINK_STOP_ASKED = 6,      /* LINK_STOP, or another VM's "stop-all" */
};

struct link_stopped {
    uint32_t cause; /* enum link_stop_cause */
    uint32_t code;
    uint32_t will_restart; /* 1: LINK_STARTED follows */
    uint32_t restarts;     /* so far                  */
    char text[320];        /* one sentence            */
};

/* Collects the stream into frames: holds at most one partial frame. */
struct link_reader {
    size_t have;
    uint8_t buf[sizeof(struct link_head) + LINK_DATA_MAX];
};

enum link_result {
    LINK_FRAME,  /* *head and *data describe a whole frame, valid until the next call */
    LINK_AGAIN,  /* nothing more to read now (non-blocking fd)                         */
    LINK_CLOSED, /* the other side is gone                                             */
    LINK_BROKEN, /* what came is not this protocol                                     */
};

/* Reads from fd until one frame is complete. */
enum link_result link_read(struct link_reader *r, int fd, struct link_head *head,
                           const uint8_t **data);

/* Writes one frame whole (waits with poll() where fd is non-blocking). False: the other side is
 * gone. @pre len <= LINK_DATA_MAX. */
bool link_write(int fd, enum link_type type, uint16_t vm, const void *data, size_t len);

/* Frames out of somebody who must not wait: holds at most the rest of one frame. Starts as zeros. */
struct link_writer {
    size_t at; /* what is left is buf[at .. end) */
    size_t end;
    uint8_t buf[sizeof(struct link_head) + LINK_DATA_MAX];
};

enum link_sent {
    LINK_SENT, /* taken; the writer may hold a rest of it             */
    LINK_FULL, /* not taken: the rest of an earlier frame still waits */
    LINK_GONE, /* the other side is gone                              */
};

/* Sends what is left of an earlier frame: LINK_SENT if nothing is left. Never waits.
 * @pre fd is non-blocking. */
enum link_sent link_flush(struct link_writer *w, int fd);

/* Sends one frame, or nothing of it. Never waits. Do not mix with link_write() on the same fd.
 * @pre fd is non-blocking, len <= LINK_DATA_MAX. */
enum link_sent link_post(struct link_writer *w, int fd, enum link_type type, uint16_t vm,
                         const void *data, size_t len);

#endif
