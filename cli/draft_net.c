/* SPDX-License-Identifier: BSD-2-Clause
 * The parts of a system file that are about networks. */
#include "draft.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

#define MMIO_BASE    0xFEB00000u /* register windows, where the file does not say */
#define BLOCK_BASE   0xFE000000u /* where Deos's driver looks                    */
#define PCI_SLOT     3u
#define PCI_INPUT    16u /* I/O APIC inputs: behind the ISA ones */
#define OTHER_INPUT  20u
#define QUEUE_SIZE   256u
#define MTU          1500u
#define PREFIX       24u
#define LOCALHOST    0x7F000001u
#define NETWORK      0xC0A81300u /* 192.168.19.0 */
#define EVERYBODY(n) (UINT32_MAX >> (32u - (n)))

static unsigned line_of(const config_setting_t *s)
{
    return s == NULL ? 0 : config_setting_source_line(s);
}

static unsigned length_of(const config_setting_t *s)
{
    return s == NULL || !config_setting_is_aggregate(s) ? 0 : (unsigned)config_setting_length(s);
}

static uint32_t number_or(const config_setting_t *group, const char *name, uint32_t fallback)
{
    uint64_t value = fallback;
    (void)schema_number(group, name, UINT32_MAX, &value);
    return (uint32_t)value;
}

/* --- Addresses -------------------------------------------------------------------------------- */

bool draft_address(const char *text, uint32_t *address)
{
    struct in_addr in;
    if (inet_pton(AF_INET, text, &in) != 1) {
        return false;
    }
    *address = ntohl(in.s_addr);
    return true;
}

/* A key with an address; what is there but is none has been said when this returns false. */
static bool parse_address(struct draft *d, const config_setting_t *group, const char *key,
                          uint32_t *address)
{
    const char *text = schema_text(group, key);
    if (text == NULL || draft_address(text, address)) {
        return true;
    }
    say_error(d->say, line_of(schema_get(group, key)),
              "\"%s\" is \"%s\", which is no IPv4 address; write it like \"192.168.19.2\"", key,
              text);
    return false;
}

/* "192.168.19.0/24" */
static bool network_parse(const char *text, struct system_switch *s)
{
    char copy[32];
    const char *slash = strchr(text, '/');
    char *end = NULL;
    if (slash == NULL || (size_t)(slash - text) >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, (size_t)(slash - text));
    copy[slash - text] = 0;
    unsigned long prefix = strtoul(slash + 1, &end, 10);
    if (slash[1] < '0' || slash[1] > '9' || *end != 0 || prefix > 32) {
        return false;
    }
    s->prefix = (uint32_t)prefix;
    return draft_address(copy, &s->network);
}

bool draft_mac(const char *text, uint8_t mac[6])
{
    unsigned byte[6];
    int used = 0;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
               &byte[5], &used) != 6 ||
        text[used] != 0 || strspn(text, "0123456789abcdefABCDEF:") != strlen(text)) {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        mac[i] = (uint8_t)byte[i];
    }
    return true;
}

/* --- Switches --------------------------------------------------------------------------------- */

static bool parse_forward(struct draft *d, const config_setting_t *group, struct system_forward *f)
{
    uint32_t udp = 0;
    f->host_address = LOCALHOST;
    bool good = parse_address(d, group, "host_address", &f->host_address) &&
                parse_address(d, group, "guest", &f->guest_address);
    (void)schema_word(group, "transport", &schema_transports, &udp);
    f->udp = (uint8_t)udp;
    f->host_port = (uint16_t)number_or(group, "host_port", 0);
    f->guest_port = (uint16_t)number_or(group, "guest_port", 0);
    return good && f->host_port != 0 && f->guest_port != 0 && schema_text(group, "guest") != NULL;
}

