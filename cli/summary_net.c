/* SPDX-License-Identifier: BSD-2-Clause
 * What a run came to, as far as the network is concerned: network cards under their VM, switches for
 * themselves. Both forms. */
#include <inttypes.h>
#include <string.h>

#include "kvm/wires.h"
#include "summary.h"
#include "summary_names.h"

#define PORT_NAME_MAX (SYSTEM_NAME_MAX + 16u)

#define NIC(field)                                     \
    {                                                  \
#field, offsetof(struct channel_counts, field) \
    }
const struct summary_counter summary_nic_counters[SUMMARY_NIC_COUNTERS] = {
    NIC(tx_frames),    NIC(tx_bytes),     NIC(rx_frames),    NIC(rx_bytes),
    NIC(tx_malformed), NIC(rx_no_buffer), NIC(rx_malformed), NIC(cut_frames),
    NIC(kicks),        NIC(interrupts),   NIC(breaks),
};
_Static_assert(sizeof(struct channel_counts) == SUMMARY_NIC_COUNTERS * sizeof(uint64_t),
               "each counter has a name");

#define CARD(field)                                 \
    {                                               \
#field, offsetof(struct vdev_counts, field) \
    }
const struct summary_counter summary_card_counters[SUMMARY_CARD_COUNTERS] = {
    CARD(kicks), CARD(queue_irqs),       CARD(config_irqs), CARD(resets),
    CARD(runs),  CARD(refused_features), CARD(breaks),
};
_Static_assert(sizeof(struct vdev_counts) == SUMMARY_CARD_COUNTERS * sizeof(uint64_t),
               "each counter has a name");

/* Those that are only of interest where they are not zero, in a person's words. */
static const struct summary_counter nic_oddities[] = {
    {"malformed from the guest", offsetof(struct channel_counts, tx_malformed)},
    {"too large for its buffers", offsetof(struct channel_counts, rx_no_buffer)},
    {"malformed from the switch", offsetof(struct channel_counts, rx_malformed)},
    {"cut or checksummed here", offsetof(struct channel_counts, cut_frames)},
    {"resets for breaking the rules", offsetof(struct channel_counts, breaks)},
};

const char *const summary_drop_names[SWITCH_DROPS] = {
    [SWITCH_DROP_FULL] = "full",           [SWITCH_DROP_FRAME_RATE] = "frame_rate",
    [SWITCH_DROP_BYTE_RATE] = "byte_rate", [SWITCH_DROP_BROADCAST_RATE] = "broadcast_rate",
    [SWITCH_DROP_SPOOFED] = "spoofed",     [SWITCH_DROP_NOT_PEER] = "not_peer",
    [SWITCH_DROP_MALFORMED] = "malformed", [SWITCH_DROP_SELF] = "self",
    [SWITCH_DROP_RESERVED] = "reserved",
};

uint64_t summary_counter_value(const void *counts, const struct summary_counter *counter)
{
    uint64_t value;
    memcpy(&value, (const char *)counts + counter->at, sizeof(value));
    return value;
}

void summary_port_name(const struct system_image *image, uint32_t sw, uint32_t port, char *out,
                       size_t size)
{
    struct net_plan plan;
    net_plan(image, false, &plan);
    out[0] = '\0';
    if (port < plan.sw[sw].count) {
        const struct net_port *p = &plan.sw[sw].port[port];
        if (p->vm == NET_UPLINK) {
            (void)snprintf(out, size, "uplink");
        } else {
            (void)snprintf(out, size, "%s net %" PRIu32, image->vm[p->vm].name, p->nic);
        }
    }
}

const char *summary_link_name(uint32_t link)
{
    return link == REPORT_LINK_UP ? "up" : link == REPORT_LINK_DOWN ? "down" : "none";
}

/* --- The table --------------------------------------------------------------------------------- */

/* What its drivers did with the card. */
static void text_card(const struct vdev_counts *c, FILE *out)
{
    fprintf(out, "              driver started %" PRIu64 " times, reset %" PRIu64, c->runs,
            c->resets);
    if (c->refused_features != 0) {
        fprintf(out, ", features refused %" PRIu64, c->refused_features);
    }
    if (c->config_irqs != 0) {
        fprintf(out, ", configuration interrupts %" PRIu64, c->config_irqs);
    }
    fputs("\n", out);
}

