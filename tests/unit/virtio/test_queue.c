/* SPDX-License-Identifier: BSD-2-Clause
 * Split virtqueues against a driver that obeys the rules, and against one that does not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "virtio/queue.h"
#include "guest_driver.h"

#define QUEUE_AT  (GUEST_RAM_BASE + 0x10000u)
#define DATA_AT   (GUEST_RAM_BASE + 0x40000u)
#define TABLE_AT  (GUEST_RAM_BASE + 0x80008u) /* tables need no alignment */
#define RAM_END   (GUEST_RAM_BASE + GUEST_RAM_BYTES)
#define SIZE      8u
#define EVENT_IDX true
#define FLAGS     false

struct rig {
    struct guest_ram ram;
    struct guest_queue guest;
    struct virtq q;
    struct virtq_chain chain;
};

static struct virtq_config config_of(const struct guest_queue *g)
{
    return (struct virtq_config){
        .desc = g->desc,
        .avail = g->avail,
        .used = g->used,
        .size = g->size,
        .indirect = true,
        .event_idx = g->event_idx,
    };
}

static void begin(struct rig *r, uint32_t size, bool event_idx, uint16_t first)
{
    guest_queue_open(&r->guest, &r->ram, QUEUE_AT, size, event_idx);
    guest_queue_begin_at(&r->guest, first);
    struct virtq_config c = config_of(&r->guest);
    c.first = first;
    virtq_start(&r->q, &r->ram.mem, &c);
    assert_int_equal(r->q.fault, VIRTQ_SOUND);
}

static int open_rig(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    guest_ram_open(&r->ram);
    begin(r, SIZE, FLAGS, 0);
    *state = r;
    return 0;
}

static int close_rig(void **state)
{
    struct rig *r = *state;
    guest_ram_close(&r->ram);
    free(r);
    return 0;
}

/* One readable buffer of `len` bytes. */
static void offer_one(struct rig *r, uint32_t len)
{
    const struct guest_buffer b = {DATA_AT, len};
    assert_true(guest_offer(&r->guest, &b, 1, 0, len));
}

/* The device takes one chain and gives it back with that many bytes. */
static void serve_one(struct rig *r, uint32_t written)
{
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_CHAIN);
    virtq_accept(&r->q);
    virtq_give(&r->q, r->chain.head, written);
}

static void a_chain_goes_round(void **state)
{
    struct rig *r = *state;
    const struct guest_buffer b[] = {{DATA_AT, 10}, {DATA_AT + 100, 20}, {DATA_AT + 200, 30}};
    uint64_t token;
    uint32_t len;
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_EMPTY);
    assert_true(guest_offer(&r->guest, b, 2, 1, 77));
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_EMPTY);
    assert_true(guest_publish(&r->guest));
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_CHAIN);
    assert_int_equal(r->chain.readable, 2);
    assert_int_equal(r->chain.writable, 1);
    assert_int_equal(r->chain.readable_bytes, 30);
    assert_int_equal(r->chain.writable_bytes, 30);
    assert_int_equal(r->chain.buffer[1].at, DATA_AT + 100);
    assert_int_equal(r->chain.buffer[2].len, 30);
    virtq_accept(&r->q);
    virtq_give(&r->q, r->chain.head, 5);
    assert_false(guest_take(&r->guest, &token, &len));
    assert_true(virtq_show(&r->q));
    assert_true(guest_take(&r->guest, &token, &len));
    assert_int_equal(token, 77);
    assert_int_equal(len, 5);
    assert_false(guest_take(&r->guest, &token, &len));
}

static void peeking_takes_nothing(void **state)
{
    struct rig *r = *state;
    offer_one(r, 11);
    offer_one(r, 12);
    (void)guest_publish(&r->guest);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_CHAIN);
        assert_int_equal(r->chain.readable_bytes, 11);
    }
    virtq_accept(&r->q);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_CHAIN);
    assert_int_equal(r->chain.readable_bytes, 12);
    virtq_accept(&r->q);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_EMPTY);
}

