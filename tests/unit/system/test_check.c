/* SPDX-License-Identifier: BSD-2-Clause
 * The checker of the frozen system: every fault it knows, one mutation of a good image each. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "system/check.h"
#include "vm/time.h"

#define MIB   0x100000u
#define FOUND 16u

static struct {
    struct system_image image;
    uint8_t packed[8192]; /* room for files behind it */
} store;

static struct system_image *const image = &store.image;
static struct system_fault faults[FOUND];

static void set_file(struct system_file *f, const char *path, uint64_t bytes, uint64_t load_at)
{
    strcpy(f->path, path);
    f->bytes = bytes;
    f->load_at = load_at;
}

/* An RTOS with a LAPIC only, and a Linux with everything: two VMs without a fault. */
static void make_good(void)
{
    memset(&store, 0, sizeof(store));
    image->vms = 2;
    struct system_vm *rtos = &image->vm[0];
    strcpy(rtos->name, "rtos");
    rtos->protocol = SYSTEM_BOOT_MULTIBOOT;
    rtos->devices = SYSTEM_DEV_LAPIC;
    rtos->tick_policy = TICK_CATCH_UP;
    rtos->on_failure = SYSTEM_FAIL_RESTART;
    rtos->ranges = 2;
    rtos->range[0] = (struct system_range){0, 64 * MIB};
    rtos->range[1] = (struct system_range){64 * MIB, 64 * MIB};
    rtos->serials = 1;
    rtos->serial[0] = (struct system_serial){.port = 0x3F8, .irq = 4};
    set_file(&rtos->kernel, "rtos.elf", 12345, SYSTEM_AT_ANY);
    rtos->modules = 2;
    set_file(&rtos->module[0], "a.bin", MIB, 63 * MIB + MIB / 2); /* across both ranges */
    set_file(&rtos->module[1], "b.bin", MIB, SYSTEM_AT_ANY);
    struct system_vm *linux_vm = &image->vm[1];
    strcpy(linux_vm->name, "linux");
    linux_vm->cpu = SYSTEM_CPU_ANY;
    linux_vm->protocol = SYSTEM_BOOT_LINUX;
    linux_vm->devices = SYSTEM_DEV_ALL;
    linux_vm->tick_policy = TICK_COALESCE;
    linux_vm->on_failure = SYSTEM_FAIL_STOP_ALL;
    linux_vm->ranges = 2;
    linux_vm->range[0] = (struct system_range){0, 256 * MIB};
    linux_vm->range[1] = (struct system_range){0x100000000u, 256 * MIB};
    linux_vm->serials = 2;
    linux_vm->serial[0] = (struct system_serial){.port = 0x3F8, .irq = 4};
    linux_vm->serial[1] = (struct system_serial){.port = 0x2F8, .irq = 3};
    set_file(&linux_vm->kernel, "vmlinuz", 777, 16 * MIB);
    set_file(&linux_vm->initrd, "initrd", 888, SYSTEM_AT_ANY);
}

static size_t check(void)
{
    memset(faults, 0xEE, sizeof(faults));
    return system_check(image, sizeof(store), faults, FOUND);
}

static size_t seal_and_check(void)
{
    system_seal(image, sizeof(*image));
    return check();
}

/* --- One change, one fault -------------------------------------------------------------------- */

enum width { W8, W16, W32, W64 };

struct mutation {
    const char *what;
    void *at;
    enum width width;
    uint64_t value;
    enum system_fault_code code;
    enum system_field field;
    uint32_t vm, index, other_index;
};

#define VM0 store.image.vm[0]
#define VM1 store.image.vm[1]

