/* SPDX-License-Identifier: BSD-2-Clause
 * The newc writer, read back by a small reader of the format's own, and its failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpio.h"

#define HEAD_BYTES    110u
#define ARCHIVE_BYTES 300000u

struct archive {
    int fd;
    size_t bytes;
    size_t at;
    uint8_t data[ARCHIVE_BYTES];
};

struct entry {
    uint32_t ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor;
    uint32_t rdevmajor, rdevminor, namesize, check;
    const char *name;
    const uint8_t *data;
};

static struct archive *archive_new(struct cpio *c)
{
    struct archive *a = calloc(1, sizeof(*a));

    assert_non_null(a);
    a->fd = memfd_create("archive", MFD_CLOEXEC);
    assert_true(a->fd >= 0);
    cpio_begin(c, a->fd);
    return a;
}

static void archive_load(struct archive *a, const struct cpio *c)
{
    ssize_t n = pread(a->fd, a->data, sizeof(a->data), 0);

    assert_true(n >= 0);
    a->bytes = (size_t)n;
    assert_int_equal(a->bytes, c->written);
}

static void archive_free(struct archive *a)
{
    (void)close(a->fd);
    free(a);
}

/* The next entry, and the rules that hold for each of them. */
static struct entry archive_next(struct archive *a)
{
    struct entry e;
    uint32_t *const field[] = {&e.ino,       &e.mode,     &e.uid,      &e.gid,      &e.nlink,
                               &e.mtime,     &e.filesize, &e.devmajor, &e.devminor, &e.rdevmajor,
                               &e.rdevminor, &e.namesize, &e.check};
    const uint8_t *head = a->data + a->at;

    assert_int_equal(a->at % 4, 0);
    assert_true(a->at + HEAD_BYTES <= a->bytes);
    assert_memory_equal(head, "070701", 6);
    for (size_t i = 0; i < 13; i++) {
        char hex[9] = "";
        char *end;

        memcpy(hex, head + 6 + 8 * i, 8);
        *field[i] = (uint32_t)strtoul(hex, &end, 16);
        assert_ptr_equal(end, hex + 8);
    }
    e.name = (const char *)head + HEAD_BYTES;
    assert_int_equal(e.namesize, strlen(e.name) + 1);
    assert_int_equal(e.uid, 0);
    assert_int_equal(e.gid, 0);
    assert_int_equal(e.mtime, 0);
    assert_int_equal(e.check, 0);
    a->at = (a->at + HEAD_BYTES + e.namesize + 3) / 4 * 4;
    e.data = a->data + a->at;
    a->at = (a->at + e.filesize + 3) / 4 * 4;
    assert_true(a->at <= a->bytes);
    return e;
}

static int source_file(const void *data, size_t bytes)
{
    int fd = memfd_create("source", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), bytes);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void an_empty_archive_is_its_trailer(void **state)
{
    struct cpio c;
    struct archive *a = archive_new(&c);

    (void)state;
    assert_true(cpio_end(&c));
    archive_load(a, &c);
    struct entry e = archive_next(a);
    assert_string_equal(e.name, "TRAILER!!!");
    assert_int_equal(e.filesize, 0);
    assert_int_equal(e.nlink, 1);
    assert_int_equal(a->at, a->bytes);
    archive_free(a);
}

