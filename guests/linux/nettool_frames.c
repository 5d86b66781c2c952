/* SPDX-License-Identifier: BSD-2-Clause
 * nettool frames: numbered Ethernet frames of random sizes from one guest to another. The receiver
 * acknowledges, and the sender has at most WINDOW frames under way, so that no ring can overflow:
 * then every loss, change or swap is somebody's fault. An end that resets its card RESETS times, while a
 * window of frames is under way, may lose that window each time, and no more. */
#include "nettool.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nettool_wire.h"

#define TYPE_FRAMES       0x88B5u /* IEEE 802: local experimental */
#define TYPE_ACK          0x88B6u
#define FRAME_LEAST       60u
#define FRAME_MOST        1514u
#define ACK_EVERY         8u
/* Long, because a busy machine may be slow: only a test that fails waits for them. */
#define PATIENCE_MS       20000 /* then what the receiver has not acknowledged is lost */
#define SILENCE_MS        60000 /* then the sender is gone                             */
#define HELLO_MS          500 /* the receiver says so often that it is there, until something comes */
#define RESET_PATIENCE_MS 50000 /* the other end may be resetting its card */
#define HOLD_MS           20    /* for a window of frames to come */

static uint64_t longest_reset_us;

static void reset_card(struct wire *w, const char *device)
{
    uint64_t start = now_us();
    card_reset(device);
    wire_find(w, device);
    uint64_t took = now_us() - start;
    longest_reset_us = took > longest_reset_us ? took : longest_reset_us;
}

static void tell_resets(void)
{
    if (longest_reset_us > 0) {
        (void)printf("frames: the longest reset took %lu ms\n",
                     (unsigned long)(longest_reset_us / 1000u));
    }
}

/* --- Sending ---------------------------------------------------------------------------------- */

struct sender {
    struct wire wire;
    uint8_t to[6];
    uint64_t sent;
    uint64_t acknowledged;
    uint64_t given_up; /* times that nothing was acknowledged for so long */
    unsigned long window;
    unsigned long resets;
    uint32_t random;
};

static void wait_for_ack(struct sender *s)
{
    uint8_t frame[WIRE_ROOM];
    uint64_t ack;
    int patience = s->resets > 0 ? RESET_PATIENCE_MS : PATIENCE_MS;
    size_t bytes = wire_receive(&s->wire, TYPE_ACK, frame, patience);
    if (bytes == 0) {
        s->given_up++;
        (void)printf("frames: of %lu to %lu none was acknowledged\n",
                     (unsigned long)s->acknowledged, (unsigned long)s->sent - 1u);
        s->acknowledged = s->sent;
        return;
    }
    if (pattern_check(frame + WIRE_HEADER, FRAME_LEAST - WIRE_HEADER, &ack) != 0) {
        return;
    }
    uint64_t next = ack / 2u;
    if (next > s->acknowledged && next <= s->sent) {
        s->acknowledged = next;
    } else if (s->resets > 0 && ack % 2u != 0) {
        s->acknowledged = s->sent; /* it waits in vain: they are lost */
    }
}

/* Sends until `end`, then leaves what is under way to itself. */
static void send_until(struct sender *s, unsigned long end, unsigned long window)
{
    uint8_t frame[FRAME_MOST];
    while (s->sent < end) {
        while (s->sent < end && s->sent - s->acknowledged < window) {
            size_t bytes = FRAME_LEAST + next_random(&s->random) % (FRAME_MOST - FRAME_LEAST + 1u);
            pattern_fill(frame + WIRE_HEADER, bytes - WIRE_HEADER, s->sent++);
            wire_send(&s->wire, s->to, TYPE_FRAMES, frame, bytes);
        }
        if (s->sent < end) {
            wait_for_ack(s);
        }
    }
}

/* The card is reset after each of as many parts of the whole. Nobody knows what of the last window came out:
 * the next begins anew. */
static int frames_send(struct sender *s, const char *device, unsigned long count)
{
    uint8_t frame[WIRE_ROOM];
    (void)wire_receive(&s->wire, TYPE_ACK, frame, SILENCE_MS); /* the receiver is there */
    uint64_t start = now_us();
    for (unsigned long n = 1; n <= s->resets; n++) {
        send_until(s, count / (s->resets + 1u) * n, s->window);
        reset_card(&s->wire, device);
        s->acknowledged = s->sent;
    }
    send_until(s, count, s->window);
    while (s->acknowledged < count) {
        wait_for_ack(s);
    }
    (void)printf("frames: sent %lu, gave up waiting %lu times, %lu ms\n", (unsigned long)s->sent,
                 (unsigned long)s->given_up, (unsigned long)((now_us() - start) / 1000u));
    tell_resets();
    return s->given_up == 0 ? 0 : 1;
}

/* --- Receiving -------------------------------------------------------------------------------- */