static void what_was_undone_comes_again(void **state)
{
    struct rig *r = *state;
    uint64_t token;
    uint32_t len;
    for (uint32_t i = 1; i <= 4; i++) {
        offer_one(r, i);
    }
    (void)guest_publish(&r->guest);
    serve_one(r, 101);
    serve_one(r, 102);
    serve_one(r, 103);
    virtq_undo(&r->q, 2);
    serve_one(r, 202);
    assert_int_equal(r->chain.readable_bytes, 2);
    (void)virtq_show(&r->q);
    assert_true(guest_take(&r->guest, &token, &len));
    assert_int_equal(len, 101);
    assert_true(guest_take(&r->guest, &token, &len));
    assert_int_equal(token, 2);
    assert_int_equal(len, 202);
    assert_false(guest_take(&r->guest, &token, &len));
    serve_one(r, 203);
    assert_int_equal(r->chain.readable_bytes, 3);
}

static void undo_across_all_that_was_offered(void **state)
{
    struct rig *r = *state;
    for (uint32_t i = 1; i <= SIZE; i++) {
        offer_one(r, i);
    }
    (void)guest_publish(&r->guest);
    for (uint32_t i = 1; i <= SIZE; i++) {
        serve_one(r, 0);
    }
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_EMPTY);
    virtq_undo(&r->q, SIZE);
    for (uint32_t i = 1; i <= SIZE; i++) {
        serve_one(r, 0);
        assert_int_equal(r->chain.readable_bytes, i);
    }
    assert_int_equal(r->q.fault, VIRTQ_SOUND);
}

static void indices_wrap_at_every_size(void **state)
{
    struct rig *r = *state;
    for (uint32_t size = 1; size <= VIRTQ_SIZE_MAX; size *= 2) {
        for (uint32_t event = 0; event < 2; event++) {
            uint64_t token;
            uint32_t len;
            begin(r, size, event != 0, 0xFF00);
            assert_false(virtq_kicks_on(&r->q));
            for (uint32_t n = 0; n < 1000; n++) {
                for (uint32_t k = 0; k <= n % size; k++) {
                    offer_one(r, n + k + 1);
                }
                assert_true(guest_publish(&r->guest));
                for (uint32_t k = 0; k <= n % size; k++) {
                    serve_one(r, n);
                    assert_int_equal(r->chain.readable_bytes, n + k + 1);
                }
                assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_EMPTY);
                guest_want_interrupts(&r->guest, true);
                assert_true(virtq_show(&r->q));
                for (uint32_t k = 0; k <= n % size; k++) {
                    assert_true(guest_take(&r->guest, &token, &len));
                    assert_int_equal(token, n + k + 1);
                    assert_int_equal(len, n);
                }
                assert_false(virtq_kicks_on(&r->q));
            }
        }
    }
}

static void indirect_tables_are_followed(void **state)
{
    struct rig *r = *state;
    struct guest_buffer b[VIRTQ_SIZE_MAX + 1];
    for (uint32_t i = 0; i <= VIRTQ_SIZE_MAX; i++) {
        b[i] = (struct guest_buffer){DATA_AT + 16 * i, 3};
    }
    assert_true(guest_offer_indirect(&r->guest, TABLE_AT, b, 5, 15, 1)); /* more than the queue */
    (void)guest_publish(&r->guest);
    serve_one(r, 0);
    assert_int_equal(r->chain.readable, 5);
    assert_int_equal(r->chain.writable, 15);
    assert_int_equal(r->chain.writable_bytes, 45);
    assert_true(guest_offer_indirect(&r->guest, TABLE_AT, b, 0, VIRTQ_SIZE_MAX, 1));
    (void)guest_publish(&r->guest);
    serve_one(r, 0);
    assert_int_equal(r->chain.writable, VIRTQ_SIZE_MAX);
    assert_true(guest_offer_indirect(&r->guest, TABLE_AT, b, 0, VIRTQ_SIZE_MAX + 1, 1));
    (void)guest_publish(&r->guest);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_BROKEN);
    assert_int_equal(r->q.fault, VIRTQ_BAD_INDIRECT);
}

/* [VIRTIO] 2.7.5.3.2: a device must handle descriptors before the one that refers to a table, and must
 * ignore that one's write flag. */
