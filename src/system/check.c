/* SPDX-License-Identifier: BSD-2-Clause
 * The checker of a frozen system. It refuses what no guest could run on, not what is unusual, and
 * says everything it finds in one pass.
 * Spec: [SDM] Intel 64 and IA-32 SDM vol. 3A 11.4.1 (LAPIC registers at 0xFEE00000);
 *       [IOAPIC] Intel 82093AA 3.1 (0xFEC00000); [HPET] IA-PC HPET 1.0a 2.3.1 (1 KiB of registers);
 *       [LINUX] the kernel's boot protocol, "memory layout" (what lies below 640 KiB). */
#include "system/check.h"

#include <stdbool.h>

#include "base/arith.h"
#include "base/bits.h"
#include "base/crc32.h"
#include "base/string.h"
#include "system/check_int.h"

#define LOW_MEMORY    0xA0000u /* conventional memory: [0, 640 KiB) */
#define UART_PORTS    8u
#define PORTS_END     0x10000u
#define TICK_POLICIES 2u /* enum tick_policy lives in vm/time.h, a layer further down */
#define IRQS_END      16u
#define MODEL_END     (1ull << SYSTEM_CPU_MODEL_BITS)

const struct system_place system_places[SYSTEM_PLACES] = {
    {SYSTEM_DEV_LAPIC, SYSTEM_PLACE_MEMORY, 0xFEE00000u, 0x1000u},
    {SYSTEM_DEV_PIT, SYSTEM_PLACE_PORTS, 0x40u, 4u},
    {SYSTEM_DEV_PIT, SYSTEM_PLACE_PORTS, 0x61u, 1u},
    {SYSTEM_DEV_PIT, SYSTEM_PLACE_IRQ, 0u, 1u},
    {SYSTEM_DEV_HPET, SYSTEM_PLACE_MEMORY, 0xFED00000u, 0x400u},
    {SYSTEM_DEV_HPET, SYSTEM_PLACE_IRQ, 0u, 1u},
    {SYSTEM_DEV_PM_TIMER, SYSTEM_PLACE_PORTS, 0x608u, 4u},
    {SYSTEM_DEV_PIC, SYSTEM_PLACE_PORTS, 0x20u, 2u},
    {SYSTEM_DEV_PIC, SYSTEM_PLACE_PORTS, 0xA0u, 2u},
    {SYSTEM_DEV_PIC, SYSTEM_PLACE_PORTS, 0x4D0u, 2u},
    {SYSTEM_DEV_PIC, SYSTEM_PLACE_IRQ, 2u, 1u}, /* the cascade */
    {SYSTEM_DEV_IOAPIC, SYSTEM_PLACE_MEMORY, 0xFEC00000u, 0x1000u},
    {SYSTEM_DEV_IOAPIC, SYSTEM_PLACE_IRQ, 2u, 1u}, /* pin 2 carries the timer, ISA IRQ 0 */
    {SYSTEM_DEV_RTC, SYSTEM_PLACE_PORTS, 0x70u, 2u},
    {SYSTEM_DEV_RTC, SYSTEM_PLACE_IRQ, 8u, 1u},
    {SYSTEM_DEV_PCI, SYSTEM_PLACE_PORTS, 0xCF8u, 8u},
    {SYSTEM_DEV_POWER, SYSTEM_PLACE_PORTS, 0x600u, 6u},
    {SYSTEM_DEV_POWER, SYSTEM_PLACE_PORTS, 0xB2u, 1u},
    {SYSTEM_DEV_POWER, SYSTEM_PLACE_PORTS, 0xCF9u, 1u},
    {SYSTEM_DEV_POWER, SYSTEM_PLACE_PORTS, 0x60u, 1u},
    {SYSTEM_DEV_POWER, SYSTEM_PLACE_PORTS, 0x64u, 1u},
    {SYSTEM_DEV_POWER, SYSTEM_PLACE_PORTS, 0x92u, 1u},
    {SYSTEM_DEV_POWER, SYSTEM_PLACE_IRQ, 9u, 1u}, /* SCI */
    {SYSTEM_DEV_DEBUG_EXIT, SYSTEM_PLACE_PORTS, 0xF4u, 4u},
};

