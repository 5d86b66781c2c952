/* SPDX-License-Identifier: BSD-2-Clause
 * Each fault has a sentence with places to fill in, so that the sentences stand in one table. */
#include "faults.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "draft_sel4.h"
#include "schema.h"
#include "words.h"

struct sentence {
    enum system_fault_code code;
    enum system_field field; /* NONE: any */
    const char *text;
};

#define AGAIN "make it again with `bulkhead pack`"

static const struct sentence sentences[] = {
    {SYSTEM_TOO_SHORT, SYSTEM_FIELD_NONE, "the image is cut short; copy it again, or " AGAIN},
    {SYSTEM_BAD_MAGIC, SYSTEM_FIELD_NONE, "this is no frozen image; " AGAIN},
    {SYSTEM_BAD_VERSION, SYSTEM_FIELD_NONE,
     "the image has format {version}, but this bulkhead reads {our-version}; " AGAIN},
    {SYSTEM_BAD_CRC, SYSTEM_FIELD_NONE,
     "the image is damaged (its checksum is wrong); copy it again, or " AGAIN},
    {SYSTEM_BAD_FLAGS, SYSTEM_FIELD_NONE, "the image has unknown flags; " AGAIN},
    {SYSTEM_NO_VMS, SYSTEM_FIELD_NONE, "there is no VM; add one to vms = ( ... )"},
    {SYSTEM_TOO_MANY_VMS, SYSTEM_FIELD_NONE, "the image has too many VMs; " AGAIN},
    {SYSTEM_UNTERMINATED, SYSTEM_FIELD_NONE, "the {field} has no end; " AGAIN},
    {SYSTEM_BAD_NAME, SYSTEM_FIELD_NONE,
     "a name is made of letters, digits, '-' and '_', at least one; choose another"},
    {SYSTEM_SAME_NAME, SYSTEM_FIELD_NONE, "another VM has this name{other-vm-line}; rename one"},
    {SYSTEM_BAD_VALUE, SYSTEM_FIELD_NONE,
     "the {field} is not one that this bulkhead knows; " AGAIN},
    {SYSTEM_NO_KERNEL, SYSTEM_FIELD_NONE, "there is no kernel; name one in boot = { ... }"},
    {SYSTEM_EMPTY_FILE, SYSTEM_FIELD_NONE, "{file} is empty; build or copy it again"},
    {SYSTEM_WRONG_PROTOCOL, SYSTEM_FIELD_INITRD,
     "an initrd goes with protocol \"linux\" only; remove it, or load it as a module"},
    {SYSTEM_WRONG_PROTOCOL, SYSTEM_FIELD_MODULE,
     "modules go with protocol \"multiboot\" only; remove them, or put them into the initrd"},
    {SYSTEM_NO_MEMORY, SYSTEM_FIELD_NONE, "there is no RAM; give \"ram\" or \"memory\""},
    {SYSTEM_RANGE_EMPTY, SYSTEM_FIELD_NONE, "{range} is empty; give it a size, or remove it"},
    {SYSTEM_RANGE_ALIGN, SYSTEM_FIELD_NONE,
     "{range} is not made of whole 4 KiB pages; make base and size multiples of \"4K\" (0x1000)"},
    {SYSTEM_RANGE_WRAPS, SYSTEM_FIELD_NONE,
     "{range} ends beyond 64 TiB (2^46), where no host maps memory; lower base or size"},
    {SYSTEM_RANGE_ORDER, SYSTEM_FIELD_NONE, "{range} lies below the one before it; " AGAIN},
    {SYSTEM_RANGE_OVERLAP, SYSTEM_FIELD_NONE,
     "{range} overlaps {other-range}{other-line}; move or shrink one"},
    {SYSTEM_RANGE_DEVICE, SYSTEM_FIELD_NONE,
     "{range} covers the registers of \"{other-device}\" at {place}; leave them out, or remove "
     "the device"},
    {SYSTEM_NO_LOW_MEMORY, SYSTEM_FIELD_NONE,
     "Linux needs RAM from 0 to 0x9ffff (640 KiB) to boot; let a range begin at 0, or give more"},
    {SYSTEM_PORT_RANGE, SYSTEM_FIELD_NONE,
     "{serial} is too high: a UART has eight ports, and 0xffff is the last; choose at most 0xfff8"},
    {SYSTEM_PORT_OVERLAP, SYSTEM_FIELD_NONE,
     "{serial} overlaps {other-serial}{other-line}, each has eight ports; move one"},
    {SYSTEM_PORT_DEVICE, SYSTEM_FIELD_NONE,
     "{serial} overlaps the ports {place} of \"{other-device}\"; move it (COM1 is 0x3f8, COM2 "
     "0x2f8), or remove the device"},
    {SYSTEM_IRQ_RANGE, SYSTEM_FIELD_NONE,
     "IRQ {irq} does not exist; choose from 0 to 15 (COM1 has 4, COM2 3)"},
    {SYSTEM_IRQ_TAKEN, SYSTEM_FIELD_NONE,
     "IRQ {irq} is that of {owner}, and ISA interrupts cannot be shared; choose another (COM1 has "
     "4, COM2 3)"},
    {SYSTEM_NEEDS_DEVICE, SYSTEM_FIELD_NONE,
     "\"{device}\" cannot work without \"{other-device}\"; add that, or remove it"},
    {SYSTEM_HIDDEN_DEVICE, SYSTEM_FIELD_NONE,
     "\"acpi\" without \"power\" tells the guest that there is no \"{device}\", and it would not "
     "quiet it; add \"power\", or remove one of the two"},
    {SYSTEM_LOAD_AT_OUTSIDE, SYSTEM_FIELD_KERNEL,
     "{file} is to be loaded at {load-at}, where this VM has no RAM; choose another address"},
    {SYSTEM_LOAD_AT_OUTSIDE, SYSTEM_FIELD_NONE,
     "{file} ({bytes}) does not fit into this VM's RAM at {load-at}; choose another address, or "
     "give more RAM"},
    {SYSTEM_LOAD_AT_OVERLAP, SYSTEM_FIELD_NONE,
     "{file} ({bytes} at {load-at}) overlaps {other-file}{other-line}; move one"},
    {SYSTEM_PACKED_OUTSIDE, SYSTEM_FIELD_NONE, "{file} lies outside the image; " AGAIN},
    {SYSTEM_CPU_BOTH, SYSTEM_FIELD_NONE, "a feature is both on and off; " AGAIN},
    {SYSTEM_CPU_WIDTH, SYSTEM_FIELD_NONE,
     "{range} ends beyond 512 GiB (2^39), which a named cpu_model cannot address; use \"host\""},
    {SYSTEM_NIC_NEEDS_PCI, SYSTEM_FIELD_NONE,
     "{nic} is a PCI card, but the VM has no PCI; add \"pci\" to its devices, or choose the shell "
     "\"mmio\""},
    {SYSTEM_NIC_SLOT_TAKEN, SYSTEM_FIELD_NONE,
     "{nic} has the slot of card {other-card}{other-line}; choose another"},
    {SYSTEM_NIC_AT_ALIGN, SYSTEM_FIELD_NONE,
     "{nic} is at {nic-at}, which is no 4 KiB page below 64 TiB; choose a multiple of 0x1000"},
    {SYSTEM_NIC_AT_RAM, SYSTEM_FIELD_NONE,
     "{nic} is at {nic-at}, inside {nic-range}; move it, or leave its page out of the RAM"},
    {SYSTEM_NIC_AT_DEVICE, SYSTEM_FIELD_NONE,
     "{nic} is at {nic-at}, where \"{other-device}\" has its registers; move it"},
    {SYSTEM_NIC_AT_NIC, SYSTEM_FIELD_NONE,
     "{nic} is at {nic-at}, where card {other-card} is{other-line}; move one"},
    {SYSTEM_NIC_AT_ACPI, SYSTEM_FIELD_NONE,
     "{nic} is at {nic-at}, and the ACPI tables tell of no card beyond 4 GiB; move it below, or take "
     "\"acpi\" out of the VM's devices"},
    {SYSTEM_NIC_BARS_RAM, SYSTEM_FIELD_NONE,
     "{nic-range} covers 0xfea00000-0xfeafffff, where the registers of PCI cards are; leave that "
     "out"},
    {SYSTEM_NIC_IRQ_RANGE, SYSTEM_FIELD_NONE,
     "{nic} has IRQ {nic-irq}, which no interrupt controller of this VM has (I/O APIC: 0 to 23, "
     "PIC: 0 to 15); choose another, add the device, or leave \"irq\" out where there is none"},
    {SYSTEM_NIC_IRQ_TAKEN, SYSTEM_FIELD_NONE,
     "{nic} has IRQ {nic-irq}, which is that of {owner}, and an ISA interrupt cannot be shared; "
     "choose another (16 to 23 are free)"},
    {SYSTEM_NIC_MAC, SYSTEM_FIELD_NONE,
     "{nic} has the address {nic-mac}, which is not one of a single station; make the first byte "
     "even, for example 52"},
    {SYSTEM_NIC_SAME_MAC, SYSTEM_FIELD_NONE,
     "{nic} has the address {nic-mac}, as {other-nic} has on the same switch; change one"},
    {SYSTEM_NIC_QUEUE, SYSTEM_FIELD_NONE,
     "{nic} has queues of {nic-queue}; choose 8, 16, 32, 64, 128 or 256"},
    {SYSTEM_NIC_MTU, SYSTEM_FIELD_NONE,
     "{nic} has an MTU of {nic-mtu}; choose from 68 to 65535, usually 1500"},
    {SYSTEM_NIC_TSO_ALONE, SYSTEM_FIELD_NONE,
     "{nic} offers \"tso\" without \"csum\", which it needs; add that, or remove it"},
    {SYSTEM_SWITCH_NAME, SYSTEM_FIELD_NONE,
     "a name is made of letters, digits, '-' and '_', at least one; choose another"},
    {SYSTEM_SWITCH_SAME_NAME, SYSTEM_FIELD_NONE, "another switch has this name; rename one"},
    {SYSTEM_SWITCH_VALUE, SYSTEM_FIELD_NONE,
     "its entry is not one that this bulkhead knows; " AGAIN},
    {SYSTEM_SWITCH_NETWORK, SYSTEM_FIELD_NONE,
     "{network} is no network; write the first address of one and a prefix from 8 to 30, for "
     "example 192.168.19.0/24"},
    {SYSTEM_SWITCH_HOST, SYSTEM_FIELD_NONE,
     "{host} is no station of {network}; choose another \"host_address\", or leave it out"},
    {SYSTEM_FORWARD_PORT, SYSTEM_FIELD_NONE, "a forward has the port 0; choose from 1 to 65535"},
    {SYSTEM_FORWARD_OUTSIDE, SYSTEM_FIELD_NONE,
     "a forward leads to {forward}, which is no guest in {network}; choose an address there"},
    {SYSTEM_FORWARD_TAKEN, SYSTEM_FIELD_NONE,
     "port {forward-port} of this host is forwarded twice, the other time by switch "
     "\"{other-switch}\"; change one"},
};

