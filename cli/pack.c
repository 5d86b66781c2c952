/* SPDX-License-Identifier: BSD-2-Clause
 * bulkhead pack: writes the frozen image, with the guests' files behind it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arith.h"
#include "commands.h"
#include "freeze.h"
#include "system/check.h"
#include "words.h"

#define PAGE_BYTES 4096u
#define FILES_MAX  (SYSTEM_VMS_MAX * (2u + SYSTEM_MODULES_MAX))

static const char help[] =
    "usage: bulkhead pack FILE -o IMAGE [--no-files]\n"
    "\n"
    "Freezes a system file: checks it, and writes one flat, checksummed image that needs no parser.\n"
    "The guests' kernels and other files stand in it too, each from a 4 KiB boundary on, as seL4\n"
    "needs them. What this host has of RAM and CPUs does not matter: the image may run elsewhere.\n"
    "\n"
    "  -o, --output IMAGE   the file to write; it is replaced in one step, or left as it was\n"
    "      --files          put the guests' files in (this is the default)\n"
    "      --no-files       leave them out: the image names them by absolute path\n"
    "  -h, --help           print this\n"
    "\n"
    "Exit status: 0; 1 if IMAGE could not be written; 2 for a bad system file or call.\n";

struct pack_options {
    const char *input;
    const char *output;
    bool with_files;
};

/* One file of a guest, in the order they are packed. */
struct pack_file {
    struct system_file *file;
    char source[SYSTEM_PATH_MAX];
};

static struct system_image frozen;
static struct pack_file pack_files[FILES_MAX];

/* --- Laying out ------------------------------------------------------------------------------- */

static void list_file(size_t *count, struct system_file *file)
{
    if (file->path[0] == 0) {
        return;
    }
    pack_files[*count].file = file;
    memcpy(pack_files[*count].source, file->path, sizeof(file->path));
    (*count)++;
}

static size_t list_files(void)
{
    size_t count = 0;
    for (uint32_t i = 0; i < frozen.vms; i++) { /* bound: SYSTEM_VMS_MAX */
        struct system_vm *vm = &frozen.vm[i];
        list_file(&count, &vm->kernel);
        list_file(&count, &vm->initrd);
        for (uint32_t m = 0; m < vm->modules; m++) { /* bound: SYSTEM_MODULES_MAX */
            list_file(&count, &vm->module[m]);
        }
    }
    return count;
}

/* Places the files behind the image; one that several VMs use stands there once. In the image only
 * their names remain, so that it does not depend on the directory it was made in. */
