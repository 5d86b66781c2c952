/* SPDX-License-Identifier: BSD-2-Clause
 * The frame ring: one end against the other, against an enemy, and against its own death. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/ring.h"

#define RECORD(len) (16u + (((len) + 15u) & ~15u))

struct rig {
    struct ring_shared *shared;
    struct ring_writer w;
    struct ring_reader r;
};

/* On the heap, so that a step outside of it is seen. */
static void rig_begin(struct rig *g, uint32_t index)
{
    g->shared = aligned_alloc(64, sizeof(*g->shared));
    assert_non_null(g->shared);
    memset(g->shared, 0, sizeof(*g->shared));
    g->shared->tail = index;
    g->shared->head = index;
    ring_writer_attach(&g->w, g->shared);
    ring_reader_attach(&g->r, g->shared);
    assert_false(ring_publish(&g->w));
    assert_false(ring_release(&g->r));
}

static void rig_end(struct rig *g)
{
    free(g->shared);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Bytes that belong to a number: 8 at a time, and the last ones alone. */
static void fill(uint8_t *to, uint32_t len, uint64_t number)
{
    uint64_t v = number * 0x9E3779B97F4A7C15u + 1u;
    uint32_t at = 0;
    for (; at + 8u <= len; at += 8u) {
        memcpy(to + at, &v, 8);
        v = v * 6364136223846793005u + 1442695040888963407u;
    }
    memcpy(to + at, &v, len - at);
}

static bool filled(const uint8_t *from, uint32_t len, uint64_t number)
{
    uint64_t v = number * 0x9E3779B97F4A7C15u + 1u;
    uint32_t at = 0;
    uint64_t wrong = 0;
    for (; at + 8u <= len; at += 8u) {
        uint64_t is;
        memcpy(&is, from + at, 8);
        wrong |= is ^ v;
        v = v * 6364136223846793005u + 1442695040888963407u;
    }
    return wrong == 0 && memcmp(from + at, &v, len - at) == 0;
}

static bool put(struct ring_writer *w, uint32_t len, uint64_t number)
{
    uint8_t *room = ring_reserve(w, len);
    if (room == NULL) {
        return false;
    }
    const struct frame_words words = {.len = len, .gso_size = (uint16_t)number, .flags = 1};
    fill(room, len, number);
    ring_commit(w, &words);
    return true;
}

static void expect(struct ring_reader *r, uint32_t len, uint64_t number)
{
    struct frame_words words;
    const uint8_t *frame = ring_peek(r, &words);
    assert_non_null(frame);
    assert_int_equal(words.len, len);
    assert_int_equal(words.gso_size, (uint16_t)number);
    assert_int_equal(words.flags, 1);
    assert_int_equal((uintptr_t)frame % RING_ALIGN, 0);
    assert_true(filled(frame, len, number));
    ring_consume(r);
}

static void expect_none(struct ring_reader *r)
{
    struct frame_words words;
    assert_null(ring_peek(r, &words));
}

static void frames_come_out_as_they_went_in(void **state)
{
    (void)state;
    static const uint32_t len[] = {0, 1, 15, 16, 17, 60, 1514, FRAME_MAX_BYTES, 14};
    struct rig g;
    rig_begin(&g, 0);
    for (uint32_t i = 0; i < 9; i++) {
        assert_true(put(&g.w, len[i], i));
    }
    expect_none(&g.r); /* not published */
    assert_false(ring_publish(&g.w));
    for (uint32_t i = 0; i < 9; i++) {
        expect(&g.r, len[i], i);
    }
    expect_none(&g.r);
    assert_int_equal(g.r.broken + g.w.broken, 0);
    rig_end(&g);
}

static void a_frame_that_is_not_consumed_is_shown_again(void **state)
{
    (void)state;
    struct rig g;
    struct frame_words words;
    rig_begin(&g, 0);
    assert_true(put(&g.w, 100, 1));
    assert_true(put(&g.w, 200, 2));
    ring_publish(&g.w);
    const uint8_t *first = ring_peek(&g.r, &words);
    assert_ptr_equal(ring_peek(&g.r, &words), first);
    expect(&g.r, 100, 1);
    expect(&g.r, 200, 2);
    ring_consume(&g.r); /* nothing was shown: nothing happens */
    expect_none(&g.r);
    rig_end(&g);
}

static void a_reservation_may_be_replaced_and_used_in_part(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, 0);
    assert_non_null(ring_reserve(&g.w, FRAME_MAX_BYTES));
    uint8_t *room = ring_reserve(&g.w, 1000);
    assert_non_null(room);
    fill(room, 70, 5);
    ring_commit(&g.w, &(struct frame_words){.len = 70, .gso_size = 5, .flags = 1});
    assert_true(put(&g.w, 30, 6));
    ring_publish(&g.w);
    assert_int_equal(g.shared->tail, RECORD(70u) + RECORD(30u));
    expect(&g.r, 70, 5);
    expect(&g.r, 30, 6);
    rig_end(&g);
}

