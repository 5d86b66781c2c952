/* SPDX-License-Identifier: BSD-2-Clause
 * What a run came to, as JSON, and the names of its numbers.
 * Spec: [RFC 8259]. Integers may need 64 bits; addresses are strings in hexadecimal. */
#include "summary.h"

#include <inttypes.h>
#include <string.h>

#include "summary_names.h"

static const char *const exit_name[] = VM_EXIT_NAMES;
_Static_assert(sizeof(exit_name) / sizeof(exit_name[0]) == VM_EXIT_KINDS, "a name for each exit");

static const char *const timer_name[] = {"lapic", "pit", "hpet", "rtc"};
_Static_assert(sizeof(timer_name) / sizeof(timer_name[0]) == REPORT_TIMERS, "a name for each");

static const char *const kvm_name[] = {"exits",       "io_exits",         "mmio_exits",
                                       "halt_exits",  "irq_window_exits", "signal_exits",
                                       "page_faults", "insn_emulation"};
_Static_assert(sizeof(kvm_name) / sizeof(kvm_name[0]) == SUMMARY_KVM_COUNTERS, "a name for each");
_Static_assert(sizeof(struct report_kvm) == SUMMARY_KVM_COUNTERS * sizeof(uint64_t),
               "each counter has a name");

static const char *const cause_name[] = {"unknown", "power-off", "reset", "debug-exit",
                                         "failed",  "died",      "asked"};
static const char *const end_name[] = {"untils-met", "guests-ended", "time-up", "asked",
                                       "hopeless",   "not-started",  "broken"};

const char *summary_exit_name(unsigned kind)
{
    return exit_name[kind];
}

const char *summary_timer_name(unsigned timer)
{
    return timer_name[timer];
}

const char *summary_cause_name(uint32_t cause)
{
    return cause <= LINK_STOP_ASKED ? cause_name[cause] : cause_name[0];
}

const char *summary_end_name(unsigned end)
{
    return end_name[end];
}

const char *summary_kvm_name(unsigned counter)
{
    return kvm_name[counter];
}

void summary_kvm_values(const struct report_kvm *kvm, uint64_t out[SUMMARY_KVM_COUNTERS])
{
    memcpy(out, kvm, sizeof(*kvm));
}

uint64_t summary_exits(const struct vm_report *r)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < VM_EXIT_KINDS; i++) {
        sum += r->exits[i];
    }
    return sum;
}

/* --- Values ----------------------------------------------------------------------------------- */

/* The length of the UTF-8 sequence of more than one byte that `s` begins with, or 0 if it does not
 * begin with a valid one ([RFC 3629] section 4). */
static size_t json_utf8(const unsigned char *s, size_t left)
{
    size_t len = s[0] >= 0xF0 && s[0] < 0xF5 ? 4 : s[0] >= 0xE0 && s[0] < 0xF0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] >= 0xF5 || len > left) {
        return 0;
    }
    bool bad = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] >= 0xA0) ||
               (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] >= 0x90);
    for (size_t i = 1; i < len; i++) { /* bound: 4 */
        bad = bad || s[i] < 0x80 || s[i] >= 0xC0;
    }
    return bad ? 0 : len;
}

/* A string: UTF-8 as it is, a byte that is not UTF-8 as the Latin-1 character of that number. */
void summary_json_text(FILE *out, const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t len = strnlen(text, size);
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        size_t wide = json_utf8(s + i, len - i);
        if (s[i] == '"' || s[i] == '\\') {
            fprintf(out, "\\%c", s[i]);
        } else if (wide > 0) {
            fwrite(s + i, 1, wide, out);
            i += wide - 1;
        } else if (s[i] < 0x20 || s[i] >= 0x7F) {
            fprintf(out, "\\u%04x", s[i]);
        } else {
            fputc(s[i], out);
        }
    }
    fputc('"', out);
}