static const struct mutation mutations[] = {
    {"no VMs leaves used ones behind", &store.image.vms, W32, 0, SYSTEM_NO_VMS, 0, 0, 0, 0},
    {"nine VMs", &store.image.vms, W32, 9, SYSTEM_TOO_MANY_VMS, 0, 0, 0, 0},
    {"a VM that is empty", &store.image.vms, W32, 3, SYSTEM_BAD_NAME, SYSTEM_FIELD_NAME, 2, 0, 0},
    {"unknown flag", &store.image.flags, W32, 2, SYSTEM_BAD_FLAGS, 0, 0, 0, 0},
    {"unused VM not zero", &store.image.vm[7].cpu, W8, 1, SYSTEM_BAD_VALUE, 0, 7, 0, 0},
    {"empty name", VM0.name, W8, 0, SYSTEM_BAD_NAME, SYSTEM_FIELD_NAME, 0, 0, 0},
    {"name with a slash", &VM0.name[1], W8, '/', SYSTEM_BAD_NAME, SYSTEM_FIELD_NAME, 0, 0, 0},
    {"protocol 0", &VM0.protocol, W32, 0, SYSTEM_BAD_VALUE, SYSTEM_FIELD_PROTOCOL, 0, 0, 0},
    {"protocol 3", &VM0.protocol, W32, 3, SYSTEM_BAD_VALUE, SYSTEM_FIELD_PROTOCOL, 0, 0, 0},
    {"unknown device", &VM0.devices, W32, 0x801, SYSTEM_BAD_VALUE, SYSTEM_FIELD_DEVICES, 0, 0, 0},
    {"I/O APIC without LAPIC", &VM0.devices, W32, SYSTEM_DEV_IOAPIC, SYSTEM_NEEDS_DEVICE,
     SYSTEM_FIELD_DEVICES, 0, SYSTEM_DEV_IOAPIC, SYSTEM_DEV_LAPIC},
    {"PIC under hardware-reduced ACPI", &VM0.devices, W32, SYSTEM_DEV_ACPI | SYSTEM_DEV_PIC,
     SYSTEM_HIDDEN_DEVICE, SYSTEM_FIELD_DEVICES, 0, SYSTEM_DEV_PIC, 0},
    {"PIT under hardware-reduced ACPI", &VM0.devices, W32, SYSTEM_DEV_ACPI | SYSTEM_DEV_PIT,
     SYSTEM_HIDDEN_DEVICE, SYSTEM_FIELD_DEVICES, 0, SYSTEM_DEV_PIT, 0},
    {"tick policy", &VM0.tick_policy, W32, 2, SYSTEM_BAD_VALUE, SYSTEM_FIELD_TICK_POLICY, 0, 0, 0},
    {"on failure", &VM0.on_failure, W32, 3, SYSTEM_BAD_VALUE, SYSTEM_FIELD_ON_FAILURE, 0, 0, 0},
    {"priority 99", &VM0.priority, W32, 99, SYSTEM_BAD_VALUE, SYSTEM_FIELD_PRIORITY, 0, 0, 0},
    {"processor model 4", &VM0.cpu_model, W32, 4, SYSTEM_BAD_VALUE, SYSTEM_FIELD_CPU_MODEL, 0, 0,
     0},
    {"nine ranges", &VM0.ranges, W32, 9, SYSTEM_BAD_VALUE, SYSTEM_FIELD_RANGE, 0, 8, 0},
    {"2^32-1 serials", &VM0.serials, W32, ~0u, SYSTEM_BAD_VALUE, SYSTEM_FIELD_SERIAL, 0, 4, 0},
    {"nine modules", &VM0.modules, W32, 9, SYSTEM_BAD_VALUE, SYSTEM_FIELD_MODULE, 0, 8, 0},
    {"unused range", &VM0.range[7].size, W8, 1, SYSTEM_BAD_VALUE, SYSTEM_FIELD_RANGE, 0, 2, 0},
    {"unused serial", &VM0.serial[3].irq, W8, 1, SYSTEM_BAD_VALUE, SYSTEM_FIELD_SERIAL, 0, 1, 0},
    {"unused module", &VM0.module[7].bytes, W8, 1, SYSTEM_BAD_VALUE, SYSTEM_FIELD_MODULE, 0, 2, 0},
    {"no memory", &VM0.ranges, W32, 0, SYSTEM_NO_MEMORY, SYSTEM_FIELD_RANGE, 0, 0, 0},
    {"empty range", &VM0.range[1].size, W64, 0, SYSTEM_RANGE_EMPTY, SYSTEM_FIELD_RANGE, 0, 1, 0},
    {"size of half a page", &VM0.range[1].size, W64, 64 * MIB + 0x800, SYSTEM_RANGE_ALIGN,
     SYSTEM_FIELD_RANGE, 0, 1, 0},
    {"base within a page", &VM0.range[1].base, W64, 64 * MIB + 1, SYSTEM_RANGE_ALIGN,
     SYSTEM_FIELD_RANGE, 0, 1, 0},
    {"end beyond 2^46", &VM0.range[1].base, W64, (1ull << 46) - 0x1000, SYSTEM_RANGE_WRAPS,
     SYSTEM_FIELD_RANGE, 0, 1, 0},
    {"end beyond 2^64", &VM0.range[1].base, W64, UINT64_MAX - 0xFFF, SYSTEM_RANGE_WRAPS,
     SYSTEM_FIELD_RANGE, 0, 1, 0},
    {"overlap by a page", &VM0.range[1].base, W64, 64 * MIB - 0x1000, SYSTEM_RANGE_OVERLAP,
     SYSTEM_FIELD_RANGE, 0, 1, 0},
    {"not ascending", &VM1.range[0].base, W64, 0x200000000u, SYSTEM_RANGE_ORDER, SYSTEM_FIELD_RANGE,
     1, 1, 0},
    {"RAM on the LAPIC", &VM0.range[1].base, W64, 0xFEE00000u, SYSTEM_RANGE_DEVICE,
     SYSTEM_FIELD_RANGE, 0, 1, SYSTEM_DEV_LAPIC},
    {"RAM on the I/O APIC", &VM1.range[0].size, W64, 0xFEC00000u + 0x1000, SYSTEM_RANGE_DEVICE,
     SYSTEM_FIELD_RANGE, 1, 0, SYSTEM_DEV_IOAPIC},
    {"Linux without page 0", &VM1.range[0].base, W64, 0x1000, SYSTEM_NO_LOW_MEMORY,
     SYSTEM_FIELD_RANGE, 1, 0, 0},
    {"serial port 0", &VM0.serial[0].port, W16, 0, SYSTEM_BAD_VALUE, SYSTEM_FIELD_SERIAL, 0, 0, 0},
    {"serial beyond the last port", &VM0.serial[0].port, W16, 0xFFF9, SYSTEM_PORT_RANGE,
     SYSTEM_FIELD_SERIAL, 0, 0, 0},
    {"serial irq 16", &VM0.serial[0].irq, W8, 16, SYSTEM_IRQ_RANGE, SYSTEM_FIELD_SERIAL, 0, 0, 0},
    {"serial padding", &VM0.serial[0].unused[4], W8, 1, SYSTEM_BAD_VALUE, SYSTEM_FIELD_SERIAL, 0, 0,
     0},
    {"UARTs overlap", &VM1.serial[1].port, W16, 0x3F1, SYSTEM_PORT_OVERLAP, SYSTEM_FIELD_SERIAL, 1,
     1, 0},
    {"UARTs share an IRQ", &VM1.serial[1].irq, W8, 4, SYSTEM_IRQ_TAKEN, SYSTEM_FIELD_SERIAL, 1, 1,
     0},
    {"UART on PCI", &VM1.serial[1].port, W16, 0xCF2, SYSTEM_PORT_DEVICE, SYSTEM_FIELD_SERIAL, 1, 1,
     SYSTEM_DEV_PCI},
    {"UART on the PM timer", &VM1.serial[1].port, W16, 0x60B, SYSTEM_PORT_DEVICE,
     SYSTEM_FIELD_SERIAL, 1, 1, SYSTEM_DEV_PM_TIMER},
    {"UART on debug exit", &VM1.serial[1].port, W16, 0xF7, SYSTEM_PORT_DEVICE, SYSTEM_FIELD_SERIAL,
     1, 1, SYSTEM_DEV_DEBUG_EXIT},
    {"UART on the timer's IRQ", &VM1.serial[1].irq, W8, 0, SYSTEM_IRQ_TAKEN, SYSTEM_FIELD_SERIAL, 1,
     1, SYSTEM_DEV_PIT},
    {"UART on the cascade", &VM1.serial[1].irq, W8, 2, SYSTEM_IRQ_TAKEN, SYSTEM_FIELD_SERIAL, 1, 1,
     SYSTEM_DEV_PIC},
    {"UART on the RTC's IRQ", &VM1.serial[1].irq, W8, 8, SYSTEM_IRQ_TAKEN, SYSTEM_FIELD_SERIAL, 1,
     1, SYSTEM_DEV_RTC},
    {"UART on the SCI", &VM1.serial[1].irq, W8, 9, SYSTEM_IRQ_TAKEN, SYSTEM_FIELD_SERIAL, 1, 1,
     SYSTEM_DEV_POWER},
    {"no kernel", VM0.kernel.path, W8, 0, SYSTEM_NO_KERNEL, SYSTEM_FIELD_KERNEL, 0, 0, 0},
    {"empty kernel", &VM0.kernel.bytes, W64, 0, SYSTEM_EMPTY_FILE, SYSTEM_FIELD_KERNEL, 0, 0, 0},
    {"empty module", &VM0.module[1].bytes, W64, 0, SYSTEM_EMPTY_FILE, SYSTEM_FIELD_MODULE, 0, 1, 0},
    {"nameless module", VM0.module[1].path, W8, 0, SYSTEM_BAD_VALUE, SYSTEM_FIELD_MODULE, 0, 1, 0},
    {"nameless initrd", VM1.initrd.path, W8, 0, SYSTEM_BAD_VALUE, SYSTEM_FIELD_INITRD, 1, 0, 0},
    {"initrd with Multiboot", &VM1.protocol, W32, SYSTEM_BOOT_MULTIBOOT, SYSTEM_WRONG_PROTOCOL,
     SYSTEM_FIELD_INITRD, 1, 0, 0},
    {"modules with Linux", &VM0.protocol, W32, SYSTEM_BOOT_LINUX, SYSTEM_WRONG_PROTOCOL,
     SYSTEM_FIELD_MODULE, 0, 0, 0},
    {"kernel loaded beyond RAM", &VM1.kernel.load_at, W64, 256 * MIB, SYSTEM_LOAD_AT_OUTSIDE,
     SYSTEM_FIELD_KERNEL, 1, 0, 0},
    {"initrd out of RAM by a byte", &VM1.initrd.load_at, W64, 256 * MIB - 887,
     SYSTEM_LOAD_AT_OUTSIDE, SYSTEM_FIELD_INITRD, 1, 0, 0},
    {"module at the end of all", &VM0.module[1].load_at, W64, UINT64_MAX - 1,
     SYSTEM_LOAD_AT_OUTSIDE, SYSTEM_FIELD_MODULE, 0, 1, 0},
    {"module beyond both ranges", &VM0.module[0].load_at, W64, 127 * MIB + 1,
     SYSTEM_LOAD_AT_OUTSIDE, SYSTEM_FIELD_MODULE, 0, 0, 0},
    {"modules over each other", &VM0.module[1].load_at, W64, 64 * MIB, SYSTEM_LOAD_AT_OVERLAP,
     SYSTEM_FIELD_MODULE, 0, 1, 0},
    {"packed in the header", &VM0.kernel.packed_at, W64, 0x1000, SYSTEM_PACKED_OUTSIDE,
     SYSTEM_FIELD_KERNEL, 0, 0, 0},
    {"packed beyond the end", &VM0.kernel.packed_at, W64, UINT64_MAX - 0xFFF, SYSTEM_PACKED_OUTSIDE,
     SYSTEM_FIELD_KERNEL, 0, 0, 0},
};