static void the_ring_fills_to_the_last_byte_and_no_further(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, RING_BYTES - 4096u);
    const uint32_t records = RING_BYTES / 4096u;
    for (uint32_t i = 0; i < records; i++) {
        assert_true(ring_has_room(&g.w, RING_BYTES - i * 4096u));
        assert_false(ring_has_room(&g.w, RING_BYTES - i * 4096u + 1u));
        assert_true(put(&g.w, 4080, i));
    }
    assert_null(ring_reserve(&g.w, 0));
    assert_false(ring_has_room(&g.w, 1));
    ring_publish(&g.w);
    expect(&g.r, 4080, 0);
    assert_null(ring_reserve(&g.w, 0)); /* consumed, and not released */
    ring_release(&g.r);
    assert_null(ring_reserve(&g.w, 4081));
    assert_true(put(&g.w, 4080, records));
    ring_publish(&g.w);
    for (uint32_t i = 1; i <= records; i++) {
        expect(&g.r, 4080, i);
    }
    expect_none(&g.r);
    assert_int_equal(g.r.broken + g.w.broken, 0);
    rig_end(&g);
}

static void an_empty_ring_takes_any_frame_wherever_it_begins(void **state)
{
    (void)state;
    static const uint32_t len[] = {0, 1, 1514, FRAME_MAX_BYTES};
    struct rig g;
    rig_begin(&g, 0);
    for (uint32_t at = 0; at < RING_BYTES; at += RING_ALIGN) {
        for (uint32_t i = 0; i < 4; i++) {
            g.shared->head = at;
            g.shared->tail = at;
            ring_writer_attach(&g.w, g.shared);
            ring_reader_attach(&g.r, g.shared);
            uint8_t *room = ring_reserve(&g.w, len[i]);
            assert_non_null(room);
            assert_true(room >= g.shared->data && room + len[i] <= g.shared->data + RING_BYTES);
            ring_commit(&g.w, &(struct frame_words){.len = len[i]});
            ring_publish(&g.w);
            struct frame_words words;
            assert_ptr_equal(ring_peek(&g.r, &words), room);
            assert_int_equal(words.len, len[i]);
            ring_consume(&g.r);
            assert_int_equal(g.r.head, g.w.tail);
        }
    }
    rig_end(&g);
}

static void indices_run_over_the_end_of_their_range(void **state)
{
    (void)state;
    struct rig g;
    uint64_t seed = 653;
    rig_begin(&g, 0u - 3u * RING_BYTES);
    uint32_t in = 0;
    uint32_t out = 0;
    uint32_t len[64];
    for (uint32_t step = 0; step < 20000; step++) {
        const uint32_t size = (uint32_t)(next_random(&seed) % 3000u);
        if (in - out < 64u && put(&g.w, size, in)) {
            len[in++ % 64u] = size;
        }
        if (step % 3u == 0) {
            ring_publish(&g.w);
            const uint32_t take = (uint32_t)(next_random(&seed) % (in - out + 1u));
            for (uint32_t i = 0; i < take; i++, out++) {
                expect(&g.r, len[out % 64u], out);
            }
            ring_release(&g.r);
        }
    }
    assert_true(g.w.tail < 1u << 30); /* it has wrapped */
    assert_int_equal(g.r.broken + g.w.broken, 0);
    rig_end(&g);
}

static void a_reader_that_sleeps_is_woken_once(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, 0);
    assert_false(ring_publish(&g.w));
    assert_true(ring_reader_sleep(&g.r));
    assert_false(ring_publish(&g.w)); /* nothing new: nothing to say */
    assert_true(put(&g.w, 60, 1));
    assert_true(ring_publish(&g.w));
    assert_true(put(&g.w, 60, 2));
    assert_false(ring_publish(&g.w)); /* it is on its way */
    assert_false(ring_reader_sleep(&g.r));
    assert_int_equal(g.shared->reader_sleeps, 0);
    expect(&g.r, 60, 1);
    assert_false(ring_reader_sleep(&g.r));
    expect(&g.r, 60, 2);
    expect_none(&g.r);
    ring_release(&g.r);
    assert_true(ring_reader_sleep(&g.r));
    assert_true(put(&g.w, 60, 3));
    assert_true(ring_publish(&g.w));
    rig_end(&g);
}

