/* SPDX-License-Identifier: BSD-2-Clause */
#include "draft.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema.h"

#define PCI_HOLE 0xC0000000u /* RAM of a given size is laid out around [3 GiB, 4 GiB) */
#define PCI_END  0x100000000u

/* --- Files ------------------------------------------------------------------------------------ */

/* Opens and looks at it. NULL, or half a sentence about what is wrong. */
static const char *file_problem(const char *path, uint64_t *bytes)
{
    /* Non-blocking: a FIFO named by mistake must not hang the check. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        switch (errno) {
        case ENOENT:
            return "does not exist; build it, copy it there, or mend the path";
        case ENOTDIR:
            return "does not exist, as a part of its path is a file; mend the path";
        case EACCES:
            return "cannot be read (permission denied); allow it with chmod or chown";
        case ELOOP:
            return "is a symbolic link to itself; mend the link";
        case ENAMETOOLONG:
            return "has too long a path; move it nearer";
        default:
            return "cannot be opened; look at it with ls -l";
        }
    }
    struct stat st;
    const char *problem = NULL;
    if (fstat(fd, &st) != 0) {
        problem = "cannot be looked at; try again";
    } else if (S_ISDIR(st.st_mode)) {
        problem = "is a directory; name a file in it";
    } else if (!S_ISREG(st.st_mode)) {
        problem = "is no regular file; copy its contents into one";
    } else if (st.st_size == 0) {
        problem = "is empty; build or copy it again";
    } else {
        *bytes = (uint64_t)st.st_size;
    }
    close(fd);
    return problem;
}

bool draft_file(struct draft *draft, unsigned line, const char *what, const char *written,
                struct system_file *out)
{
    char path[PATH_MAX];
    bool as_written = written[0] == '/' || strcmp(draft->dir, ".") == 0;
    int length = snprintf(path, sizeof(path), "%s%s%s", as_written ? "" : draft->dir,
                          as_written ? "" : "/", written);
    if (written[0] == 0) {
        say_error(draft->say, line, "\"%s\" is empty; name the file", what);
        return false;
    }
    if (strlen(written) >= SYSTEM_PATH_MAX) {
        return false; /* said as too long a string */
    }
    const char *problem = "has too long a path; move it nearer";
    uint64_t bytes = 0;
    if (length < (int)sizeof(path)) {
        problem = file_problem(path, &bytes);
    }
    char real[PATH_MAX];
    if (problem == NULL && realpath(path, real) == NULL) {
        problem = "has a path that cannot be resolved; mend the path";
    }
    if (problem == NULL && strlen(real) >= SYSTEM_PATH_MAX) {
        problem = "has too long a path; move it nearer";
    }
    if (problem != NULL) {
        say_error(draft->say, line, "%s \"%s\" %s", what, path, problem);
        return false;
    }
    memcpy(out->path, real, strlen(real) + 1);
    out->bytes = bytes;
    return true;
}

/* --- One VM ----------------------------------------------------------------------------------- */

struct parse {
    struct draft *draft;
    struct system_vm *vm;
    struct draft_vm *lines;
    const config_setting_t *group; /* the VM's */
};

static void mark_bad(struct parse *p, enum system_field field)
{
    p->lines->bad |= 1u << (unsigned)field;
}

static unsigned line_of(const config_setting_t *s)
{
    return s == NULL ? 0 : config_setting_source_line(s);
}

/* Copies a string that the image has room for; what is too long has been said. */
static bool copy_text(char *to, size_t room, const char *from)
{
    if (from == NULL || strlen(from) >= room) {
        return false;
    }
    memcpy(to, from, strlen(from) + 1);
    return true;
}

/* Only these are expanded: anything else of that form is likely a slip. */
static void warn_unknown_variable(struct parse *p, unsigned line, const char *text)
{
    static const char *const known[] = {"${tsc_khz}", "${apic_khz}", "${restarts}"};
    const char *at = text == NULL ? NULL : strstr(text, "${");
    for (; at != NULL; at = strstr(at + 2, "${")) { /* bound: the text's length */
        if (strncmp(at, known[0], strlen(known[0])) == 0 ||
            strncmp(at, known[1], strlen(known[1])) == 0 ||
            strncmp(at, known[2], strlen(known[2])) == 0) {
            continue;
        }
        say_warning(p->draft->say, line,
                    "\"%.*s\" goes to the guest as it stands; only %s, %s and %s are expanded",
                    (int)strcspn(at, "} ") + (at[strcspn(at, "} ")] == '}'), at, known[0], known[1],
                    known[2]);
    }
}