/* --- What can be filled in -------------------------------------------------------------------- */

struct context {
    const struct system_image *image;
    const struct system_vm *vm;
    const struct draft_vm *lines; /* of this VM, or NULL */
    const struct draft_lines *all_lines;
    const struct system_fault *fault;
};

static void print_range(FILE *out, const struct context *c, uint32_t index)
{
    const struct system_range *r = &c->vm->range[index % SYSTEM_RANGES_MAX];
    char size[SIZE_TEXT];
    fprintf(out, "RAM at 0x%" PRIx64, r->base);
    if (r->size % 4096 != 0) { /* then it matters to the byte */
        fprintf(out, " (size 0x%" PRIx64 ")", r->size);
    } else {
        fprintf(out, " (%s)", size_text(r->size, size));
    }
}

static void fill_range(FILE *out, const struct context *c)
{
    print_range(out, c, c->fault->index);
}

static void fill_other_range(FILE *out, const struct context *c)
{
    print_range(out, c, c->fault->other_index);
}

static const struct system_serial *serial_at(const struct context *c, uint32_t index)
{
    return &c->vm->serial[index % SYSTEM_SERIALS_MAX];
}

static void fill_serial(FILE *out, const struct context *c)
{
    fprintf(out, "serial port 0x%x", serial_at(c, c->fault->index)->port);
}

