/* SPDX-License-Identifier: BSD-2-Clause
 * The frozen image's checker on arbitrary bytes, with and without a checksum that is made right.
 *
 * Whatever it finds can be said. An image in which it finds nothing gives every VM a board, as
 * vm_init() relies on, and can be shown to a person. */
#include "board/vm.h"
#include "faults.h"
#include "fuzz.h"
#include "say.h"
#include "show.h"
#include "system/check.h"
#include "vm/time.h"

#define MIB       0x100000ull
#define FOUND_MAX 64u
#define PACKED    64u /* bytes behind the image, for packed files */

static FILE *nowhere;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    nowhere = fopen("/dev/null", "w");
    FUZZ_CHECK(nowhere != NULL);
    return 0;
}

static void make_vm(struct system_vm *vm, const char *name, uint32_t protocol)
{
    strcpy(vm->name, name);
    vm->cpu = SYSTEM_CPU_ANY;
    vm->protocol = protocol;
    vm->devices = protocol == SYSTEM_BOOT_LINUX ? SYSTEM_DEV_ALL : SYSTEM_DEV_LAPIC;
    vm->ranges = 2;
    vm->range[0] = (struct system_range){0, 64 * MIB};
    vm->range[1] = (struct system_range){64 * MIB, 64 * MIB};
    vm->serials = 1;
    vm->serial[0] = (struct system_serial){.port = 0x3F8, .irq = 4};
    vm->kernel = (struct system_file){.path = "k", .bytes = 12345, .load_at = SYSTEM_AT_ANY};
    if (protocol == SYSTEM_BOOT_LINUX) {
        vm->initrd = (struct system_file){.path = "i", .bytes = 1, .load_at = SYSTEM_AT_ANY};
        return;
    }
    vm->modules = 2;
    vm->module[0] = (struct system_file){.path = "a", .bytes = MIB, .load_at = 8 * MIB};
    vm->module[1] = (struct system_file){.path = "b", .bytes = 9, .load_at = SYSTEM_AT_ANY};
}

/* Where a change is likely to matter: a VM's head with its ranges and UARTs, the image's own head,
 * the end of a string, the numbers of a file, or anywhere. */
static size_t pick_place(struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    const size_t vm = offsetof(struct system_image, vm) +
                      (how >> 5) % 2u * sizeof(struct system_vm) +
                      (how >= 0xE0u ? sizeof(struct system_vm) : 0);
    const size_t file =
        vm + offsetof(struct system_vm, kernel) + (how >> 3 & 3u) * sizeof(struct system_file);
    switch (how & 7u) {
    case 0:
        return fuzz_u8(in) % offsetof(struct system_image, vm);
    case 1:
    case 2:
    case 3:
    case 4:
        return vm + fuzz_u8(in) % offsetof(struct system_vm, kernel);
    case 5:
        return file + offsetof(struct system_file, bytes) + fuzz_u8(in) % 24u;
    case 6:
        return file + fuzz_u16(in) % sizeof(struct system_file);
    default:
        return (size_t)fuzz_take(in, 3) % (sizeof(struct system_image) + PACKED);
    }
}

static void patch(struct fuzz_in *in, uint8_t *bytes)
{
    const uint8_t patches = fuzz_u8(in) % 13u;
    for (uint32_t i = 0; i < patches; i++) {
        const size_t at = pick_place(in);
        const uint8_t how = fuzz_u8(in);
        if (how >= 0xC0u) { /* fill up a string, say */
            const size_t room = sizeof(struct system_image) + PACKED - at;
            const size_t len = fuzz_u16(in);
            memset(bytes + at, fuzz_u8(in), len < room ? len : room);
            continue;
        }
        for (uint32_t k = 0; k < (1u << (how & 3u)) && at + k < sizeof(struct system_image); k++) {
            bytes[at + k] = fuzz_u8(in);
        }
    }
}

/* Says every fault; the image's own strings may be without an end. */
static void say_all(const struct system_image *image, const struct system_fault *f, size_t count)
{
    struct say say;
    say_begin(&say, "image");
    for (size_t i = 0; i < count && i < FOUND_MAX; i++) {
        fault_say(&say, image, NULL, &f[i]);
    }
    FUZZ_CHECK(say_end(&say, nowhere) == 2);
}

/* Every VM gets the board that it asks for. Its RAM is never touched. */
static void build_boards(const struct system_image *image)
{
    static uint64_t storage[VM_STORAGE_BYTES / 8u];
    static uint8_t some;
    for (uint32_t i = 0; i < image->vms; i++) {
        const struct system_vm *vm = &image->vm[i];
        struct vm_wiring w = {.system = vm, .tsc_khz = 1000000};
        for (uint32_t k = 0; k < vm->ranges; k++) {
            FUZZ_CHECK(gmem_add(&w.mem, vm->range[k].base, vm->range[k].size, &some));
        }
        FUZZ_CHECK(vm_init(storage, sizeof(storage), &w, 0) != NULL);
    }
}

static void check(const struct system_image *image, uint64_t bytes)
{
    static struct system_fault found[FOUND_MAX];
    const size_t count = system_check(image, bytes, found, FOUND_MAX);
    if (count != 0) {
        say_all(image, found, count);
        return;
    }
    build_boards(image);
    system_show(nowhere, image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    const uint8_t how = fuzz_u8(&in);
    if ((how & 7u) == 7u) { /* the input is the image */
        size_t len;
        uint8_t *bytes = fuzz_rest(&in, size, &len);
        check((const struct system_image *)(const void *)bytes, len);
        free(bytes);
        return 0;
    }
    const size_t whole = sizeof(struct system_image) + PACKED;
    uint8_t *bytes = calloc(1, whole);
    FUZZ_CHECK(bytes != NULL);
    struct system_image *image = (struct system_image *)(void *)bytes;
    image->vms = 2;
    make_vm(&image->vm[0], "rtos", SYSTEM_BOOT_MULTIBOOT);
    make_vm(&image->vm[1], "linux", SYSTEM_BOOT_LINUX);
    const uint64_t sealed = (how & 8u) != 0 ? whole : sizeof(*image);
    const uint64_t told = (how & 0x30u) == 0x30u ? fuzz_u32(&in) % (whole + 1u) : sealed;
    patch(&in, bytes);
    if ((how & 0x40u) == 0) {
        system_seal(image, sealed);
    }
    check(image, told);
    free(bytes);
    return 0;
}