static void a_table_may_stand_behind_descriptors(void **state)
{
    struct rig *r = *state;
    const struct guest_buffer one = {DATA_AT, 10}, two = {DATA_AT + 64, 20};
    guest_desc(&r->ram, r->guest.desc, 5, one, GUEST_F_NEXT | 2u << 16);
    guest_desc(&r->ram, r->guest.desc, 2, (struct guest_buffer){TABLE_AT, 32},
               GUEST_F_INDIRECT | GUEST_F_WRITE);
    guest_desc(&r->ram, TABLE_AT, 0, one, GUEST_F_NEXT | 1u << 16);
    guest_desc(&r->ram, TABLE_AT, 1, two, GUEST_F_WRITE);
    guest_offer_head(&r->guest, 5);
    (void)guest_publish(&r->guest);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_CHAIN);
    assert_int_equal(r->chain.head, 5);
    assert_int_equal(r->chain.readable, 2);
    assert_int_equal(r->chain.readable_bytes, 20);
    assert_int_equal(r->chain.writable_bytes, 20);
}

static void copies_cross_buffers_and_stay_inside(void **state)
{
    struct rig *r = *state;
    const struct guest_buffer b[] = {
        {DATA_AT, 3},      {DATA_AT + 16, 0}, {DATA_AT + 32, 5},
        {DATA_AT + 48, 4}, {RAM_END, 0},      {RAM_END - 4, 4},
    };
    uint8_t out[16];
    memcpy(guest_at(&r->ram, DATA_AT, 3), "abc", 3);
    memcpy(guest_at(&r->ram, DATA_AT + 32, 5), "defgh", 5);
    assert_true(guest_offer(&r->guest, b, 3, 3, 1));
    (void)guest_publish(&r->guest);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_CHAIN);
    for (uint32_t off = 0; off <= 9; off++) {
        for (uint32_t len = 0; len <= 9; len++) {
            const bool inside = off + len <= 8;
            memset(out, '-', sizeof(out));
            assert_int_equal(virtq_read(&r->q, &r->chain, off, out, len), inside);
            if (inside) {
                assert_memory_equal(out, &"abcdefgh"[off], len);
                assert_int_equal(out[len], '-');
            }
            memset(guest_at(&r->ram, DATA_AT + 48, 8), '.', 8);
            memset(guest_at(&r->ram, RAM_END - 8, 8), '.', 8);
            assert_int_equal(virtq_write(&r->q, &r->chain, off, "12345678", len), inside);
            memcpy(out, guest_at(&r->ram, DATA_AT + 48, 4), 4);
            memcpy(out + 4, guest_at(&r->ram, RAM_END - 4, 4), 4);
            for (uint32_t i = 0; i < 8; i++) {
                const bool hit = inside && i >= off && i < off + len;
                assert_int_equal(out[i], hit ? (int)('1' + i - off) : '.');
            }
            assert_int_equal(*guest_at(&r->ram, DATA_AT + 52, 1), '.');
            assert_int_equal(*guest_at(&r->ram, RAM_END - 5, 1), '.');
        }
    }
    assert_false(virtq_read(&r->q, &r->chain, UINT32_MAX, out, 2));
    assert_false(virtq_read(&r->q, &r->chain, 2, out, UINT32_MAX));
    assert_false(virtq_write(&r->q, &r->chain, UINT32_MAX, out, 2));
}