static void fill_other_serial(FILE *out, const struct context *c)
{
    fprintf(out, "serial port 0x%x", serial_at(c, c->fault->other_index)->port);
}

static void fill_irq(FILE *out, const struct context *c)
{
    fprintf(out, "%u", serial_at(c, c->fault->index)->irq);
}

static const char *device_name(uint32_t device)
{
    const char *name = schema_word_name(&schema_devices, device);
    return name[0] != '?' ? name : schema_word_name(&schema_timers, device);
}

static void fill_device(FILE *out, const struct context *c)
{
    fputs(device_name(c->fault->index), out);
}

static void fill_other_device(FILE *out, const struct context *c)
{
    fputs(device_name(c->fault->other_index), out);
}

static void fill_owner(FILE *out, const struct context *c)
{
    if (c->fault->other_index == 0) {
        fputs(c->fault->field == SYSTEM_FIELD_NIC ? "a serial port" : "another serial port", out);
    } else {
        fprintf(out, "\"%s\"", device_name(c->fault->other_index));
    }
}

/* The registers or ports of the other device that were hit. */
static void fill_place(FILE *out, const struct context *c)
{
    bool ports = c->fault->code == SYSTEM_PORT_DEVICE;
    const struct system_range *r = &c->vm->range[c->fault->index % SYSTEM_RANGES_MAX];
    uint64_t first = ports ? serial_at(c, c->fault->index)->port : r->base;
    uint64_t count = ports ? 8 : r->size;
    enum system_place_kind kind = ports ? SYSTEM_PLACE_PORTS : SYSTEM_PLACE_MEMORY;
    for (unsigned i = 0; i < SYSTEM_PLACES; i++) {
        const struct system_place *p = &system_places[i];
        /* Memory by whole pages, as the checker looks at it. */
        uint64_t size = ports ? p->count : align_up(p->count, 4096);
        if (p->kind == kind && p->device == c->fault->other_index &&
            range_overlaps(first, count, p->first, size)) {
            fprintf(out, "0x%" PRIx64, p->first);
            if (p->count > 1) {
                fprintf(out, "-0x%" PRIx64, p->first + p->count - 1);
            }
            return;
        }
    }
    fputs("?", out);
}