static void parse_forwards(struct draft *d, const config_setting_t *group, struct system_switch *s,
                           struct draft_switch *lines)
{
    const config_setting_t *list = schema_get(group, "forwards");
    for (unsigned i = 0; i < length_of(list) && i < SYSTEM_FORWARDS_MAX; i++) {
        const config_setting_t *e = config_setting_get_elem(list, i);
        lines->forward[s->forwards] = line_of(e);
        if (!config_setting_is_group(e) || !parse_forward(d, e, &s->forward[s->forwards])) {
            lines->bad = true;
        }
        s->forwards++;
    }
}

/* What belongs to an uplink; without one, it must not be there. */
static void parse_uplink(struct draft *d, const config_setting_t *group, struct system_switch *s,
                         struct draft_switch *lines)
{
    static const char *const keys[] = {"network", "host_address", "host_loopback", "forwards"};
    (void)schema_word(group, "uplink", &schema_uplinks, &s->uplink);
    if (s->uplink == SYSTEM_UPLINK_NONE) {
        for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            const config_setting_t *extra = schema_get(group, keys[i]);
            if (extra != NULL) {
                say_error(d->say, line_of(extra),
                          "\"%s\" without an uplink; add uplink = \"user\", or remove it", keys[i]);
            }
        }
        return;
    }
    const char *network = schema_text(group, "network");
    s->network = NETWORK;
    s->prefix = PREFIX;
    if (network != NULL && !network_parse(network, s)) {
        say_error(d->say, line_of(schema_get(group, "network")),
                  "\"network\" is \"%s\", which is none; write it like \"192.168.19.0/24\"",
                  network);
        lines->bad = true;
    }
    const config_setting_t *loopback = schema_get(group, "host_loopback");
    s->flags = loopback != NULL && config_setting_get_bool(loopback) ? SYSTEM_SWITCH_LOOPBACK : 0;
    s->host_address = s->network + 2u;
    lines->bad |= !parse_address(d, group, "host_address", &s->host_address);
    parse_forwards(d, group, s, lines);
}

static void parse_switch(struct draft *d, const config_setting_t *group)
{
    struct system_switch *s = &d->image->switch_[d->image->switches];
    struct draft_switch *lines = &d->lines.switch_[d->image->switches];
    const char *name = schema_text(group, "name");
    lines->line = line_of(group);
    if (name == NULL || strlen(name) >= sizeof(s->name)) {
        lines->bad = true;
    } else {
        memcpy(s->name, name, strlen(name) + 1);
    }
    s->cpu = SYSTEM_CPU_ANY;
    uint64_t cpu = 0;
    if (schema_number(group, "cpu", SCHEMA_CPU_MAX, &cpu)) {
        s->cpu = (uint32_t)cpu;
    }
    parse_uplink(d, group, s, lines);
    d->image->switches++;
}

void draft_switches(struct draft *draft, const config_setting_t *root)
{
    const config_setting_t *list = schema_get(root, "switches");
    for (unsigned i = 0; i < length_of(list) && i < SYSTEM_SWITCHES_MAX; i++) {
        const config_setting_t *group = config_setting_get_elem(list, i);
        if (config_setting_is_group(group)) {
            parse_switch(draft, group);
        }
    }
}

/* --- Network cards ---------------------------------------------------------------------------- */

/* The card's switch by its name. */
static bool parse_plug(struct draft *d, const config_setting_t *group, struct system_nic *n)
{
    const char *name = schema_text(group, "switch");
    if (name == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < d->image->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        if (strcmp(d->image->switch_[i].name, name) == 0) {
            n->switch_ = i;
            return true;
        }
    }
    say_error(d->say, line_of(schema_get(group, "switch")),
              "there is no switch \"%s\"; add it to switches = ( { name = \"%s\"; } ), or name "
              "another",
              name, name);
    return false;
}