static uint64_t lay_out(size_t count)
{
    uint64_t end = sizeof(frozen);
    for (size_t i = 0; i < count; i++) { /* bound: FILES_MAX */
        struct system_file *file = pack_files[i].file;
        for (size_t j = 0; j < i && file->packed_at == 0; j++) { /* bound: FILES_MAX */
            if (strcmp(pack_files[i].source, pack_files[j].source) == 0) {
                file->packed_at = pack_files[j].file->packed_at;
            }
        }
        if (file->packed_at == 0) {
            file->packed_at = align_up(end, PAGE_BYTES);
            end = file->packed_at + file->bytes;
        }
        const char *name = strrchr(pack_files[i].source, '/');
        name = name == NULL ? pack_files[i].source : name + 1;
        memset(file->path, 0, sizeof(file->path));
        memcpy(file->path, name, strlen(name));
    }
    return end;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static bool copy_file(const struct pack_file *f, uint8_t *to)
{
    int fd = open(f->source, O_RDONLY | O_CLOEXEC);
    uint64_t have = 0;
    while (fd >= 0 && have < f->file->bytes) { /* bound: the file's length */
        ssize_t n = read(fd, to + have, f->file->bytes - have);
        if (n <= 0) {
            break;
        }
        have += (uint64_t)n;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (have < f->file->bytes) {
        fprintf(stderr, "bulkhead pack: %s changed or cannot be read (%s); try again\n", f->source,
                strerror(errno));
        return false;
    }
    return true;
}

/* Fills the open file: image and files, sealed over all of it. */
static bool fill(int fd, size_t files, uint64_t total)
{
    /* Room first: a full disk must be an error here, not a SIGBUS in the mapping. */
    int error = posix_fallocate(fd, 0, (off_t)total);
    if (error != 0) {
        fprintf(stderr, "bulkhead pack: no room for %" PRIu64 " bytes (%s); free some\n", total,
                strerror(error));
        return false;
    }
    uint8_t *out = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (out == MAP_FAILED) {
        fprintf(stderr, "bulkhead pack: cannot map the image (%s); write it to another directory\n",
                strerror(errno));
        return false;
    }
    memcpy(out, &frozen, sizeof(frozen));
    bool good = true;
    for (size_t i = 0; i < files && good; i++) { /* bound: FILES_MAX */
        good = copy_file(&pack_files[i], out + pack_files[i].file->packed_at);
    }
    if (good) {
        struct system_fault fault;
        struct system_image *image = (struct system_image *)(void *)out;
        system_seal(image, total);
        good = system_check(image, total, &fault, 1) == 0;
        if (!good) {
            fprintf(stderr,
                    "bulkhead pack: the image fails its own check (fault %d); this is a "
                    "defect of bulkhead, please report it\n",
                    (int)fault.code);
        }
    }
    munmap(out, total);
    return good;
}

/* Writes beside the output and renames, so that a half-written image never has its name. */
static int write_image(const char *path, size_t files, uint64_t total)
{
    /* Renaming over a directory fails, but over /dev/null it would succeed, for root. */
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        fprintf(stderr, "bulkhead pack: %s is there and is no regular file; choose another -o\n",
                path);
        return 1;
    }
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        fputs("bulkhead pack: out of memory; free some and try again\n", stderr);
        return 1;
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "bulkhead pack: cannot write %s (%s); choose another -o\n", path,
                strerror(errno));
        free(temporary);
        return 1;
    }
    mode_t mask = umask(0);
    umask(mask);
    bool good = fchmod(fd, 0666 & ~mask) == 0 && fill(fd, files, total);
    good = close(fd) == 0 && good;
    if (good && rename(temporary, path) != 0) {
        fprintf(stderr, "bulkhead pack: cannot write %s (%s); choose another -o\n", path,
                strerror(errno));
        good = false;
    }
    if (!good) {
        unlink(temporary);
    }
    free(temporary);
    return good ? 0 : 1;
}

/* --- The command ------------------------------------------------------------------------------ */

/* 0 to go on, else the exit status plus 1. */
static int read_options(int argc, char **argv, struct pack_options *o)
{
    enum { FILES = 256, NO_FILES };
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"files", no_argument, NULL, FILES},
                                            {"no-files", no_argument, NULL, NO_FILES},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option = 0;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) { /* bound: argc */
        switch (option) {
        case 'o':
            o->output = optarg;
            break;
        case FILES:
            o->with_files = true;
            break;
        case NO_FILES:
            o->with_files = false;
            break;
        case 'h':
            fputs(help, stdout);
            return 1;
        default: /* getopt has said what is wrong */
            fputs("try `bulkhead pack --help`\n", stderr);
            return 3;
        }
    }
    if (argc - optind != 1 || o->output == NULL) {
        fprintf(stderr, "bulkhead pack: %s; usage: bulkhead pack FILE -o IMAGE [--no-files]\n",
                argc - optind != 1 ? "name one system file" : "no -o IMAGE to write");
        return 3;
    }
    o->input = argv[optind];
    return 0;
}

int pack_main(int argc, char **argv)
{
    struct pack_options o = {.with_files = true};
    int done = read_options(argc, argv, &o);
    if (done != 0) {
        return done - 1;
    }
    int status = system_file_freeze_for(o.input, &frozen, stderr, FREEZE_FOR_ANY_HOST);
    if (status != 0) {
        return status;
    }
    size_t files = o.with_files ? list_files() : 0;
    uint64_t total = lay_out(files);
    status = write_image(o.output, files, total);
    if (status == 0) {
        char size[SIZE_TEXT];
        printf("%s: %u VM%s, %zu file%s, %s\n", o.output, frozen.vms, frozen.vms == 1 ? "" : "s",
               files, files == 1 ? "" : "s", size_text(total, size));
    }
    return status;
}
