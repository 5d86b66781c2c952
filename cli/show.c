/* SPDX-License-Identifier: BSD-2-Clause */
#include "show.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "draft_sel4.h"
#include "kvm/cpu_words.h"
#include "schema.h"
#include "system/check.h"
#include "words.h"

#define ROWS_MAX   (SYSTEM_PLACES + SYSTEM_RANGES_MAX + SYSTEM_SERIALS_MAX + SYSTEM_NICS_MAX)
#define UART_PORTS 8u
#define WIDTH      100u

/* One line of a map: [first, first + count) belongs to `owner`. */
struct row {
    uint64_t first;
    uint64_t count;
    char owner[48];
};

struct map {
    size_t rows;
    struct row row[ROWS_MAX];
};

/* In ascending order; what shares one place shares one row. */
static void map_add(struct map *m, uint64_t first, uint64_t count, const char *owner)
{
    for (size_t i = 0; i < m->rows; i++) { /* bound: ROWS_MAX */
        struct row *r = &m->row[i];
        if (r->first == first && r->count == count) {
            size_t used = strlen(r->owner);
            snprintf(r->owner + used, sizeof(r->owner) - used, ", %s", owner);
            return;
        }
    }
    if (m->rows == ROWS_MAX) {
        return;
    }
    size_t at = m->rows++;
    while (at > 0 && m->row[at - 1].first > first) { /* bound: ROWS_MAX */
        m->row[at] = m->row[at - 1];
        at--;
    }
    m->row[at].first = first;
    m->row[at].count = count;
    snprintf(m->row[at].owner, sizeof(m->row[at].owner), "%s", owner);
}

static const char *device_name(uint32_t device)
{
    const char *name = schema_word_name(&schema_devices, device);
    return name[0] != '?' ? name : schema_word_name(&schema_timers, device);
}

static void map_devices(struct map *m, const struct system_vm *vm, enum system_place_kind kind)
{
    for (unsigned i = 0; i < SYSTEM_PLACES; i++) {
        const struct system_place *p = &system_places[i];
        if (p->kind == kind && (vm->devices & p->device) != 0) {
            map_add(m, p->first, p->count, device_name(p->device));
        }
    }
}