static void a_writer_that_sleeps_is_woken_once(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, 0);
    assert_false(ring_writer_sleep(&g.w, FRAME_MAX_BYTES)); /* there is room */
    assert_int_equal(g.shared->writer_sleeps, 0);
    uint64_t frames = 0;
    while (put(&g.w, 4000, frames)) { /* bound: RING_BYTES / 4016 */
        frames++;
    }
    ring_publish(&g.w);
    assert_false(ring_writer_sleep(&g.w, 100)); /* a smaller one fits: 130 records of 4,016 bytes */
    assert_true(ring_writer_sleep(&g.w, 4000));
    assert_false(ring_release(&g.r)); /* no room was made */
    expect(&g.r, 4000, 0);
    assert_true(ring_release(&g.r));
    expect(&g.r, 4000, 1);
    assert_false(ring_release(&g.r));
    assert_false(ring_writer_sleep(&g.w, 4000));
    rig_end(&g);
}

/* --- Crashes --- */

static void what_was_published_survives_its_writer(void **state)
{
    (void)state;
    /* The writer dies after `step` steps of: reserve, commit, reserve, commit, publish. */
    for (uint32_t step = 0; step <= 5; step++) {
        struct rig g;
        rig_begin(&g, RING_BYTES - 128u); /* the second record needs filler */
        assert_true(put(&g.w, 50, 1));
        ring_publish(&g.w);
        for (uint32_t i = 0; i < 2; i++) {
            uint8_t *room = step > 2u * i ? ring_reserve(&g.w, 100) : NULL;
            if (room != NULL) {
                fill(room, 100, 2u + i);
            }
            if (step > 2u * i + 1u) {
                ring_commit(&g.w, &(struct frame_words){
                                      .len = 100, .gso_size = (uint16_t)(2u + i), .flags = 1});
            }
        }
        if (step > 4u) {
            ring_publish(&g.w);
        }
        ring_writer_attach(&g.w, g.shared);
        ring_publish(&g.w);
        assert_true(put(&g.w, 70, 9));
        ring_publish(&g.w);
        expect(&g.r, 50, 1);
        if (step > 4u) {
            expect(&g.r, 100, 2);
            expect(&g.r, 100, 3);
        }
        expect(&g.r, 70, 9);
        expect_none(&g.r);
        assert_int_equal(g.r.broken + g.w.broken, 0);
        rig_end(&g);
    }
}

static void what_was_not_released_is_read_again(void **state)
{
    (void)state;
    /* The reader dies after `step` steps of: peek, consume, peek, consume, release. */
    for (uint32_t step = 0; step <= 5; step++) {
        struct rig g;
        struct frame_words words;
        rig_begin(&g, RING_BYTES - 128u);
        assert_true(put(&g.w, 100, 1));
        assert_true(put(&g.w, 100, 2));
        ring_publish(&g.w);
        for (uint32_t i = 0; i < 2; i++) {
            if (step > 2u * i) {
                assert_non_null(ring_peek(&g.r, &words));
            }
            if (step > 2u * i + 1u) {
                ring_consume(&g.r);
            }
        }
        if (step > 4u) {
            ring_release(&g.r);
        }
        ring_reader_attach(&g.r, g.shared);
        ring_release(&g.r);
        if (step <= 4u) {
            expect(&g.r, 100, 1);
            expect(&g.r, 100, 2);
        }
        expect_none(&g.r);
        assert_int_equal(g.r.broken, 0);
        rig_end(&g);
    }
}

static void a_death_between_showing_and_waking_loses_no_wake_up(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, 0);
    /* The writer died when its tail was out, before it looked at the word. */
    assert_true(ring_reader_sleep(&g.r));
    assert_true(put(&g.w, 60, 1));
    __atomic_store_n(&g.shared->tail, g.w.tail, __ATOMIC_RELEASE);
    ring_writer_attach(&g.w, g.shared);
    assert_true(ring_publish(&g.w));
    expect(&g.r, 60, 1);
    ring_release(&g.r);
    /* The reader the same, for a writer that waits for room. */
    while (put(&g.w, 60000, 2)) { /* bound: 8 */
    }
    ring_publish(&g.w);
    assert_true(ring_writer_sleep(&g.w, 60000));
    expect(&g.r, 60000, 2);
    __atomic_store_n(&g.shared->head, g.r.head, __ATOMIC_RELEASE);
    ring_reader_attach(&g.r, g.shared);
    assert_true(ring_release(&g.r));
    rig_end(&g);
}