static void put(const struct mutation *m)
{
    uint8_t v[8];
    for (uint32_t i = 0; i < 8; i++) {
        v[i] = (uint8_t)(m->value >> (8 * i));
    }
    memcpy(m->at, v, (size_t)1 << m->width);
}

static void each_fault_is_found_where_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
        const struct mutation *m = &mutations[i];
        make_good();
        put(m);
        size_t n = seal_and_check();
        size_t hits = 0;
        for (size_t k = 0; k < n && k < FOUND; k++) {
            const struct system_fault *f = &faults[k];
            hits += f->code == m->code && f->field == m->field && f->vm == m->vm &&
                    f->index == m->index && f->other_index == m->other_index;
        }
        if (hits != 1) {
            printf("mutation \"%s\": %zu of %zu faults match\n", m->what, hits, n);
        }
        assert_int_equal(hits, 1);
    }
}

static void a_good_image_has_no_fault(void **state)
{
    (void)state;
    make_good();
    assert_int_equal(seal_and_check(), 0);
    image->flags = SYSTEM_FLAG_STRICT;
    assert_int_equal(seal_and_check(), 0);
    /* Every VM used, every name of full length. */
    image->vms = SYSTEM_VMS_MAX;
    for (uint32_t i = 1; i < SYSTEM_VMS_MAX; i++) {
        image->vm[i] = image->vm[0];
        memset(image->vm[i].name, 'a' + (int)i, SYSTEM_NAME_MAX - 1);
    }
    assert_int_equal(seal_and_check(), 0);
}

