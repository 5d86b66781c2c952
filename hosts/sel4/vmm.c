/* SPDX-License-Identifier: BSD-2-Clause
 * The vmm component: one VM. It has its guest's RAM, its vCPU, a ring to the console and a page that
 * the keeper reads; it reaches nothing else.
 *
 * One thread, bound to the vCPU and to its notification, which therefore also ends the guest's turn. */
#include "base/string.h"
#include "board/vm.h"
#include "boot/boot.h"
#include "cpu/cr.h"
#include "cpu/msr.h"
#include "sel4/parts.h"
#include "sel4/say.h"
#include "sel4/sys.h"
#include "sel4/vcpu_port.h"
#include "sel4/vmx/vcpu.h"

#define IA32_VMX_MISC 0x485u
#define SLICE_NS      VM_NS_PER_MS /* back at the latest: see docs/design/sel4.md */
#define ENTER_TRIES   65536u /* entries that notifications may cut short: each is one signal */

struct vmm {
    const struct part_args *args;
    const struct system_vm *system;
    struct vm *vm;
    struct gmem mem;
    struct vmx_vcpu vcpu;
    struct part_ring *ring;
    volatile struct part_wake *wake;
    uint32_t dropped; /* bytes for the console that found no room */
    uint64_t sleeps;
    bool said; /* something that the console has not been told of */
    const char *why;
};

static struct vmm vmm;
static _Alignas(8) uint8_t vm_storage[VM_STORAGE_BYTES];

/* --- The console -------------------------------------------------------------------------------- */

static void put(void *owner, uint8_t byte)
{
    struct vmm *v = owner;
    if (!ring_put(v->ring, byte)) {
        v->dropped++;
    }
    v->said = byte != '\n';
    if (!v->said) {
        sys_signal(PART_CAP_CONSOLE);
    }
}

static void console_byte(void *host, uint32_t serial, uint8_t byte)
{
    if (serial == 0) {
        put(host, byte);
    }
}

static const struct say_sink sink = {.put = put, .owner = &vmm};

/* --- The vCPU's port ---------------------------------------------------------------------------- */

/* No thread can write CR2: the keeper has a guest that does. It runs at once, before the signal ends. */
static void port_write_cr2(void *host, uint64_t value)
{
    const struct vmm *v = host;
    v->wake->cr2 = value;
    v->wake->what = PART_WANTS_CR2;
    sys_signal(PART_CAP_KEEPER);
}

static void lent_unmap(void)
{
    if (sys_unmap(PART_CAP_LENT) != 0) {
        __builtin_trap();
    }
}

/* The kernel makes the processor forget translations when it maps a page, not when it unmaps one: so it is mapped
 * also to end the loan. */
static void port_lend(void *host, bool on)
{
    (void)host;
    lent_unmap(); /* this loan, or what a vmm left that was stopped within one */
    if (sys_map_ept(PART_CAP_LENT, PART_CAP_EPT, VMX_LENT_GPA) != 0) {
        __builtin_trap();
    }
    if (!on) {
        lent_unmap();
    }
}

/* Of the machine: the kernel has seen it. */
static bool is_nmi(uint64_t reason)
{
    return reason == REASON_EXCEPTION &&
           (sys_vmcs_read(PART_CAP_VCPU, VMCS_EXIT_EVENT) & EVENT_TYPE) == EVENT_NMI;
}

/* A few instructions: what cuts them short does not begin them anew, and a notification is the next turn's. */
static uint32_t port_enter(void *host, uint64_t rip, uint32_t primary)
{
    (void)host;
    struct sys_vcpu_exit x = {.rip = rip};
    for (uint32_t i = 0; i < ENTER_TRIES; i++) {
        x.primary = primary;
        x.event = 0;
        sys_vmcs_write(PART_CAP_VCPU, VMCS_TIMER, UINT32_MAX);
        if (sys_vm_enter(&x) && x.reason != REASON_TIMER && !is_nmi(x.reason)) {
            return (uint32_t)x.reason;
        }
    }
    return REASON_TIMER;
}

static const struct vmx_port port = {
    .read = vcpu_port_read,
    .write = vcpu_port_write,
    .write_gprs = vcpu_port_write_gprs,
    .write_cr2 = port_write_cr2,
    .page = (uint8_t *)PART_LENT,
    .lend = port_lend,
    .enter = port_enter,
    .host = &vmm,
};

/* The MSRs that the kernel keeps for a vCPU: STAR, LSTAR, CSTAR, FMASK. It would load a value of the
 * last three without looking, and fault itself: the core has looked. The guest has the rest without an exit. */
static bool has_msr(uint32_t index)
{
    return index >= MSR_STAR && index <= MSR_FMASK;
}

static bool msr_read_vcpu(void *host, uint32_t index, uint64_t *value)
{
    (void)host;
    *value = has_msr(index) ? sys_vcpu_msr_read(PART_CAP_VCPU, index) : 0;
    return has_msr(index);
}

