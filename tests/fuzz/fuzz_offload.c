/* SPDX-License-Identifier: BSD-2-Clause
 * Checksums and segments of arbitrary frames with arbitrary words: what is accepted comes out in pieces
 * that are whole, right and together the same. */
#include "fuzz.h"
#include "net/offload.h"

static uint32_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2u == 0 ? (uint32_t)p[i] << 8 : p[i];
        sum = sum > 0xFFFFu ? sum - 0xFFFFu : sum;
    }
    return sum;
}

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

/* A frame that may well be TCP: the input says which bytes are otherwise. */
static uint32_t compose(struct fuzz_in *in, uint8_t *frame, struct frame_words *words)
{
    const uint8_t how = fuzz_u8(in);
    const bool ipv6 = (how & 1u) != 0;
    uint32_t at = 12;
    for (uint32_t i = 0; i < (how >> 1) % 3u; i++, at += 4u) {
        frame[at] = 0x81;
    }
    frame[at] = ipv6 ? 0x86 : 0x08;
    frame[at + 1u] = ipv6 ? 0xDD : 0x00;
    at += 2u;
    const uint32_t options = how >> 3 & 3u;
    frame[at] = ipv6 ? 0x60 : (uint8_t)(0x45u + options);
    frame[at + (ipv6 ? 6u : 9u)] = ipv6 && options != 0 ? 60 : 6;
    at += ipv6 ? 40u : 20u + 4u * options;
    for (uint32_t i = 0; ipv6 && i < options; i++, at += 16u) {
        frame[at] = i + 1u == options ? 6 : 43;
        frame[at + 1u] = 1;
    }
    const uint32_t tcp = 5u + (fuzz_u8(in) & 7u);
    frame[at + 12u] = (uint8_t)(tcp << 4);
    *words = (struct frame_words){
        .len = at + 4u * tcp + (uint32_t)fuzz_span(in, 16) % (FRAME_MAX_BYTES - 400u),
        .flags = FRAME_NEEDS_CSUM,
        .gso = ipv6 ? FRAME_GSO_TCP6 : FRAME_GSO_TCP4,
        .gso_size = (uint16_t)(1u + fuzz_span(in, 15)),
        .csum_start = (uint16_t)at,
        .csum_offset = 16,
    };
    return at;
}

/* A piece of a segmented frame: its lengths, its sums, its share of the payload. */
static void check_piece(const struct offload_cut *cut, const uint8_t *frame, uint32_t n,
                        const uint8_t *out, uint32_t bytes)
{
    const uint8_t *ip = out + cut->l3;
    const uint32_t tcp_len = bytes - cut->l4;
    const uint8_t pseudo[4] = {0, 6, (uint8_t)(tcp_len >> 8), (uint8_t)tcp_len};
    uint32_t sum = slow_sum(pseudo, 4, 0);
    if (cut->ipv6) {
        FUZZ_CHECK(be16(ip + 4) == bytes - cut->l3 - 40u);
        sum = slow_sum(ip + 8, 32, sum);
    } else {
        FUZZ_CHECK(be16(ip + 2) == bytes - cut->l3);
        FUZZ_CHECK(slow_sum(ip, cut->l4 - cut->l3, 0) == 0xFFFFu);
        sum = slow_sum(ip + 12, 8, sum);
    }
    FUZZ_CHECK(slow_sum(out + cut->l4, tcp_len, sum) == 0xFFFFu);
    FUZZ_CHECK(memcmp(out + cut->headers, frame + cut->headers + n * cut->payload,
                      bytes - cut->headers) == 0);
    FUZZ_CHECK(memcmp(out, frame, 14) == 0);
}

static void check_pieces(const struct offload_cut *cut, const uint8_t *frame)
{
    uint64_t wire = 0;
    uint64_t payload = 0;
    for (uint32_t n = 0; n < cut->pieces; n++) { /* bound: FRAME_MAX_BYTES */
        const uint32_t bytes = offload_piece_bytes(cut, n);
        wire += bytes;
        payload += bytes - cut->headers;
        /* Thousands of tiny pieces tell no more than some of them. */
        if (n > 40 && n + 3u < cut->pieces) {
            continue;
        }
        FUZZ_CHECK(bytes >= cut->headers && bytes <= FRAME_MAX_BYTES);
        uint8_t *out = malloc(bytes);
        FUZZ_CHECK(out != NULL);
        offload_piece(cut, frame, n, out);
        if (cut->headers != 0) {
            check_piece(cut, frame, n, out, bytes);
        } else if ((cut->words.flags & FRAME_NEEDS_CSUM) != 0) {
            /* With what stood in the field, all that the checksum covers adds up to nothing. */
            const uint32_t start = cut->words.csum_start;
            const uint32_t partial = be16(frame + start + cut->words.csum_offset);
            FUZZ_CHECK(cut->words.csum_offset % 2u != 0 ||
                       slow_sum(out + start, bytes - start, partial) % 0xFFFFu == 0);
        } else {
            FUZZ_CHECK(memcmp(out, frame, bytes) == 0);
        }
        free(out);
    }
    FUZZ_CHECK(wire == offload_wire_bytes(cut));
    FUZZ_CHECK(payload + cut->headers == cut->words.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t scratch[FRAME_MAX_BYTES + 1024u];
    struct fuzz_in in = {data, size};
    struct frame_words words;
    memset(scratch, 0, 512);
    compose(&in, scratch, &words);
    const uint8_t patches = fuzz_u8(&in) % 8u;
    for (uint32_t i = 0; i < patches; i++) { /* bound: 8 */
        scratch[fuzz_u8(&in)] = fuzz_u8(&in);
    }
    if ((fuzz_u8(&in) & 3u) == 0) {
        uint8_t *const raw = (uint8_t *)&words;
        for (uint32_t i = 0; i < 3; i++) { /* bound: 3 */
            raw[fuzz_u8(&in) % sizeof(words)] = fuzz_u8(&in);
        }
    }
    /* All that is there, and nothing behind it. */
    const uint32_t there = words.len <= FRAME_MAX_BYTES ? words.len : FRAME_MAX_BYTES;
    uint8_t *frame = malloc(there == 0 ? 1 : there);
    FUZZ_CHECK(frame != NULL);
    memcpy(frame, scratch, there);
    struct offload_cut cut;
    const bool valid = offload_valid(frame, &words);
    FUZZ_CHECK(offload_plan(&cut, frame, &words) == valid);
    if (valid) {
        FUZZ_CHECK(cut.pieces >= 1 && cut.pieces <= OFFLOAD_PIECES_MAX &&
                   cut.headers <= OFFLOAD_HEADERS_MAX);
        check_pieces(&cut, frame);
    }
    free(frame);
    return 0;
}