static void parse_load_at(struct parse *p, const config_setting_t *group, const char *key,
                          enum system_field field, struct system_file *file)
{
    file->load_at = SYSTEM_AT_ANY;
    if (schema_get(group, key) == NULL) {
        return;
    }
    if (!schema_number(group, key, SYSTEM_AT_ANY - 1, &file->load_at)) {
        mark_bad(p, field);
    }
}

static void parse_module(struct parse *p, const config_setting_t *group)
{
    if (!config_setting_is_group(group)) {
        mark_bad(p, SYSTEM_FIELD_MODULE);
        return;
    }
    uint32_t index = p->vm->modules;
    struct system_file *file = &p->vm->module[index];
    const config_setting_t *setting = schema_get(group, "file");
    const char *written = schema_text(group, "file");
    p->lines->module[index] = line_of(group);
    if (written == NULL || !draft_file(p->draft, line_of(setting), "module", written, file)) {
        mark_bad(p, SYSTEM_FIELD_MODULE);
    }
    if (schema_get(group, "args") != NULL &&
        !copy_text(file->args, sizeof(file->args), schema_text(group, "args"))) {
        mark_bad(p, SYSTEM_FIELD_MODULE);
    }
    warn_unknown_variable(p, line_of(schema_get(group, "args")), schema_text(group, "args"));
    parse_load_at(p, group, "load_at", SYSTEM_FIELD_MODULE, file);
    p->vm->modules++;
}

static void parse_initrd(struct parse *p, const config_setting_t *boot)
{
    const config_setting_t *setting = schema_get(boot, "initrd");
    const config_setting_t *at = schema_get(boot, "initrd_load_at");
    if (setting == NULL) {
        if (at != NULL) {
            say_error(p->draft->say, line_of(at),
                      "\"initrd_load_at\" without an \"initrd\"; add the one or remove the other");
        }
        return;
    }
    const char *written = schema_text(boot, "initrd");
    p->lines->field[SYSTEM_FIELD_INITRD] = line_of(setting);
    if (written == NULL ||
        !draft_file(p->draft, line_of(setting), "initrd", written, &p->vm->initrd)) {
        mark_bad(p, SYSTEM_FIELD_INITRD);
    }
    parse_load_at(p, boot, "initrd_load_at", SYSTEM_FIELD_INITRD, &p->vm->initrd);
}

static void parse_boot(struct parse *p)
{
    const config_setting_t *boot = schema_get(p->group, "boot");
    if (boot == NULL || !config_setting_is_group(boot)) {
        mark_bad(p, SYSTEM_FIELD_PROTOCOL);
        mark_bad(p, SYSTEM_FIELD_KERNEL);
        return;
    }
    unsigned *line = p->lines->field;
    line[SYSTEM_FIELD_PROTOCOL] = line_of(schema_get(boot, "protocol"));
    line[SYSTEM_FIELD_KERNEL] = line_of(schema_get(boot, "kernel"));
    line[SYSTEM_FIELD_CMDLINE] = line_of(schema_get(boot, "cmdline"));
    line[SYSTEM_FIELD_MODULE] = line_of(schema_get(boot, "modules"));
    if (!schema_word(boot, "protocol", &schema_protocols, &p->vm->protocol)) {
        mark_bad(p, SYSTEM_FIELD_PROTOCOL);
    }
    const char *kernel = schema_text(boot, "kernel");
    if (kernel == NULL ||
        !draft_file(p->draft, line[SYSTEM_FIELD_KERNEL], "kernel", kernel, &p->vm->kernel)) {
        mark_bad(p, SYSTEM_FIELD_KERNEL);
    }
    parse_load_at(p, boot, "load_at", SYSTEM_FIELD_KERNEL, &p->vm->kernel);
    const char *cmdline = schema_text(boot, "cmdline");
    if (cmdline != NULL && !copy_text(p->vm->cmdline, sizeof(p->vm->cmdline), cmdline)) {
        mark_bad(p, SYSTEM_FIELD_CMDLINE);
    }
    warn_unknown_variable(p, line[SYSTEM_FIELD_CMDLINE], cmdline);
    parse_initrd(p, boot);
    const config_setting_t *modules = schema_get(boot, "modules");
    unsigned count = modules == NULL || !config_setting_is_list(modules)
                         ? 0
                         : (unsigned)config_setting_length(modules);
    for (unsigned i = 0; i < count && i < SYSTEM_MODULES_MAX; i++) {
        parse_module(p, config_setting_get_elem(modules, i));
    }
}

