/* SPDX-License-Identifier: BSD-2-Clause
 * What the supervisor says, and what follows from it. */
#include "front.h"

#include <signal.h>
#include <string.h>

#include "kvm/account.h"

/* How many frames are taken before the screen, the keys and the clock have their turn. */
#define FRONT_BATCH 64

static const char *front_name(const struct front *f, uint16_t vm)
{
    return f->facts->image->vm[vm].name;
}

static void front_kill(struct front *f, const struct watch *w)
{
    const uint32_t victim = w->part;
    bool of_vm = victim == LINK_VICTIM_VMM || victim == LINK_VICTIM_IO;
    if (of_vm && f->facts->vm[w->victim].state != RUN_VM_RUNNING) {
        front_say(f, "... which does not run");
    } else if (front_send(f, LINK_KILL, w->victim, &victim,
                          victim == LINK_VICTIM_VMM ? 0 : sizeof(victim)) &&
               of_vm) {
        f->drills[w->victim]++;
    }
}

static void front_fired(void *ctx, const struct watch *w)
{
    struct front *f = ctx;
    switch (w->kind) {
    case WATCH_TYPE:
        front_say(f, "%s printed \"%s\": typing \"%.*s\"", front_name(f, w->vm), w->text,
                  (int)w->input_len - 1, w->input);
        if (!front_send(f, LINK_INPUT, w->vm, w->input, w->input_len)) {
            front_say(f, "... which was lost: the supervisor does not read");
        }
        break;
    case WATCH_KILL:
        front_say(f, "%s printed \"%s\": killing the process of %s", front_name(f, w->vm), w->text,
                  w->input);
        front_kill(f, w);
        break;
    case WATCH_UNTIL:
    default:
        front_say(f, "%s printed \"%s\": %u of %u met", front_name(f, w->vm), w->text,
                  watch_met(f->watches, WATCH_UNTIL), watch_count(f->watches, WATCH_UNTIL));
        break;
    }
}

static bool front_take_console(struct front *f, uint16_t vm, const uint8_t *data, size_t len)
{
    if (!front_log_console(&f->log, vm, data, len)) {
        front_say(f, "the log cannot be written any more (disk full?); the run goes on without");
    }
    console_feed(&f->console, vm, data, len, f->now_ns);
    watch_feed(f->watches, vm, data, len, f->now_ns - f->hello_ns, front_fired, f);
    uint32_t untils = watch_count(f->watches, WATCH_UNTIL);
    if (untils > 0 && watch_met(f->watches, WATCH_UNTIL) == untils) {
        front_stop(f, RUN_UNTILS_MET, "everything waited for with --until was printed");
    }
    return true;
}

static bool front_take_report(struct front *f, uint16_t vm, const uint8_t *data, size_t len)
{
    struct run_vm *v = &f->facts->vm[vm];
    if (len != sizeof(v->report)) {
        return false;
    }
    memcpy(&v->report, data, len);
    v->has_report = v->report.version == REPORT_VERSION;
    return v->has_report;
}

static bool front_take_started(struct front *f, uint16_t vm, const uint8_t *data, size_t len)
{
    struct run_vm *v = &f->facts->vm[vm];
    uint64_t exits = v->has_report ? summary_exits(&v->report) : 0; /* before it is overwritten */
    if (!front_take_report(f, vm, data, len)) {
        return false;
    }
    v->earlier_exits += exits;
    v->state = RUN_VM_RUNNING;
    v->starts++;
    v->has_stop = false;
    v->failed = false;
    if (v->starts > 1) {
        console_restart(&f->console, vm);
        front_say(f, "%s starts again (start %u)", front_name(f, vm), v->starts);
    } else {
        front_say(f, "%s starts", front_name(f, vm));
    }
    return true;
}

/* Where a process's account goes, and what it is called in front of the name of its VM or switch, and
 * behind it. NULL: there is no such process. */
