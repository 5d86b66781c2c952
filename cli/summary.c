/* SPDX-License-Identifier: BSD-2-Clause
 * What a run came to: the exit status and the table. */
#include "summary.h"

#include <inttypes.h>
#include <string.h>

#include "summary_names.h"

#define NS_PER_S 1e9

int summary_status(const struct run_facts *f)
{
    bool unmet = watch_met(f->watches, WATCH_UNTIL) < watch_count(f->watches, WATCH_UNTIL);
    bool started = false;
    bool failed = f->machine_bad || f->end == RUN_BROKEN || f->end == RUN_NOT_STARTED;
    for (uint32_t i = 0; i < f->image->vms; i++) {
        failed = failed || f->vm[i].failed;
        started = started || f->vm[i].starts > 0;
    }
    if (failed) {
        return 1;
    }
    if (f->end == RUN_ASKED && (unmet || f->limited || !started)) {
        return 128 + f->signal; /* cut short, with a goal ahead or before it had begun */
    }
    return unmet ? 1 : 0;
}

void summary_clean_text(FILE *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size && text[i] != '\0'; i++) {
        fputc(text[i] >= 0x20 && text[i] < 0x7F ? text[i] : '?', out);
    }
}

static void text_row(FILE *out, const char *name)
{
    fprintf(out, "  %-12s", name);
}

static double seconds(uint64_t ns)
{
    return (double)ns / NS_PER_S;
}

static void text_outcome(const struct run_vm *v, FILE *out)
{
    static const char *const what[] = {"unknown cause",   "powered off", "reset",
                                       "debug exit",      "failed",      "died",
                                       "stopped as asked"};
    text_row(out, v->failed ? "FAILED" : "end");
    if (v->state == RUN_VM_NOT_STARTED) {
        fprintf(out, "never started\n");
        return;
    }
    if (v->state == RUN_VM_RUNNING) {
        fprintf(out, "was still running when contact ended\n");
        return;
    }
    fprintf(out, "%s", what[v->stop.cause <= LINK_STOP_ASKED ? v->stop.cause : 0]);
    if (v->stop.cause == LINK_STOP_DEBUG_EXIT) {
        fprintf(out, " with code %" PRIu32, v->stop.code);
    } else if (v->stop.cause == LINK_STOP_DIED && v->stop.code != 0) {
        fprintf(out, " by signal %" PRIu32 "%s", v->stop.code, v->drilled ? " (--kill)" : "");
    }
    if (v->stop.text[0] != '\0') {
        fprintf(out, ": ");
        summary_clean_text(out, v->stop.text, sizeof(v->stop.text));
    }
    fputc('\n', out);
}

static void text_times(const struct run_vm *v, FILE *out)
{
    const struct vm_report *r = &v->report;
    text_row(out, "time");
    fprintf(out, "up %.3f s, loaded in %.1f ms, ", seconds(r->up_ns), (double)r->load_ns / 1e6);
    if (r->cpu == UINT32_MAX) {
        fprintf(out, "any CPU");
    } else {
        fprintf(out, "CPU %" PRIu32, r->cpu);
    }
    fprintf(out, ", TSC %" PRIu64 ".%03" PRIu64 " MHz", r->tsc_khz / 1000, r->tsc_khz % 1000);
    if (v->starts > 1) {
        fprintf(out, "; started %" PRIu32 " times, numbers are of the last", v->starts);
    }
    if (v->failures > 0 && !v->failed) {
        fprintf(out, "; failed %" PRIu32 " times", v->failures);
    }
    fputc('\n', out);
    text_row(out, "memory");
    summary_clean_text(out, r->ram_backing, sizeof(r->ram_backing));
    fputc('\n', out);
}

void summary_text_process(const char *name, const struct process_report *p, FILE *out)
{
    if (p->samples == 0) {
        return;
    }
    text_row(out, name);
    fprintf(out, "%.1f MiB private (peak %.1f), %" PRIu32 " descriptors",
            (double)p->private_kib / 1024.0, (double)p->private_kib_peak / 1024.0, p->fds);
    if (p->fds_peak != p->fds) {
        fprintf(out, " (peak %" PRIu32 ")", p->fds_peak);
    }
    fputc('\n', out);
}

/* Starts a new row of a list where the line grows long. */
static void text_item(FILE *out, unsigned *items, const char *name, uint64_t value)
{
    if (*items > 0) {
        fputs(*items % 6 == 0 ? ",\n              " : ", ", out);
    }
    fprintf(out, "%s %" PRIu64, name, value);
    (*items)++;
}

static void text_exits(const struct vm_report *r, FILE *out)
{
    unsigned items = 0;
    uint64_t kvm[SUMMARY_KVM_COUNTERS];
    text_row(out, "exits");
    for (unsigned i = 0; i < VM_EXIT_KINDS; i++) {
        if (r->exits[i] != 0) {
            text_item(out, &items, summary_exit_name(i), r->exits[i]);
        }
    }
    fputs(items == 0 ? "none\n" : "\n", out);
    summary_kvm_values(&r->kvm, kvm);
    items = 0;
    for (unsigned i = 0; i < SUMMARY_KVM_COUNTERS; i++) {
        if (kvm[i] != 0) {
            if (items == 0) {
                text_row(out, "KVM counts");
            }
            text_item(out, &items, summary_kvm_name(i), kvm[i]);
        }
    }
    fputs(items == 0 ? "" : "\n", out);
}

