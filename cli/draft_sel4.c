/* SPDX-License-Identifier: BSD-2-Clause
 * The parts of a system file that only seL4 reads. */
#include "draft_sel4.h"

#include <stdlib.h>
#include <string.h>

#include "draft.h"
#include "schema.h"

static unsigned line_of(const config_setting_t *s)
{
    return s == NULL ? 0 : config_setting_source_line(s);
}

static unsigned length_of(const config_setting_t *s)
{
    return s == NULL || !config_setting_is_list(s) ? 0 : (unsigned)config_setting_length(s);
}

bool draft_backing(const config_setting_t *range, uint64_t *at)
{
    const config_setting_t *group = schema_get(range, "backing");
    *at = 0;
    if (group == NULL) {
        return true;
    }
    return config_setting_is_group(group) && schema_number(group, "at", UINT64_MAX, at);
}

/* --- Budgets ----------------------------------------------------------------------------------- */

/* Both or none; where one is missing the message says so, and no echo follows. */
static struct system_budget budget_of(struct draft *d, const config_setting_t *group,
                                      const char *budget, const char *period, unsigned *line)
{
    struct system_budget b = {0, 0};
    uint64_t us[2] = {0, 0};
    const config_setting_t *first = schema_get(group, budget);
    const config_setting_t *second = schema_get(group, period);
    *line = line_of(first != NULL ? first : second);
    if ((first == NULL) != (second == NULL)) {
        say_error(d->say, *line, "\"%s\" without \"%s\"; give both, or none",
                  first ? budget : period, first ? period : budget);
        return b;
    }
    if (schema_number(group, budget, UINT32_MAX, &us[0]) &&
        schema_number(group, period, UINT32_MAX, &us[1])) {
        b = (struct system_budget){(uint32_t)us[0], (uint32_t)us[1]};
    }
    return b;
}

static void parse_budgets(struct draft *d, const config_setting_t *root)
{
    const config_setting_t *vms = schema_get(root, "vms");
    struct system_sel4 *s = &d->image->sel4;
    uint32_t vm = 0;
    for (unsigned i = 0; i < length_of(vms) && vm < d->image->vms; i++) { /* bound: the list's */
        const config_setting_t *group = config_setting_get_elem(vms, i);
        if (config_setting_is_group(group)) {
            s->vmm[vm] = budget_of(d, group, "budget_us", "period_us", &d->lines.sel4.vmm[vm]);
            s->io[vm] = budget_of(d, group, "io_budget_us", "io_period_us", &d->lines.sel4.io[vm]);
            vm++;
        }
    }
    const config_setting_t *switches = schema_get(root, "switches");
    uint32_t sw = 0;
    for (unsigned i = 0; i < length_of(switches) && sw < d->image->switches; i++) {
        const config_setting_t *group = config_setting_get_elem(switches, i);
        if (config_setting_is_group(group)) {
            unsigned *line = &d->lines.sel4.switch_[sw];
            s->switch_[sw] = budget_of(d, group, "budget_us", "period_us", line);
            sw++;
        }
    }
}

/* --- Windows ----------------------------------------------------------------------------------- */

static uint32_t vm_named(const struct system_image *image, const char *name)
{
    for (uint32_t v = 0; v < image->vms; v++) { /* bound: SYSTEM_VMS_MAX */
        if (strcmp(image->vm[v].name, name) == 0) {
            return v;
        }
    }
    return SYSTEM_VMS_MAX;
}