static void an_end_that_dies_asleep_is_woken_for_nothing_at_worst(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, 0);
    assert_true(ring_reader_sleep(&g.r));
    ring_reader_attach(&g.r, g.shared);
    assert_false(ring_release(&g.r));
    assert_true(put(&g.w, 60, 1));
    assert_true(ring_publish(&g.w));
    expect(&g.r, 60, 1);
    rig_end(&g);
}

/* --- Enemies --- */

static void write_words(struct ring_shared *shared, uint32_t at, uint32_t len)
{
    const struct frame_words words = {.len = len};
    memcpy(shared->data + at % RING_BYTES, &words, sizeof(words));
}

static void a_reader_drops_nonsense_and_goes_on(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint32_t begin; /* both indices before      */
        uint32_t ahead; /* how far the tail is then */
        uint32_t len;   /* of the record at begin   */
    } nonsense[] = {
        {"the tail is further ahead than the ring is long", 0, RING_BYTES + 16u, 60},
        {"the tail lies behind the head", 4096, (uint32_t)-16, 60},
        {"the tail is half the range away", 0, 0x80000000u, 60},
        {"the tail is between two places", 0, 88, 60},
        {"the tail has moved by one", 0, 1, 60},
        {"the record is longer than what is there", 0, 64, 60},
        {"the record has no room for its own words and one byte", 0, 16, 1},
        {"the record is longer than any frame", 0, RING_BYTES, FRAME_MAX_BYTES + 1u},
        {"the length would wrap", 0, RING_BYTES, 0xFFFFFFF0u},
        {"the length would wrap to zero", 0, RING_BYTES, 0xFFFFFFFEu},
        {"the record crosses the end", RING_BYTES - 64u, 1024, 60},
        {"filler at the beginning", 0, RING_BYTES, RING_FILLER},
        {"filler longer than what is there", RING_BYTES - 64u, 48, RING_FILLER},
    };
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        struct rig g;
        rig_begin(&g, nonsense[i].begin);
        write_words(g.shared, nonsense[i].begin, nonsense[i].len);
        g.shared->tail = nonsense[i].begin + nonsense[i].ahead;
        struct frame_words words;
        if (ring_peek(&g.r, &words) != NULL || g.r.broken != 1) {
            fail_msg("%s: broken %llu", nonsense[i].what, (unsigned long long)g.r.broken);
        }
        ring_release(&g.r);
        /* The writer is restarted, and all is well. */
        ring_writer_attach(&g.w, g.shared);
        assert_true(put(&g.w, 1514, 7));
        ring_publish(&g.w);
        expect(&g.r, 1514, 7);
        expect_none(&g.r);
        assert_int_equal(g.w.broken, 0);
        assert_int_equal(g.r.broken, 1);
        rig_end(&g);
    }
}

static void filler_upon_filler_is_nonsense(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, RING_BYTES - 64u);
    write_words(g.shared, RING_BYTES - 64u, RING_FILLER);
    write_words(g.shared, 0, RING_FILLER);
    g.shared->tail = g.shared->head + 1024u;
    expect_none(&g.r);
    assert_int_equal(g.r.broken, 1);
    assert_int_equal(g.r.head, g.shared->tail);
    /* Filler and nothing behind it is odd, and harmless. */
    rig_end(&g);
    rig_begin(&g, RING_BYTES - 64u);
    write_words(g.shared, RING_BYTES - 64u, RING_FILLER);
    g.shared->tail = RING_BYTES;
    expect_none(&g.r);
    assert_int_equal(g.r.broken, 0);
    rig_end(&g);
}

static void a_sleeper_is_not_kept_awake_by_nonsense(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, 0);
    g.shared->tail = 7;
    expect_none(&g.r);
    assert_true(ring_reader_sleep(&g.r));
    g.shared->tail = 0x80000005u;
    assert_false(ring_reader_sleep(&g.r));
    expect_none(&g.r);
    assert_true(ring_reader_sleep(&g.r));
    rig_end(&g);
}