static const struct system_file *file_at(const struct context *c, uint32_t index)
{
    switch (c->fault->field) {
    case SYSTEM_FIELD_MODULE:
        return &c->vm->module[index % SYSTEM_MODULES_MAX];
    case SYSTEM_FIELD_INITRD:
        return &c->vm->initrd;
    default:
        return &c->vm->kernel;
    }
}

static void print_file(FILE *out, const struct context *c, uint32_t index)
{
    const char *what = c->fault->field == SYSTEM_FIELD_MODULE   ? "module"
                       : c->fault->field == SYSTEM_FIELD_INITRD ? "initrd"
                                                                : "kernel";
    const char *path = file_at(c, index)->path;
    const char *slash = memrchr(path, '/', strnlen(path, SYSTEM_PATH_MAX));
    const char *name = slash == NULL ? path : slash + 1;
    fprintf(out, "%s \"%.*s\"", what, (int)strnlen(name, 255), name);
}

static void fill_file(FILE *out, const struct context *c)
{
    print_file(out, c, c->fault->index);
}

static void fill_other_file(FILE *out, const struct context *c)
{
    print_file(out, c, c->fault->other_index);
}

static void fill_bytes(FILE *out, const struct context *c)
{
    char size[SIZE_TEXT];
    fputs(size_text(file_at(c, c->fault->index)->bytes, size), out);
}

static void fill_load_at(FILE *out, const struct context *c)
{
    fprintf(out, "0x%" PRIx64, file_at(c, c->fault->index)->load_at);
}

static void fill_field(FILE *out, const struct context *c)
{
    static const char *const names[DRAFT_FIELDS] = {
        [SYSTEM_FIELD_NONE] = "unused part",
        [SYSTEM_FIELD_NAME] = "name",
        [SYSTEM_FIELD_CPU] = "CPU",
        [SYSTEM_FIELD_PRIORITY] = "priority",
        [SYSTEM_FIELD_PROTOCOL] = "boot protocol",
        [SYSTEM_FIELD_DEVICES] = "set of devices",
        [SYSTEM_FIELD_TICK_POLICY] = "tick policy",
        [SYSTEM_FIELD_ON_FAILURE] = "failure policy",
        [SYSTEM_FIELD_RANGE] = "list of memory ranges",
        [SYSTEM_FIELD_SERIAL] = "list of serial ports",
        [SYSTEM_FIELD_KERNEL] = "kernel's entry",
        [SYSTEM_FIELD_INITRD] = "initrd's entry",
        [SYSTEM_FIELD_MODULE] = "list of modules",
        [SYSTEM_FIELD_CMDLINE] = "command line",
        [SYSTEM_FIELD_NIC] = "list of network cards",
        [SYSTEM_FIELD_CPU_MODEL] = "processor model",
        [SYSTEM_FIELD_CPU_FEATURES] = "list of processor features",
        [SYSTEM_FIELD_SWITCH] = "list of switches",
    };
    fputs(names[c->fault->field], out);
}

static void fill_version(FILE *out, const struct context *c)
{
    fprintf(out, "%u", c->image->version);
}

static void fill_our_version(FILE *out, const struct context *c)
{
    (void)c;
    fprintf(out, "%u", SYSTEM_VERSION);
}