static struct process_report *front_process(struct front *f, uint32_t index, uint32_t part,
                                            const char *affix[2])
{
    static const char *const affixes[][2] = {
        [REPORT_PART_VMM] = {"", ""},
        [REPORT_PART_IO] = {"", "/io"},
        [REPORT_PART_SWITCH] = {"/switch/", ""},
        [REPORT_PART_UPLINK] = {"/uplink/", ""},
    };
    bool of_switch = part == REPORT_PART_SWITCH || part == REPORT_PART_UPLINK;
    uint32_t count = of_switch ? f->facts->image->switches : f->facts->image->vms;
    if (part > REPORT_PART_UPLINK || index >= count) {
        return NULL;
    }
    affix[0] = affixes[part][0];
    affix[1] = affixes[part][1];
    struct process_report *const place[] = {
        [REPORT_PART_VMM] = &f->facts->vm[index % SYSTEM_VMS_MAX].process,
        [REPORT_PART_IO] = &f->facts->vm[index % SYSTEM_VMS_MAX].io_process,
        [REPORT_PART_SWITCH] = &f->facts->sw[index % SYSTEM_SWITCHES_MAX].process,
        [REPORT_PART_UPLINK] = &f->facts->sw[index % SYSTEM_SWITCHES_MAX].uplink_process,
    };
    return place[part];
}

/* A process's account. With the supervisor's comes the moment to look at ourselves, too. */
static bool front_take_process(struct front *f, uint16_t index, const uint8_t *data, size_t len)
{
    struct process_report p;
    const char *affix[2];
    char name[SYSTEM_NAME_MAX + 16u];
    if (len != sizeof(p)) {
        return false;
    }
    memcpy(&p, data, sizeof(p));
    if (index == LINK_NO_VM) {
        f->facts->supervisor = p;
        front_log_process(&f->log, f->now_ns, "/supervisor", &p);
        if (account_sample(&f->facts->front, 0)) {
            front_log_process(&f->log, f->now_ns, "/front", &f->facts->front);
        }
        return true;
    }
    struct process_report *at = front_process(f, index, p.part, affix);
    if (at == NULL) {
        return false;
    }
    *at = p;
    const char *whose = p.part == REPORT_PART_VMM || p.part == REPORT_PART_IO
                            ? f->facts->image->vm[index].name
                            : f->facts->image->switch_[index].name;
    (void)snprintf(name, sizeof(name), "%s%s%s", affix[0], whose, affix[1]);
    front_log_process(&f->log, f->now_ns, name, &p);
    return true;
}

/* A guest that says by its debug-exit port that it failed, has failed. */
static bool front_is_failure(const struct link_stopped *s)
{
    return s->cause == LINK_STOP_FAILED || s->cause == LINK_STOP_DIED ||
           (s->cause == LINK_STOP_DEBUG_EXIT && s->code != 0);
}

static void front_judge(struct front *f, uint16_t vm)
{
    struct run_vm *v = &f->facts->vm[vm];
    if (v->stop.cause == LINK_STOP_DIED && f->drills[vm] > 0) {
        f->drills[vm]--;
        v->drilled = true;
    } else if (front_is_failure(&v->stop) && !f->stopping) {
        v->failures++;
        v->failed = v->stop.will_restart == 0;
    }
}

static bool front_take_stopped(struct front *f, uint16_t vm, const uint8_t *data, size_t len)
{
    static const char *const what[] = {"stopped", "powered off", "was reset", "ended by debug exit",
                                       "FAILED",  "DIED",        "stopped"};
    struct run_vm *v = &f->facts->vm[vm];
    if (len != sizeof(v->stop)) {
        return false;
    }
    memcpy(&v->stop, data, len);
    v->stop.text[sizeof(v->stop.text) - 1] = '\0';
    v->has_stop = true;
    v->state = RUN_VM_STOPPED;
    if (v->starts <= v->stop.restarts) {
        v->starts = v->stop.restarts + 1; /* some were not told of: nobody read (kvm/tell.h) */
    }
    if (v->stop.will_restart == 0 && f->console.focus == vm) {
        console_focus(&f->console, CONSOLE_NOBODY, false); /* first: raw focus hides what is said */
    }
    front_judge(f, vm);
    front_say(f, "%s %s%s%s%s", front_name(f, vm),
              what[v->stop.cause <= LINK_STOP_ASKED ? v->stop.cause : 0],
              v->stop.text[0] != '\0' ? ": " : "", v->stop.text,
              v->stop.will_restart != 0 ? "; it will be started again" : "");
    if (!f->stopping && f->hopeless_ns == UINT64_MAX && front_is_hopeless(f)) {
        f->hopeless_ns = f->now_ns + f->opt.grace_ns;
    }
    return true;
}