/* Devices that nothing can reach without another one. */
static const struct {
    uint32_t device;
    uint32_t needs;
} needs[] = {
    {SYSTEM_DEV_IOAPIC, SYSTEM_DEV_LAPIC}, /* its messages end at a LAPIC */
};

#define NEEDS (sizeof(needs) / sizeof(needs[0]))

/* Tables without the PM registers are those of hardware-reduced ACPI, which has no such chips: a guest that
 * believes them leaves the chips as they are, and is hit by their interrupts. [ACPI] 6.4, 4.1 */
static const uint32_t hidden_by_acpi[] = {SYSTEM_DEV_PIC, SYSTEM_DEV_PIT};

#define HIDDEN (sizeof(hidden_by_acpi) / sizeof(hidden_by_acpi[0]))

/* --- Names, counts, enumerations -------------------------------------------------------------- */

static void check_name(struct finder *f, const struct system_vm *vm)
{
    if (!text_ends(vm->name, SYSTEM_NAME_MAX)) {
        found(f, SYSTEM_UNTERMINATED, SYSTEM_FIELD_NAME, 0);
        return;
    }
    if (!name_good(vm->name)) {
        found(f, SYSTEM_BAD_NAME, SYSTEM_FIELD_NAME, 0);
        return;
    }
    for (uint32_t other = 0; other < f->vm; other++) { /* bound: SYSTEM_VMS_MAX */
        if (name_same(vm->name, f->image->vm[other].name)) {
            found(f, SYSTEM_SAME_NAME, SYSTEM_FIELD_NAME, 0);
            if (f->count <= f->max) {
                f->faults[f->count - 1].other_vm = other;
            }
            return;
        }
    }
}

static void check_values(struct finder *f, const struct system_vm *vm)
{
    if (vm->protocol != SYSTEM_BOOT_LINUX && vm->protocol != SYSTEM_BOOT_MULTIBOOT) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_PROTOCOL, 0);
    }
    if ((vm->devices & ~SYSTEM_DEV_ALL) != 0) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_DEVICES, 0);
    }
    if (vm->tick_policy >= TICK_POLICIES) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_TICK_POLICY, 0);
    }
    if (vm->on_failure > SYSTEM_FAIL_STOP_ALL) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_ON_FAILURE, 0);
    }
    if (vm->priority > SYSTEM_PRIORITY_MAX) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_PRIORITY, 0);
    }
    if (vm->cpu_model >= SYSTEM_CPU_MODELS) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_CPU_MODEL, 0);
    }
    for (uint32_t i = 0; i < SYSTEM_CPU_WORDS * 32u; i++) { /* bound: all features */
        if ((vm->cpu_on[i / 32u] & vm->cpu_off[i / 32u] & BIT32(i % 32u)) != 0) {
            found(f, SYSTEM_CPU_BOTH, SYSTEM_FIELD_CPU_FEATURES, i);
        }
    }
}

/* That the devices can work beside one another. */
static void check_devices(struct finder *f, const struct system_vm *vm)
{
    for (uint32_t i = 0; i < NEEDS; i++) { /* bound: NEEDS */
        bool wanted = (vm->devices & needs[i].device) != 0;
        if (wanted && (vm->devices & needs[i].needs) == 0) {
            found_with(f, SYSTEM_NEEDS_DEVICE, SYSTEM_FIELD_DEVICES, needs[i].device,
                       needs[i].needs);
        }
    }
    bool reduced = (vm->devices & SYSTEM_DEV_ACPI) != 0 && (vm->devices & SYSTEM_DEV_POWER) == 0;
    for (uint32_t i = 0; reduced && i < HIDDEN; i++) { /* bound: HIDDEN */
        if ((vm->devices & hidden_by_acpi[i]) != 0) {
            found(f, SYSTEM_HIDDEN_DEVICE, SYSTEM_FIELD_DEVICES, hidden_by_acpi[i]);
        }
    }
}

