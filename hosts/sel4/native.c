/* SPDX-License-Identifier: BSD-2-Clause
 * A native component: an seL4 thread on a port of a switch, with no VM around it. It answers ARP, ping
 * and UDP (net/responder), and is a pattern for others: it has two rings and the right to wake its
 * switch, and that is enough to talk to any VM. */
#include "net/offload.h"
#include "sel4/parts.h"
#include "sel4/sys.h"

#define BATCH 16u /* frames that are shown to the switch at once */

struct native {
    struct part_counts *counts;
    struct responder responder;
    struct ring_writer out;
    struct ring_reader in;
    struct offload_cut cut;
    uint8_t frame[FRAME_MAX_BYTES]; /* the one in hand, private */
};

static struct native native;

static void init(struct native *n, const struct part_args *args)
{
    const struct system_native *me = &args->system->sel4.native[args->index];
    struct net_rings *rings = (struct net_rings *)PART_PORT(0);
    n->counts = (struct part_counts *)PART_COUNTS;
    n->responder = (struct responder){
        .udp_port = me->udp_port, .address = me->address, .counts = n->counts->native};
    for (uint32_t i = 0; i < sizeof(me->mac); i++) { /* bound: 6 */
        n->responder.mac[i] = me->mac[i];
    }
    ring_writer_attach(&n->out, &rings->to_switch);
    ring_reader_attach(&n->in, &rings->from_switch);
}

static void send(struct native *n, uint32_t len)
{
    const struct frame_words words = {.len = len};
    uint8_t *at = ring_reserve(&n->out, len);
    if (at == NULL) {
        n->responder.counts.full++; /* as a wire loses it */
        return;
    }
    __builtin_memcpy(at, n->frame, len);
    ring_commit(&n->out, &words);
}

/* Senders may leave checksums to be done: the piece is complete. What is segmented is TCP, and not for
 * this station. */
static void take(struct native *n, const uint8_t *frame, const struct frame_words *words)
{
    if (!offload_plan(&n->cut, frame, words) || n->cut.pieces != 1u) {
        n->responder.counts.rx++;
        n->responder.counts.dropped++;
        return;
    }
    uint32_t len = offload_piece_bytes(&n->cut, 0);
    offload_piece(&n->cut, frame, 0, n->frame);
    uint32_t answer = responder_answer(&n->responder, n->frame, len);
    if (answer != 0) {
        send(n, answer);
    }
}

/* Takes a batch. True: there is more. */
static bool turn(struct native *n)
{
    struct frame_words words;
    const uint8_t *frame = NULL;
    for (uint32_t i = 0; i < BATCH && (frame = ring_peek(&n->in, &words)) != NULL; i++) {
        take(n, frame, &words);
        ring_consume(&n->in);
    }
    bool wake = ring_publish(&n->out);
    wake = ring_release(&n->in) || wake;
    if (wake) {
        sys_signal(PART_CAP_SWITCH(0));
    }
    n->counts->native = n->responder.counts;
    return frame != NULL || !ring_reader_sleep(&n->in);
}

_Noreturn void native_main(const struct part_args *args)
{
    init(&native, args);
    sys_signal(PART_CAP_SWITCH(0)); /* for one before this one, that died before it did */
    for (;;) {
        while (turn(&native)) {
            /* bound: its budget */
        }
        (void)sys_wait(PART_CAP_NOTIFY);
    }
}
