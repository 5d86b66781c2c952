/* SPDX-License-Identifier: BSD-2-Clause
 * Each fault has a sentence with places to fill in, so that the sentences stand in one table. */
#include "faults.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
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
    {SYSTEM_LOAD_AT_OUTSIDE, SYSTEM_FIELD_KERNEL,
     "{file} is to be loaded at {load-at}, where this VM has no RAM; choose another address"},
    {SYSTEM_LOAD_AT_OUTSIDE, SYSTEM_FIELD_NONE,
     "{file} ({bytes}) does not fit into this VM's RAM at {load-at}; choose another address, or "
     "give more RAM"},
    {SYSTEM_LOAD_AT_OVERLAP, SYSTEM_FIELD_NONE,
     "{file} ({bytes} at {load-at}) overlaps {other-file}{other-line}; move one"},
    {SYSTEM_PACKED_OUTSIDE, SYSTEM_FIELD_NONE, "{file} lies outside the image; " AGAIN},
};

/* --- What can be filled in -------------------------------------------------------------------- */

struct context {
    const struct system_image *image;
    const struct system_vm *vm;
    const struct draft_vm *lines; /* of this VM, or NULL */
    const struct draft_vm *all_lines;
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
        fputs("another serial port", out);
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

static void fill_other_line(FILE *out, const struct context *c)
{
    uint32_t i = c->fault->other_index;
    if (c->lines == NULL) {
        return;
    }
    switch (c->fault->field) {
    case SYSTEM_FIELD_RANGE:
        print_line(out, c->lines->range[i % SYSTEM_RANGES_MAX]);
        break;
    case SYSTEM_FIELD_SERIAL:
        print_line(out, c->lines->serial[i % SYSTEM_SERIALS_MAX]);
        break;
    case SYSTEM_FIELD_MODULE:
        print_line(out, c->lines->module[i % SYSTEM_MODULES_MAX]);
        break;
    default:
        break;
    }
}

static void fill_other_vm_line(FILE *out, const struct context *c)
{
    if (c->all_lines != NULL) {
        print_line(out, c->all_lines[c->fault->other_vm].field[SYSTEM_FIELD_NAME]);
    }
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
    if (c->fault->code >= SYSTEM_UNTERMINATED) {
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
    unsigned line = 0;
    switch (f->field) {
    case SYSTEM_FIELD_RANGE:
        line = lines->range[f->index % SYSTEM_RANGES_MAX];
        break;
    case SYSTEM_FIELD_SERIAL:
        line = lines->serial[f->index % SYSTEM_SERIALS_MAX];
        break;
    case SYSTEM_FIELD_MODULE:
        line = lines->module[f->index % SYSTEM_MODULES_MAX];
        break;
    default:
        line = lines->field[f->field];
        break;
    }
    return line != 0 ? line : lines->line;
}

void fault_say(struct say *say, const struct system_image *image, const struct draft_vm *lines,
               const struct system_fault *fault)
{
    const struct draft_vm *mine = lines == NULL ? NULL : &lines[fault->vm % SYSTEM_VMS_MAX];
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
