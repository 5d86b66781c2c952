/* SPDX-License-Identifier: BSD-2-Clause
 * mkinitrd LIST DIR >initrd.cpio: writes the archive that a list describes (see initrd.list).
 * No privileges are needed for its device nodes, and the same files give the same bytes. */
#include "cpio.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 512u

static bool add_file(struct cpio *c, const char *dir, char *const word[], size_t words)
{
    char path[2 * LINE_BYTES];
    struct stat st;
    bool good;

    if (words != 4) {
        return false;
    }
    if (word[3][0] == '@') {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, word[3] + 1);
    } else {
        (void)snprintf(path, sizeof(path), "%s", word[3]);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        perror(path);
        return false;
    }
    good = cpio_copy(c, word[1], (uint32_t)strtoul(word[2], NULL, 8), fd, (uint64_t)st.st_size);
    (void)close(fd);
    return good;
}

static bool add_line(struct cpio *c, const char *dir, char *line)
{
    char *word[6] = {NULL};
    size_t words = 0;
    char *rest = line;

    for (char *w = strtok_r(rest, " \t\n", &rest); w != NULL && words < 6;
         w = strtok_r(NULL, " \t\n", &rest)) { /* bound: 6 */
        word[words++] = w;
    }
    if (words == 0 || word[0][0] == '#') {
        return true;
    }
    if (strcmp(word[0], "dir") == 0 && words == 3) {
        return cpio_dir(c, word[1], (uint32_t)strtoul(word[2], NULL, 8));
    }
    if (strcmp(word[0], "node") == 0 && words == 5) {
        return cpio_char_device(c, word[1], (uint32_t)strtoul(word[2], NULL, 8),
                                (uint32_t)strtoul(word[3], NULL, 10),
                                (uint32_t)strtoul(word[4], NULL, 10));
    }
    return strcmp(word[0], "file") == 0 && add_file(c, dir, word, words);
}

int main(int argc, char **argv)
{
    char line[LINE_BYTES];
    struct cpio c;
    unsigned int number = 0;

    FILE *list = argc == 3 ? fopen(argv[1], "re") : NULL;
    if (list == NULL) {
        (void)fprintf(stderr, "usage: mkinitrd LIST DIR >ARCHIVE (LIST must be readable)\n");
        return 2;
    }
    cpio_begin(&c, STDOUT_FILENO);
    while (fgets(line, sizeof(line), list) != NULL) { /* bound: the lines of the list */
        number++;
        if (!add_line(&c, argv[2], line)) {
            (void)fprintf(stderr, "%s:%u: %s\n", argv[1], number,
                          c.error != 0 ? strerror(c.error) : "not a line that mkinitrd knows");
            (void)fclose(list);
            return 1;
        }
    }
    (void)fclose(list);
    if (!cpio_end(&c)) {
        (void)fprintf(stderr, "mkinitrd: writing the archive: %s\n", strerror(c.error));
        return 1;
    }
    return 0;
}