static void a_device_that_is_absent_claims_nothing(void **state)
{
    (void)state;
    make_good();
    struct system_vm *vm = &image->vm[0];
    vm->devices = 0;
    vm->ranges = 1;
    vm->range[0] = (struct system_range){0, 0x100000000u};
    vm->range[1] = (struct system_range){0};
    vm->serial[0] = (struct system_serial){.port = 0xCF8, .irq = 2};
    assert_int_equal(seal_and_check(), 0);
    vm->devices = SYSTEM_DEV_ALL;
    /* RAM on LAPIC, HPET and I/O APIC; ports on PCI and on power (0xCF9); the cascade's IRQ. */
    assert_int_equal(seal_and_check(), 6);
}

static void a_processor_has_features_on_or_off_and_a_width(void **state)
{
    (void)state;
    make_good();
    VM0.cpu_model = SYSTEM_CPU_BASELINE3;
    VM0.cpu_on[SYSTEM_CPU_WORDS - 1] = 0x80000000u;
    VM0.cpu_off[SYSTEM_CPU_WORDS - 1] = 0x7FFFFFFFu;
    assert_int_equal(seal_and_check(), 0);
    VM0.cpu_off[SYSTEM_CPU_WORDS - 1] = UINT32_MAX;
    VM0.cpu_on[0] = VM0.cpu_off[0] = 1;
    assert_int_equal(seal_and_check(), 2);
    assert_int_equal(faults[0].code, SYSTEM_CPU_BOTH);
    assert_int_equal(faults[0].field, SYSTEM_FIELD_CPU_FEATURES);
    assert_int_equal(faults[0].index, 0);
    assert_int_equal(faults[1].index, SYSTEM_CPU_WORDS * 32 - 1);
    /* What a named model addresses ends; the host's own may go on. */
    make_good();
    VM0.range[1].base = (1ull << 39) - VM0.range[1].size;
    VM0.module[0].load_at = VM0.module[1].load_at = SYSTEM_AT_ANY;
    for (uint32_t model = 0; model < SYSTEM_CPU_MODELS; model++) {
        VM0.cpu_model = model;
        assert_int_equal(seal_and_check(), 0);
    }
    VM0.range[1].base += 0x1000;
    for (uint32_t model = 0; model < SYSTEM_CPU_MODELS; model++) {
        VM0.cpu_model = model;
        assert_int_equal(seal_and_check(), model == SYSTEM_CPU_HOST ? 0 : 1);
        if (model != SYSTEM_CPU_HOST) {
            assert_int_equal(faults[0].code, SYSTEM_CPU_WIDTH);
            assert_int_equal(faults[0].index, 1);
        }
    }
}