static void print_line(FILE *out, unsigned line)
{
    if (line != 0) {
        fprintf(out, " (line %u)", line);
    }
}

/* The line of one item of a list in a VM; `otherwise` for what is no such list. */
static unsigned item_line(const struct draft_vm *lines, enum system_field field, uint32_t index,
                          unsigned otherwise)
{
    switch (field) {
    case SYSTEM_FIELD_RANGE:
        return lines->range[index % SYSTEM_RANGES_MAX];
    case SYSTEM_FIELD_SERIAL:
        return lines->serial[index % SYSTEM_SERIALS_MAX];
    case SYSTEM_FIELD_MODULE:
        return lines->module[index % SYSTEM_MODULES_MAX];
    case SYSTEM_FIELD_NIC:
        return lines->nic[index % SYSTEM_NICS_MAX];
    default:
        return otherwise;
    }
}

static void fill_other_line(FILE *out, const struct context *c)
{
    if (c->lines != NULL) {
        print_line(out, item_line(c->lines, c->fault->field, c->fault->other_index, 0));
    }
}

static void fill_other_vm_line(FILE *out, const struct context *c)
{
    if (c->all_lines != NULL) {
        print_line(out, c->all_lines->vm[c->fault->other_vm].field[SYSTEM_FIELD_NAME]);
    }
}

/* --- Network cards and switches --- */

static const struct system_nic *nic_of(const struct context *c)
{
    return &c->vm->nic[c->fault->index % SYSTEM_NICS_MAX];
}

static const struct system_switch *switch_of(const struct context *c)
{
    return &c->image->switch_[c->fault->index % SYSTEM_SWITCHES_MAX];
}

static const struct system_forward *forward_of(const struct context *c)
{
    return &switch_of(c)->forward[c->fault->other_index % SYSTEM_FORWARDS_MAX];
}

static void fill_nic(FILE *out, const struct context *c)
{
    fprintf(out, "network card %u", c->fault->index);
}

static void fill_other_card(FILE *out, const struct context *c)
{
    fprintf(out, "%u", c->fault->other_index);
}

static void fill_nic_at(FILE *out, const struct context *c)
{
    fprintf(out, "0x%" PRIx64, nic_of(c)->at);
}

static void fill_nic_irq(FILE *out, const struct context *c)
{
    fprintf(out, "%u", nic_of(c)->irq);
}

static void fill_nic_mac(FILE *out, const struct context *c)
{
    const uint8_t *m = nic_of(c)->mac;
    fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void fill_nic_queue(FILE *out, const struct context *c)
{
    fprintf(out, "%u", nic_of(c)->queue_size);
}

static void fill_nic_mtu(FILE *out, const struct context *c)
{
    fprintf(out, "%u", nic_of(c)->mtu);
}

static void fill_other_nic(FILE *out, const struct context *c)
{
    fprintf(out, "card %u of VM \"%.*s\"", c->fault->other_index, (int)SYSTEM_NAME_MAX,
            c->image->vm[c->fault->other_vm % SYSTEM_VMS_MAX].name);
}

static void fill_nic_range(FILE *out, const struct context *c)
{
    print_range(out, c, c->fault->other_index);
}

static void fill_network(FILE *out, const struct context *c)
{
    address_print(out, switch_of(c)->network);
    fprintf(out, "/%u", switch_of(c)->prefix);
}

static void fill_host(FILE *out, const struct context *c)
{
    address_print(out, switch_of(c)->host_address);
}

static void fill_forward(FILE *out, const struct context *c)
{
    address_print(out, forward_of(c)->guest_address);
}

static void fill_forward_port(FILE *out, const struct context *c)
{
    fprintf(out, "%u", forward_of(c)->host_port);
}

static void fill_other_switch(FILE *out, const struct context *c)
{
    fprintf(out, "%.*s", (int)SYSTEM_NAME_MAX,
            c->image->switch_[c->fault->other_vm % SYSTEM_SWITCHES_MAX].name);
}

static const struct {
    const char *name;
    void (*fill)(FILE *out, const struct context *c);
} fills[] = {
    {"{range}", fill_range},
    {"{other-range}", fill_other_range},
    {"{serial}", fill_serial},
    {"{other-serial}", fill_other_serial},
    {"{irq}", fill_irq},
    {"{owner}", fill_owner},
    {"{device}", fill_device},
    {"{other-device}", fill_other_device},
    {"{place}", fill_place},
    {"{file}", fill_file},
    {"{other-file}", fill_other_file},
    {"{bytes}", fill_bytes},
    {"{load-at}", fill_load_at},
    {"{field}", fill_field},
    {"{version}", fill_version},
    {"{our-version}", fill_our_version},
    {"{other-line}", fill_other_line},
    {"{other-vm-line}", fill_other_vm_line},
    {"{nic}", fill_nic},
    {"{nic-at}", fill_nic_at},
    {"{nic-irq}", fill_nic_irq},
    {"{nic-mac}", fill_nic_mac},
    {"{nic-queue}", fill_nic_queue},
    {"{nic-mtu}", fill_nic_mtu},
    {"{nic-range}", fill_nic_range},
    {"{other-nic}", fill_other_nic},
    {"{other-card}", fill_other_card},
    {"{network}", fill_network},
    {"{host}", fill_host},
    {"{forward}", fill_forward},
    {"{forward-port}", fill_forward_port},
    {"{other-switch}", fill_other_switch},
};

/* --- Saying it -------------------------------------------------------------------------------- */

/* Prints what stands for the "{...}" at `at`; returns how many characters that was. */
static size_t print_fill(FILE *out, const struct context *c, const char *at)
{
    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        size_t length = strlen(fills[i].name);
        if (strncmp(at, fills[i].name, length) == 0) {
            fills[i].fill(out, c);
            return length;
        }
    }
    fputc(*at, out);
    return 1;
}