static void a_writer_takes_a_senseless_index_for_a_full_ring(void **state)
{
    (void)state;
    static const uint32_t head[] = {16, 1, 0x80000000u, (uint32_t)-RING_BYTES - 16u, (uint32_t)-8};
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
        struct rig g;
        rig_begin(&g, 0);
        g.shared->head = head[i];
        ring_writer_attach(&g.w, g.shared);
        assert_null(ring_reserve(&g.w, 60));
        assert_int_equal(g.w.broken, 1);
        /* The reader is restarted, finds at most an empty frame there, and the ring is empty. */
        ring_reader_attach(&g.r, g.shared);
        struct frame_words words;
        if (ring_peek(&g.r, &words) != NULL) {
            ring_consume(&g.r);
        }
        expect_none(&g.r);
        ring_release(&g.r);
        assert_true(put(&g.w, 60, 1));
        ring_publish(&g.w);
        expect(&g.r, 60, 1);
        rig_end(&g);
    }
}

/* Anything may stand in the shared part at any time. */
static void scribble(struct ring_shared *shared, uint64_t *seed)
{
    const uint64_t how = next_random(seed);
    const uint32_t value = (uint32_t)next_random(seed);
    uint32_t *const word[] = {&shared->tail, &shared->head, &shared->reader_sleeps,
                              &shared->writer_sleeps};
    uint32_t *at = word[how % 4u];
    switch ((how >> 8) % 6u) {
    case 0:
        *at = value;
        break;
    case 1:
        *at += (value % 64u) * 16u;
        break;
    case 2:
        *at -= value % 4096u;
        break;
    case 3: /* a length where a record may begin */
        write_words(shared, (shared->head + (value % 256u) * 16u) & ~15u,
                    (how >> 16) % 2u != 0 ? value % (FRAME_MAX_BYTES + 99u) : value | 0xFFFFFFF0u);
        break;
    case 4:
        memset(shared->data + value % (RING_BYTES - 64u), (int)(how >> 20), 64);
        break;
    default:
        break;
    }
}

static void nobody_is_led_astray_by_random_words(void **state)
{
    (void)state;
    struct rig g;
    uint64_t seed = 4711;
    uint64_t seen = 0;
    uint64_t broken[2] = {0, 0};
    rig_begin(&g, 0);
    for (uint32_t step = 0; step < 400000; step++) {
        const uint64_t r = next_random(&seed);
        const uint32_t len = (r >> 8) % 8u == 0 ? (uint32_t)(r >> 16) % (FRAME_MAX_BYTES + 1u)
                                                : (uint32_t)(r >> 16) % 200u;
        struct frame_words words;
        if ((r & 3u) != 0) {
            scribble(g.shared, &seed);
        }
        switch ((r >> 2) % 8u) {
        case 0:
        case 1: {
            uint8_t *room = ring_reserve(&g.w, len);
            if (room != NULL) {
                assert_true(room >= g.shared->data + 16);
                assert_true(room + len <= g.shared->data + RING_BYTES);
                scribble(g.shared, &seed);
                memset(room, 1, len);
                ring_commit(&g.w, &(struct frame_words){.len = len});
            }
            break;
        }
        case 2:
            ring_publish(&g.w);
            break;
        case 3:
        case 4: {
            const uint8_t *frame = ring_peek(&g.r, &words);
            if (frame != NULL) {
                seen++;
                assert_true(words.len <= FRAME_MAX_BYTES);
                assert_true(frame >= g.shared->data + 16);
                assert_true(frame + words.len <= g.shared->data + RING_BYTES);
                scribble(g.shared, &seed);
                ring_consume(&g.r);
            }
            break;
        }
        case 5:
            ring_release(&g.r);
            break;
        case 6:
            (void)((r & 0x100u) != 0 ? ring_reader_sleep(&g.r) : ring_writer_sleep(&g.w, len));
            break;
        default:
            if ((r >> 10) % 16u == 0) {
                broken[0] += g.w.broken;
                ring_writer_attach(&g.w, g.shared);
            } else if ((r >> 10) % 16u == 1) {
                broken[1] += g.r.broken;
                ring_reader_attach(&g.r, g.shared);
            }
            break;
        }
        assert_true(g.w.tail - g.w.head <= RING_BYTES);
        assert_true(g.r.tail - g.r.head <= RING_BYTES);
        assert_int_equal((g.w.tail | g.w.head | g.r.head | g.r.tail) % RING_ALIGN, 0);
    }
    assert_true(seen > 1000);
    assert_true(broken[0] > 1000 && broken[1] > 1000);
    rig_end(&g);
}

/* --- Two threads --- */

#define STRESS_FRAMES 1000000u