/* --- Memory ----------------------------------------------------------------------------------- */

static void parse_ram(struct parse *p, const config_setting_t *ram)
{
    uint64_t size = 0;
    if (!schema_number(p->group, "ram", UINT64_MAX, &size) || size == 0) {
        mark_bad(p, SYSTEM_FIELD_RANGE);
        return;
    }
    p->vm->ranges = 1;
    p->vm->range[0] = (struct system_range){0, size < PCI_HOLE ? size : PCI_HOLE};
    if (size > PCI_HOLE) {
        p->vm->ranges = 2;
        p->vm->range[1] = (struct system_range){PCI_END, size - PCI_HOLE};
    }
    p->lines->range[0] = line_of(ram);
    p->lines->range[1] = line_of(ram);
}

/* The file may name ranges in any order; the image has them ascending. */
static void insert_range(struct parse *p, struct system_range range, uint64_t backing,
                         unsigned line)
{
    uint64_t *backings = p->draft->image->sel4.backing[p->draft->image->vms];
    uint32_t at = p->vm->ranges;
    while (at > 0 && p->vm->range[at - 1].base > range.base) { /* bound: SYSTEM_RANGES_MAX */
        p->vm->range[at] = p->vm->range[at - 1];
        backings[at] = backings[at - 1];
        p->lines->range[at] = p->lines->range[at - 1];
        at--;
    }
    p->vm->range[at] = range;
    backings[at] = backing;
    p->lines->range[at] = line;
    p->vm->ranges++;
}

static void parse_ranges(struct parse *p, const config_setting_t *memory)
{
    unsigned count = config_setting_is_list(memory) ? (unsigned)config_setting_length(memory) : 0;
    if (count == 0) {
        mark_bad(p, SYSTEM_FIELD_RANGE);
    }
    for (unsigned i = 0; i < count && i < SYSTEM_RANGES_MAX; i++) {
        const config_setting_t *group = config_setting_get_elem(memory, i);
        struct system_range range = {0, 0};
        uint64_t backing = 0;
        if (!config_setting_is_group(group) || !draft_backing(group, &backing) ||
            !schema_number(group, "base", UINT64_MAX, &range.base) ||
            !schema_number(group, "size", UINT64_MAX, &range.size) || range.size == 0) {
            mark_bad(p, SYSTEM_FIELD_RANGE);
            continue;
        }
        insert_range(p, range, backing, line_of(group));
    }
}

static void parse_memory(struct parse *p)
{
    const config_setting_t *memory = schema_get(p->group, "memory");
    const config_setting_t *ram = schema_get(p->group, "ram");
    p->lines->field[SYSTEM_FIELD_RANGE] = line_of(memory != NULL ? memory : ram);
    if (memory != NULL && ram != NULL) {
        say_error(p->draft->say, line_of(ram),
                  "\"ram\" and \"memory\" (line %u) exclude each other; keep one", line_of(memory));
        mark_bad(p, SYSTEM_FIELD_RANGE);
    } else if (memory != NULL) {
        parse_ranges(p, memory);
    } else if (ram != NULL) {
        parse_ram(p, ram);
    } else {
        say_error(p->draft->say, p->lines->line,
                  "a VM has neither \"memory\" (fixed ranges) nor \"ram\" (a size); add one");
        mark_bad(p, SYSTEM_FIELD_RANGE);
    }
}

/* --- The rest --------------------------------------------------------------------------------- */