static void every_string_must_end(void **state)
{
    (void)state;
    struct {
        char *text;
        size_t size;
        enum system_field field;
        uint32_t vm, index;
    } texts[] = {
        {VM1.name, SYSTEM_NAME_MAX, SYSTEM_FIELD_NAME, 1, 0},
        {VM0.kernel.path, SYSTEM_PATH_MAX, SYSTEM_FIELD_KERNEL, 0, 0},
        {VM0.kernel.args, SYSTEM_ARGS_MAX, SYSTEM_FIELD_KERNEL, 0, 0},
        {VM1.initrd.path, SYSTEM_PATH_MAX, SYSTEM_FIELD_INITRD, 1, 0},
        {VM0.module[1].args, SYSTEM_ARGS_MAX, SYSTEM_FIELD_MODULE, 0, 1},
        {VM0.cmdline, SYSTEM_CMDLINE_MAX, SYSTEM_FIELD_CMDLINE, 0, 0},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        make_good();
        memset(texts[i].text, 'x', texts[i].size);
        assert_int_equal(seal_and_check(), 1);
        assert_int_equal(faults[0].code, SYSTEM_UNTERMINATED);
        assert_int_equal(faults[0].field, texts[i].field);
        assert_int_equal(faults[0].vm, texts[i].vm);
        assert_int_equal(faults[0].index, texts[i].index);
        texts[i].text[texts[i].size - 1] = 0; /* the last byte may be the final 0 */
        assert_int_equal(seal_and_check(), 0);
    }
}