static const char *serial_name(const struct system_serial *s, uint32_t index, char text[40])
{
    static const struct {
        uint16_t port;
        const char *name;
    } coms[] = {{0x3F8, ", COM1"}, {0x2F8, ", COM2"}, {0x3E8, ", COM3"}, {0x2E8, ", COM4"}};
    const char *com = "";
    for (unsigned i = 0; i < 4; i++) {
        com = coms[i].port == s->port ? coms[i].name : com;
    }
    snprintf(text, 40, "serial %u%s%s", index, com, index == 0 ? ", console" : "");
    return text;
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* Every line begins with what it is about, or with as much room. */
static void heading(FILE *out, const char *what)
{
    fprintf(out, "  %-12s ", what);
}

static void show_memory(FILE *out, const struct system_vm *vm)
{
    struct map map = {.rows = 0};
    for (uint32_t i = 0; i < vm->ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        map_add(&map, vm->range[i].base, vm->range[i].size, "RAM");
    }
    map_devices(&map, vm, SYSTEM_PLACE_MEMORY);
    for (uint32_t i = 0; i < vm->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        if (vm->nic[i].at != 0) {
            char name[24];
            snprintf(name, sizeof(name), "card %u", i);
            map_add(&map, vm->nic[i].at, SYSTEM_NIC_BYTES, name);
        }
    }
    uint64_t last = 0;
    for (size_t i = 0; i < map.rows; i++) { /* bound: ROWS_MAX */
        uint64_t end = map.row[i].first + map.row[i].count - 1;
        last = end > last ? end : last;
    }
    int digits = last >> 32 == 0 ? 8 : 12;  /* 2^46 has twelve */
    for (size_t i = 0; i < map.rows; i++) { /* bound: ROWS_MAX */
        const struct row *r = &map.row[i];
        char size[SIZE_TEXT];
        heading(out, i == 0 ? "memory" : "");
        fprintf(out, "0x%0*" PRIx64 "-0x%0*" PRIx64 " %10s  %s\n", digits, r->first, digits,
                r->first + r->count - 1, size_text(r->count, size), r->owner);
    }
}

static void show_file(FILE *out, const char *what, const struct system_file *f)
{
    char size[SIZE_TEXT];
    heading(out, what);
    fprintf(out, "%s (%s", f->path, size_text(f->bytes, size));
    if (f->load_at != SYSTEM_AT_ANY) {
        fprintf(out, ", to be loaded at 0x%" PRIx64, f->load_at);
    }
    if (f->packed_at != 0) {
        fprintf(out, ", packed at 0x%" PRIx64, f->packed_at);
    }
    fputs(")\n", out);
    if (f->args[0] != 0) {
        heading(out, "");
        fprintf(out, "with \"%s\"\n", f->args);
    }
}

static void show_boot(FILE *out, const struct system_vm *vm)
{
    heading(out, "boot");
    fputs(vm->protocol == SYSTEM_BOOT_LINUX ? "Linux boot protocol\n" : "Multiboot 1\n", out);
    show_file(out, "kernel", &vm->kernel);
    if (vm->initrd.path[0] != 0) {
        show_file(out, "initrd", &vm->initrd);
    }
    for (uint32_t i = 0; i < vm->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        char what[24];
        snprintf(what, sizeof(what), "module %u", i);
        show_file(out, what, &vm->module[i]);
    }
    heading(out, "command line");
    fprintf(out, "%s\n", vm->cmdline[0] == 0 ? "(none)" : vm->cmdline);
}

static void show_words(FILE *out, const char *what, const struct word_list *words, uint32_t bits)
{
    const char *gap = "";
    heading(out, what);
    for (size_t i = 0; i < words->count; i++) { /* bound: a table's length */
        if ((bits & words->word[i].value) != 0) {
            fprintf(out, "%s%s", gap, words->word[i].name);
            gap = ", ";
        }
    }
    fprintf(out, "%s\n", gap[0] == 0 ? "none" : "");
}

/* Ports and interrupts: many short entries, several to a line. */
static void show_entries(FILE *out, const char *what, const struct map *map, const char *format)
{
    size_t column = WIDTH + 1;
    for (size_t i = 0; i < map->rows; i++) { /* bound: ROWS_MAX */
        const struct row *r = &map->row[i];
        char place[40];
        char entry[100];
        snprintf(place, sizeof(place), format, (unsigned)r->first);
        if (r->count > 1) {
            size_t used = strlen(place);
            snprintf(place + used, sizeof(place) - used, "-0x%x",
                     (unsigned)(r->first + r->count - 1));
        }
        int length = snprintf(entry, sizeof(entry), "%s %s", place, r->owner);
        if (column + (size_t)length + 2 > WIDTH) {
            fputs(i == 0 ? "" : "\n", out);
            heading(out, i == 0 ? what : "");
            column = 15;
        } else {
            fputs("; ", out);
            column += 2;
        }
        fputs(entry, out);
        column += (size_t)length;
    }
    if (map->rows == 0) {
        heading(out, what);
        fputs("none", out);
    }
    fputc('\n', out);
}

static void show_ports(FILE *out, const struct system_vm *vm)
{
    struct map ports = {.rows = 0};
    struct map irqs = {.rows = 0};
    map_devices(&ports, vm, SYSTEM_PLACE_PORTS);
    map_devices(&irqs, vm, SYSTEM_PLACE_IRQ);
    for (uint32_t i = 0; i < vm->serials; i++) { /* bound: SYSTEM_SERIALS_MAX */
        char name[40];
        map_add(&ports, vm->serial[i].port, UART_PORTS, serial_name(&vm->serial[i], i, name));
        snprintf(name, sizeof(name), "serial %u", i);
        map_add(&irqs, vm->serial[i].irq, 1, name);
    }
    show_entries(out, "I/O ports", &ports, "0x%x");
    show_entries(out, "interrupts", &irqs, "IRQ %u");
}

static void print_limit(FILE *out, uint32_t limit, const char *unit)
{
    if (limit != 0) {
        fprintf(out, ", at most %u %s a second", limit, unit);
    }
}

static void show_offers(FILE *out, const struct system_nic *n)
{
    if (n->offers == SYSTEM_NIC_OFFERS_ALL) {
        heading(out, "  offers");
        fputs("everything\n", out);
    } else {
        show_words(out, "  offers", &schema_offers, n->offers);
    }
}

static void show_nic(FILE *out, const struct system_image *image, uint32_t vm, uint32_t index)
{
    const struct system_nic *n = &image->vm[vm].nic[index];
    const uint8_t *m = n->mac;
    char what[24];
    snprintf(what, sizeof(what), "card %u", index);
    heading(out, what);
    fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x%s, %s", m[0], m[1], m[2], m[3], m[4], m[5],
            (n->policy & SYSTEM_NIC_PINNED) != 0 ? " (pinned)" : "",
            schema_word_name(&schema_shells, n->shell));
    if (n->pci_device != 0) {
        fprintf(out, ", slot %u", n->pci_device);
    } else {
        fprintf(out, " at 0x%" PRIx64, n->at);
    }
    if (n->irq == SYSTEM_IRQ_NONE) {
        fputs(", polled", out);
    } else {
        fprintf(out, ", IRQ %u", n->irq);
    }
    fprintf(out, ", MTU %u, queues of %u\n", n->mtu, n->queue_size);
    show_offers(out, n);
    heading(out, "  plugged");
    fprintf(out, "into port %u of switch \"%s\"", system_port(image, n->switch_, vm, index),
            image->switch_[n->switch_].name);
    print_limit(out, n->frames_per_s, "frames");
    print_limit(out, n->bytes_per_s, "bytes");
    print_limit(out, n->broadcasts_per_s, "broadcasts");
    fputs((n->policy & SYSTEM_NIC_FOLLOWS) != 0 ? ", follows the uplink" : "", out);
    fputc('\n', out);
}