/* Keys that the shell has no use for would be silently ignored otherwise. */
static bool parse_place(struct draft *d, const config_setting_t *group, struct system_nic *n,
                        uint32_t index)
{
    bool pci = n->shell <= SYSTEM_SHELL_PCI_MODERN;
    const config_setting_t *extra = schema_get(group, pci ? "at" : "slot");
    if (extra != NULL) {
        say_error(d->say, line_of(extra), "\"%s\" is %s; remove it", config_setting_name(extra),
                  pci ? "not for PCI cards: the guest finds them by their slot"
                      : "for PCI cards only");
        return false;
    }
    uint64_t at = (n->shell == SYSTEM_SHELL_BLOCK ? BLOCK_BASE : MMIO_BASE) +
                  (uint64_t)index * SYSTEM_NIC_BYTES;
    if (pci) {
        n->pci_device = (uint16_t)number_or(group, "slot", PCI_SLOT + index);
        return n->pci_device != 0;
    }
    if (schema_get(group, "at") != NULL && !schema_number(group, "at", UINT64_MAX, &at)) {
        return false;
    }
    n->at = at;
    return true;
}

static bool parse_mac(struct draft *d, const config_setting_t *group, struct system_nic *n,
                      uint32_t vm, uint32_t index)
{
    const uint8_t ours[6] = {0x52, 0x42, 0x48, 0, (uint8_t)vm, (uint8_t)index};
    const char *text = schema_text(group, "mac");
    memcpy(n->mac, ours, sizeof(ours));
    if (text == NULL || draft_mac(text, n->mac)) {
        return true;
    }
    say_error(d->say, line_of(schema_get(group, "mac")),
              "\"mac\" is \"%s\", which is no address; write it like \"52:42:48:00:00:01\"", text);
    return false;
}

static bool parse_nic(struct draft *d, const config_setting_t *group, uint32_t vm, uint32_t index)
{
    struct system_vm *v = &d->image->vm[vm];
    struct system_nic *n = &v->nic[index];
    const config_setting_t *pinned = schema_get(group, "pinned");
    bool inputs = (v->devices & SYSTEM_DEV_IOAPIC) != 0;
    if (!schema_word(group, "shell", &schema_shells, &n->shell)) {
        return false;
    }
    uint32_t input = n->shell <= SYSTEM_SHELL_PCI_MODERN ? PCI_INPUT : OTHER_INPUT;
    n->irq = number_or(group, "irq", inputs ? input + index : SYSTEM_IRQ_NONE);
    n->offers = schema_get(group, "offers") == NULL ? SYSTEM_NIC_OFFERS_ALL
                                                    : schema_words(group, "offers", &schema_offers);
    n->queue_size = number_or(group, "queue_size", QUEUE_SIZE);
    n->mtu = number_or(group, "mtu", MTU);
    n->frames_per_s = number_or(group, "frames_per_s", 0);
    n->bytes_per_s = number_or(group, "bytes_per_s", 0);
    n->broadcasts_per_s = number_or(group, "broadcasts_per_s", 0);
    n->policy = pinned == NULL || config_setting_get_bool(pinned) ? SYSTEM_NIC_PINNED : 0;
    bool good = parse_plug(d, group, n);
    good = parse_place(d, group, n, index) && good;
    return parse_mac(d, group, n, vm, index) && good;
}

void draft_nics(struct draft *draft, uint32_t vm, const config_setting_t *group)
{
    struct system_vm *v = &draft->image->vm[vm];
    struct draft_vm *lines = &draft->lines.vm[vm];
    const config_setting_t *list = schema_get(group, "net");
    uint64_t cpu = 0;
    v->io_cpu = SYSTEM_CPU_ANY;
    if (schema_number(group, "io_cpu", SCHEMA_CPU_MAX, &cpu)) {
        v->io_cpu = (uint32_t)cpu;
        lines->field[SYSTEM_FIELD_NIC] = line_of(schema_get(group, "io_cpu"));
    }
    for (unsigned i = 0; i < length_of(list) && i < SYSTEM_NICS_MAX; i++) {
        const config_setting_t *e = config_setting_get_elem(list, i);
        lines->nic[v->nics] = line_of(e);
        if (!config_setting_is_group(e) || !parse_nic(draft, e, vm, v->nics)) {
            lines->bad |= 1u << (unsigned)SYSTEM_FIELD_NIC;
        }
        v->nics++;
    }
}