static void two_vms_of_one_name(void **state)
{
    (void)state;
    make_good();
    strcpy(image->vm[1].name, "rtos");
    assert_int_equal(seal_and_check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_SAME_NAME);
    assert_int_equal(faults[0].vm, 1);
    assert_int_equal(faults[0].other_vm, 0);
    strcpy(image->vm[1].name, "rtos2");
    assert_int_equal(seal_and_check(), 0);
}

static void any_flipped_bit_is_noticed(void **state)
{
    (void)state;
    make_good();
    system_seal(image, sizeof(*image));
    uint8_t *raw = (uint8_t *)&store;
    for (size_t at = 0; at < sizeof(*image); at += at < 64 ? 1 : 997) {
        raw[at] ^= (uint8_t)(1u << (at % 8));
        assert_int_equal(check(), 1);
        enum system_fault_code code = faults[0].code;
        assert_true(code == (at < 8    ? SYSTEM_BAD_MAGIC
                             : at < 12 ? SYSTEM_BAD_VERSION
                             : at < 16 ? SYSTEM_BAD_CRC
                                       : code));
        assert_true(at < 16 || code == SYSTEM_BAD_CRC || (at < 24 && code == SYSTEM_TOO_SHORT));
        raw[at] ^= (uint8_t)(1u << (at % 8));
    }
    assert_int_equal(check(), 0);
}

static void a_cut_image_is_never_read_beyond_its_end(void **state)
{
    (void)state;
    make_good();
    system_seal(image, sizeof(*image));
    for (uint64_t bytes = 0; bytes < sizeof(*image); bytes += bytes < 64 ? 1 : 991) {
        assert_int_equal(system_check(image, bytes, faults, FOUND), 1);
        assert_int_equal(faults[0].code, SYSTEM_TOO_SHORT);
    }
    image->total_bytes = 0;
    assert_int_equal(check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_TOO_SHORT);
    image->total_bytes = sizeof(store) + 1;
    assert_int_equal(check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_TOO_SHORT);
}