static uint64_t vm_ram(const struct system_vm *vm)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < vm->ranges; i++) { /* bound: SYSTEM_RANGES_MAX */
        sum += vm->range[i].size;               /* at most 8 times 2^46 */
    }
    return sum;
}

static void show_cpu(FILE *out, const char *what, uint32_t cpu)
{
    heading(out, what);
    if (cpu == SYSTEM_CPU_ANY) {
        fputs("any\n", out);
    } else {
        fprintf(out, "%u\n", cpu);
    }
}

/* Nothing is said of the processor where the file says nothing. */
static void show_processor(FILE *out, const struct system_vm *vm)
{
    const char *gap = ", ";
    bool listed = false;
    for (uint32_t i = 0; i < SYSTEM_CPU_WORDS; i++) { /* bound: SYSTEM_CPU_WORDS */
        listed = listed || vm->cpu_on[i] != 0 || vm->cpu_off[i] != 0;
    }
    if (vm->cpu_model == SYSTEM_CPU_HOST && !listed) {
        return;
    }
    heading(out, "processor");
    fputs(schema_word_name(&schema_cpu_models, vm->cpu_model), out);
    for (uint32_t i = 0; i < CPUID_WORDS * 32u; i++) { /* bound: all features */
        bool on = (vm->cpu_on[i / 32u] >> (i % 32u) & 1u) != 0;
        bool off = (vm->cpu_off[i / 32u] >> (i % 32u) & 1u) != 0;
        if (on || off) {
            fprintf(out, "%s%c%s", gap, on ? '+' : '-', cpu_word_name(i));
            gap = " ";
        }
    }
    fputc('\n', out);
}

static void show_policies(FILE *out, const struct system_vm *vm)
{
    show_cpu(out, "CPU", vm->cpu);
    if (vm->nics != 0) {
        show_cpu(out, "io CPU", vm->io_cpu);
    }
    if (vm->priority != 0) {
        heading(out, "priority");
        fprintf(out, "%u\n", vm->priority);
    }
    show_processor(out, vm);
    heading(out, "late ticks");
    fprintf(out, "%s\n", schema_word_name(&schema_tick_policies, vm->tick_policy));
    heading(out, "on failure");
    fprintf(out, "%s\n", schema_word_name(&schema_on_failures, vm->on_failure));
}