struct receiver {
    struct wire wire;
    uint64_t received;
    uint64_t expected;
    uint64_t missing;
    uint64_t gap;     /* the most that were missing at once */
    uint64_t swapped; /* came late, or twice */
    uint64_t corrupt;
    uint64_t silences;
    uint64_t reset_every; /* frames */
    unsigned long resets; /* still to be done */
};

/* What it expects next, and whether it has heard nothing for a while. */
static void acknowledge(struct receiver *r, const uint8_t *to, int silence)
{
    uint8_t frame[FRAME_LEAST];
    uint64_t ack = 2u * r->expected + (silence ? 1u : 0u);
    pattern_fill(frame + WIRE_HEADER, FRAME_LEAST - WIRE_HEADER, ack);
    wire_send(&r->wire, to, TYPE_ACK, frame, sizeof(frame));
}

static void take(struct receiver *r, const uint8_t *frame, size_t bytes)
{
    uint64_t sequence;
    r->received++;
    if (pattern_check(frame + WIRE_HEADER, bytes - WIRE_HEADER, &sequence) != 0) {
        r->corrupt++;
    } else if (sequence < r->expected) {
        r->swapped++;
    } else {
        uint64_t gap = sequence - r->expected;
        r->missing += gap;
        r->gap = gap > r->gap ? gap : r->gap;
        r->expected = sequence + 1;
    }
}

/* What comes between the hold and the reset is in a queue of the card at the reset, and is lost. */
static void reset_in_flight(struct receiver *r, const char *device, const uint8_t *sender)
{
    card_hold(device);
    acknowledge(r, sender, 0);
    (void)poll(NULL, 0, HOLD_MS);
    reset_card(&r->wire, device);
}

/* Ends with the last frame, or when the sender has been silent for long. */
static int frames_receive(struct receiver *r, const char *device, unsigned long count)
{
    uint8_t frame[WIRE_ROOM];
    uint8_t to[6];
    static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};
    int known = 0;
    uint64_t hellos = 0;
    while (r->expected < count && r->silences < 3) {
        /* What is left of a window has to be acknowledged, too: after a short silence. */
        size_t bytes = wire_receive(&r->wire, TYPE_FRAMES, frame, known ? 20 : HELLO_MS);
        if (bytes == 0 && !known) {
            acknowledge(r, everybody, 1);
            r->silences = ++hellos * HELLO_MS / SILENCE_MS;
            continue;
        }
        if (bytes == 0 && known) {
            acknowledge(r, to, 1);
            bytes = wire_receive(&r->wire, TYPE_FRAMES, frame, SILENCE_MS);
        }
        if (bytes == 0) {
            r->silences++;
            continue;
        }
        memcpy(to, frame + 6, sizeof(to));
        known = 1;
        take(r, frame, bytes);
        if (r->resets > 0 && r->received % r->reset_every == 0) {
            r->resets--;
            reset_in_flight(r, device, to);
        }
        if (r->received % ACK_EVERY == 0 || r->expected == count) {
            acknowledge(r, to, 0);
        }
    }
    (void)printf("frames: received %lu missing %lu swapped %lu corrupt %lu\n",
                 (unsigned long)r->received, (unsigned long)(r->missing + count - r->expected),
                 (unsigned long)r->swapped, (unsigned long)r->corrupt);
    tell_resets();
    if (r->gap > 0) {
        (void)printf("frames: at most %lu missing at once\n", (unsigned long)r->gap);
    }
    return r->received == count && r->swapped == 0 && r->corrupt == 0 ? 0 : 1;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: nettool frames recv DEVICE COUNT [RESETS] | "
                          "frames send DEVICE COUNT WINDOW MAC [RESETS]\n");
    return 2;
}

static int receive_main(int argc, char **argv)
{
    static struct receiver receiver;
    if (argc < 4 || argc > 5) {
        return usage();
    }
    unsigned long count = number_of(argv[3], 100000000);
    receiver.resets = argc == 5 ? number_of(argv[4], 1000000) : 0;
    /* Early enough: not all of them may come. */
    receiver.reset_every = 1u + count / (receiver.resets + 1u) / 2u;
    wire_open(&receiver.wire, argv[2]);
    return frames_receive(&receiver, argv[2], count);
}

static int send_main(int argc, char **argv)
{
    static struct sender sender = {.random = 653};
    unsigned byte[6];
    if (argc < 6 || argc > 7 ||
        sscanf(argv[5], "%2x:%2x:%2x:%2x:%2x:%2x", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
               &byte[5]) != 6) {
        return usage();
    }
    for (int i = 0; i < 6; i++) {
        sender.to[i] = (uint8_t)byte[i];
    }
    sender.window = number_of(argv[4], 4096);
    sender.resets = argc == 7 ? number_of(argv[6], 1000000) : 0;
    wire_open(&sender.wire, argv[2]);
    return frames_send(&sender, argv[2], number_of(argv[3], 100000000));
}

int frames_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "recv") == 0) {
        return receive_main(argc, argv);
    }
    return argc > 1 && strcmp(argv[1], "send") == 0 ? send_main(argc, argv) : usage();
}