/* --- Who may send to whom --------------------------------------------------------------------- */

/* The ports of the card's switch that `name` stands for: a VM's cards, a native, or the uplink. */
static uint32_t ports_of(const struct system_image *image, uint32_t switch_, const char *name)
{
    uint32_t ports = 0;
    for (uint32_t v = 0; v < image->vms; v++) { /* bound: SYSTEM_VMS_MAX */
        for (uint32_t n = 0; strcmp(image->vm[v].name, name) == 0 && n < image->vm[v].nics; n++) {
            uint32_t port = system_port(image, switch_, v, n);
            ports |= port < SYSTEM_PORTS_MAX ? 1u << port : 0;
        }
    }
    for (uint32_t i = 0; i < image->sel4.natives; i++) { /* bound: SYSTEM_NATIVES_MAX */
        uint32_t port = system_native_port(image, switch_, i);
        bool it = strcmp(image->sel4.native[i].name, name) == 0 && port < SYSTEM_PORTS_MAX;
        ports |= it ? 1u << port : 0;
    }
    if (strcmp(name, "uplink") == 0) {
        uint32_t port = system_port(image, switch_, SYSTEM_VMS_MAX, 0);
        ports |= port < SYSTEM_PORTS_MAX ? 1u << port : 0;
    }
    return ports;
}

static void peers_of(struct draft *d, const config_setting_t *group, struct system_nic *n)
{
    const config_setting_t *list = schema_get(group, "peers");
    n->peers = EVERYBODY(system_ports_all(d->image, n->switch_));
    if (list == NULL) {
        return;
    }
    n->peers = 0;
    for (unsigned i = 0; i < length_of(list); i++) { /* bound: the array's length */
        const char *name = config_setting_get_string_elem(list, (int)i);
        uint32_t ports = name == NULL ? 0 : ports_of(d->image, n->switch_, name);
        if (ports == 0 && name != NULL) {
            say_error(d->say, line_of(list),
                      "the peer \"%s\" is neither a VM on switch \"%s\" nor its uplink; plug it in "
                      "there, or remove it",
                      name, d->image->switch_[n->switch_].name);
        }
        n->peers |= ports;
    }
}

/* Whether its guest is told of the uplink's state. One that sends to others as well should not lose
 * them, too. */
static void follow_of(struct draft *d, const config_setting_t *group, struct system_nic *n,
                      uint32_t own)
{
    const config_setting_t *follow = schema_get(group, "follow_uplink");
    uint32_t uplink = ports_of(d->image, n->switch_, "uplink");
    bool asked = follow != NULL && config_setting_get_bool(follow);
    if (asked && uplink == 0) {
        say_error(d->say, line_of(follow),
                  "\"follow_uplink\" on switch \"%s\", which has no uplink; remove it, or give the "
                  "switch one",
                  d->image->switch_[n->switch_].name);
        return;
    }
    bool only = uplink != 0 && (n->peers & ~own) == uplink;
    n->policy |= asked || (follow == NULL && only) ? SYSTEM_NIC_FOLLOWS : 0;
}

void draft_peers(struct draft *draft, const config_setting_t *vms)
{
    uint32_t vm = 0;
    for (unsigned i = 0; i < length_of(vms) && vm < draft->image->vms; i++) {
        const config_setting_t *group = config_setting_get_elem(vms, i);
        if (!config_setting_is_group(group)) {
            continue; /* it has no place in the image */
        }
        const config_setting_t *list = schema_get(group, "net");
        bool good = !draft_is_bad(&draft->lines.vm[vm], SYSTEM_FIELD_NIC);
        for (unsigned n = 0; good && n < draft->image->vm[vm].nics; n++) {
            struct system_nic *nic = &draft->image->vm[vm].nic[n];
            const config_setting_t *card = config_setting_get_elem(list, n);
            peers_of(draft, card, nic);
            follow_of(draft, card, nic, 1u << system_port(draft->image, nic->switch_, vm, n));
        }
        vm++;
    }
}
