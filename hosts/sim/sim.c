/* SPDX-License-Identifier: BSD-2-Clause
 * A deterministic host. It keeps the protocol of board/vm.h to the letter, so that a test that passes
 * here says something about every host. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

static bool interrupts_on(const struct sim *s)
{
    return (s->regs.rflags & RFLAGS_IF) != 0;
}

/* The other groups may be stale in `from`. */
static void copy_groups(struct vcpu_regs *to, const struct vcpu_regs *from, uint32_t groups)
{
    if ((groups & REGS_GPR) != 0) {
        memcpy(to->gpr, from->gpr, sizeof(to->gpr));
        to->rip = from->rip;
        to->rflags = from->rflags;
    }
    if ((groups & REGS_SYS) != 0) {
        memcpy(to->seg, from->seg, sizeof(to->seg));
        to->gdtr = from->gdtr;
        to->idtr = from->idtr;
        to->cr0 = from->cr0;
        to->cr2 = from->cr2;
        to->cr3 = from->cr3;
        to->cr4 = from->cr4;
        to->efer = from->efer;
        to->xcr0 = from->xcr0;
    }
    if ((groups & REGS_PDPTE) != 0) {
        memcpy(to->pdpte, from->pdpte, sizeof(to->pdpte));
    }
    if ((groups & REGS_VEC) != 0) {
        memcpy(to->vec, from->vec, sizeof(to->vec));
    }
    if ((groups & REGS_MMX) != 0) {
        memcpy(to->mmx, from->mmx, sizeof(to->mmx));
    }
}

static void fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs)
{
    struct sim *s = host;
    (void)vcpu;
    s->fetches++;
    copy_groups(regs, &s->regs, groups);
}

static void console_byte(void *host, uint32_t serial, uint8_t byte)
{
    struct sim *s = host;
    if (serial == 0 && s->console_len < SIM_CONSOLE_MAX) {
        s->console[s->console_len] = (char)byte;
        s->console_len++;
        s->console[s->console_len] = '\0';
    }
}

static void kick(void *host, uint32_t nic)
{
    struct sim *s = host;
    s->kicks[nic]++;
}

static uint64_t *msr_slot(struct sim *s, uint32_t index)
{
    for (uint32_t i = 0; i < s->msrs; i++) {
        if (s->msr[i].index == index) {
            return &s->msr[i].value;
        }
    }
    if (s->msrs == SIM_MSRS) {
        abort(); /* the core asks for more registers than there are */
    }
    s->msr[s->msrs].index = index;
    return &s->msr[s->msrs++].value;
}

static bool msr_of_host(void *host, uint32_t index, uint64_t *value)
{
    *value = *msr_slot(host, index);
    return true;
}

static bool set_msr_of_host(void *host, uint32_t index, uint64_t value)
{
    *msr_slot(host, index) = value;
    return true;
}

void sim_cpuid(void *host, struct cpuid_leaf *leaf)
{
    static const struct cpuid_leaf has[] = {
        {0x0, 0, 0xD, 0x756E6547, 0x6C65746E, 0x49656E69}, /* GenuineIntel */
        {0x1, 0, 0x000306C3, 0x00100800, 0x7FFAFBFF, 0xBFEBFBFF},
        {0x4, 0, 0x1C004121, 0x01C0003F, 0x3F, 0},
        {0x7, 0, 0, 0x000027AB, 0, 0},
        {0xD, 0, 0x7, 0x340, 0x340, 0},
        {0xD, 1, 0x1, 0, 0, 0},
        {0xD, 2, 0x100, 0x240, 0, 0},
        {0x80000000u, 0, 0x80000008u, 0, 0, 0},
        {0x80000001u, 0, 0, 0, 0x21, 0x2C100800},
        {0x80000008u, 0, 0x3027, 0, 0, 0},
    };
    (void)host;
    leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = 0;
    for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++) {
        if (has[i].leaf == leaf->leaf && has[i].subleaf == leaf->subleaf) {
            *leaf = has[i];
        }
    }
}

struct system_vm sim_system(uint64_t ram_bytes, uint32_t devices)
{
    struct system_vm vm = {
        .name = "sim",
        .cpu = SYSTEM_CPU_ANY,
        .protocol = SYSTEM_BOOT_MULTIBOOT,
        .devices = devices,
        .ranges = 1,
        .serials = 1,
        .range = {{.base = 0, .size = ram_bytes}},
        .serial = {{.port = 0x3F8, .irq = 4}},
    };
    return vm;
}