static void senseless_setups_break_at_once(void **state)
{
    struct rig *r = *state;
    const struct virtq_config good = config_of(&r->guest);
    static const struct {
        uint32_t size;
        int64_t desc, avail, used; /* added to the good ones */
        bool event_idx;
        bool sound;
    } t[] = {
        {SIZE, 0, 0, 0, false, true},
        {0, 0, 0, 0, false, false},
        {3, 0, 0, 0, false, false},
        {512, 0, 0, 0, false, false},
        {0x80000000u, 0, 0, 0, false, false},
        {SIZE, 8, 0, 0, false, false},
        {SIZE, 0, 1, 0, false, false},
        {SIZE, 0, 0, 2, false, false},
        {SIZE, -0x10000000ll, 0, 0, false, false},
        {SIZE, 0, -0x10000000ll, 0, false, false},
        {SIZE, 0, 0, -0x10000000ll, false, false},
        {VIRTQ_SIZE_MAX, 0, 0, 0, false, true},
        {1, 0, 0, 0, true, true},
    };
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct virtq_config c = good;
        c.size = t[i].size;
        c.desc += (uint64_t)t[i].desc;
        c.avail += (uint64_t)t[i].avail;
        c.used += (uint64_t)t[i].used;
        c.event_idx = t[i].event_idx;
        virtq_start(&r->q, &r->ram.mem, &c);
        assert_int_equal(r->q.fault, t[i].sound ? VIRTQ_SOUND : VIRTQ_BAD_SETUP);
        assert_int_equal(virtq_peek(&r->q, &r->chain), t[i].sound ? VIRTQ_EMPTY : VIRTQ_BROKEN);
    }
}

static void rings_may_end_where_ram_ends_and_no_later(void **state)
{
    struct rig *r = *state;
    const struct virtq_config good = config_of(&r->guest);
    for (uint32_t event = 0; event < 2; event++) {
        const uint64_t bytes[3] = {16 * SIZE, 4 + 2 * SIZE + 2 * event, 4 + 8 * SIZE + 4 * event};
        for (uint32_t part = 0; part < 3; part++) {
            for (uint32_t beyond = 0; beyond < 2; beyond++) {
                struct virtq_config c = good;
                c.event_idx = event != 0;
                const uint64_t at = RAM_END - bytes[part] + (beyond != 0 ? 16u : 0u);
                c.desc = part == 0 ? at : c.desc;
                c.avail = part == 1 ? at : c.avail;
                c.used = part == 2 ? at : c.used;
                virtq_start(&r->q, &r->ram.mem, &c);
                assert_int_equal(r->q.fault, beyond != 0 ? VIRTQ_BAD_SETUP : VIRTQ_SOUND);
                (void)virtq_peek(&r->q, &r->chain);
                (void)virtq_kicks_on(&r->q);
            }
        }
    }
}

/* What a hostile driver writes into a queue of SIZE whose head 0 is offered. */
struct abuse {
    enum virtq_fault fault;
    void (*commit)(struct rig *r);
};

static void at_head(struct rig *r, gpa_t at, uint32_t len, uint32_t flags_next)
{
    guest_desc(&r->ram, r->guest.desc, 0, (struct guest_buffer){at, len}, flags_next);
}

static void in_table(struct rig *r, uint32_t index, uint32_t flags_next)
{
    guest_desc(&r->ram, TABLE_AT, index, (struct guest_buffer){DATA_AT, 1}, flags_next);
}

static void to_itself(struct rig *r)
{
    at_head(r, DATA_AT, 1, GUEST_F_NEXT);
}

static void to_itself_empty(struct rig *r)
{
    at_head(r, DATA_AT, 0, GUEST_F_NEXT);
}

static void round_and_round(struct rig *r)
{
    for (uint32_t i = 0; i < SIZE; i++) {
        guest_desc(&r->ram, r->guest.desc, i, (struct guest_buffer){DATA_AT, 1},
                   GUEST_F_NEXT | ((i + 1) % SIZE) << 16);
    }
}

static void next_beyond(struct rig *r)
{
    at_head(r, DATA_AT, 1, GUEST_F_NEXT | SIZE << 16);
}

static void next_far_beyond(struct rig *r)
{
    at_head(r, DATA_AT, 1, GUEST_F_NEXT | 0xFFFFu << 16);
}

static void readable_behind_writable(struct rig *r)
{
    at_head(r, DATA_AT, 1, GUEST_F_NEXT | GUEST_F_WRITE | 1u << 16);
    guest_desc(&r->ram, r->guest.desc, 1, (struct guest_buffer){DATA_AT, 1}, 0);
}

static void crossing_the_end_of_ram(struct rig *r)
{
    at_head(r, RAM_END - 1, 2, 0);
}

static void nowhere(struct rig *r)
{
    at_head(r, 0x10, 1, GUEST_F_WRITE);
}

