/* SPDX-License-Identifier: BSD-2-Clause
 * Packs the simulated machine's initramfs: this program as init, the shared libraries it runs
 * with, the kernel modules, the guests' files, and the frozen image with its paths rewritten to
 * where those files are inside. */
#include "machine.h"
#include "machine_int.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpio.h"
#include "kvm/slirp_lib.h"
#include "system/check.h"

/* Where Debian's dynamic linker looks without being told. */
#define PACK_LIB_DIR   "lib/x86_64-linux-gnu"
#define PACK_PATH_MAX  1200u
#define PACK_FILES_MAX (SYSTEM_VMS_MAX * (2u + SYSTEM_MODULES_MAX))
#define PACK_DIRS_MAX  8u

struct pack {
    struct cpio cpio;
    char *why;
    size_t why_size;
    struct { /* guests' files that are in already, by where they came from */
        char from[SYSTEM_PATH_MAX];
        char to[SYSTEM_PATH_MAX];
        uint64_t bytes;
    } done[PACK_FILES_MAX];
    size_t done_count;
};

/* What to say of an archive entry that could not be made from `path`. */
static bool pack_failed(const struct pack *p, const char *path)
{
    if (p->cpio.error == ESTALE) {
        (void)snprintf(p->why, p->why_size,
                       "%s has changed its size while it was being read; run again", path);
    } else {
        (void)snprintf(p->why, p->why_size, "cannot put %s into the simulated machine: %s", path,
                       strerror(p->cpio.error != 0 ? p->cpio.error : errno));
    }
    return false;
}

/* Copies the file `from` to `to`; `bytes` is what it must have, or UINT64_MAX for any size. */
static bool pack_file(struct pack *p, const char *from, const char *to, uint32_t mode,
                      uint64_t bytes)
{
    struct stat st;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    bool good;

    if (fd < 0) {
        return pack_failed(p, from);
    }
    if (fstat(fd, &st) != 0) {
        good = false;
    } else if (bytes != UINT64_MAX && (uint64_t)st.st_size != bytes) {
        p->cpio.error = ESTALE;
        good = false;
    } else {
        good = cpio_copy(&p->cpio, to, mode, fd, (uint64_t)st.st_size);
    }
    good = good ? true : pack_failed(p, from);
    (void)close(fd);
    return good;
}

/* --- This program ------------------------------------------------------------------------------ */

static const char *pack_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The dynamic linker must lie where the program says: make the directories on the way. */
static bool pack_interpreter(struct pack *p, const char *path)
{
    char dir[PACK_PATH_MAX];
    const char *slash = strchr(path + 1, '/');

    for (size_t i = 0; slash != NULL && i < PACK_DIRS_MAX; i++) {
        (void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path - 1), path + 1);
        if (strcmp(dir, "lib") != 0 && strcmp(dir, PACK_LIB_DIR) != 0 &&
            !cpio_dir(&p->cpio, dir, 0755)) {
            return pack_failed(p, path);
        }
        slash = strchr(slash + 1, '/');
    }
    return pack_file(p, path, path + 1, 0755, UINT64_MAX);
}

struct pack_libraries {
    struct pack *pack;
    const char *interpreter; /* of this program; NULL: statically linked */
};

/* The program comes first, then what it is linked with; the vDSO has no path. */
static int pack_library(struct dl_phdr_info *info, size_t size, void *opaque)
{
    struct pack_libraries *l = opaque;
    char to[PACK_PATH_MAX];
    bool good;

    (void)size;
    if (info->dlpi_name == NULL || info->dlpi_name[0] == '\0') {
        for (size_t i = 0; i < info->dlpi_phnum; i++) { /* bound: program headers of this program */
            if (info->dlpi_phdr[i].p_type == PT_INTERP) {
                l->interpreter = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
                return pack_interpreter(l->pack, l->interpreter) ? 0 : 1;
            }
        }
        return 0;
    }
    if (strchr(info->dlpi_name, '/') == NULL || l->interpreter == NULL ||
        strcmp(pack_base_name(info->dlpi_name), pack_base_name(l->interpreter)) == 0) {
        return 0;
    }
    (void)snprintf(to, sizeof(to), PACK_LIB_DIR "/%s", pack_base_name(info->dlpi_name));
    good = pack_file(l->pack, info->dlpi_name, to, 0755, UINT64_MAX);
    return good ? 0 : 1;
}

static bool pack_program(struct pack *p)
{
    struct pack_libraries l = {.pack = p};

    return pack_file(p, "/proc/self/exe", &MACHINE_INIT_PATH[1], 0755, UINT64_MAX) &&
           dl_iterate_phdr(pack_library, &l) == 0;
}

/* --- Kernel modules ---------------------------------------------------------------------------- */