/* Counts within bounds, and nothing in what they leave unused: an image has one form only. */
static void check_counts(struct finder *f, const struct system_vm *vm)
{
    const struct {
        enum system_field field;
        uint32_t used, max;
        const void *first;
        size_t size;
    } lists[] = {
        {SYSTEM_FIELD_RANGE, vm->ranges, SYSTEM_RANGES_MAX, vm->range, sizeof(vm->range[0])},
        {SYSTEM_FIELD_SERIAL, vm->serials, SYSTEM_SERIALS_MAX, vm->serial, sizeof(vm->serial[0])},
        {SYSTEM_FIELD_MODULE, vm->modules, SYSTEM_MODULES_MAX, vm->module, sizeof(vm->module[0])},
        {SYSTEM_FIELD_NIC, vm->nics, SYSTEM_NICS_MAX, vm->nic, sizeof(vm->nic[0])},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) { /* bound: 4 */
        if (lists[i].used > lists[i].max) {
            found(f, SYSTEM_BAD_VALUE, lists[i].field, lists[i].max);
            continue;
        }
        const uint8_t *unused = (const uint8_t *)lists[i].first + lists[i].used * lists[i].size;
        if (!all_zero(unused, (lists[i].max - lists[i].used) * lists[i].size)) {
            found(f, SYSTEM_BAD_VALUE, lists[i].field, lists[i].used);
        }
    }
}

/* --- Memory ----------------------------------------------------------------------------------- */

static bool range_good(const struct system_range *r)
{
    return range_within(r->base, r->size, 0, ADDRESS_END);
}

static void check_range_alone(struct finder *f, const struct system_range *r, uint32_t index)
{
    if (r->size == 0) {
        found(f, SYSTEM_RANGE_EMPTY, SYSTEM_FIELD_RANGE, index);
    }
    if (((r->base | r->size) & (PAGE_BYTES - 1u)) != 0) {
        found(f, SYSTEM_RANGE_ALIGN, SYSTEM_FIELD_RANGE, index);
    }
    if (!range_good(r)) {
        found(f, SYSTEM_RANGE_WRAPS, SYSTEM_FIELD_RANGE, index);
    }
}

static void check_range_places(struct finder *f, const struct system_vm *vm, uint32_t index)
{
    const struct system_range *r = &vm->range[index];
    for (uint32_t i = 0; i < SYSTEM_PLACES; i++) { /* bound: SYSTEM_PLACES */
        const struct system_place *p = &system_places[i];
        if (p->kind != SYSTEM_PLACE_MEMORY || (vm->devices & p->device) == 0) {
            continue;
        }
        /* By whole pages: a host maps RAM, and traps devices, in no smaller pieces. */
        if (range_overlaps(r->base, r->size, p->first, align_up(p->count, PAGE_BYTES))) {
            found_with(f, SYSTEM_RANGE_DEVICE, SYSTEM_FIELD_RANGE, index, p->device);
        }
    }
}

static void check_memory(struct finder *f, const struct system_vm *vm)
{
    uint32_t ranges = u32_min(vm->ranges, SYSTEM_RANGES_MAX);
    if (ranges == 0) {
        found(f, SYSTEM_NO_MEMORY, SYSTEM_FIELD_RANGE, 0);
        return;
    }
    for (uint32_t i = 0; i < ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        const struct system_range *r = &vm->range[i];
        check_range_alone(f, r, i);
        if (i > 0 && r->base < vm->range[i - 1].base) {
            found(f, SYSTEM_RANGE_ORDER, SYSTEM_FIELD_RANGE, i);
        }
        for (uint32_t j = 0; j < i; j++) { /* bound: SYSTEM_RANGES_MAX */
            if (range_overlaps(r->base, r->size, vm->range[j].base, vm->range[j].size)) {
                found_with(f, SYSTEM_RANGE_OVERLAP, SYSTEM_FIELD_RANGE, i, j);
            }
        }
        check_range_places(f, vm, i);
        bool named = vm->cpu_model != SYSTEM_CPU_HOST;
        if (named && range_good(r) && !range_within(r->base, r->size, 0, MODEL_END)) {
            found(f, SYSTEM_CPU_WIDTH, SYSTEM_FIELD_RANGE, i);
        }
    }
}