static void round_the_address_space(struct rig *r)
{
    at_head(r, UINT64_MAX, 2, 0);
}

static void far_too_long(struct rig *r)
{
    at_head(r, GUEST_RAM_BASE, UINT32_MAX, 0);
}

static void table_nowhere(struct rig *r)
{
    at_head(r, 0x10, 16, GUEST_F_INDIRECT);
}

static void table_crossing_the_end(struct rig *r)
{
    guest_desc(&r->ram, RAM_END - 16, 0, (struct guest_buffer){DATA_AT, 1},
               GUEST_F_NEXT | 1u << 16);
    at_head(r, RAM_END - 16, 32, GUEST_F_INDIRECT);
}

static void table_of_no_length(struct rig *r)
{
    at_head(r, TABLE_AT, 0, GUEST_F_INDIRECT);
}

static void table_of_half_a_descriptor(struct rig *r)
{
    at_head(r, TABLE_AT, 24, GUEST_F_INDIRECT);
}

static void table_of_4_gib(struct rig *r)
{
    at_head(r, TABLE_AT, 0xFFFFFFF0u, GUEST_F_INDIRECT);
}

static void table_chained(struct rig *r)
{
    in_table(r, 0, 0);
    at_head(r, TABLE_AT, 16, GUEST_F_INDIRECT | GUEST_F_NEXT | 1u << 16);
}

static void table_nested(struct rig *r)
{
    in_table(r, 1, 0);
    guest_desc(&r->ram, TABLE_AT, 0, (struct guest_buffer){TABLE_AT + 16, 16}, GUEST_F_INDIRECT);
    at_head(r, TABLE_AT, 16, GUEST_F_INDIRECT);
}

static void table_next_beyond(struct rig *r)
{
    in_table(r, 0, GUEST_F_NEXT | 1u << 16); /* sound in the queue's own table */
    at_head(r, TABLE_AT, 16, GUEST_F_INDIRECT);
}

static void table_loop(struct rig *r)
{
    in_table(r, 0, GUEST_F_NEXT | 1u << 16);
    in_table(r, 1, GUEST_F_NEXT);
    at_head(r, TABLE_AT, 32, GUEST_F_INDIRECT);
}

static void too_many_buffers_in_all(struct rig *r)
{
    for (uint32_t i = 0; i < VIRTQ_SIZE_MAX; i++) {
        in_table(r, i, (i + 1 < VIRTQ_SIZE_MAX ? GUEST_F_NEXT : 0) | (i + 1) << 16);
    }
    at_head(r, DATA_AT, 1, GUEST_F_NEXT | 1u << 16);
    guest_desc(&r->ram, r->guest.desc, 1, (struct guest_buffer){TABLE_AT, 16 * VIRTQ_SIZE_MAX},
               GUEST_F_INDIRECT);
}

static void head_beyond(struct rig *r)
{
    guest_put(&r->ram, r->guest.avail + 4, 2, SIZE);
}

static void index_ahead(struct rig *r)
{
    r->guest.avail_idx = SIZE + 1;
}

static void index_back(struct rig *r)
{
    r->guest.avail_idx = 0xFFFF;
}

static const struct abuse abuses[] = {
    {VIRTQ_LOOP, to_itself},
    {VIRTQ_LOOP, to_itself_empty},
    {VIRTQ_LOOP, round_and_round},
    {VIRTQ_BAD_NEXT, next_beyond},
    {VIRTQ_BAD_NEXT, next_far_beyond},
    {VIRTQ_BAD_ORDER, readable_behind_writable},
    {VIRTQ_NOT_RAM, crossing_the_end_of_ram},
    {VIRTQ_NOT_RAM, nowhere},
    {VIRTQ_NOT_RAM, round_the_address_space},
    {VIRTQ_NOT_RAM, far_too_long},
    {VIRTQ_NOT_RAM, table_nowhere},
    {VIRTQ_NOT_RAM, table_crossing_the_end},
    {VIRTQ_BAD_INDIRECT, table_of_no_length},
    {VIRTQ_BAD_INDIRECT, table_of_half_a_descriptor},
    {VIRTQ_BAD_INDIRECT, table_of_4_gib},
    {VIRTQ_BAD_INDIRECT, table_chained},
    {VIRTQ_BAD_INDIRECT, table_nested},
    {VIRTQ_BAD_NEXT, table_next_beyond},
    {VIRTQ_LOOP, table_loop},
    {VIRTQ_LOOP, too_many_buffers_in_all},
    {VIRTQ_BAD_HEAD, head_beyond},
    {VIRTQ_BAD_INDEX, index_ahead},
    {VIRTQ_BAD_INDEX, index_back},
};