static void *must(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

struct sim *sim_new(const struct system_vm *system, uint32_t khz)
{
    struct sim *s = must(calloc(1, sizeof(*s)));
    s->system = *system;
    s->tsc_khz = khz;
    s->regs.rflags = RFLAGS_FIXED;
    for (uint32_t i = 0; i < system->ranges; i++) {
        const struct system_range *r = &system->range[i];
        uint8_t *bytes = must(calloc(1, r->size));
        if (!gmem_add(&s->mem, r->base, r->size, bytes)) {
            abort();
        }
    }
    struct vm_wiring w = {
        .system = &s->system,
        .mem = s->mem,
        .regs = {.fetch = fetch, .host = s},
        .tsc_khz = khz,
        .epoch_s = 1767225600, /* 2026-01-01 */
        .tsc_deadline = true,
        .host = s,
        .console = console_byte,
        .kick = kick,
        .cpuid = sim_cpuid,
        .msr_read = msr_of_host,
        .msr_write = set_msr_of_host,
    };
    for (uint32_t i = 0; i < system->nics; i++) {
        s->channel[i] = must(aligned_alloc(CHANNEL_BYTES, CHANNEL_BYTES));
        memset(s->channel[i], 0, CHANNEL_BYTES);
        w.channel[i] = s->channel[i];
    }
    s->vm = vm_init(must(calloc(1, VM_STORAGE_BYTES)), VM_STORAGE_BYTES, &w, 0);
    return must(s->vm) == NULL ? NULL : s;
}

void sim_free(struct sim *s)
{
    for (uint32_t i = 0; i < s->mem.count; i++) {
        free(s->mem.region[i].host);
    }
    for (uint32_t i = 0; i < s->system.nics; i++) {
        free(s->channel[i]);
    }
    free(s->vm);
    free(s);
}

/* What the guest does with an injected interrupt: its handler runs with interrupts off. */
static void deliver(struct sim *s)
{
    struct sim_event e = {.tsc = s->tsc,
                          .inject = s->plan.inject,
                          .vector = s->plan.vector,
                          .error = s->plan.has_error_code ? s->plan.error_code : 0};
    if (s->events < SIM_LOG_MAX) {
        s->log[s->events] = e;
    }
    s->events++;
    if (e.inject == VM_INJECT_IRQ && s->isr != NULL) {
        s->regs.rflags &= ~(uint64_t)RFLAGS_IF;
        s->isr(s, e.vector);
        s->regs.rflags |= RFLAGS_IF; /* IRET: it was on, or nothing could have been injected */
    }
}

/* Lets the io components obey what the guest waits for. False: nothing has come of it. */
static bool obey(struct sim *s)
{
    bool came = false;
    for (uint32_t i = 0; i < s->system.nics && s->io != NULL; i++) {
        if (!channel_settled(s->channel[i])) {
            s->io(s, i);
            came = came || channel_settled(s->channel[i]);
        }
    }
    return came;
}

/* Entries until the plan has nothing more to inject. Ends with the guest running, halted or stopped. */
static void enter(struct sim *s)
{
    for (;;) {
        const struct vcpu_regs *regs;
        vm_entry(s->vm, 0, s->tsc, &s->plan);
        s->halted = s->plan.go == VM_GO_WAIT;
        if (s->plan.go == VM_GO_WAIT && obey(s)) {
            continue;
        }
        if (s->plan.go != VM_GO_RUN) {
            return;
        }
        const uint32_t dirty = vm_take_dirty(s->vm, 0, &regs);
        copy_groups(&s->regs, regs, dirty);
        s->pdptes += (dirty & REGS_PDPTE) != 0 ? 1u : 0u;
        s->cr8 = s->plan.cr8;
        if (s->plan.inject == VM_INJECT_NONE) {
            return;
        }
        deliver(s);
        struct vm_exit back = {.kind = VM_EXIT_NONE};
        if (s->plan.go == VM_GO_STOP) {
            return; /* the handler ended the VM */
        }
        back.irq_ready = interrupts_on(s);
        back.nmi_ready = true;
        back.irq_flag = back.irq_ready;
        back.cr8 = s->cr8;
        vm_exit(s->vm, 0, s->tsc, &back);
    }
}

void sim_exit(struct sim *s, struct vm_exit *x)
{
    s->tsc += SIM_ACCESS_TSC;
    x->irq_flag = interrupts_on(s);
    x->irq_ready = x->irq_flag;
    x->nmi_ready = true;
    x->cr8 = s->cr8;
    vm_exit(s->vm, 0, s->tsc, x);
    enter(s);
}

uint64_t sim_in(struct sim *s, uint16_t port, uint8_t size)
{
    uint8_t data[4] = {0};
    struct vm_exit x = {.kind = VM_EXIT_PIO};
    x.u.pio = (struct vm_exit_pio){.data = data, .count = 1, .port = port, .size = size};
    sim_exit(s, &x);
    uint32_t value;
    memcpy(&value, data, sizeof(value));
    return value;
}

void sim_out(struct sim *s, uint16_t port, uint8_t size, uint32_t value)
{
    uint8_t data[4];
    struct vm_exit x = {.kind = VM_EXIT_PIO};
    memcpy(data, &value, sizeof(data));
    x.u.pio =
        (struct vm_exit_pio){.data = data, .count = 1, .port = port, .size = size, .write = true};
    sim_exit(s, &x);
}

uint64_t sim_load(struct sim *s, gpa_t gpa, uint32_t size)
{
    struct vm_exit x = {.kind = VM_EXIT_MMIO};
    x.u.mmio = (struct vm_exit_mmio){.gpa = gpa, .size = size};
    sim_exit(s, &x);
    return x.u.mmio.value;
}

void sim_store(struct sim *s, gpa_t gpa, uint32_t size, uint64_t value)
{
    struct vm_exit x = {.kind = VM_EXIT_MMIO};
    x.u.mmio = (struct vm_exit_mmio){.gpa = gpa, .size = size, .write = true, .value = value};
    sim_exit(s, &x);
}

bool sim_rdmsr(struct sim *s, uint32_t index, uint64_t *value)
{
    struct vm_exit x = {.kind = VM_EXIT_RDMSR};
    x.u.msr.index = index;
    sim_exit(s, &x);
    *value = x.u.msr.value;
    return !x.u.msr.fault;
}

bool sim_wrmsr(struct sim *s, uint32_t index, uint64_t value)
{
    struct vm_exit x = {.kind = VM_EXIT_WRMSR};
    x.u.msr = (struct vm_exit_msr){.index = index, .value = value};
    sim_exit(s, &x);
    return !x.u.msr.fault;
}

void sim_ept(struct sim *s, gpa_t gpa, bool write)
{
    struct vm_exit x = {.kind = VM_EXIT_EPT, .raw = true};
    x.u.ept = (struct vm_exit_ept){.gpa = gpa, .write = write};
    sim_exit(s, &x);
}

static void come_back(struct sim *s)
{
    struct vm_exit x = {.kind = VM_EXIT_NONE};
    sim_exit(s, &x);
}

void sim_compute(struct sim *s, uint64_t tsc)
{
    uint64_t end = s->tsc + tsc;
    enter(s);
    while (s->plan.deadline_tsc < end && s->plan.go == VM_GO_RUN) {
        if (s->plan.deadline_tsc > s->tsc) {
            s->tsc = s->plan.deadline_tsc;
        }
        come_back(s);
    }
    s->tsc = end > s->tsc ? end : s->tsc;
}

void sim_sleep_host(struct sim *s, uint64_t tsc)
{
    s->tsc += tsc;
    come_back(s);
}

bool sim_hlt(struct sim *s, uint64_t give_up_tsc)
{
    uint64_t end = s->tsc + give_up_tsc;
    uint32_t before = s->events;
    struct vm_exit x = {.kind = VM_EXIT_HLT};
    sim_exit(s, &x);
    while (s->halted && s->events == before && s->plan.deadline_tsc <= end) {
        if (s->plan.deadline_tsc > s->tsc) {
            s->tsc = s->plan.deadline_tsc;
        }
        enter(s);
    }
    return s->events != before;
}

void sim_notify(struct sim *s)
{
    enter(s);
}

void sim_sti(struct sim *s)
{
    s->regs.rflags |= RFLAGS_IF;
    come_back(s); /* an interrupt window would open here */
}

void sim_cli(struct sim *s)
{
    s->regs.rflags &= ~(uint64_t)RFLAGS_IF;
}