/* True if [at, at + bytes) is RAM throughout. Ranges may adjoin, so a file may lie across several;
 * each turn either leaves one range behind for good or ends. */
static bool all_ram(const struct system_vm *vm, uint64_t at, uint64_t bytes)
{
    uint32_t ranges = u32_min(vm->ranges, SYSTEM_RANGES_MAX);
    for (uint32_t turn = 0; turn <= ranges; turn++) { /* bound: SYSTEM_RANGES_MAX + 1 */
        if (bytes == 0) {
            return true;
        }
        const struct system_range *home = NULL;
        for (uint32_t i = 0; i < ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
            if (range_within(at, 1, vm->range[i].base, vm->range[i].size)) {
                home = &vm->range[i];
            }
        }
        if (home == NULL) {
            return false;
        }
        uint64_t left = home->size - (at - home->base);
        if (bytes <= left) {
            return true;
        }
        bytes -= left;
        if (!u64_add(at, left, &at)) {
            return false;
        }
    }
    return false;
}

/* --- Serial ports ----------------------------------------------------------------------------- */

static void check_serial_places(struct finder *f, const struct system_vm *vm, uint32_t index)
{
    const struct system_serial *s = &vm->serial[index];
    uint32_t ports_of = 0; /* each device is named once, however many of its ports are hit */
    uint32_t irq_of = 0;
    for (uint32_t i = 0; i < SYSTEM_PLACES; i++) { /* bound: SYSTEM_PLACES */
        const struct system_place *p = &system_places[i];
        if ((vm->devices & p->device) == 0) {
            continue;
        }
        bool hit = range_overlaps(s->port, UART_PORTS, p->first, p->count);
        if (p->kind == SYSTEM_PLACE_PORTS && hit && (ports_of & p->device) == 0) {
            ports_of |= p->device;
            found_with(f, SYSTEM_PORT_DEVICE, SYSTEM_FIELD_SERIAL, index, p->device);
        }
        if (p->kind == SYSTEM_PLACE_IRQ && s->irq == p->first && irq_of == 0) {
            irq_of = p->device;
            found_with(f, SYSTEM_IRQ_TAKEN, SYSTEM_FIELD_SERIAL, index, p->device);
        }
    }
}

static void check_serials(struct finder *f, const struct system_vm *vm)
{
    uint32_t serials = u32_min(vm->serials, SYSTEM_SERIALS_MAX);
    for (uint32_t i = 0; i < serials; i++) { /* bound: SYSTEM_SERIALS_MAX */
        const struct system_serial *s = &vm->serial[i];
        if (s->port == 0 || !all_zero(s->unused, sizeof(s->unused))) {
            found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_SERIAL, i);
        }
        if (s->port > PORTS_END - UART_PORTS) {
            found(f, SYSTEM_PORT_RANGE, SYSTEM_FIELD_SERIAL, i);
        }
        if (s->irq >= IRQS_END) {
            found(f, SYSTEM_IRQ_RANGE, SYSTEM_FIELD_SERIAL, i);
        }
        for (uint32_t j = 0; j < i; j++) { /* bound: SYSTEM_SERIALS_MAX */
            if (range_overlaps(s->port, UART_PORTS, vm->serial[j].port, UART_PORTS)) {
                found_with(f, SYSTEM_PORT_OVERLAP, SYSTEM_FIELD_SERIAL, i, j);
            }
            if (s->irq == vm->serial[j].irq) {
                found(f, SYSTEM_IRQ_TAKEN, SYSTEM_FIELD_SERIAL, i);
            }
        }
        check_serial_places(f, vm, i);
    }
}