static void every_abuse_breaks_the_queue_and_has_its_name(void **state)
{
    struct rig *r = *state;
    for (size_t i = 0; i < sizeof(abuses) / sizeof(abuses[0]); i++) {
        begin(r, SIZE, FLAGS, 0);
        guest_offer_head(&r->guest, 0);
        abuses[i].commit(r);
        (void)guest_publish(&r->guest);
        const enum virtq_got got = virtq_peek(&r->q, &r->chain);
        if (got != VIRTQ_BROKEN || r->q.fault != abuses[i].fault) {
            fail_msg("abuse %zu: got %d, fault %d", i, got, r->q.fault);
        }
    }
}

static void a_broken_queue_is_silent(void **state)
{
    struct rig *r = *state;
    uint8_t before[0x3000];
    offer_one(r, 1);
    (void)guest_publish(&r->guest);
    serve_one(r, 0);
    index_ahead(r);
    (void)guest_publish(&r->guest);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_BROKEN);
    memcpy(before, guest_at(&r->ram, QUEUE_AT, sizeof(before)), sizeof(before));
    virtq_give(&r->q, 0, 1);
    assert_false(virtq_show(&r->q));
    virtq_kicks_off(&r->q);
    assert_false(virtq_kicks_on(&r->q));
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_BROKEN);
    assert_memory_equal(before, guest_at(&r->ram, QUEUE_AT, sizeof(before)), sizeof(before));
}

static void tables_need_the_feature(void **state)
{
    struct rig *r = *state;
    struct virtq_config c = config_of(&r->guest);
    c.indirect = false;
    virtq_start(&r->q, &r->ram.mem, &c);
    const struct guest_buffer b = {DATA_AT, 1};
    assert_true(guest_offer_indirect(&r->guest, TABLE_AT, &b, 1, 0, 1));
    (void)guest_publish(&r->guest);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_BROKEN);
    assert_int_equal(r->q.fault, VIRTQ_BAD_INDIRECT);
}

/* Three buffers of 2 GiB are more than a length in the used ring can tell. */
static void chains_of_4_gib_are_refused(void **state)
{
    struct rig *r = *state;
    const uint64_t big = 0x80000000u;
    uint8_t *at = mmap(NULL, big, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    assert_true(gmem_add(&r->ram.mem, 0x100000000ull, big, at));
    const struct guest_buffer b[] = {
        {0x100000000ull, 0x80000000u}, {0x100000000ull, 0x7FFFFFFFu}, {0x100000000ull, 1}};
    assert_true(guest_offer(&r->guest, b, 1, 1, 1));
    assert_true(guest_offer(&r->guest, b, 1, 2, 1));
    (void)guest_publish(&r->guest);
    serve_one(r, 0);
    assert_int_equal(r->chain.readable_bytes, 0x80000000u);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_BROKEN);
    assert_int_equal(r->q.fault, VIRTQ_TOO_LONG);
    assert_int_equal(munmap(at, big), 0);
}

/* A driver cannot have more chains out than the queue is long, whatever was accepted since. */
static void chains_that_were_not_shown_count_as_outstanding(void **state)
{
    struct rig *r = *state;
    for (uint32_t i = 0; i < SIZE; i++) {
        offer_one(r, 1);
    }
    (void)guest_publish(&r->guest);
    for (uint32_t i = 0; i < SIZE; i++) {
        serve_one(r, 0);
    }
    guest_offer_head(&r->guest, 0);
    (void)guest_publish(&r->guest);
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_BROKEN);
    assert_int_equal(r->q.fault, VIRTQ_BAD_INDEX);
}

