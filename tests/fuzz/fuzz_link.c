/* SPDX-License-Identifier: BSD-2-Clause
 * The link's reader on arbitrary bytes in arbitrary portions, beside a reader that is plainly right. */
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"
#include "kvm/link.h"

#define STREAM_MAX 60000u /* a pipe holds 65536 bytes: no write of ours may wait */

struct stream {
    size_t len;
    uint8_t bytes[STREAM_MAX];
};

static void put(struct stream *s, const void *bytes, size_t len)
{
    if (len <= STREAM_MAX - s->len) {
        memcpy(s->bytes + s->len, bytes, len);
        s->len += len;
    }
}

/* Frames as a peer would send them, each perhaps with a wrong word in its head, or plain bytes. */
static void compose(struct fuzz_in *in, struct stream *s)
{
    static const uint8_t body[LINK_DATA_MAX + 16u];
    while (in->left != 0) {
        const uint8_t how = fuzz_u8(in);
        struct link_head head = {
            .magic = LINK_MAGIC,
            .type = fuzz_u8(in),
            .vm = fuzz_u8(in),
            .len = (how & 1u) != 0 ? (uint32_t)fuzz_u16(in) % (LINK_DATA_MAX + 2u) : fuzz_u8(in),
        };
        const size_t sent = (how & 2u) != 0 ? head.len : (how >> 4);
        head.magic ^= (how & 0xCu) == 0xCu ? fuzz_u8(in) : 0u;
        head.len = (how & 0xCu) == 0x8u ? fuzz_u32(in) : (uint32_t)sent;
        put(s, &head, sizeof(head));
        put(s, body, sent <= sizeof(body) ? sent : sizeof(body));
        if ((how & 0xCu) == 0x4u) {
            const uint32_t word = fuzz_u32(in);
            put(s, &word, how >> 6);
        }
    }
}

/* The frame at `at`: its length with the head, 0 if it is cut, -1 if it is none. */
static long frame_at(const struct stream *s, size_t at)
{
    struct link_head head;
    if (s->len - at < sizeof(head)) {
        return 0;
    }
    memcpy(&head, s->bytes + at, sizeof(head));
    if (head.magic != LINK_MAGIC || head.len > LINK_DATA_MAX) {
        return -1;
    }
    const size_t whole = sizeof(head) + head.len;
    return s->len - at < whole ? 0 : (long)whole;
}

/* Reads what can be read. *at is where the next frame stands in the stream. False: broken. */
static bool drain(struct link_reader *r, int fd, const struct stream *s, size_t sent, size_t *at)
{
    for (;;) { /* bound: each frame has a head of the stream's bytes */
        struct link_head head;
        const uint8_t *data;
        const enum link_result result = link_read(r, fd, &head, &data);
        const long whole = frame_at(s, *at);
        if (result == LINK_FRAME) {
            FUZZ_CHECK(whole > 0 && (size_t)whole == sizeof(head) + head.len);
            FUZZ_CHECK(*at + (size_t)whole <= sent);
            FUZZ_CHECK(memcmp(&head, s->bytes + *at, sizeof(head)) == 0);
            FUZZ_CHECK(head.len == 0 || memcmp(data, s->bytes + *at + sizeof(head), head.len) == 0);
            *at += (size_t)whole;
            continue;
        }
        FUZZ_CHECK(result != LINK_CLOSED);
        if (result == LINK_BROKEN) {
            FUZZ_CHECK(whole < 0);
            return false;
        }
        FUZZ_CHECK(sent - *at < sizeof(head) || whole == 0 ||
                   (whole > 0 && *at + (size_t)whole > sent));
        return true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stream s;
    static struct link_reader reader;
    struct fuzz_in in = {data, size};
    const size_t portion = 1u + fuzz_u16(&in);
    int fd[2];
    s.len = 0;
    if ((portion & 3u) == 0) {
        put(&s, in.at, in.left < STREAM_MAX ? in.left : STREAM_MAX);
    } else {
        compose(&in, &s);
    }
    FUZZ_CHECK(pipe2(fd, O_NONBLOCK) == 0);
    reader.have = 0;
    size_t at = 0;
    size_t sent = 0;
    bool sound = true;
    while (sound && sent < s.len) { /* bound: STREAM_MAX */
        /* No more than some hundred portions, or the system calls take all the time. */
        const size_t least = portion < s.len / 128u ? s.len / 128u : portion;
        const size_t n = least < s.len - sent ? least : s.len - sent;
        FUZZ_CHECK(write(fd[1], s.bytes + sent, n) == (ssize_t)n);
        sent += n;
        sound = drain(&reader, fd[0], &s, sent, &at);
    }
    close(fd[1]);
    struct link_head head;
    const uint8_t *body;
    FUZZ_CHECK(!sound || link_read(&reader, fd[0], &head, &body) == LINK_CLOSED);
    close(fd[0]);
    return 0;
}