/* --- Boot files ------------------------------------------------------------------------------- */

static void check_packed(struct finder *f, const struct system_file *file, enum system_field field,
                         uint32_t index)
{
    if (file->packed_at == 0) {
        return;
    }
    uint64_t head = sizeof(struct system_image);
    if (!range_within(file->packed_at, file->bytes, head, f->image->total_bytes - head)) {
        found(f, SYSTEM_PACKED_OUTSIDE, field, index);
    } else if ((file->packed_at & (PAGE_BYTES - 1u)) != 0) {
        found(f, SYSTEM_BAD_VALUE, field, index); /* hosts map packed files by pages */
    }
}

/* A file that is there. Of a kernel only the first byte has to be RAM: how much of the file is
 * loaded, and where, is for its own headers to say, and for the loader to check. */
static void check_file(struct finder *f, const struct system_file *file, enum system_field field,
                       uint32_t index)
{
    const struct system_vm *vm = &f->image->vm[f->vm];
    if (!text_ends(file->path, SYSTEM_PATH_MAX) || !text_ends(file->args, SYSTEM_ARGS_MAX)) {
        found(f, SYSTEM_UNTERMINATED, field, index);
    }
    if (file->bytes == 0) {
        found(f, SYSTEM_EMPTY_FILE, field, index);
        return;
    }
    uint64_t loaded = field == SYSTEM_FIELD_KERNEL ? 1 : file->bytes;
    if (file->load_at != SYSTEM_AT_ANY && !all_ram(vm, file->load_at, loaded)) {
        found(f, SYSTEM_LOAD_AT_OUTSIDE, field, index);
    }
    check_packed(f, file, field, index);
}

static void check_modules(struct finder *f, const struct system_vm *vm)
{
    uint32_t modules = u32_min(vm->modules, SYSTEM_MODULES_MAX);
    for (uint32_t i = 0; i < modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        const struct system_file *m = &vm->module[i];
        if (m->path[0] == 0) {
            found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_MODULE, i);
            continue;
        }
        check_file(f, m, SYSTEM_FIELD_MODULE, i);
        for (uint32_t j = 0; j < i; j++) { /* bound: SYSTEM_MODULES_MAX */
            const struct system_file *o = &vm->module[j];
            if (m->load_at != SYSTEM_AT_ANY && o->load_at != SYSTEM_AT_ANY &&
                range_overlaps(m->load_at, m->bytes, o->load_at, o->bytes)) {
                found_with(f, SYSTEM_LOAD_AT_OVERLAP, SYSTEM_FIELD_MODULE, i, j);
            }
        }
    }
}

static void check_boot(struct finder *f, const struct system_vm *vm)
{
    if (vm->kernel.path[0] == 0) {
        found(f, SYSTEM_NO_KERNEL, SYSTEM_FIELD_KERNEL, 0);
    } else {
        check_file(f, &vm->kernel, SYSTEM_FIELD_KERNEL, 0);
    }
    if (vm->initrd.path[0] != 0) {
        if (vm->protocol == SYSTEM_BOOT_MULTIBOOT) {
            found(f, SYSTEM_WRONG_PROTOCOL, SYSTEM_FIELD_INITRD, 0);
        }
        check_file(f, &vm->initrd, SYSTEM_FIELD_INITRD, 0);
    } else if (!all_zero(&vm->initrd, sizeof(vm->initrd))) {
        found(f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_INITRD, 0);
    }
    if (vm->protocol == SYSTEM_BOOT_LINUX && vm->modules != 0) {
        found(f, SYSTEM_WRONG_PROTOCOL, SYSTEM_FIELD_MODULE, 0);
    }
    check_modules(f, vm);
    if (!text_ends(vm->cmdline, SYSTEM_CMDLINE_MAX)) {
        found(f, SYSTEM_UNTERMINATED, SYSTEM_FIELD_CMDLINE, 0);
    }
    /* The loader's blocks and the kernel's real-mode start code have no other place to go. */
    bool linux_boot = vm->protocol == SYSTEM_BOOT_LINUX;
    if (linux_boot && vm->ranges != 0 && !all_ram(vm, 0, LOW_MEMORY)) {
        found(f, SYSTEM_NO_LOW_MEMORY, SYSTEM_FIELD_RANGE, 0);
    }
}