static void the_drivers_flag_suppresses_interrupts(void **state)
{
    struct rig *r = *state;
    for (uint32_t want = 0; want < 2; want++) {
        guest_want_interrupts(&r->guest, want != 0);
        offer_one(r, 1);
        (void)guest_publish(&r->guest);
        assert_false(virtq_show(&r->q)); /* nothing to show */
        serve_one(r, 0);
        assert_int_equal(virtq_show(&r->q), want != 0);
        assert_false(virtq_show(&r->q));
    }
}

static void the_devices_flag_suppresses_kicks(void **state)
{
    struct rig *r = *state;
    virtq_kicks_off(&r->q);
    virtq_kicks_off(&r->q);
    offer_one(r, 1);
    assert_false(guest_publish(&r->guest));
    assert_true(virtq_kicks_on(&r->q)); /* one came meanwhile */
    virtq_kicks_off(&r->q);
    serve_one(r, 0);
    assert_false(virtq_kicks_on(&r->q));
    offer_one(r, 1);
    assert_true(guest_publish(&r->guest));
}

/* [VIRTIO] 2.7.7.2: an interrupt if and only if the entry that the driver named was among those shown.
 * The driver's event and the indices are moved all the way round. */
static void event_index_names_the_entry_that_interrupts(void **state)
{
    struct rig *r = *state;
    static const uint16_t firsts[] = {0, 1, 0x7FFE, 0xFFF8, 0xFFFD, 0xFFFF};
    for (size_t f = 0; f < sizeof(firsts) / sizeof(firsts[0]); f++) {
        for (uint32_t count = 1; count <= SIZE; count++) {
            for (int32_t event = -20; event < 20; event++) {
                begin(r, SIZE, EVENT_IDX, firsts[f]);
                for (uint32_t i = 0; i < count; i++) {
                    offer_one(r, 1);
                }
                (void)guest_publish(&r->guest);
                for (uint32_t i = 0; i < count; i++) {
                    serve_one(r, 0);
                }
                guest_put(&r->ram, r->guest.avail + 4 + 2 * SIZE, 2, (uint16_t)(firsts[f] + event));
                const bool wants = event >= 0 && event < (int32_t)count;
                assert_int_equal(virtq_show(&r->q), wants);
            }
        }
    }
}

static void event_index_asks_for_the_next_kick_only(void **state)
{
    struct rig *r = *state;
    begin(r, SIZE, EVENT_IDX, 0xFFFE);
    assert_false(virtq_kicks_on(&r->q));
    offer_one(r, 1);
    assert_true(guest_publish(&r->guest));
    virtq_kicks_off(&r->q);
    for (uint32_t i = 0; i < 5; i++) { /* the event lies behind */
        offer_one(r, 1);
        assert_false(guest_publish(&r->guest));
        serve_one(r, 0);
    }
    assert_true(virtq_kicks_on(&r->q));
    serve_one(r, 0);
    assert_false(virtq_kicks_on(&r->q));
    offer_one(r, 1);
    assert_true(guest_publish(&r->guest));
    assert_int_equal(guest_get16(&r->ram, r->guest.used), 0); /* flags are not used */
}

static void asking_for_kicks_finds_a_broken_queue(void **state)
{
    struct rig *r = *state;
    index_ahead(r);
    (void)guest_publish(&r->guest);
    assert_true(virtq_kicks_on(&r->q));
    assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_BROKEN);
}

static void a_queue_goes_on_where_it_stopped(void **state)
{
    struct rig *r = *state;
    uint64_t token;
    uint32_t len;
    for (uint32_t i = 1; i <= 3; i++) {
        offer_one(r, i);
    }
    (void)guest_publish(&r->guest);
    serve_one(r, 1);
    (void)virtq_show(&r->q);
    struct virtq_config c = config_of(&r->guest);
    c.first = r->q.next_avail;
    virtq_start(&r->q, &r->ram.mem, &c);
    serve_one(r, 2);
    assert_int_equal(r->chain.readable_bytes, 2);
    (void)virtq_show(&r->q);
    assert_true(guest_take(&r->guest, &token, &len));
    assert_true(guest_take(&r->guest, &token, &len));
    assert_int_equal(token, 2);
    assert_int_equal(len, 2);
}