static void packed_files_lie_behind_the_header_and_count_in_the_checksum(void **state)
{
    (void)state;
    make_good();
    uint64_t at = (sizeof(*image) + 0xFFF) & ~0xFFFull;
    uint64_t total = at + 100;
    assert_true(total <= sizeof(store));
    image->vm[1].kernel.packed_at = at;
    image->vm[1].kernel.bytes = 100;
    system_seal(image, total);
    assert_int_equal(check(), 0);
    ((uint8_t *)&store)[total - 1] ^= 1;
    assert_int_equal(check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_BAD_CRC);
    ((uint8_t *)&store)[total - 1] ^= 1;
    image->vm[1].kernel.bytes = 101;
    system_seal(image, total);
    assert_int_equal(check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_PACKED_OUTSIDE);
    image->vm[1].kernel.bytes = 1;
    image->vm[1].kernel.packed_at = at + 8;
    system_seal(image, total);
    assert_int_equal(check(), 1);
    assert_int_equal(faults[0].code, SYSTEM_BAD_VALUE);
    assert_int_equal(faults[0].field, SYSTEM_FIELD_KERNEL);
}

static void faults_beyond_the_room_for_them_are_still_counted(void **state)
{
    (void)state;
    make_good();
    image->vms = SYSTEM_VMS_MAX; /* six empty VMs: no name, protocol, memory, kernel each */
    assert_int_equal(seal_and_check(), 24);
    assert_int_equal(system_check(image, sizeof(store), NULL, 0), 24);
    struct system_fault one[2];
    memset(one, 0xEE, sizeof(one));
    assert_int_equal(system_check(image, sizeof(store), one, 1), 24);
    assert_int_equal(one[0].code, SYSTEM_BAD_NAME);
    assert_int_equal(one[1].vm, 0xEEEEEEEEu);
    strcpy(image->vm[1].name, "rtos"); /* a fault with other_vm, where there is no room */
    system_seal(image, sizeof(*image));
    assert_int_equal(system_check(image, sizeof(store), NULL, 0), 25);
}

/* A hostile image with a right checksum: any bytes in any field, checked within its bounds. */
static void no_bytes_in_any_field_upset_the_checker(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (uint32_t round = 0; round < 500; round++) {
        make_good();
        for (uint32_t i = 0; i < 1 + round % 8; i++) {
            random = random * 1664525u + 1013904223u;
            size_t vm = (random >> 28) % 3;
            /* Mostly the small fields in front and the files' numbers, seldom the long texts. */
            size_t at = (random >> 8) % (round % 2 == 0 ? 256 : sizeof(image->vm[0]));
            ((uint8_t *)&image->vm[vm])[at] = (uint8_t)(random >> 3);
        }
        size_t n = seal_and_check();
        for (size_t k = 0; k < n && k < FOUND; k++) {
            assert_true(faults[k].code > SYSTEM_OK && faults[k].code <= SYSTEM_FORWARD_TAKEN);
            assert_true(faults[k].field <= SYSTEM_FIELD_SWITCH);
            assert_true(faults[k].vm < SYSTEM_VMS_MAX);
        }
    }
}

static void every_device_bit_has_its_place_or_needs_none(void **state)
{
    (void)state;
    uint32_t placed = 0;
    for (uint32_t i = 0; i < SYSTEM_PLACES; i++) {
        assert_true(system_places[i].count > 0);
        assert_int_equal(system_places[i].device & (system_places[i].device - 1), 0);
        placed |= system_places[i].device;
    }
    assert_int_equal(placed, SYSTEM_DEV_ALL & ~SYSTEM_DEV_ACPI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_image_has_no_fault),
        cmocka_unit_test(each_fault_is_found_where_it_is),
        cmocka_unit_test(a_device_that_is_absent_claims_nothing),
        cmocka_unit_test(a_processor_has_features_on_or_off_and_a_width),
        cmocka_unit_test(every_string_must_end),
        cmocka_unit_test(two_vms_of_one_name),
        cmocka_unit_test(any_flipped_bit_is_noticed),
        cmocka_unit_test(a_cut_image_is_never_read_beyond_its_end),
        cmocka_unit_test(packed_files_lie_behind_the_header_and_count_in_the_checksum),
        cmocka_unit_test(faults_beyond_the_room_for_them_are_still_counted),
        cmocka_unit_test(no_bytes_in_any_field_upset_the_checker),
        cmocka_unit_test(every_device_bit_has_its_place_or_needs_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