/* The modules that a list names, and the list. */
static bool pack_modules(struct pack *p, const char *dir, const char *list)
{
    char from[PACK_PATH_MAX];
    char to[PACK_PATH_MAX];
    char name[MACHINE_MODULE_MAX];
    FILE *order;

    (void)snprintf(from, sizeof(from), "%s/%s", dir, list);
    order = fopen(from, "re");
    if (order == NULL || !pack_file(p, from, list, 0644, UINT64_MAX)) {
        return pack_failed(p, from);
    }
    bool good = true;
    for (size_t i = 0; good && i < MACHINE_MODULES_MANY && fgets(name, sizeof(name), order) != NULL;
         i++) {
        name[strcspn(name, "\n")] = '\0';
        (void)snprintf(from, sizeof(from), "%s/modules/%s", dir, name);
        (void)snprintf(to, sizeof(to), MACHINE_MODULES "/%s", name);
        good = pack_file(p, from, to, 0644, UINT64_MAX);
    }
    (void)fclose(order);
    return good;
}

/* --- The guests' files and the image ----------------------------------------------------------- */

/* One file of a VM: packed once however many VMs use it; its path becomes the one inside. It keeps
 * its own name, so that messages from inside still say which file they mean. */
static bool pack_guest_file(struct pack *p, struct system_file *file)
{
    char *to = p->done[p->done_count].to;

    if (file->path[0] == '\0' || file->packed_at != 0) {
        return true;
    }
    for (size_t i = 0; i < p->done_count; i++) {
        if (strcmp(p->done[i].from, file->path) == 0 && p->done[i].bytes == file->bytes) {
            memcpy(file->path, p->done[i].to, sizeof(file->path));
            return true;
        }
    }
    (void)snprintf(to, SYSTEM_PATH_MAX, "/" MACHINE_FILES "/%zu", p->done_count);
    if (!cpio_dir(&p->cpio, to + 1, 0755)) {
        return pack_failed(p, file->path);
    }
    (void)snprintf(to, SYSTEM_PATH_MAX, "/" MACHINE_FILES "/%zu/%.255s", p->done_count,
                   pack_base_name(file->path));
    if (!pack_file(p, file->path, to + 1, 0644, file->bytes)) {
        return false;
    }
    memcpy(p->done[p->done_count].from, file->path, sizeof(file->path));
    p->done[p->done_count].bytes = file->bytes;
    p->done_count++;
    memcpy(file->path, to, sizeof(file->path));
    return true;
}

static bool pack_vm_files(struct pack *p, struct system_vm *vm)
{
    bool good = pack_guest_file(p, &vm->kernel) && pack_guest_file(p, &vm->initrd);

    for (size_t i = 0; good && i < vm->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        good = pack_guest_file(p, &vm->module[i]);
    }
    return good;
}

static bool pack_system(struct pack *p, const struct system_image *image)
{
    struct system_image *copy = malloc((size_t)image->total_bytes);
    bool good = true;

    if (copy == NULL) {
        (void)snprintf(p->why, p->why_size, "no memory for a copy of the system image");
        return false;
    }
    memcpy(copy, image, (size_t)image->total_bytes);
    for (size_t i = 0; good && i < copy->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        good = pack_vm_files(p, &copy->vm[i]);
    }
    machine_net_rewrite(copy);
    if (good) {
        system_seal(copy, image->total_bytes);
        good = cpio_file(&p->cpio, MACHINE_IMAGE, 0644, copy, copy->total_bytes) ||
               pack_failed(p, "the system image");
    }
    free(copy);
    return good;
}

static bool pack_skeleton(struct pack *p)
{
    static const char *const dirs[] = {"dev", "proc",       "sys",           "tmp",        "lib",
                                       "etc", PACK_LIB_DIR, MACHINE_MODULES, MACHINE_FILES};

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        (void)cpio_dir(&p->cpio, dirs[i], 0755);
    }
    /* What the kernel gives PID 1 as its standard input and outputs. */
    return cpio_char_device(&p->cpio, "dev/console", 0600, 5, 1) || pack_failed(p, "/dev/console");
}

bool machine_pack(int fd, const struct system_image *image, const char *dir, char *why,
                  size_t why_size)
{
    struct pack *p = calloc(1, sizeof(*p));
    bool good;

    if (p == NULL) {
        (void)snprintf(why, why_size, "no memory to pack the simulated machine");
        return false;
    }
    p->why = why;
    p->why_size = why_size;
    cpio_begin(&p->cpio, fd);
    bool net = machine_net_wanted(image);
    if (net) { /* loaded here, libslirp and what it needs are packed with the program's libraries */
        (void)dlopen(SLIRP_LIB_FILE, RTLD_LAZY | RTLD_LOCAL);
    }
    good = pack_skeleton(p) && pack_program(p) && pack_modules(p, dir, MACHINE_ORDER_FILE) &&
           (!net || pack_modules(p, dir, MACHINE_NET_FILE)) && pack_system(p, image) &&
           (cpio_end(&p->cpio) || pack_failed(p, "the end of the archive"));
    free(p);
    return good;
}
