/* SPDX-License-Identifier: BSD-2-Clause
 * How the numbers of a report are called, in the table and in JSON. */
#ifndef CLI_SUMMARY_NAMES_H
#define CLI_SUMMARY_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kvm/report.h"
#include "summary.h"

#define SUMMARY_KVM_COUNTERS 8u

const char *summary_exit_name(unsigned kind);   /* enum vm_exit_kind    */
const char *summary_timer_name(unsigned timer); /* enum report_timer    */
const char *summary_cause_name(uint32_t cause); /* enum link_stop_cause */
const char *summary_end_name(unsigned end);     /* enum run_end         */
const char *summary_kvm_name(unsigned counter); /* 0 .. SUMMARY_KVM_COUNTERS - 1 */

/* The counters in the order of their names. */
void summary_kvm_values(const struct report_kvm *kvm, uint64_t out[SUMMARY_KVM_COUNTERS]);

/* A counter and what it is called. */
struct summary_counter {
    const char *name;
    size_t at; /* of a uint64_t */
};

#define SUMMARY_NIC_COUNTERS 11u
extern const struct summary_counter
    summary_nic_counters[SUMMARY_NIC_COUNTERS]; /* struct channel_counts */
#define SUMMARY_CARD_COUNTERS 7u
extern const struct summary_counter
    summary_card_counters[SUMMARY_CARD_COUNTERS]; /* struct vdev_counts */
extern const char *const summary_drop_names[SWITCH_DROPS];

uint64_t summary_counter_value(const void *counts, const struct summary_counter *counter);

/* Who is behind a switch's port, e.g. "linux net 0" or "uplink"; "" beyond the last. */
void summary_port_name(const struct system_image *image, uint32_t sw, uint32_t port, char *out,
                       size_t size);
/* "up", "down", or "none". */
const char *summary_link_name(uint32_t link);

/* What a process took from the host, if it lived long enough to be looked at. */
void summary_text_process(const char *name, const struct process_report *p, FILE *out);

/* The parts of both forms that are about the network. */
void summary_text_nics(const struct run_facts *f, uint32_t vm, FILE *out);
void summary_text_switches(const struct run_facts *f, FILE *out);
void summary_json_nics(const struct run_facts *f, uint32_t vm, FILE *out);
void summary_json_switches(const struct run_facts *f, FILE *out);

/* Text as JSON: with its quotation marks. */
void summary_json_text(FILE *out, const char *text, size_t size);
/* Text that came over the link: bounded, and without control characters. */
void summary_clean_text(FILE *out, const char *text, size_t size);

#endif
