/* SPDX-License-Identifier: BSD-2-Clause
 * Supervision: who ended, or touched what it must not; and what the system file wants done about it. */
#include "sel4/init.h"

#include "base/string.h"
#include "virtio/channel.h"
#include "vm/exit.h"

#define GAP_MS 1000u /* between two starts of one component */

static const char *fault_text(uint64_t label)
{
    switch (label) {
    case SYS_FAULT_CAP:
        return "used a capability that it does not have";
    case SYS_FAULT_SYSCALL:
        return "made an unknown system call";
    case SYS_FAULT_EXCEPTION:
        return "raised an exception";
    case SYS_FAULT_TIMEOUT:
        return "used up its budget";
    case SYS_FAULT_MEMORY:
        return "touched memory that it does not have";
    default:
        return "sent an unknown message";
    }
}

/* What stands before a component's name. */
static const char *kind_text(enum part_role role)
{
    return role == PART_IO       ? "the io of "
           : role == PART_SWITCH ? "switch "
           : role == PART_NATIVE ? "native "
                                 : "";
}

/* Tells the keeper what a vmm cannot: that its VM is gone, or is there again. */
static void tell_keeper(const struct init *in, uint32_t vm, uint64_t what)
{
    in->wake[vm]->what = what;
    sys_signal(in->wake_signal[vm]);
}

static struct part *find(struct init *in, enum part_role role, uint32_t index)
{
    for (uint32_t i = 0; i < in->parts; i++) { /* bound: PARTS_MAX */
        if (in->part[i].role == role && in->part[i].index == index) {
            return &in->part[i];
        }
    }
    return NULL;
}

static void stop(struct part *p)
{
    (void)sys_thread_suspend(p->tcb);
    p->ended = true;
}

/* --- Starting anew ------------------------------------------------------------------------------- */

/* True: it is not long ago that it was started. */
static bool is_hasty(const struct init *in, const struct part *p, uint64_t now)
{
    return now - p->started_tsc < (uint64_t)in->tsc_khz * GAP_MS;
}

/* From the beginning, with memory as new (part_entry sees to that). */
static void start_anew(struct part *p, uint64_t now, uint64_t begin)
{
    p->args->restarts++;
    p->args->begin_tsc = begin;
    p->started_tsc = begin > now ? begin : now;
    p->ended = false;
    part_start_again(p);
}

/* Rings and counters are taken up where they are. One that cannot even begin stays down. */
static void service_ended(struct init *in, struct part *p)
{
    uint64_t now = sys_tsc();
    if (is_hasty(in, p, now)) {
        say(in->world.out, "%s%s stays down: it had just been started\n", kind_text(p->role),
            p->name);
        return;
    }
    say(in->world.out, "%s%s is started again\n", kind_text(p->role), p->name);
    start_anew(p, now, now);
}

/* Both halves, with channels as new, so that neither finds what the other one's predecessor said. */
static void restart_vm(struct init *in, struct part *vmm, struct part *io)
{
    uint64_t now = sys_tsc();
    uint64_t begin = is_hasty(in, vmm, now) ? now + (uint64_t)in->tsc_khz * GAP_MS : now;
    for (uint32_t i = 0; i < in->system->vm[vmm->index].nics; i++) { /* bound: SYSTEM_NICS_MAX */
        memset(in->net.channel[vmm->index][i], 0, sizeof(struct channel));
    }
    say(in->world.out, "%s is started again\n", vmm->name);
    if (io != NULL) {
        start_anew(io, now, now);
    }
    start_anew(vmm, now, begin);
    tell_keeper(in, vmm->index, PART_WANTS_START);
}

/* --- What happened ------------------------------------------------------------------------------- */

static void stop_all_vms(struct init *in)
{
    for (uint32_t i = 0; i < in->parts; i++) { /* bound: PARTS_MAX */
        struct part *p = &in->part[i];
        if (p->ended || (p->role != PART_VMM && p->role != PART_IO)) {
            continue;
        }
        stop(p);
        if (p->role == PART_VMM) {
            tell_keeper(in, p->index, PART_WANTS_END);
            say(in->world.out, "%s is stopped: another VM's on_failure is \"stop-all\"\n", p->name);
        }
    }
}

/* As on every host: a reset starts anew, whatever the file says; a debug-exit code other than 0, and
 * everything else but power-off, is a failure. */
static bool is_failure(const struct sys_message *m)
{
    return m->label != PART_SAYS_ENDED ||
           (m->word[0] != VM_END_POWER_OFF && m->word[0] != VM_END_RESET &&
            (m->word[0] != VM_END_DEBUG_EXIT || m->word[1] != 0));
}

/* A VM and its io end together: neither is of use without the other. */
static void vm_ended(struct init *in, const struct part *p, const struct sys_message *m)
{
    struct part *vmm = find(in, PART_VMM, p->index);
    struct part *io = find(in, PART_IO, p->index);
    uint32_t policy = in->system->vm[p->index].on_failure;
    bool never_ran = m->label == PART_SAYS_ENDED && m->word[2] != 0; /* set up wrongly: no use */
    bool reset = m->label == PART_SAYS_ENDED && m->word[0] == VM_END_RESET;
    stop(vmm);
    if (io != NULL) {
        stop(io);
    }
    net_show(in, in->world.out);
    if (reset || (is_failure(m) && !never_ran && policy == SYSTEM_FAIL_RESTART)) {
        restart_vm(in, vmm, io);
        return;
    }
    tell_keeper(in, p->index, PART_WANTS_END);
    if (is_failure(m) && policy == SYSTEM_FAIL_STOP_ALL) {
        stop_all_vms(in);
    }
}

static void tell(const struct init *in, const struct part *p, const struct sys_message *m)
{
    if (m->label == PART_SAYS_ENDED) {
        say(in->world.out, "%s ended: reason %U, code %U\n", p->name, m->word[0], m->word[1]);
    } else if (m->label == SYS_FAULT_EXCEPTION) { /* ip, stack, flags, number, code */
        say(in->world.out, "%s%s %s: ip %X, number %U, code %X, flags %X\n", kind_text(p->role),
            p->name, fault_text(m->label), m->word[0], m->word[3], m->word[4], m->word[2]);
    } else {
        say(in->world.out, "%s%s %s: ip %X, address or number %X, %X %X\n", kind_text(p->role),
            p->name, fault_text(m->label), m->word[0], m->word[1], m->word[2], m->word[3]);
    }
}

void watch_heard(struct init *in, const struct sys_message *m)
{
    if (m->badge == 0 || m->badge > in->parts) {
        say(in->world.out, "a message from nobody: %X\n", m->label);
        return;
    }
    struct part *p = &in->part[m->badge - 1u];
    tell(in, p, m);
    stop(p);
    if (p->role == PART_VMM || p->role == PART_IO) {
        vm_ended(in, p, m);
    } else if (p->role == PART_SWITCH || p->role == PART_NATIVE) {
        service_ended(in, p);
    }
    uint32_t alive = 0;
    for (uint32_t i = 0; i < in->parts; i++) { /* bound: PARTS_MAX */
        alive += in->part[i].role == PART_VMM && !in->part[i].ended ? 1u : 0u;
    }
    if (alive == 0) {
        say(in->world.out, "all VMs have ended\n");
    }
}
