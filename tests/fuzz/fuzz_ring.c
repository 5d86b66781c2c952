/* SPDX-License-Identifier: BSD-2-Clause
 * The frame ring: both ends by a list of steps, with deaths in between, beside a plain queue; and the
 * same with anything written to the shared part. */
#include "fuzz.h"
#include "net/ring.h"

#define QUEUE 4096u

struct rig {
    struct ring_shared *shared;
    struct ring_writer w;
    struct ring_reader r;
    bool hostile;
    /* What must come out. */
    uint32_t len[QUEUE];
    uint32_t committed;
    uint32_t published;
    uint32_t consumed;
    uint32_t released;
};

static void check_ends(const struct rig *g)
{
    FUZZ_CHECK(g->w.tail - g->w.head <= RING_BYTES);
    FUZZ_CHECK(g->r.tail - g->r.head <= RING_BYTES);
    FUZZ_CHECK((g->w.tail | g->w.head | g->r.tail | g->r.head) % RING_ALIGN == 0);
    FUZZ_CHECK(g->hostile || g->w.broken + g->r.broken == 0);
}

static void check_inside(const struct rig *g, const uint8_t *frame, uint32_t len)
{
    FUZZ_CHECK(len <= FRAME_MAX_BYTES);
    FUZZ_CHECK(frame >= g->shared->data + sizeof(struct frame_words));
    FUZZ_CHECK(frame + len <= g->shared->data + RING_BYTES);
}

static void step_write(struct rig *g, uint32_t len)
{
    if (g->committed - g->released == QUEUE) {
        return;
    }
    uint8_t *room = ring_reserve(&g->w, len);
    if (room == NULL) {
        /* An empty ring takes everything. */
        FUZZ_CHECK(g->hostile || g->committed != g->released);
        return;
    }
    check_inside(g, room, len);
    if (len != 0) {
        room[0] = (uint8_t)g->committed;
        room[len - 1u] = (uint8_t)(g->committed ^ len);
        room[0] = len == 1 ? (uint8_t)(g->committed ^ len) : room[0];
    }
    ring_commit(&g->w, &(struct frame_words){.len = len, .gso_size = (uint16_t)g->committed});
    g->len[g->committed++ % QUEUE] = len;
}

static void step_read(struct rig *g)
{
    struct frame_words words;
    const uint8_t *frame = ring_peek(&g->r, &words);
    if (frame == NULL) {
        FUZZ_CHECK(g->hostile || g->consumed == g->published);
        return;
    }
    check_inside(g, frame, words.len);
    if (!g->hostile) {
        FUZZ_CHECK(g->consumed != g->published);
        FUZZ_CHECK(words.len == g->len[g->consumed % QUEUE]);
        FUZZ_CHECK(words.gso_size == (uint16_t)g->consumed);
        if (words.len != 0) {
            FUZZ_CHECK(frame[words.len - 1u] == (uint8_t)(g->consumed ^ words.len));
            FUZZ_CHECK(words.len == 1 || frame[0] == (uint8_t)g->consumed);
        }
    }
    ring_consume(&g->r);
    g->consumed++;
}

static void step_sleep(struct rig *g, bool writer, uint32_t len)
{
    if (writer) {
        g->published = g->committed;
        (void)ring_publish(&g->w);
        if (!ring_writer_sleep(&g->w, len)) {
            FUZZ_CHECK(ring_reserve(&g->w, len) != NULL);
        } else if (!g->hostile) {
            /* Whoever makes room says so. */
            const bool made = g->released != g->consumed;
            g->released = g->consumed;
            const bool wake = ring_release(&g->r);
            FUZZ_CHECK(!made || wake);
        }
        return;
    }
    g->released = g->consumed;
    (void)ring_release(&g->r);
    const bool asleep = ring_reader_sleep(&g->r);
    if (!g->hostile) {
        FUZZ_CHECK(asleep == (g->consumed == g->published));
        const bool more = g->published != g->committed;
        g->published = g->committed;
        FUZZ_CHECK(!ring_publish(&g->w) || asleep);
        FUZZ_CHECK(!(asleep && more) || g->shared->reader_sleeps == 0);
    }
}

static void step_die(struct rig *g, bool writer)
{
    if (writer) {
        g->committed = g->published; /* the rest dies with it */
        ring_writer_attach(&g->w, g->shared);
        (void)ring_publish(&g->w);
    } else {
        g->consumed = g->released;
        ring_reader_attach(&g->r, g->shared);
        (void)ring_release(&g->r);
    }
}

static void step_scribble(struct rig *g, struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    uint32_t *const word[] = {&g->shared->tail, &g->shared->head, &g->shared->reader_sleeps,
                              &g->shared->writer_sleeps};
    if (how < 128) {
        *word[how % 4u] = (how & 4u) != 0 ? fuzz_u32(in) : *word[how % 4u] + fuzz_u16(in) * 8u;
        return;
    }
    const uint32_t base = (how & 1u) != 0 ? g->shared->head : fuzz_u32(in);
    const uint32_t at = (base + fuzz_u8(in) * 16u) % RING_BYTES & ~15u;
    const uint32_t len = (how & 2u) != 0 ? fuzz_u32(in) : 0xFFFFFFF0u + fuzz_u8(in) % 16u;
    memcpy(g->shared->data + at, &len, sizeof(len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rig g;
    struct fuzz_in in = {data, size};
    if (g.shared == NULL) {
        g.shared = aligned_alloc(64, sizeof(*g.shared));
        FUZZ_CHECK(g.shared != NULL);
        memset(g.shared, 0, sizeof(*g.shared));
    }
    const uint8_t kind = fuzz_u8(&in);
    g.hostile = (kind & 1u) != 0;
    g.committed = g.published = g.consumed = g.released = 0;
    g.shared->tail = g.shared->head = fuzz_u32(&in) & ~15u;
    g.shared->reader_sleeps = g.shared->writer_sleeps = 0;
    ring_writer_attach(&g.w, g.shared);
    ring_reader_attach(&g.r, g.shared);
    while (in.left != 0) { /* bound: the input */
        const uint8_t step = fuzz_u8(&in);
        switch (step % 8u) {
        case 0:
        case 1:
            step_write(&g, (step & 8u) != 0 ? (fuzz_u16(&in) + (step >> 4)) % (FRAME_MAX_BYTES + 1u)
                                            : step >> 4);
            break;
        case 2:
            g.published = g.committed;
            (void)ring_publish(&g.w);
            break;
        case 3:
        case 4:
            for (uint32_t i = 0; i <= step >> 4; i++) { /* bound: 16 */
                step_read(&g);
            }
            break;
        case 5:
            g.released = g.consumed;
            (void)ring_release(&g.r);
            break;
        case 6:
            step_sleep(&g, (step & 8u) != 0, fuzz_u16(&in));
            break;
        default:
            if (g.hostile) {
                step_scribble(&g, &in);
            } else {
                step_die(&g, (step & 8u) != 0);
            }
            break;
        }
        check_ends(&g);
    }
    return 0;
}