static void text_ticks(const struct vm_report *r, FILE *out)
{
    for (unsigned i = 0; i < REPORT_TIMERS; i++) {
        const struct tick_counts *t = &r->ticks[i];
        if (t->due != 0) {
            char name[16];
            snprintf(name, sizeof(name), "%s ticks", summary_timer_name(i));
            text_row(out, name);
            fprintf(out,
                    "due %" PRIu64 ", delivered %" PRIu64 ", backlog %" PRIu64 ", merged %" PRIu64
                    "\n",
                    t->due, t->delivered, t->backlog, t->merged);
        }
    }
    text_row(out, "interrupts");
    fprintf(out, "%" PRIu64, r->interrupts);
    fprintf(out, r->nmis == 0 ? "\n" : ", NMIs %" PRIu64 "\n", r->nmis);
}

/* Rows that are only of interest where they are not zero. */
static void text_oddities(const struct vm_report *r, FILE *out)
{
    if (r->shadow.compared != 0) {
        text_row(out, "shadow");
        fprintf(out, "%" PRIu64 " accesses compared, %" PRIu64 " differ, %" PRIu64 " open\n",
                r->shadow.compared, r->shadow.mismatches, r->shadow.open);
    }
    if ((r->unclaimed_pio_reads | r->unclaimed_pio_writes | r->unclaimed_mmio_reads |
         r->unclaimed_mmio_writes) != 0) {
        text_row(out, "unclaimed");
        fprintf(out,
                "ports: %" PRIu64 " reads, %" PRIu64 " writes (last 0x%" PRIx64
                "); memory: %" PRIu64 " reads, %" PRIu64 " writes (last 0x%" PRIx64 ")\n",
                r->unclaimed_pio_reads, r->unclaimed_pio_writes, r->last_unclaimed_port,
                r->unclaimed_mmio_reads, r->unclaimed_mmio_writes, r->last_unclaimed_gpa);
    }
    if (r->narrow_writes != 0) {
        text_row(out, "narrow");
        fprintf(out, "%" PRIu64 " writes narrower than the register\n", r->narrow_writes);
    }
    if ((r->refused_msr_reads | r->refused_msr_writes) != 0) {
        text_row(out, "MSRs");
        fprintf(out, "refused %" PRIu64 " reads, %" PRIu64 " writes (last 0x%" PRIx64 ")\n",
                r->refused_msr_reads, r->refused_msr_writes, r->last_refused_msr);
    }
}

static void text_console(const struct run_vm *v, FILE *out)
{
    const struct vm_report *r = &v->report;
    text_row(out, "console");
    fprintf(out, "%" PRIu64 " bytes", r->console_bytes);
    if (r->console_dropped != 0) {
        fprintf(out, ", %" PRIu64 " LOST", r->console_dropped);
    }
    if (r->input_dropped != 0) {
        fprintf(out, ", %" PRIu64 " typed bytes lost", r->input_dropped);
    }
    fputc('\n', out);
}

static void text_vm(const struct run_facts *f, uint32_t i, FILE *out)
{
    const struct run_vm *v = &f->vm[i];
    fprintf(out, "%s\n", f->image->vm[i].name);
    text_outcome(v, out);
    if (v->has_report) {
        text_times(v, out);
        summary_text_process("monitor", &v->process, out);
        summary_text_process("cards", &v->io_process, out);
        text_exits(&v->report, out);
        text_ticks(&v->report, out);
        text_oddities(&v->report, out);
        summary_text_nics(f, i, out);
        text_console(v, out);
    }
}

static void text_watches(const struct run_facts *f, FILE *out)
{
    static const char *const what[] = {"until", "type", "kill"};
    for (uint32_t i = 0; i < f->watches->count; i++) {
        const struct watch *w = &f->watches->item[i];
        text_row(out, what[w->kind]);
        if (w->met) {
            fprintf(out, "met after %.1f s  ", seconds(w->met_ns));
        } else {
            fprintf(out, "%s  ", w->kind == WATCH_UNTIL ? "NOT MET" : "never seen");
        }
        fprintf(out, "%s:", f->image->vm[w->vm].name);
        summary_clean_text(out, w->text, sizeof(w->text));
        if (w->kind == WATCH_KILL) {
            fprintf(out, " => %s", w->input);
        }
        fputc('\n', out);
    }
}

/* Where each console stood: what a person asks first when a text did not come. */
static void text_last_lines(const struct run_facts *f, FILE *out)
{
    if (watch_met(f->watches, WATCH_UNTIL) == watch_count(f->watches, WATCH_UNTIL)) {
        return;
    }
    for (uint32_t i = 0; i < f->image->vms; i++) {
        const char *line = f->vm[i].last_line;
        text_row(out, "last line");
        fprintf(out, "%s: %s\n", f->image->vm[i].name, line[0] != '\0' ? line : "(none)");
    }
}

void summary_text(const struct run_facts *f, FILE *out)
{
    fprintf(out, "\n--- summary ---\n");
    for (uint32_t i = 0; i < f->image->vms; i++) {
        text_vm(f, i, out);
    }
    summary_text_switches(f, out);
    fprintf(out, "run\n");
    text_row(out, "machine");
    fprintf(out, "%s (%s), ready in %.1f s\n", f->machine, f->machine_why, seconds(f->ready_ns));
    text_row(out, "ended");
    fprintf(out, "after %.1f s: ", seconds(f->run_ns));
    summary_clean_text(out, f->end_text, sizeof(f->end_text));
    fputc('\n', out);
    summary_text_process("supervisor", &f->supervisor, out);
    summary_text_process("front", &f->front, out);
    if (f->machine_bad) {
        text_row(out, "BADLY");
        fprintf(out, "the machine or its supervisor did not end well: see above\n");
    }
    text_watches(f, out);
    text_last_lines(f, out);
    text_row(out, "status");
    fprintf(out, "%d\n", f->status);
}