/* A host that maps RAM at an odd address has no control words in it: every path stops the queue. */
static void rings_without_words_break(void **state)
{
    struct rig *r = *state;
    struct gmem odd = {0};
    assert_true(gmem_add(&odd, GUEST_RAM_BASE, GUEST_RAM_BYTES - 1, r->ram.bytes + 1));
    for (uint32_t event = 0; event < 2; event++) {
        for (uint32_t step = 0; step < 5; step++) {
            begin(r, SIZE, event != 0, 0);
            offer_one(r, 1);
            (void)guest_publish(&r->guest);
            if (step != 0) {
                assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_CHAIN);
            }
            if (step == 2) {
                serve_one(r, 0);
            }
            r->q.mem = &odd;
            r->q.avail = r->q.next_avail;
            if (step == 0) {
                assert_int_equal(virtq_peek(&r->q, &r->chain), VIRTQ_BROKEN);
            } else if (step == 1) {
                virtq_give(&r->q, 0, 0);
            } else if (step == 2) {
                assert_false(virtq_show(&r->q));
            } else if (step == 3) {
                virtq_kicks_off(&r->q);
            } else {
                assert_true(virtq_kicks_on(&r->q));
            }
            const bool untouched = step == 3 && event != 0;
            assert_int_equal(r->q.fault, untouched ? VIRTQ_SOUND : VIRTQ_NOT_RAM);
        }
    }
}

/* Nor has one whose regions meet inside a word. */
static void words_across_two_regions_break(void **state)
{
    struct rig *r = *state;
    const gpa_t seams[] = {r->guest.avail + 5, r->guest.used + 6, r->guest.used + 10};
    for (uint32_t i = 0; i < 3; i++) {
        const uint64_t low = seams[i] - GUEST_RAM_BASE;
        struct gmem seam = {0};
        begin(r, SIZE, FLAGS, 0);
        assert_true(gmem_add(&seam, GUEST_RAM_BASE, low, r->ram.bytes));
        assert_true(gmem_add(&seam, seams[i], GUEST_RAM_BYTES - low, r->ram.bytes + low));
        r->q.mem = &seam;
        offer_one(r, 1);
        (void)guest_publish(&r->guest);
        const enum virtq_got got = virtq_peek(&r->q, &r->chain);
        assert_int_equal(got, i == 0 ? VIRTQ_BROKEN : VIRTQ_CHAIN);
        virtq_accept(&r->q);
        virtq_give(&r->q, 0, 0);
        assert_int_equal(r->q.fault, VIRTQ_NOT_RAM);
        assert_false(virtq_show(&r->q));
    }
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(a_chain_goes_round),
        RIGGED(peeking_takes_nothing),
        RIGGED(what_was_undone_comes_again),
        RIGGED(undo_across_all_that_was_offered),
        RIGGED(indices_wrap_at_every_size),
        RIGGED(indirect_tables_are_followed),
        RIGGED(a_table_may_stand_behind_descriptors),
        RIGGED(copies_cross_buffers_and_stay_inside),
        RIGGED(senseless_setups_break_at_once),
        RIGGED(rings_may_end_where_ram_ends_and_no_later),
        RIGGED(every_abuse_breaks_the_queue_and_has_its_name),
        RIGGED(a_broken_queue_is_silent),
        RIGGED(tables_need_the_feature),
        RIGGED(chains_of_4_gib_are_refused),
        RIGGED(chains_that_were_not_shown_count_as_outstanding),
        RIGGED(the_drivers_flag_suppresses_interrupts),
        RIGGED(the_devices_flag_suppresses_kicks),
        RIGGED(event_index_names_the_entry_that_interrupts),
        RIGGED(event_index_asks_for_the_next_kick_only),
        RIGGED(asking_for_kicks_finds_a_broken_queue),
        RIGGED(a_queue_goes_on_where_it_stopped),
        RIGGED(rings_without_words_break),
        RIGGED(words_across_two_regions_break),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