struct stress {
    struct ring_shared *shared;
    int reader_event;
    int writer_event;
    uint64_t reader_slept;
    uint64_t wrong;
    uint64_t broken;
};

static void wake(int event)
{
    const uint64_t one = 1;
    if (write(event, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
        abort();
    }
}

static void wait_for(int event)
{
    uint64_t count;
    if (read(event, &count, sizeof(count)) != (ssize_t)sizeof(count)) {
        abort();
    }
}

/* The size of frame n: mostly small, now and then the largest. */
static uint32_t stress_len(uint64_t n)
{
    uint64_t seed = n * 0x9E3779B97F4A7C15u + 88172645463325252u;
    const uint64_t r = next_random(&seed);
    return r % 1024u == 0 ? FRAME_MAX_BYTES - (uint32_t)(r >> 32) % 16u
                          : (uint32_t)(r >> 16) % ((r % 8u) == 1 ? 1515u : 100u);
}

static void *stress_read(void *arg)
{
    struct stress *s = arg;
    struct ring_reader r;
    struct frame_words words;
    ring_reader_attach(&r, s->shared);
    for (uint64_t n = 0; n < STRESS_FRAMES;) { /* bound: ends when all have come */
        const uint8_t *frame = ring_peek(&r, &words);
        if (frame != NULL) {
            const bool right = words.len == stress_len(n) && filled(frame, words.len, n);
            s->wrong += right ? 0u : 1u;
            n++;
            ring_consume(&r);
            if (n % 8u == 0 && ring_release(&r)) {
                wake(s->writer_event);
            }
            continue;
        }
        if (ring_release(&r)) {
            wake(s->writer_event);
        }
        if (ring_reader_sleep(&r)) {
            s->reader_slept++;
            wait_for(s->reader_event);
        }
    }
    s->broken = r.broken;
    return NULL;
}

static void a_million_frames_pass_between_two_threads(void **state)
{
    (void)state;
    struct rig g;
    rig_begin(&g, 0xFFFC0000u); /* the indices will wrap */
    struct stress s = {g.shared, eventfd(0, 0), eventfd(0, 0), 0, 0, 0};
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, stress_read, &s), 0);
    uint64_t writer_slept = 0;
    for (uint64_t n = 0; n < STRESS_FRAMES;) {
        const uint32_t len = stress_len(n);
        const bool done = put(&g.w, len, n);
        n += done ? 1u : 0u;
        /* In bursts of all lengths, so that both ends sleep now and then. */
        if ((!done || n % 97u == 0 || n % 13u == 0) && ring_publish(&g.w)) {
            wake(s.reader_event);
        }
        if (!done && ring_writer_sleep(&g.w, len)) {
            writer_slept++;
            wait_for(s.writer_event);
        }
    }
    if (ring_publish(&g.w)) {
        wake(s.reader_event);
    }
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(s.broken + g.w.broken, 0);
    print_message("the reader slept %llu times, the writer %llu times\n",
                  (unsigned long long)s.reader_slept, (unsigned long long)writer_slept);
    close(s.reader_event);
    close(s.writer_event);
    rig_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_as_they_went_in),
        cmocka_unit_test(a_frame_that_is_not_consumed_is_shown_again),
        cmocka_unit_test(a_reservation_may_be_replaced_and_used_in_part),
        cmocka_unit_test(the_ring_fills_to_the_last_byte_and_no_further),
        cmocka_unit_test(an_empty_ring_takes_any_frame_wherever_it_begins),
        cmocka_unit_test(indices_run_over_the_end_of_their_range),
        cmocka_unit_test(a_reader_that_sleeps_is_woken_once),
        cmocka_unit_test(a_writer_that_sleeps_is_woken_once),
        cmocka_unit_test(what_was_published_survives_its_writer),
        cmocka_unit_test(what_was_not_released_is_read_again),
        cmocka_unit_test(a_death_between_showing_and_waking_loses_no_wake_up),
        cmocka_unit_test(an_end_that_dies_asleep_is_woken_for_nothing_at_worst),
        cmocka_unit_test(a_reader_drops_nonsense_and_goes_on),
        cmocka_unit_test(filler_upon_filler_is_nonsense),
        cmocka_unit_test(a_sleeper_is_not_kept_awake_by_nonsense),
        cmocka_unit_test(a_writer_takes_a_senseless_index_for_a_full_ring),
        cmocka_unit_test(nobody_is_led_astray_by_random_words),
        cmocka_unit_test(a_million_frames_pass_between_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