static void json_u64(FILE *out, const char *key, uint64_t value, const char *after)
{
    fprintf(out, "\"%s\": %" PRIu64 "%s", key, value, after);
}

static void json_hex(FILE *out, const char *key, uint64_t value, const char *after)
{
    fprintf(out, "\"%s\": \"0x%" PRIx64 "\"%s", key, value, after);
}

static const char *json_bool(bool b)
{
    return b ? "true" : "false";
}

/* --- Parts ------------------------------------------------------------------------------------ */

static void json_stop(const struct run_vm *v, FILE *out)
{
    if (!v->has_stop) {
        fprintf(out, "      \"stop\": null,\n");
        return;
    }
    fprintf(out, "      \"stop\": { \"cause\": \"%s\", \"code\": %" PRIu32 ", \"text\": ",
            summary_cause_name(v->stop.cause), v->stop.code);
    summary_json_text(out, v->stop.text, sizeof(v->stop.text));
    fprintf(out, " },\n");
}

static void json_counters(const struct vm_report *r, FILE *out)
{
    uint64_t kvm[SUMMARY_KVM_COUNTERS];
    fprintf(out, "        \"exits\": { ");
    for (unsigned i = 0; i < VM_EXIT_KINDS; i++) {
        json_u64(out, exit_name[i], r->exits[i], i + 1 < VM_EXIT_KINDS ? ", " : " },\n");
    }
    fprintf(out, "        \"kvm\": { ");
    summary_kvm_values(&r->kvm, kvm);
    for (unsigned i = 0; i < SUMMARY_KVM_COUNTERS; i++) {
        json_u64(out, kvm_name[i], kvm[i], i + 1 < SUMMARY_KVM_COUNTERS ? ", " : " },\n");
    }
    fprintf(out, "        \"ticks\": {\n");
    for (unsigned i = 0; i < REPORT_TIMERS; i++) {
        fprintf(out, "          \"%s\": { ", timer_name[i]);
        json_u64(out, "due", r->ticks[i].due, ", ");
        json_u64(out, "delivered", r->ticks[i].delivered, ", ");
        json_u64(out, "backlog", r->ticks[i].backlog, ", ");
        json_u64(out, "merged", r->ticks[i].merged, i + 1 < REPORT_TIMERS ? " },\n" : " }\n");
    }
    fprintf(out, "        },\n        ");
    json_u64(out, "interrupts", r->interrupts, ", ");
    json_u64(out, "nmis", r->nmis, ",\n");
}

static void json_shadow(const struct report_shadow *s, FILE *out)
{
    fprintf(out, "        \"shadow\": { ");
    json_u64(out, "compared", s->compared, ", ");
    json_u64(out, "earlier", s->earlier, ", ");
    json_u64(out, "mismatches", s->mismatches, ", ");
    json_u64(out, "open", s->open, ", ");
    json_hex(out, "last_rip", s->last_rip, ", ");
    json_hex(out, "last_gpa", s->last_gpa, ", \"last_bytes\": \"");
    for (size_t i = 0; i < sizeof(s->last_bytes); i++) {
        fprintf(out, "%02x", s->last_bytes[i]);
    }
    fprintf(out, "\", ");
    json_u64(out, "last_size", s->last_size, ", ");
    json_u64(out, "last_mode", s->last_mode, ", ");
    fprintf(out, "\"last_write\": %s },\n", json_bool(s->last_write != 0));
}