static void parse_serials(struct parse *p)
{
    const config_setting_t *serial = schema_get(p->group, "serial");
    unsigned count = serial == NULL || !config_setting_is_list(serial)
                         ? 0
                         : (unsigned)config_setting_length(serial);
    for (unsigned i = 0; i < count && i < SYSTEM_SERIALS_MAX; i++) {
        const config_setting_t *group = config_setting_get_elem(serial, i);
        uint64_t port = 0;
        uint64_t irq = 0;
        if (!config_setting_is_group(group) || !schema_number(group, "port", UINT16_MAX, &port) ||
            !schema_number(group, "irq", UINT8_MAX, &irq) || port == 0) {
            mark_bad(p, SYSTEM_FIELD_SERIAL);
            continue;
        }
        p->lines->serial[p->vm->serials] = line_of(group);
        p->vm->serial[p->vm->serials++] =
            (struct system_serial){.port = (uint16_t)port, .irq = (uint8_t)irq};
    }
}

static void parse_policies(struct parse *p)
{
    struct system_vm *vm = p->vm;
    unsigned *line = p->lines->field;
    line[SYSTEM_FIELD_TICK_POLICY] = line_of(schema_get(p->group, "tick_policy"));
    line[SYSTEM_FIELD_ON_FAILURE] = line_of(schema_get(p->group, "on_failure"));
    line[SYSTEM_FIELD_CPU] = line_of(schema_get(p->group, "cpu"));
    vm->cpu = SYSTEM_CPU_ANY;
    uint64_t cpu = 0;
    if (schema_number(p->group, "cpu", SCHEMA_CPU_MAX, &cpu)) {
        vm->cpu = (uint32_t)cpu;
    }
    line[SYSTEM_FIELD_PRIORITY] = line_of(schema_get(p->group, "priority"));
    uint64_t priority = 0;
    if (schema_number(p->group, "priority", SYSTEM_PRIORITY_MAX, &priority)) {
        vm->priority = (uint32_t)priority;
    }
    /* Without a word the image's 0 holds: catch-up, stop. */
    (void)schema_word(p->group, "tick_policy", &schema_tick_policies, &vm->tick_policy);
    (void)schema_word(p->group, "on_failure", &schema_on_failures, &vm->on_failure);
}

static void parse_devices(struct parse *p)
{
    const config_setting_t *timers = schema_get(p->group, "timers");
    const config_setting_t *devices = schema_get(p->group, "devices");
    p->lines->field[SYSTEM_FIELD_DEVICES] = line_of(devices != NULL ? devices : timers);
    p->vm->devices = schema_words(p->group, "timers", &schema_timers) |
                     schema_words(p->group, "devices", &schema_devices);
    if (say_has_error(p->draft->say, line_of(timers)) ||
        say_has_error(p->draft->say, line_of(devices))) {
        mark_bad(p, SYSTEM_FIELD_DEVICES);
    }
}

static void parse_vm(struct parse *p)
{
    p->lines->line = line_of(p->group);
    p->lines->field[SYSTEM_FIELD_NAME] = line_of(schema_get(p->group, "name"));
    if (!copy_text(p->vm->name, sizeof(p->vm->name), schema_text(p->group, "name"))) {
        mark_bad(p, SYSTEM_FIELD_NAME);
    }
    parse_policies(p);
    parse_boot(p);
    parse_memory(p);
    parse_devices(p);
    parse_serials(p);
    draft_cpu(p->draft, p->draft->image->vms, p->group);
    draft_nics(p->draft, p->draft->image->vms, p->group);
}

void draft_parse(struct draft *draft, const config_setting_t *root)
{
    const config_setting_t *strict = schema_get(root, "strict");
    if (strict != NULL && config_setting_type(strict) == CONFIG_TYPE_BOOL &&
        config_setting_get_bool(strict)) {
        draft->image->flags |= SYSTEM_FLAG_STRICT;
    }
    draft_switches(draft, root);
    const config_setting_t *vms = schema_get(root, "vms");
    unsigned count =
        vms == NULL || !config_setting_is_list(vms) ? 0 : (unsigned)config_setting_length(vms);
    for (unsigned i = 0; i < count && i < SYSTEM_VMS_MAX; i++) {
        struct parse p = {
            .draft = draft,
            .vm = &draft->image->vm[draft->image->vms],
            .lines = &draft->lines.vm[draft->image->vms],
            .group = config_setting_get_elem(vms, i),
        };
        if (config_setting_is_group(p.group)) {
            parse_vm(&p);
            draft->image->vms++;
        }
    }
    draft_sel4(draft, root);
    draft_peers(draft, vms);
}