static void parse_windows(struct draft *d, const config_setting_t *root)
{
    const config_setting_t *list = schema_get(root, "schedule");
    struct system_sel4 *s = &d->image->sel4;
    for (unsigned i = 0; i < length_of(list) && i < SYSTEM_WINDOWS_MAX; i++) {
        const config_setting_t *group = config_setting_get_elem(list, i);
        uint64_t us = 0;
        if (!config_setting_is_group(group) || schema_text(group, "vm") == NULL ||
            !schema_number(group, "window_us", UINT32_MAX, &us) || us == 0) {
            continue; /* said */
        }
        uint32_t vm = vm_named(d->image, schema_text(group, "vm"));
        if (vm == SYSTEM_VMS_MAX) {
            say_error(d->say, line_of(schema_get(group, "vm")),
                      "there is no VM \"%s\" to give a window to; name one of vms = ( ... )",
                      schema_text(group, "vm"));
            continue;
        }
        d->lines.sel4.window[s->windows] = line_of(group);
        s->window[s->windows] = (struct system_window){vm, (uint32_t)us};
        s->windows++;
    }
}

/* --- Natives ----------------------------------------------------------------------------------- */

/* The first address that nobody gets by default: 52:42:48:FF:00:nn. */
static const uint8_t native_mac[6] = {0x52, 0x42, 0x48, 0xFF, 0x00, 0x00};

static bool native_names(struct draft *d, const config_setting_t *group, struct system_native *n)
{
    const char *name = schema_text(group, "name");
    const char *sw = schema_text(group, "switch");
    if (name == NULL || sw == NULL || strlen(name) >= sizeof(n->name)) {
        return false;
    }
    memcpy(n->name, name, strlen(name) + 1);
    for (n->switch_ = 0; n->switch_ < d->image->switches; n->switch_++) {
        if (strcmp(d->image->switch_[n->switch_].name, sw) == 0) {
            return true;
        }
    }
    say_error(d->say, line_of(schema_get(group, "switch")),
              "there is no switch \"%s\"; name one of switches = ( ... )", sw);
    return false;
}

static bool parse_native(struct draft *d, const config_setting_t *group, struct system_native *n,
                         uint32_t index)
{
    uint64_t port = 7; /* RFC 862 */
    uint64_t cpu = SYSTEM_CPU_ANY;
    unsigned line;
    memcpy(n->mac, native_mac, sizeof(n->mac));
    n->mac[5] = (uint8_t)index;
    const char *mac = schema_text(group, "mac");
    const char *address = schema_text(group, "address");
    bool good = native_names(d, group, n);
    if (mac != NULL && !draft_mac(mac, n->mac)) {
        say_error(d->say, line_of(schema_get(group, "mac")),
                  "\"%s\" is no Ethernet address; write it like \"52:42:48:ff:00:01\"", mac);
        good = false;
    }
    if (address == NULL || !draft_address(address, &n->address)) {
        if (address != NULL) {
            say_error(d->say, line_of(schema_get(group, "address")),
                      "\"%s\" is no IPv4 address; write it like \"192.168.19.7\"", address);
        }
        good = false;
    }
    good = schema_word(group, "program", &schema_programs, &n->program) && good;
    if (schema_get(group, "udp_port") != NULL) {
        good = schema_number(group, "udp_port", UINT16_MAX, &port) && good;
    }
    (void)schema_number(group, "cpu", SCHEMA_CPU_MAX, &cpu);
    n->udp_port = (uint16_t)port;
    n->cpu = (uint32_t)cpu;
    n->time = budget_of(d, group, "budget_us", "period_us", &line);
    return good;
}

static void parse_natives(struct draft *d, const config_setting_t *root)
{
    const config_setting_t *list = schema_get(root, "natives");
    struct system_sel4 *s = &d->image->sel4;
    for (unsigned i = 0; i < length_of(list) && i < SYSTEM_NATIVES_MAX; i++) {
        const config_setting_t *group = config_setting_get_elem(list, i);
        struct system_native *n = &s->native[s->natives];
        d->lines.sel4.native[s->natives] = line_of(group);
        if (config_setting_is_group(group) && parse_native(d, group, n, s->natives)) {
            s->natives++;
        } else {
            memset(n, 0, sizeof(*n)); /* what is wrong with it was said */
        }
    }
}

void draft_sel4(struct draft *draft, const config_setting_t *root)
{
    parse_budgets(draft, root);
    parse_windows(draft, root);
    parse_natives(draft, root);
}