static void json_oddities(const struct vm_report *r, FILE *out)
{
    json_shadow(&r->shadow, out);
    fprintf(out, "        \"unclaimed\": { ");
    json_u64(out, "pio_reads", r->unclaimed_pio_reads, ", ");
    json_u64(out, "pio_writes", r->unclaimed_pio_writes, ", ");
    json_hex(out, "last_port", r->last_unclaimed_port, ", ");
    json_u64(out, "mmio_reads", r->unclaimed_mmio_reads, ", ");
    json_u64(out, "mmio_writes", r->unclaimed_mmio_writes, ", ");
    json_hex(out, "last_gpa", r->last_unclaimed_gpa, ", ");
    json_u64(out, "narrow_writes", r->narrow_writes, " },\n");
    fprintf(out, "        \"msrs_refused\": { ");
    json_u64(out, "reads", r->refused_msr_reads, ", ");
    json_u64(out, "writes", r->refused_msr_writes, ", ");
    json_hex(out, "last", r->last_refused_msr, " },\n");
    fprintf(out, "        \"console\": { ");
    json_u64(out, "bytes", r->console_bytes, ", ");
    json_u64(out, "dropped", r->console_dropped, ", ");
    json_u64(out, "input_dropped", r->input_dropped, " },\n");
}

static void json_report(const struct run_facts *f, const struct run_vm *v, FILE *out)
{
    const struct vm_report *r = &v->report;
    if (!v->has_report) {
        fprintf(out, "      \"report\": null\n");
        return;
    }
    fprintf(out, "      \"report\": {\n        ");
    json_u64(out, "pid", r->pid, ", \"cpu\": ");
    if (r->cpu == UINT32_MAX) {
        fprintf(out, "null, ");
    } else {
        fprintf(out, "%" PRIu32 ", ", r->cpu);
    }
    json_u64(out, "load_ns", r->load_ns, ", ");
    json_u64(out, "up_ns", r->up_ns, ", ");
    json_u64(out, "tsc_khz", r->tsc_khz, ",\n        \"ram_backing\": ");
    summary_json_text(out, r->ram_backing, sizeof(r->ram_backing));
    fprintf(out, ",\n");
    json_counters(r, out);
    json_oddities(r, out);
    summary_json_nics(f, (uint32_t)(v - f->vm), out);
    fprintf(out, "      }\n");
}

static void json_vm(const struct run_facts *f, uint32_t i, FILE *out)
{
    static const char *const state[] = {"not-started", "running", "stopped"};
    const struct run_vm *v = &f->vm[i];
    fprintf(out, "    {\n      \"name\": ");
    summary_json_text(out, f->image->vm[i].name, SYSTEM_NAME_MAX);
    fprintf(out, ", \"state\": \"%s\", \"failed\": %s, \"drilled\": %s, ", state[v->state],
            json_bool(v->failed), json_bool(v->drilled));
    json_u64(out, "starts", v->starts, ", ");
    json_u64(out, "restarts", v->starts > 0 ? v->starts - 1 : 0, ", ");
    json_u64(out, "failures", v->failures, ", ");
    json_u64(out, "exits", v->earlier_exits + (v->has_report ? summary_exits(&v->report) : 0),
             ",\n");
    json_stop(v, out);
    fprintf(out, "      \"last_line\": ");
    summary_json_text(out, v->last_line, sizeof(v->last_line));
    fprintf(out, ",\n");
    json_report(f, v, out);
    fprintf(out, "    }%s\n", i + 1 < f->image->vms ? "," : "");
}

static void json_watch(const struct run_facts *f, const struct watch *w, FILE *out)
{
    fprintf(out, "    { \"vm\": ");
    summary_json_text(out, f->image->vm[w->vm].name, SYSTEM_NAME_MAX);
    fprintf(out, ", \"text\": ");
    summary_json_text(out, w->text, sizeof(w->text));
    if (w->kind == WATCH_TYPE) {
        fprintf(out, ", \"input\": ");
        summary_json_text(out, w->input, sizeof(w->input));
    } else if (w->kind == WATCH_KILL) {
        fprintf(out, ", \"victim\": ");
        summary_json_text(out, w->input, sizeof(w->input));
    }
    fprintf(out, ", \"met\": %s, \"after_s\": ", json_bool(w->met));
    if (w->met) {
        fprintf(out, "%.3f }", (double)w->met_ns / 1e9);
    } else {
        fprintf(out, "null }");
    }
}