static bool msr_write_vcpu(void *host, uint32_t index, uint64_t value)
{
    (void)host;
    if (has_msr(index)) {
        sys_vcpu_msr_write(PART_CAP_VCPU, index, value);
    }
    return has_msr(index);
}

/* --- CPUID --------------------------------------------------------------------------------------- */

/* What this processor has; what a guest may see of it is the core's policy. */
static void cpuid(void *host, struct cpuid_leaf *l)
{
    (void)host;
    __asm__ volatile("cpuid"
                     : "=a"(l->eax), "=b"(l->ebx), "=c"(l->ecx), "=d"(l->edx)
                     : "a"(l->leaf), "c"(l->subleaf));
}

/* The state that the kernel switches: what it enabled. Where it runs without XSAVE, so do its guests. */
static uint64_t native_xcr0(void)
{
    struct cpuid_leaf l = {.leaf = 1};
    cpuid(NULL, &l);
    if ((l.ecx & (1u << 27)) == 0) { /* OSXSAVE */
        return XCR0_X87;
    }
    uint32_t lo;
    uint32_t hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return ((uint64_t)hi << 32) | lo;
}

/* --- Set-up -------------------------------------------------------------------------------------- */

/* What the guest may do with CR4 by itself depends on what it is offered. */
static bool set_controls(struct vmm *v)
{
    const struct cr_limits offered = cr_limits_of(vm_cpu(v->vm));
    const struct vm_clock clock = {.tsc_khz = v->args->tsc_khz};
    const struct vmx_limits limits = {
        .cr4 = ~cr4_trap(&offered),
        .timer_rate = (uint32_t)sys_vcpu_msr_read(PART_CAP_VCPU, IA32_VMX_MISC) & 0x1Fu,
        .slice_tsc = clock_tsc_by(&clock, SLICE_NS),
        .avx = (native_xcr0() & XCR0_AVX) != 0,
    };
    if (vm_cpu_missing(v->vm) != NULL) {
        v->why = "the processor lacks features that the system file demands for this VM";
        return false;
    }
    struct vmx_port own = port;
    own.page = part_lends(v->system) ? port.page : NULL;
    v->why = vmx_start(&v->vcpu, &own, &limits);
    return v->why == NULL;
}

static struct boot_file file(const struct vmm *v, const struct system_file *f)
{
    const uint8_t *image = (const uint8_t *)v->args->system;
    return (struct boot_file){.bytes = f->packed_at == 0 ? NULL : image + f->packed_at,
                              .len = f->packed_at == 0 ? 0 : f->bytes,
                              .load_at = f->load_at,
                              .args = f->args};
}

static bool load(struct vmm *v, struct vcpu_regs *regs)
{
    struct boot_result result;
    struct boot_input in = {.vm = v->system,
                            .mem = &v->mem,
                            .kernel = file(v, &v->system->kernel),
                            .initrd = file(v, &v->system->initrd),
                            .modules = v->system->modules,
                            .tsc_khz = v->args->tsc_khz,
                            .restarts = v->args->restarts};
    for (uint32_t i = 0; i < v->system->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        in.module[i] = file(v, &v->system->module[i]);
    }
    if (boot_load(&in, regs, &result) != BOOT_OK) {
        v->why = boot_status_text(result.status);
        return false;
    }
    return true;
}

/* The guest sleeps: until its deadline, or until somebody has something for it. */
static void wait_until(struct vmm *v, uint64_t tsc)
{
    v->sleeps++;
    if (v->said) {
        v->said = false;
        sys_signal(PART_CAP_CONSOLE);
    }
    v->wake->tsc = tsc;
    v->wake->what = PART_WANTS_SLEEP;
    sys_signal(PART_CAP_KEEPER);
    (void)sys_wait(PART_CAP_NOTIFY);
}

/* A VM that is started again finds nothing of its predecessor, and not at once if it had only just begun. */
static void begin_anew(struct vmm *v)
{
    while (sys_tsc() < v->args->begin_tsc) { /* bound: a wait each */
        wait_until(v, v->args->begin_tsc);
    }
    for (uint32_t i = 0; i < v->mem.count; i++) { /* bound: SYSTEM_RANGES_MAX */
        memset(v->mem.region[i].host, 0, v->mem.region[i].size);
    }
}

/* The io component is to look at that card. */
static void kick(void *host, uint32_t nic)
{
    (void)host;
    sys_signal(PART_CAP_IO(nic));
}