/* Each port: who is there, and to which ports it may send. */
static void show_port(FILE *out, uint32_t port, const char *name, uint32_t peers)
{
    char what[24];
    const char *gap = ", may send to ports";
    snprintf(what, sizeof(what), "port %u", port);
    heading(out, what);
    fputs(name, out);
    for (uint32_t p = 0; p < SYSTEM_PORTS_MAX; p++) {
        if (p != port && (peers & (1u << p)) != 0) {
            fprintf(out, "%s %u", gap, p);
            gap = ",";
        }
    }
    fprintf(out, "%s\n", gap[1] != 0 ? ", may send to nobody" : "");
}

static void show_uplink(FILE *out, const struct system_switch *s)
{
    heading(out, "uplink");
    fprintf(out, "%s, network ", schema_word_name(&schema_uplinks, s->uplink));
    address_print(out, s->network);
    fprintf(out, "/%u, host ", s->prefix);
    address_print(out, s->host_address);
    fprintf(out, "%s\n",
            (s->flags & SYSTEM_SWITCH_LOOPBACK) != 0 ? " (which is also its 127.0.0.1)" : "");
    for (uint32_t i = 0; i < s->forwards; i++) { /* bound: SYSTEM_FORWARDS_MAX */
        const struct system_forward *f = &s->forward[i];
        heading(out, i == 0 ? "forwards" : "");
        fprintf(out, "%s ", schema_word_name(&schema_transports, f->udp));
        address_print(out, f->host_address);
        fprintf(out, ":%u to ", f->host_port);
        address_print(out, f->guest_address);
        fprintf(out, ":%u\n", f->guest_port);
    }
}

static void show_switch(FILE *out, const struct system_image *image, uint32_t index)
{
    const struct system_switch *s = &image->switch_[index];
    uint32_t ports = system_ports(image, index);
    fprintf(out, "Switch %u \"%s\": %u port%s\n", index, s->name, ports, ports == 1 ? "" : "s");
    show_cpu(out, "CPU", s->cpu);
    for (uint32_t v = 0; v < image->vms; v++) {            /* bound: SYSTEM_VMS_MAX  */
        for (uint32_t n = 0; n < image->vm[v].nics; n++) { /* bound: SYSTEM_NICS_MAX */
            const struct system_nic *nic = &image->vm[v].nic[n];
            char name[64];
            snprintf(name, sizeof(name), "card %u of \"%s\"", n, image->vm[v].name);
            if (nic->switch_ == index) {
                show_port(out, system_port(image, index, v, n), name, nic->peers);
            }
        }
    }
    if (s->uplink != SYSTEM_UPLINK_NONE) {
        show_port(out, ports - 1, "the uplink", UINT32_MAX >> (32u - ports));
        show_uplink(out, s);
    }
    fputc('\n', out);
}

void system_show(FILE *out, const struct system_image *image)
{
    for (uint32_t i = 0; i < image->vms; i++) { /* bound: SYSTEM_VMS_MAX */
        const struct system_vm *vm = &image->vm[i];
        char size[SIZE_TEXT];
        fprintf(out, "VM %u \"%s\": %s of RAM\n", i, vm->name, size_text(vm_ram(vm), size));
        show_policies(out, vm);
        show_memory(out, vm);
        show_boot(out, vm);
        show_words(out, "timers", &schema_timers, vm->devices);
        show_words(out, "devices", &schema_devices, vm->devices);
        show_ports(out, vm);
        for (uint32_t n = 0; n < vm->nics; n++) { /* bound: SYSTEM_NICS_MAX */
            show_nic(out, image, i, n);
        }
        fputc('\n', out);
    }
    for (uint32_t i = 0; i < image->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        show_switch(out, image, i);
    }
    show_sel4(out, image);
}