static void json_watches(const struct run_facts *f, enum watch_kind kind, const char *key,
                         FILE *out)
{
    uint32_t done = 0;
    fprintf(out, "  \"%s\": [", key);
    for (uint32_t i = 0; i < f->watches->count; i++) {
        if (f->watches->item[i].kind == kind) {
            fputs(done++ == 0 ? "\n" : ",\n", out);
            json_watch(f, &f->watches->item[i], out);
        }
    }
    fprintf(out, "%s],\n", done == 0 ? "" : "\n  ");
}

static void json_process(const char *name, const struct process_report *p, bool *first, FILE *out)
{
    if (p->samples == 0) {
        return;
    }
    fputs(*first ? "\n    { \"name\": " : ",\n    { \"name\": ", out);
    *first = false;
    summary_json_text(out, name, strlen(name));
    fprintf(out, ", ");
    json_u64(out, "pid", p->pid, ", ");
    json_u64(out, "private_kib", p->private_kib, ", ");
    json_u64(out, "private_kib_first", p->private_kib_first, ", ");
    json_u64(out, "private_kib_peak", p->private_kib_peak, ", ");
    json_u64(out, "fds", p->fds, ", ");
    json_u64(out, "fds_first", p->fds_first, ", ");
    json_u64(out, "fds_peak", p->fds_peak, " }");
}

/* Those that are no VM's have names that a VM might have too: theirs begin with a '/'. */
static void json_processes(const struct run_facts *f, FILE *out)
{
    char name[SYSTEM_NAME_MAX + 16u];
    bool first = true;
    fprintf(out, "  \"processes\": [");
    json_process("/front", &f->front, &first, out);
    json_process("/supervisor", &f->supervisor, &first, out);
    for (uint32_t i = 0; i < f->image->vms; i++) {
        json_process(f->image->vm[i].name, &f->vm[i].process, &first, out);
        snprintf(name, sizeof(name), "%s/io", f->image->vm[i].name);
        json_process(name, &f->vm[i].io_process, &first, out);
    }
    for (uint32_t i = 0; i < f->image->switches; i++) {
        snprintf(name, sizeof(name), "/switch/%s", f->image->switch_[i].name);
        json_process(name, &f->sw[i].process, &first, out);
        snprintf(name, sizeof(name), "/uplink/%s", f->image->switch_[i].name);
        json_process(name, &f->sw[i].uplink_process, &first, out);
    }
    fprintf(out, "%s]\n", first ? "" : "\n  ");
}

void summary_json(const struct run_facts *f, FILE *out)
{
    fprintf(out, "{\n  \"schema\": %d,\n  \"file\": ", SUMMARY_SCHEMA);
    summary_json_text(out, f->file, strlen(f->file));
    fprintf(out, ",\n  \"machine\": { \"kind\": ");
    summary_json_text(out, f->machine, strlen(f->machine));
    fprintf(out, ", \"why\": ");
    summary_json_text(out, f->machine_why, strlen(f->machine_why));
    fprintf(out, ", \"ready_s\": %.3f },\n", (double)f->ready_ns / 1e9);
    fprintf(out, "  \"ended\": { \"why\": \"%s\", \"text\": ", end_name[f->end]);
    summary_json_text(out, f->end_text, sizeof(f->end_text));
    fprintf(out, ", \"after_s\": %.3f, \"machine_bad\": %s, \"status\": %d },\n",
            (double)f->run_ns / 1e9, json_bool(f->machine_bad), f->status);
    json_watches(f, WATCH_UNTIL, "untils", out);
    json_watches(f, WATCH_TYPE, "types", out);
    json_watches(f, WATCH_KILL, "kills", out);
    fprintf(out, "  \"vms\": [\n");
    for (uint32_t i = 0; i < f->image->vms; i++) {
        json_vm(f, i, out);
    }
    fprintf(out, "  ],\n");
    summary_json_switches(f, out);
    json_processes(f, out);
    fprintf(out, "}\n");
}