/* --- The image -------------------------------------------------------------------------------- */

static uint32_t image_crc(const struct system_image *image, uint64_t bytes)
{
    static const uint32_t zero = 0;
    const uint8_t *raw = (const uint8_t *)image;
    size_t at = offsetof(struct system_image, crc);
    size_t after = at + sizeof(image->crc);
    uint32_t crc = crc32_update(0, raw, at);
    crc = crc32_update(crc, &zero, sizeof(zero));
    return crc32_update(crc, raw + after, (size_t)(bytes - after));
}

/* What must hold before any other field means anything. */
static enum system_fault_code image_fault(const struct system_image *image, uint64_t bytes)
{
    if (bytes < sizeof(image->magic)) {
        return SYSTEM_TOO_SHORT;
    }
    if (image->magic != SYSTEM_MAGIC) {
        return SYSTEM_BAD_MAGIC;
    }
    if (bytes < offsetof(struct system_image, crc)) {
        return SYSTEM_TOO_SHORT;
    }
    if (image->version != SYSTEM_VERSION) {
        return SYSTEM_BAD_VERSION;
    }
    if (bytes < sizeof(*image) || image->total_bytes < sizeof(*image) ||
        bytes < image->total_bytes) {
        return SYSTEM_TOO_SHORT;
    }
    if (image->crc != image_crc(image, image->total_bytes)) {
        return SYSTEM_BAD_CRC;
    }
    return SYSTEM_OK;
}

size_t system_check(const struct system_image *image, uint64_t bytes, struct system_fault *faults,
                    size_t max)
{
    struct finder f = {.image = image, .faults = faults, .max = max};
    enum system_fault_code code = image_fault(image, bytes);
    if (code != SYSTEM_OK) {
        found(&f, code, SYSTEM_FIELD_NONE, 0);
        return f.count;
    }
    if ((image->flags & ~SYSTEM_FLAG_STRICT) != 0) {
        found(&f, SYSTEM_BAD_FLAGS, SYSTEM_FIELD_NONE, 0);
    }
    if (image->vms == 0) {
        found(&f, SYSTEM_NO_VMS, SYSTEM_FIELD_NONE, 0);
    }
    if (image->vms > SYSTEM_VMS_MAX) {
        found(&f, SYSTEM_TOO_MANY_VMS, SYSTEM_FIELD_NONE, 0);
    }
    uint32_t vms = u32_min(image->vms, SYSTEM_VMS_MAX);
    for (f.vm = 0; f.vm < vms; f.vm++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &image->vm[f.vm];
        check_name(&f, vm);
        check_values(&f, vm);
        check_devices(&f, vm);
        check_counts(&f, vm);
        check_memory(&f, vm);
        check_serials(&f, vm);
        check_boot(&f, vm);
        check_nics(&f, vm);
        check_backing(&f, vm);
    }
    for (f.vm = vms; f.vm < SYSTEM_VMS_MAX; f.vm++) { /* bound: SYSTEM_VMS_MAX */
        if (!all_zero(&image->vm[f.vm], sizeof(image->vm[f.vm]))) {
            found(&f, SYSTEM_BAD_VALUE, SYSTEM_FIELD_NONE, 0);
        }
    }
    check_switches(&f);
    check_sel4(&f);
    return f.count;
}

void system_seal(struct system_image *image, uint64_t total_bytes)
{
    image->magic = SYSTEM_MAGIC;
    image->version = SYSTEM_VERSION;
    image->total_bytes = total_bytes;
    image->crc = image_crc(image, total_bytes);
}
