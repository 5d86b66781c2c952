/* SPDX-License-Identifier: BSD-2-Clause
 * What a network card does for its driver, in software: for a receiver that did not agree to take
 * frames with work left in them.
 *
 * A segmented frame must ask for its checksum, too, and the checksum must be TCP's: [VIRTIO] wants it
 * so. The pieces' checksums are computed from nothing; only in a frame that is not cut is the sum of
 * the pseudo header taken from the field, where the sender left it.
 * Spec: [VIRTIO] 1.2, 5.1.6.2 and 5.1.6.4; RFC 1071 (checksum), RFC 791, RFC 8200, RFC 9293. */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/frame.h"

/* Ethernet with two VLAN tags, IPv6 with extensions, TCP with options. */
#define OFFLOAD_HEADERS_MAX 192u

/* Cutting is work that the sender asks others for: 65,536 pieces of one byte would be a frame of some
 * 4 MiB. So a frame that is to be cut has at least so many bytes in a piece, Linux's own least
 * (TCP_MIN_GSO_SIZE: a segment of 48 bytes less all options), and no more pieces than the largest frame
 * in pieces of 32 bytes. */
#define OFFLOAD_PIECE_LEAST_BYTES 8u
#define OFFLOAD_PIECES_MAX        2048u

/* True if the words fit the frame: offsets inside it, a known kind, and for a segmented one headers
 * that are where they must be (flag bits that are not known mean nothing). What is refused is dropped
 * and counted by the caller. Reads the frame's headers once: of a segmented frame at most its first
 * OFFLOAD_HEADERS_MAX bytes, of others none. @pre words->len bytes are there, or so many of them */
bool offload_valid(const uint8_t *frame, const struct frame_words *words);

/* A plan to cut one frame into pieces that need nothing more done. */
struct offload_cut {
    uint32_t pieces;  /* 1 if there is nothing to cut, at most OFFLOAD_PIECES_MAX */
    uint32_t headers; /* bytes of Ethernet, IP and TCP header; 0: no cut */
    uint32_t payload; /* bytes of payload in all but the last piece      */
    uint32_t l3;      /* offset of the IP header                         */
    uint32_t l4;      /* offset of the TCP header                        */
    bool ipv6;
    struct frame_words words;
    uint8_t head[OFFLOAD_HEADERS_MAX]; /* private copy: the frame may be shared memory */
};

/* False: the frame is refused, as by offload_valid(). Reads what that one reads. */
bool offload_plan(struct offload_cut *cut, const uint8_t *frame, const struct frame_words *words);

/* The bytes of all pieces together: what the frame is on the wire. */
uint32_t offload_wire_bytes(const struct offload_cut *cut);

/* The bytes of piece n. @pre n < cut->pieces */
uint32_t offload_piece_bytes(const struct offload_cut *cut, uint32_t n);

/* Writes piece n, complete with checksums, to out (offload_piece_bytes() of them).
 * @pre n < cut->pieces; frame is the one that was planned for (its payload may change meanwhile). */
void offload_piece(const struct offload_cut *cut, const uint8_t *frame, uint32_t n, uint8_t *out);

#endif