static bool build(struct vmm *v)
{
    struct vcpu_regs regs;
    memset(&regs, 0, sizeof(regs));
    part_ram(v->system, &v->mem);
    if (v->args->restarts != 0) {
        begin_anew(v);
    }
    /* Of 64 bytes, which AVX-512 has, the moves that show the registers would spoil the upper half. */
    const bool shows = part_lends(v->system) && (native_xcr0() & XCR0_AVX512) == 0;
    struct vm_wiring w = {
        .system = v->system,
        .mem = v->mem,
        .regs = {.fetch = vmx_regs_fetch,
                 .host = &v->vcpu,
                 .lacks = shows ? 0 : REGS_VEC | REGS_MMX},
        .tsc_khz = v->args->tsc_khz,
        .epoch_s = v->args->epoch_s,
        .tsc_deadline = true,
        .host = v,
        .console = console_byte,
        .cpuid = cpuid,
        .xcr0_fixed = native_xcr0(),
        .msr_read = msr_read_vcpu,
        .msr_write = msr_write_vcpu,
        .kick = kick,
    };
    for (uint32_t i = 0; i < v->system->nics; i++) { /* bound: SYSTEM_NICS_MAX */
        w.channel[i] = (struct channel *)PART_CHANNEL(i);
    }
    v->vm = vm_init(vm_storage, sizeof(vm_storage), &w, sys_tsc());
    if (!set_controls(v) || !load(v, &regs)) {
        return false;
    }
    vm_set_regs(v->vm, 0, &regs);
    return true;
}

/* --- The loop ------------------------------------------------------------------------------------ */

static void enter_once(struct vmm *v, const struct vm_plan *plan, uint64_t tsc)
{
    const struct vcpu_regs *regs;
    struct vmx_words words;
    struct sys_vcpu_exit e;
    struct vm_exit x;
    uint32_t dirty = vm_take_dirty(v->vm, 0, &regs);
    if (dirty != 0) {
        vmx_regs_store(&v->vcpu, dirty, regs);
    }
    vmx_entry(&v->vcpu, plan, tsc, &words);
    e.rip = words.rip;
    e.primary = words.primary;
    e.event = words.event;
    bool fault = sys_vm_enter(&e);
    struct vmx_exit_info info = {
        .reason = fault ? (uint32_t)e.reason : VMX_CAME_BACK,
        .rip = e.rip,
        .primary = (uint32_t)e.primary,
        .event = (uint32_t)e.event,
    };
    if (fault) {
        info.insn_len = (uint32_t)e.insn_len;
        info.qualification = e.qualification;
        info.gpa = e.gpa;
        info.rflags = e.rflags;
        info.blocked = (uint32_t)e.interruptibility;
        info.cr3 = e.cr3;
        memcpy(info.gpr, e.gpr, sizeof(info.gpr));
    }
    vmx_exit(&v->vcpu, &info, &x);
    vm_exit(v->vm, 0, sys_tsc(), &x);
}

static void run(struct vmm *v)
{
    for (;;) {
        struct vm_plan plan;
        uint64_t tsc = sys_tsc();
        vm_entry(v->vm, 0, tsc, &plan);
        if (plan.go == VM_GO_STOP) {
            return;
        }
        if (plan.go == VM_GO_WAIT) {
            wait_until(v, plan.deadline_tsc);
        } else {
            enter_once(v, &plan, tsc);
        }
    }
}

/* --- The end -------------------------------------------------------------------------------------- */

static void say_counts(const struct vmm *v)
{
    static const char *const names[VM_EXIT_KINDS] = VM_EXIT_NAMES;
    const struct vm_counts *c = vm_counts(v->vm);
    struct tick_counts t;
    say(&sink, "vmm: exits");
    for (uint32_t i = 0; i < VM_EXIT_KINDS; i++) { /* bound: VM_EXIT_KINDS */
        if (c->exits[i] != 0) {
            say(&sink, " %s %U", names[i], c->exits[i]);
        }
    }
    say(&sink, "; interrupts %U, sleeps %U, dropped %u\n", c->interrupts, v->sleeps, v->dropped);
    vm_ticks(v->vm, VM_TIMER_LAPIC, &t);
    say(&sink, "vmm: lapic ticks due %U, delivered %U, backlog %U, merged %U\n", t.due, t.delivered,
        t.backlog, t.merged);
}

static void report(struct vmm *v, struct sys_message *m)
{
    struct vm_outcome o = vm_outcome(v->vm);
    say_counts(v);
    if (o.message != NULL) {
        say(&sink, "vmm: %s (0x%X 0x%X 0x%X) at rip 0x%X\n", o.message, o.detail[0], o.detail[1],
            o.detail[2], v->vcpu.seen.rip);
    }
    m->word[0] = o.end;
    m->word[1] = o.code;
}

_Noreturn void vmm_main(const struct part_args *args)
{
    struct vmm *v = &vmm;
    struct sys_message m = {.label = PART_SAYS_ENDED};
    v->args = args;
    v->system = &args->system->vm[args->index];
    v->wake = (volatile struct part_wake *)PART_WAKE(args->index);
    v->ring = (struct part_ring *)PART_RING(args->index);
    if (build(v)) {
        run(v);
        report(v, &m);
    } else {
        say(&sink, "vmm: cannot start: %s\n", v->why);
        m.word[0] = VM_END_HOST_ERROR;
        m.word[2] = v->args->restarts == 0 ? 1u : 0u;
    }
    for (;;) { /* init stops this thread when it has heard */
        sys_send(PART_CAP_INIT, &m);
    }
}