void summary_text_nics(const struct run_facts *f, uint32_t vm, FILE *out)
{
    for (uint32_t i = 0; i < f->image->vm[vm].nics; i++) {
        const struct channel_counts *c = &f->vm[vm].report.nic[i];
        char name[16];
        snprintf(name, sizeof(name), "net %" PRIu32, i);
        fprintf(out,
                "  %-12ssent %" PRIu64 " frames, %" PRIu64 " bytes; received %" PRIu64 ", %" PRIu64
                "; kicks %" PRIu64 ", interrupts %" PRIu64 "\n",
                name, c->tx_frames, c->tx_bytes, c->rx_frames, c->rx_bytes, c->kicks,
                c->interrupts);
        unsigned items = 0;
        for (size_t k = 0; k < sizeof(nic_oddities) / sizeof(nic_oddities[0]); k++) {
            uint64_t value = summary_counter_value(c, &nic_oddities[k]);
            if (value != 0) {
                fprintf(out, "%s%" PRIu64 " %s", items == 0 ? "              " : ", ", value,
                        nic_oddities[k].name);
                items++;
            }
        }
        fputs(items == 0 ? "" : "\n", out);
        text_card(&f->vm[vm].report.card[i], out);
    }
}

static void text_port(const char *name, const struct switch_counts *c, FILE *out)
{
    fprintf(out, "  %-12s in %" PRIu64 " frames, %" PRIu64 " bytes; out %" PRIu64 ", %" PRIu64 "\n",
            name, c->in_frames, c->in_bytes, c->out_frames, c->out_bytes);
    unsigned items = 0;
    for (unsigned i = 0; i < SWITCH_DROPS; i++) {
        if (c->drops[i] != 0) {
            fprintf(out, "%s%s %" PRIu64, items == 0 ? "              dropped: " : ", ",
                    summary_drop_names[i], c->drops[i]);
            items++;
        }
    }
    if (c->broken != 0) {
        fprintf(out, "%sring broken %" PRIu64, items == 0 ? "              " : ", ", c->broken);
        items++;
    }
    fputs(items == 0 ? "" : "\n", out);
}

static void text_uplink(const struct net_report *r, FILE *out)
{
    const struct uplink_report *u = &r->up;
    fprintf(out, "  %-12s%s", "uplink", summary_link_name(u->link));
    if (u->text[0] != '\0') {
        fputs(u->link == REPORT_LINK_DOWN ? ": " : ", but ", out);
        summary_clean_text(out, u->text, sizeof(u->text));
    }
    fprintf(out,
            "; to the world %" PRIu64 " frames, %" PRIu64 " bytes; from there %" PRIu64 ", %" PRIu64
            "\n",
            u->out_frames, u->out_bytes, u->in_frames, u->in_bytes);
    if ((u->in_full | u->out_malformed | u->out_refused) != 0) {
        fprintf(out,
                "              dropped: full %" PRIu64 ", malformed %" PRIu64
                ", to this host's loopback %" PRIu64 "\n",
                u->in_full, u->out_malformed, u->out_refused);
    }
    if (r->uplink_restarts != 0) {
        fprintf(out, "              its process died %" PRIu32 " times\n", r->uplink_restarts);
    }
}

void summary_text_switches(const struct run_facts *f, FILE *out)
{
    char name[PORT_NAME_MAX];
    for (uint32_t i = 0; i < f->image->switches; i++) {
        const struct net_report *r = &f->sw[i].report;
        fprintf(out, "switch %s\n", f->image->switch_[i].name);
        if (!f->sw[i].has_report) {
            fprintf(out, "  never started\n");
            continue;
        }
        summary_port_name(f->image, i, 0, name, sizeof(name));
        for (uint32_t p = 0; name[0] != '\0'; p++) { /* bound: SWITCH_PORTS_MAX */
            text_port(name, &r->sw.port[p], out);
            summary_port_name(f->image, i, p + 1u, name, sizeof(name));
        }
        if (r->restarts != 0) {
            fprintf(out, "  %-12sits process died %" PRIu32 " times\n", "restarts", r->restarts);
        }
        if (f->image->switch_[i].uplink != SYSTEM_UPLINK_NONE) {
            text_uplink(r, out);
        }
        summary_text_process("process", &f->sw[i].process, out);
        summary_text_process("its uplink's", &f->sw[i].uplink_process, out);
    }
}

