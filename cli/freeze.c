/* SPDX-License-Identifier: BSD-2-Clause */
#include "freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libconfig.h>

#include "draft.h"
#include "faults.h"
#include "host.h"
#include "say.h"
#include "scan.h"
#include "schema.h"
#include "system/check.h"

#define TEXT_MAX   0x100000u /* a system file of more than 1 MiB is something else */
#define FAULTS_MAX 64u

/* --- Reading ---------------------------------------------------------------------------------- */

/* Opens a regular file, or says why not. */
static int open_input(const char *path, struct say *say, uint64_t *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        say_error(say, 0, "cannot be opened (%s); check the path and its permissions",
                  strerror(errno));
    } else if (S_ISDIR(st.st_mode)) {
        say_error(say, 0, "is a directory; name a system file, for example one of systems/*.conf");
    } else if (!S_ISREG(st.st_mode)) {
        say_error(say, 0, "is no regular file; name a system file or a frozen image");
    } else if (st.st_size == 0) {
        say_error(say, 0, "is empty; begin with a copy of one of systems/*.conf");
    } else {
        *bytes = (uint64_t)st.st_size;
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* The whole text with a 0 behind it, on the heap, or NULL with an error said. */
static char *read_text(int fd, uint64_t bytes, struct say *say)
{
    if (bytes > TEXT_MAX) {
        say_error(say, 0, "has more than 1 MiB; this is no system file");
        return NULL;
    }
    char *text = malloc(bytes + 1);
    size_t have = 0;
    while (text != NULL && have < bytes) { /* bound: bytes */
        ssize_t n = read(fd, text + have, bytes - have);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
    }
    if (text == NULL || have < bytes) {
        say_error(say, 0, "cannot be read to its end (%s); try again", strerror(errno));
        free(text);
        return NULL;
    }
    text[have] = 0;
    if (strlen(text) < have) {
        say_error(say, 0,
                  "is neither text (there is a zero byte at offset %zu) nor a frozen image; name a "
                  "system file, or make the image again with `bulkhead pack`",
                  strlen(text));
        free(text);
        return NULL;
    }
    return text;
}

/* --- Freezing --------------------------------------------------------------------------------- */

static void say_libconfig_error(const config_t *config, struct say *say)
{
    unsigned line = config_error_line(config) < 0 ? 0 : (unsigned)config_error_line(config);
    const char *text = config_error_text(config);
    if (strstr(text, "duplicate") != NULL) {
        say_error(say, line, "a key on this line is set twice in its group; keep one of the two");
    } else if (strstr(text, "mismatched") != NULL) {
        say_error(say, line, "an array holds values of different kinds; write all as strings");
    } else {
        say_error(say, line,
                  "%s; look here and on the line before for a missing '=', ';' or ',' or a string "
                  "without quotes",
                  text);
    }
}

static void check_frozen(struct say *say, const struct system_image *image, uint64_t bytes,
                         const struct draft_lines *lines)
{
    static struct system_fault faults[FAULTS_MAX];
    size_t count = system_check(image, bytes, faults, FAULTS_MAX);
    for (size_t i = 0; i < count && i < FAULTS_MAX; i++) { /* bound: FAULTS_MAX */
        /* Where "vms" is missing or malformed, that has been said. */
        if (lines == NULL || faults[i].code != SYSTEM_NO_VMS || say->errors == 0) {
            fault_say(say, image, lines, &faults[i]);
        }
    }
}

static void freeze_tree(const config_setting_t *root, const char *path, struct system_image *out,
                        struct say *say, enum freeze_host host)
{
    char *copy = strdup(path); /* dirname() writes into its argument */
    if (copy == NULL) {
        say_error(say, 0, "out of memory; free some and try again");
        return;
    }
    struct draft draft = {.image = out, .say = say, .dir = dirname(copy)};
    schema_check(root, say);
    draft_parse(&draft, root);
    system_seal(out, sizeof(*out));
    check_frozen(say, out, sizeof(*out), &draft.lines);
    if (host == FREEZE_FOR_THIS_HOST) {
        host_check(say, out, &draft.lines);
    }
    free(copy);
}

static void freeze_text(const char *text, const char *path, struct system_image *out,
                        struct say *say, enum freeze_host host)
{
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3; /* a byte-order mark, as some editors leave it */
    }
    if (!scan_source(text, say)) {
        return;
    }
    config_t config;
    config_init(&config);
    if (config_read_string(&config, text) == CONFIG_TRUE) {
        freeze_tree(config_root_setting(&config), path, out, say, host);
    } else {
        say_libconfig_error(&config, say);
    }
    config_destroy(&config);
}

int system_file_freeze_for(const char *path, struct system_image *out, FILE *diag,
                           enum freeze_host host)
{
    struct say say;
    say_begin(&say, path);
    uint64_t bytes = 0;
    int fd = open_input(path, &say, &bytes);
    if (fd >= 0) {
        char *text = read_text(fd, bytes, &say);
        close(fd);
        if (text != NULL) {
            freeze_text(text, path, out, &say, host);
            free(text);
        }
    }
    return say_end(&say, diag);
}

int system_file_freeze(const char *path, struct system_image *out, FILE *diag)
{
    return system_file_freeze_for(path, out, diag, FREEZE_FOR_THIS_HOST);
}

/* --- Opening either kind ---------------------------------------------------------------------- */

static bool has_magic(int fd)
{
    uint64_t magic = 0;
    return pread(fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) && magic == SYSTEM_MAGIC;
}

static void open_frozen(int fd, uint64_t bytes, struct system_opened *out, struct say *say,
                        enum freeze_host host)
{
    void *memory = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) {
        say_error(say, 0, "cannot be mapped (%s); free some memory", strerror(errno));
        return;
    }
    *out = (struct system_opened){
        .image = memory, .bytes = bytes, .was_frozen = true, .memory = memory, .mapped = bytes};
    check_frozen(say, memory, bytes, NULL);
    if (say->errors == 0 && host == FREEZE_FOR_THIS_HOST) {
        host_check(say, memory, NULL);
    }
}

int system_open(const char *path, struct system_opened *out, FILE *diag, enum freeze_host host)
{
    memset(out, 0, sizeof(*out));
    struct say say;
    say_begin(&say, path);
    uint64_t bytes = 0;
    int fd = open_input(path, &say, &bytes);
    if (fd >= 0 && has_magic(fd)) {
        open_frozen(fd, bytes, out, &say, host);
        close(fd);
        int status = say_end(&say, diag);
        if (status != 0) {
            system_close(out);
        }
        return status;
    }
    if (fd < 0) {
        return say_end(&say, diag);
    }
    close(fd);
    struct system_image *image = calloc(1, sizeof(*image));
    if (image == NULL) {
        say_error(&say, 0, "out of memory; free some and try again");
        return say_end(&say, diag);
    }
    *out = (struct system_opened){.image = image, .bytes = sizeof(*image), .memory = image};
    int status = system_file_freeze_for(path, image, diag, host);
    if (status != 0) {
        system_close(out);
    }
    return status;
}

void system_close(struct system_opened *opened)
{
    if (opened->mapped != 0) {
        munmap(opened->memory, opened->mapped);
    } else {
        free(opened->memory);
    }
    memset(opened, 0, sizeof(*opened));
}