static void print_sentence(FILE *out, const struct context *c)
{
    const char *at = "the checker refuses it";
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        const struct sentence *s = &sentences[i];
        if (s->code == c->fault->code &&
            (s->field == SYSTEM_FIELD_NONE || s->field == c->fault->field)) {
            at = s->text;
            break;
        }
    }
    if (c->fault->field == SYSTEM_FIELD_SWITCH) {
        const char *name = switch_of(c)->name;
        fprintf(out, "switch \"%.*s\": ", (int)strnlen(name, SYSTEM_NAME_MAX), name);
    } else if (c->fault->code >= SYSTEM_UNTERMINATED) {
        fprintf(out, "VM \"%.*s\": ", (int)strnlen(c->vm->name, SYSTEM_NAME_MAX), c->vm->name);
    }
    while (*at != 0) { /* bound: the sentence's length */
        if (*at == '{') {
            at += print_fill(out, c, at);
        } else {
            fputc(*at++, out);
        }
    }
}

static unsigned fault_line(const struct draft_vm *lines, const struct system_fault *f)
{
    unsigned line = item_line(lines, f->field, f->index, lines->field[f->field]);
    return line != 0 ? line : lines->line;
}

/* The line of a switch's fault; 0 and *echo: the switch was refused already. */
static unsigned switch_line(const struct draft_lines *lines, const struct system_fault *f,
                            bool *echo)
{
    const struct draft_switch *s = &lines->switch_[f->index % SYSTEM_SWITCHES_MAX];
    bool forward = f->code >= SYSTEM_FORWARD_PORT;
    *echo = s->bad;
    return forward ? s->forward[f->other_index % SYSTEM_FORWARDS_MAX] : s->line;
}

void fault_say(struct say *say, const struct system_image *image, const struct draft_lines *lines,
               const struct system_fault *fault)
{
    if (fault_say_sel4(say, image, lines, fault)) {
        return;
    }
    bool of_switch = fault->field == SYSTEM_FIELD_SWITCH;
    const struct draft_vm *mine =
        lines == NULL || of_switch ? NULL : &lines->vm[fault->vm % SYSTEM_VMS_MAX];
    const struct context c = {
        .image = image,
        .vm = &image->vm[fault->vm % SYSTEM_VMS_MAX],
        .lines = mine,
        .all_lines = lines,
        .fault = fault,
    };
    unsigned line = 0;
    if (mine != NULL && fault->field != SYSTEM_FIELD_NONE) {
        bool no_ram_known = draft_is_bad(mine, SYSTEM_FIELD_RANGE);
        if (draft_is_bad(mine, fault->field) ||
            (fault->code == SYSTEM_LOAD_AT_OUTSIDE && no_ram_known)) {
            return;
        }
        line = fault_line(mine, fault);
    }
    if (lines != NULL && of_switch) {
        bool echo = false;
        line = switch_line(lines, fault, &echo);
        if (echo) {
            return;
        }
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        say_error(say, line, "out of memory; free some and try again");
        return;
    }
    print_sentence(out, &c);
    fclose(out);
    say_error(say, line, "%s", text);
    free(text);
}