/* --- JSON -------------------------------------------------------------------------------------- */

static void json_counters(const void *counts, const struct summary_counter *counter, unsigned many,
                          FILE *out)
{
    for (unsigned i = 0; i < many; i++) {
        fprintf(out, "%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", counter[i].name,
                summary_counter_value(counts, &counter[i]));
    }
}

void summary_json_nics(const struct run_facts *f, uint32_t vm, FILE *out)
{
    uint32_t nics = f->image->vm[vm].nics;
    fprintf(out, "        \"net\": [");
    for (uint32_t i = 0; i < nics; i++) {
        const struct channel_counts *c = &f->vm[vm].report.nic[i];
        fprintf(out, "%s\n          { ", i == 0 ? "" : ",");
        json_counters(c, summary_nic_counters, SUMMARY_NIC_COUNTERS, out);
        fprintf(out, ",\n            \"card\": { ");
        json_counters(&f->vm[vm].report.card[i], summary_card_counters, SUMMARY_CARD_COUNTERS, out);
        fprintf(out, " } }");
    }
    fprintf(out, "%s]\n", nics == 0 ? "" : "\n        ");
}

static void json_port(const char *name, const struct switch_counts *c, FILE *out)
{
    fprintf(out, "        { \"name\": ");
    summary_json_text(out, name, PORT_NAME_MAX);
    fprintf(out,
            ", \"in_frames\": %" PRIu64 ", \"in_bytes\": %" PRIu64 ", \"out_frames\": %" PRIu64
            ", \"out_bytes\": %" PRIu64 ", \"broken\": %" PRIu64 ",\n          \"drops\": { ",
            c->in_frames, c->in_bytes, c->out_frames, c->out_bytes, c->broken);
    for (unsigned i = 0; i < SWITCH_DROPS; i++) {
        fprintf(out, "\"%s\": %" PRIu64 "%s", summary_drop_names[i], c->drops[i],
                i + 1 < SWITCH_DROPS ? ", " : " } }");
    }
}

static void json_uplink(const struct net_report *r, FILE *out)
{
    const struct uplink_report *u = &r->up;
    fprintf(out, "      \"uplink\": { \"link\": \"%s\", \"text\": ", summary_link_name(u->link));
    summary_json_text(out, u->text, sizeof(u->text));
    fprintf(out,
            ", \"restarts\": %" PRIu32 ",\n        \"out_frames\": %" PRIu64
            ", \"out_bytes\": %" PRIu64 ", \"in_frames\": %" PRIu64 ", \"in_bytes\": %" PRIu64
            ", \"in_full\": %" PRIu64 ", \"out_malformed\": %" PRIu64 ", \"out_refused\": %" PRIu64
            ", \"cut_frames\": %" PRIu64 " }\n",
            r->uplink_restarts, u->out_frames, u->out_bytes, u->in_frames, u->in_bytes, u->in_full,
            u->out_malformed, u->out_refused, u->cut_frames);
}

static void json_switch(const struct run_facts *f, uint32_t i, FILE *out)
{
    const struct net_report *r = &f->sw[i].report;
    char name[PORT_NAME_MAX];
    fprintf(out, "    {\n      \"name\": ");
    summary_json_text(out, f->image->switch_[i].name, SYSTEM_NAME_MAX);
    fprintf(out, ", \"restarts\": %" PRIu32 ", \"wakes\": %" PRIu64 ",\n      \"ports\": [",
            r->restarts, r->sw.wakes);
    summary_port_name(f->image, i, 0, name, sizeof(name));
    for (uint32_t p = 0; name[0] != '\0'; p++) { /* bound: SWITCH_PORTS_MAX */
        fputs(p == 0 ? "\n" : ",\n", out);
        json_port(name, &r->sw.port[p], out);
        summary_port_name(f->image, i, p + 1u, name, sizeof(name));
    }
    fprintf(out, "\n      ],\n");
    json_uplink(r, out);
    fprintf(out, "    }%s\n", i + 1 < f->image->switches ? "," : "");
}

void summary_json_switches(const struct run_facts *f, FILE *out)
{
    fprintf(out, "  \"switches\": [\n");
    for (uint32_t i = 0; i < f->image->switches; i++) {
        json_switch(f, i, out);
    }
    fprintf(out, "  ],\n");
}