static void each_kind_of_entry_reads_back(void **state)
{
    struct cpio c;
    struct archive *a = archive_new(&c);

    (void)state;
    assert_true(cpio_dir(&c, "dev", 0755));
    assert_true(cpio_char_device(&c, "dev/console", 0600, 5, 1));
    assert_true(cpio_symlink(&c, "bin", "usr/bin"));
    assert_true(cpio_file(&c, "init", 0755, "#!/x\n", 5));
    assert_true(cpio_end(&c));
    archive_load(a, &c);

    struct entry dir = archive_next(a);
    assert_string_equal(dir.name, "dev");
    assert_int_equal(dir.mode, S_IFDIR | 0755);
    assert_int_equal(dir.nlink, 2);
    struct entry node = archive_next(a);
    assert_string_equal(node.name, "dev/console");
    assert_int_equal(node.mode, S_IFCHR | 0600);
    assert_int_equal(node.rdevmajor, 5);
    assert_int_equal(node.rdevminor, 1);
    assert_int_equal(node.filesize, 0);
    struct entry link = archive_next(a);
    assert_int_equal(link.mode, S_IFLNK | 0777);
    assert_int_equal(link.filesize, 7);
    assert_memory_equal(link.data, "usr/bin", 7);
    struct entry file = archive_next(a);
    assert_int_equal(file.mode, S_IFREG | 0755);
    assert_int_equal(file.nlink, 1);
    assert_memory_equal(file.data, "#!/x\n", 5);
    assert_string_equal(archive_next(a).name, "TRAILER!!!");
    assert_int_equal(a->at, a->bytes);
    archive_free(a);
}

static void inode_numbers_differ_so_that_nothing_is_taken_for_a_hard_link(void **state)
{
    struct cpio c;
    struct archive *a = archive_new(&c);

    (void)state;
    assert_true(cpio_file(&c, "a", 0644, "", 0));
    assert_true(cpio_file(&c, "b", 0644, "", 0));
    assert_true(cpio_end(&c));
    archive_load(a, &c);
    uint32_t first = archive_next(a).ino;
    uint32_t second = archive_next(a).ino;
    assert_int_not_equal(first, 0);
    assert_int_not_equal(first, second);
    archive_free(a);
}

static void names_and_data_of_every_length_are_padded_to_four(void **state)
{
    static const char name[] = "abcdefgh";

    (void)state;
    for (size_t name_len = 1; name_len <= 8; name_len++) {
        for (size_t bytes = 0; bytes <= 8; bytes++) {
            struct cpio c;
            struct archive *a = archive_new(&c);
            const char *n = name + 8 - name_len;

            assert_true(cpio_file(&c, n, 0644, "12345678", bytes));
            assert_true(cpio_dir(&c, "next", 0700));
            assert_true(cpio_end(&c));
            archive_load(a, &c);
            struct entry e = archive_next(a);
            assert_string_equal(e.name, n);
            assert_int_equal(e.filesize, bytes);
            assert_memory_equal(e.data, "12345678", bytes);
            assert_string_equal(archive_next(a).name, "next");
            archive_free(a);
        }
    }
}

static void a_long_file_is_streamed_whole(void **state)
{
    enum { BYTES = 200001 }; /* more than a buffer, and odd */
    uint8_t *data = malloc(BYTES);
    struct cpio c;
    struct archive *a = archive_new(&c);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    int from = source_file(data, BYTES);
    assert_true(cpio_copy(&c, "big", 0644, from, BYTES));
    assert_true(cpio_end(&c));
    archive_load(a, &c);
    struct entry e = archive_next(a);
    assert_int_equal(e.filesize, BYTES);
    assert_memory_equal(e.data, data, BYTES);
    assert_string_equal(archive_next(a).name, "TRAILER!!!");
    (void)close(from);
    archive_free(a);
    free(data);
}

static void a_file_that_shrank_or_grew_is_refused(void **state)
{
    static const uint64_t claimed[] = {0, 9, 11, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(claimed) / sizeof(claimed[0]); i++) {
        struct cpio c;
        struct archive *a = archive_new(&c);
        int from = source_file("0123456789", 10);

        assert_false(cpio_copy(&c, "f", 0644, from, claimed[i]));
        assert_int_equal(c.error, ESTALE);
        assert_false(cpio_end(&c));
        (void)close(from);
        archive_free(a);
    }
}

