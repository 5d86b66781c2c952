/* SPDX-License-Identifier: BSD-2-Clause
 * The system file: arbitrary text through everything that `bulkhead check` does with it.
 *
 * The text stands in a directory where guests' files exist under the names that the tests of the
 * checker use, so those make good seeds. The program is started in a directory of its own. */
#include <sys/stat.h>

#include "freeze.h"
#include "fuzz.h"
#include "show.h"
#include "system/check.h"

#define FILE_PATH "good/system.conf"

/* libconfig 1.5 loses a string that stands where it finds a syntax error; one without characters
 * comes from its lexer. Its settings, if we lost them, would still be reported. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\nleak:libconfig_yylex";
}

static FILE *nowhere;

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "w");
    FUZZ_CHECK(f != NULL && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    (void)mkdir("good", 0777);
    (void)mkdir("files", 0777);
    write_file("files/kernel", "kernel", 6);
    write_file("files/module", "module", 6);
    write_file("files/empty", "", 0);
    nowhere = fopen("/dev/null", "w");
    FUZZ_CHECK(nowhere != NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct system_image image;
    char *said = NULL;
    size_t len = 0;
    write_file(FILE_PATH, data, size);
    FILE *diag = open_memstream(&said, &len);
    FUZZ_CHECK(diag != NULL);
    memset(&image, 0, sizeof(image));
    const int status = system_file_freeze_for(FILE_PATH, &image, diag, FREEZE_FOR_ANY_HOST);
    fclose(diag);
    /* It succeeds, or says at least one error; and each line it says begins with the file. */
    const bool error = strstr(said, "error: ") != NULL;
    FUZZ_CHECK(status == 0 || status == 2);
    FUZZ_CHECK(status == 0 || error);
    for (const char *line = said; *line != 0; line = strchr(line, '\n') + 1) {
        FUZZ_CHECK(strncmp(line, FILE_PATH, strlen(FILE_PATH)) == 0);
        FUZZ_CHECK(strchr(line, '\n') != NULL);
    }
    if (status == 0) {
        FUZZ_CHECK(system_check(&image, sizeof(image), NULL, 0) == 0);
        system_show(nowhere, &image);
    }
    free(said);
    return 0;
}