bool front_is_hopeless(const struct front *f)
{
    for (uint32_t i = 0; i < f->watches->count; i++) {
        const struct watch *w = &f->watches->item[i];
        const struct run_vm *v = &f->facts->vm[w->vm];
        if (w->kind == WATCH_UNTIL && !w->met && v->state == RUN_VM_STOPPED &&
            v->stop.will_restart == 0) {
            return true;
        }
    }
    return false;
}

static bool front_take_hello(struct front *f, const uint8_t *data, size_t len)
{
    uint32_t version = 0;
    if (len == sizeof(version)) {
        memcpy(&version, data, len);
    }
    if (version != LINK_VERSION) {
        return false;
    }
    f->hello = true;
    f->hello_ns = f->now_ns;
    f->facts->ready_ns = f->now_ns;
    return true;
}

static bool front_take_done(struct front *f)
{
    f->over = true;
    f->done = true;
    front_stop(f, RUN_GUESTS_ENDED, "no VM runs any more");
    return true;
}

static bool front_take_note(struct front *f, uint16_t vm, const uint8_t *data, size_t len)
{
    front_say(f, "%s%s%.*s", vm == LINK_NO_VM ? "" : front_name(f, vm),
              vm == LINK_NO_VM ? "" : ": ", (int)len, (const char *)data);
    return true;
}

static bool front_take_switch(struct front *f, uint16_t sw, const uint8_t *data, size_t len)
{
    struct run_switch *s = &f->facts->sw[sw];
    if (len != sizeof(s->report)) {
        return false;
    }
    memcpy(&s->report, data, len);
    s->has_report = true;
    return true;
}

/* Whether the frame's index is one of what it is about. */
static bool front_index_fits(const struct front *f, const struct link_head *head)
{
    bool about_vm = head->type >= LINK_STARTED && head->type <= LINK_REPORT;
    if (head->type == LINK_PROCESS) {
        return true; /* of a VM or of a switch: front_process() looks */
    }
    if (head->type == LINK_SWITCH) {
        return head->vm < f->facts->image->switches;
    }
    return head->type == LINK_HELLO || head->type == LINK_DONE || head->vm < f->facts->image->vms ||
           (!about_vm && head->vm == LINK_NO_VM);
}

/* False: this is not what a supervisor says. */
static bool front_take_frame(struct front *f, const struct link_head *head, const uint8_t *data)
{
    if (!front_index_fits(f, head)) {
        return false;
    }
    if (!f->hello && head->type != LINK_HELLO) {
        return false;
    }
    switch (head->type) {
    case LINK_HELLO:
        return front_take_hello(f, data, head->len);
    case LINK_NOTE:
        return front_take_note(f, head->vm, data, head->len);
    case LINK_STARTED:
        return front_take_started(f, head->vm, data, head->len);
    case LINK_CONSOLE:
        return front_take_console(f, head->vm, data, head->len);
    case LINK_STOPPED:
        return front_take_stopped(f, head->vm, data, head->len);
    case LINK_REPORT:
        return front_take_report(f, head->vm, data, head->len);
    case LINK_SWITCH:
        return front_take_switch(f, head->vm, data, head->len);
    case LINK_PROCESS:
        return front_take_process(f, head->vm, data, head->len);
    case LINK_DONE:
        return front_take_done(f);
    default:
        return false;
    }
}

static void front_link_lost(struct front *f, bool broken)
{
    f->over = true;
    if (f->stopping) {
        f->facts->machine_bad = true;
        front_say(f, "the supervisor went away before it had stopped everything");
    } else if (broken) {
        front_stop(f, RUN_BROKEN,
                   "the supervisor does not speak this program's language: are both "
                   "sides of the same build? (make clean all)");
    } else if (!f->hello) {
        front_stop(f, RUN_NOT_STARTED, "the machine ended before its first word");
    } else {
        front_stop(f, RUN_BROKEN, "the supervisor went away in the middle of the run");
    }
}

void front_take_link(struct front *f)
{
    struct link_head head;
    const uint8_t *data;
    for (int i = 0; i < FRONT_BATCH && !f->over; i++) {
        switch (link_read(&f->reader, f->link_fd, &head, &data)) {
        case LINK_FRAME:
            f->heard_ns = f->now_ns;
            f->quiet_said = false;
            if (!front_take_frame(f, &head, data)) {
                front_link_lost(f, true);
            }
            break;
        case LINK_AGAIN:
            return;
        case LINK_CLOSED:
            front_link_lost(f, false);
            break;
        case LINK_BROKEN:
        default:
            front_link_lost(f, true);
            break;
        }
    }
}