static void sizes_beyond_the_format_are_refused(void **state)
{
    struct cpio c;
    struct archive *a = archive_new(&c);

    (void)state;
    assert_false(cpio_copy(&c, "f", 0644, -1, 1ull << 32));
    assert_int_equal(c.error, EFBIG);
    assert_int_equal(c.written, 0);
    archive_free(a);
}

static void bad_names_and_targets_are_refused(void **state)
{
    char name[CPIO_NAME_MAX + 1];

    (void)state;
    memset(name, 'n', sizeof(name));
    name[CPIO_NAME_MAX] = '\0'; /* one byte too long with its final 0 */
    for (int i = 0; i < 4; i++) {
        struct cpio c;
        struct archive *a = archive_new(&c);
        bool good = i == 0   ? cpio_dir(&c, "", 0755)
                    : i == 1 ? cpio_dir(&c, name, 0755)
                    : i == 2 ? cpio_symlink(&c, "l", "")
                             : cpio_symlink(&c, "l", name);

        assert_false(good);
        assert_int_equal(c.error, ENAMETOOLONG);
        assert_int_equal(c.written, 0);
        archive_free(a);
    }
    struct cpio c;
    struct archive *a = archive_new(&c);
    name[CPIO_NAME_MAX - 1] = '\0'; /* the longest that fits */
    assert_true(cpio_dir(&c, name, 0755));
    assert_true(cpio_end(&c));
    archive_load(a, &c);
    assert_string_equal(archive_next(a).name, name);
    archive_free(a);
}

static void the_first_error_sticks_and_silences_the_rest(void **state)
{
    struct cpio c;
    struct archive *a = archive_new(&c);

    (void)state;
    assert_true(cpio_dir(&c, "d", 0755));
    uint64_t written = c.written;
    assert_false(cpio_copy(&c, "f", 0644, -1, 10)); /* reads from no file */
    assert_int_equal(c.error, EBADF);
    uint64_t after = c.written;
    assert_true(after > written);
    assert_false(cpio_dir(&c, "", 0755));
    assert_false(cpio_file(&c, "g", 0644, "x", 1));
    assert_false(cpio_end(&c));
    assert_int_equal(c.error, EBADF);
    assert_int_equal(c.written, after);
    archive_free(a);
}

static void an_output_that_cannot_be_written_is_told(void **state)
{
    struct cpio c;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_true(full >= 0);
    cpio_begin(&c, full);
    assert_false(cpio_dir(&c, "d", 0755));
    assert_int_equal(c.error, ENOSPC);
    assert_false(cpio_end(&c));
    (void)close(full);
}

static void the_same_input_gives_the_same_bytes(void **state)
{
    struct cpio c[2];
    struct archive *a[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int from = source_file("data", 4);

        a[i] = archive_new(&c[i]);
        assert_true(cpio_dir(&c[i], "d", 0755));
        assert_true(cpio_copy(&c[i], "d/f", 0644, from, 4));
        assert_true(cpio_end(&c[i]));
        archive_load(a[i], &c[i]);
        (void)close(from);
    }
    assert_int_equal(a[0]->bytes, a[1]->bytes);
    assert_memory_equal(a[0]->data, a[1]->data, a[0]->bytes);
    archive_free(a[0]);
    archive_free(a[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_archive_is_its_trailer),
        cmocka_unit_test(each_kind_of_entry_reads_back),
        cmocka_unit_test(inode_numbers_differ_so_that_nothing_is_taken_for_a_hard_link),
        cmocka_unit_test(names_and_data_of_every_length_are_padded_to_four),
        cmocka_unit_test(a_long_file_is_streamed_whole),
        cmocka_unit_test(a_file_that_shrank_or_grew_is_refused),
        cmocka_unit_test(sizes_beyond_the_format_are_refused),
        cmocka_unit_test(bad_names_and_targets_are_refused),
        cmocka_unit_test(the_first_error_sticks_and_silences_the_rest),
        cmocka_unit_test(an_output_that_cannot_be_written_is_told),
        cmocka_unit_test(the_same_input_gives_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
