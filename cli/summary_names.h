/* SPDX-License-Identifier: BSD-2-Clause
 * How the numbers of a report are called, in the table and in JSON. */
#ifndef CLI_SUMMARY_NAMES_H
#define CLI_SUMMARY_NAMES_H

#include <stdint.h>

#include "kvm/report.h"

#define SUMMARY_KVM_COUNTERS 8u

const char *summary_exit_name(unsigned kind);   /* enum vm_exit_kind    */
const char *summary_timer_name(unsigned timer); /* enum report_timer    */
const char *summary_cause_name(uint32_t cause); /* enum link_stop_cause */
const char *summary_end_name(unsigned end);     /* enum run_end         */
const char *summary_kvm_name(unsigned counter); /* 0 .. SUMMARY_KVM_COUNTERS - 1 */

/* The counters in the order of their names. */
void summary_kvm_values(const struct report_kvm *kvm, uint64_t out[SUMMARY_KVM_COUNTERS]);

#endif
