/* SPDX-License-Identifier: BSD-2-Clause
 * A guest that is a vector. Spec: [KVM] api.rst, KVM_RUN and KVM_CAP_SYNC_REGS. */
#include "kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "base/le.h"

#define CPUID_ENTRIES 128u
#define ENTRIES_MAX   256u /* of KVM_RUN for one vector */
#define FLAGS_RF      0x10000u

static struct {
    int vcpu;
    struct kvm_devices devices; /* all null: none */
    uint8_t tss_type;
    struct kvm_run *run;
    uint8_t *ram;
    struct kvm_sregs base; /* as KVM made them */
    long patience_s;
} kvm = {.patience_s = 5};

void kvm_patience(long seconds)
{
    kvm.patience_s = seconds;
}

static bool has_devices(void)
{
    return kvm.devices.load != NULL;
}

/* --- Patience ---------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t late;

static void on_alarm(int number)
{
    (void)number;
    late = 1;
    kvm.run->immediate_exit = 1;
}

/* A vector takes microseconds; one that does not come back in seconds never will. */
static void patience(long seconds)
{
    struct itimerval t = {.it_value = {.tv_sec = seconds}};
    late = 0;
    kvm.run->immediate_exit = 0;
    (void)setitimer(ITIMER_REAL, &t, NULL);
}

/* --- Setting up -------------------------------------------------------------------------------------- */

static bool add_slot(int vm, uint32_t slot, uint32_t at, uint32_t end)
{
    struct kvm_userspace_memory_region r = {.slot = slot,
                                            .guest_phys_addr = at,
                                            .memory_size = end - at,
                                            .userspace_addr = (uintptr_t)kvm.ram + at};
    return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r) == 0;
}

static bool add_memory(int vm)
{
    kvm.ram = mmap(NULL, WORLD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (kvm.ram == MAP_FAILED) {
        return false;
    }
    if (!has_devices()) {
        return add_slot(vm, 0, 0, WORLD_BYTES);
    }
    return add_slot(vm, 0, 0, WORLD_DATA) && add_slot(vm, 1, DEVICE_END, WORLD_BYTES);
}

static bool give_cpuid(int fd)
{
    struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_ENTRIES * sizeof(c->entries[0]));
    bool good = c != NULL;
    if (good) {
        c->nent = CPUID_ENTRIES;
        good =
            ioctl(fd, KVM_GET_SUPPORTED_CPUID, c) == 0 && ioctl(kvm.vcpu, KVM_SET_CPUID2, c) == 0;
    }
    free(c);
    return good;
}

/* Else it would give the guest an exception that no processor raises. */
static bool tell_failures(int vm)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = {1}};
    return ioctl(vm, KVM_ENABLE_CAP, &cap) == 0;
}

/* VT-x wants the task register busy. SVM does not look; QEMU, being a processor, keeps it free and
 * stops if it is not. */
static uint8_t tss_type(void)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    (void)__get_cpuid(0, &a, &b, &c, &d);
    return c == signature_INTEL_ecx ? 11 : 9;
}

bool kvm_begin(const struct kvm_devices *devices, const char **why)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    kvm.tss_type = tss_type();
    if (devices != NULL) {
        kvm.devices = *devices;
    }
    *why = "there is no /dev/kvm";
    if (fd < 0) {
        return false;
    }
    *why = "KVM cannot make a VM";
    int vm = ioctl(fd, KVM_CREATE_VM, 0);
    if (vm < 0 || !add_memory(vm)) {
        return false;
    }
    (void)ioctl(vm, KVM_SET_TSS_ADDR, 0xFFFBD000ul); /* VT-x without unrestricted guests needs it */
    *why = "this KVM does not tell of what it cannot emulate (KVM_CAP_EXIT_ON_EMULATION_FAILURE)";
    if (has_devices() && !tell_failures(vm)) {
        return false;
    }
    *why = "KVM cannot make a processor";
    kvm.vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    int bytes = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (kvm.vcpu < 0 || bytes < 0 || !give_cpuid(fd)) {
        return false;
    }
    (void)signal(SIGALRM, on_alarm);
    kvm.run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kvm.vcpu, 0);
    *why = "this KVM does not exchange registers by its shared page (KVM_CAP_SYNC_REGS)";
    const int wanted = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    int has = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
    return kvm.run != MAP_FAILED && ioctl(kvm.vcpu, KVM_GET_SREGS, &kvm.base) == 0 &&
           (has & wanted) == wanted;
}

/* --- Registers ----------------------------------------------------------------------------------------- */

static void regs_in(struct kvm_regs *k, const struct vcpu_regs *r)
{
    const uint64_t *g = r->gpr;
    *k = (struct kvm_regs){
        .rax = g[0],
        .rcx = g[1],
        .rdx = g[2],
        .rbx = g[3],
        .rsp = g[4],
        .rbp = g[5],
        .rsi = g[6],
        .rdi = g[7],
        .r8 = g[8],
        .r9 = g[9],
        .r10 = g[10],
        .r11 = g[11],
        .r12 = g[12],
        .r13 = g[13],
        .r14 = g[14],
        .r15 = g[15],
        .rip = r->rip,
        .rflags = r->rflags,
    };
}

static void regs_out(const struct kvm_regs *k, struct outcome *o)
{
    const uint64_t g[GPR_COUNT] = {k->rax, k->rcx, k->rdx, k->rbx, k->rsp, k->rbp, k->rsi, k->rdi,
                                   k->r8,  k->r9,  k->r10, k->r11, k->r12, k->r13, k->r14, k->r15};
    memcpy(o->gpr, g, sizeof(g));
    o->rip = k->rip;
    o->rflags = k->rflags;
}

static struct kvm_segment segment(const struct seg_reg *s)
{
    return (struct kvm_segment){
        .base = s->base,
        .limit = s->limit,
        .selector = s->selector,
        .type = s->ar & 15u,
        .s = s->ar >> 4 & 1u,
        .dpl = s->ar >> 5 & 3u,
        .present = s->ar >> 7 & 1u,
        .avl = s->ar >> 12 & 1u,
        .l = s->ar >> 13 & 1u,
        .db = s->ar >> 14 & 1u,
        .g = s->ar >> 15 & 1u,
        .unusable = s->ar >> 16 & 1u,
    };
}

static void sregs_in(struct kvm_sregs *k, const struct vcpu_regs *r)
{
    *k = kvm.base;
    k->es = segment(&r->seg[SEG_ES]);
    k->cs = segment(&r->seg[SEG_CS]);
    k->ss = segment(&r->seg[SEG_SS]);
    k->ds = segment(&r->seg[SEG_DS]);
    k->fs = segment(&r->seg[SEG_FS]);
    k->gs = segment(&r->seg[SEG_GS]);
    k->ldt = segment(&r->seg[SEG_LDTR]);
    k->tr = segment(&r->seg[SEG_TR]);
    k->tr.type = kvm.tss_type & ((r->seg[SEG_TR].ar & 8u) != 0 ? 15u : 7u); /* 32 or 16 bits */
    k->gdt.base = r->gdtr.base;
    k->gdt.limit = (uint16_t)r->gdtr.limit;
    k->idt.base = r->idtr.base;
    k->idt.limit = (uint16_t)r->idtr.limit;
    k->cr0 = r->cr0;
    k->cr2 = r->cr2;
    k->cr3 = r->cr3;
    k->cr4 = r->cr4;
    k->efer = r->efer;
}

static struct seg_reg segment_out(const struct kvm_segment *k)
{
    uint32_t ar = (uint32_t)k->type | (uint32_t)k->s << 4 | (uint32_t)k->dpl << 5 |
                  (uint32_t)k->present << 7 | (uint32_t)k->avl << 12 | (uint32_t)k->l << 13 |
                  (uint32_t)k->db << 14 | (uint32_t)k->g << 15;
    return (struct seg_reg){.base = k->base,
                            .limit = k->limit,
                            .selector = k->selector,
                            .ar = ar | (k->unusable != 0 ? SEG_AR_UNUSABLE : 0)};
}

/* What an exception on the way to HLT has not changed; `direct`: there was none. Of TR and LDTR only
 * selectors: QEMU has a way of its own with "busy". In real mode, rights and limits are not looked at. */
static void system_out(const struct vector *v, const struct kvm_sregs *s, bool direct,
                       struct outcome *out)
{
    const struct kvm_segment *const at[SEG_COUNT] = {&s->es, &s->cs, &s->ss,  &s->ds,
                                                     &s->fs, &s->gs, &s->ldt, &s->tr};
    const uint32_t data = 1u << SEG_ES | 1u << SEG_DS | 1u << SEG_FS | 1u << SEG_GS;
    const uint32_t code = (v->form->flags & FORM_FAR) != 0 ? 1u << SEG_CS : 0;
    const uint32_t shown = direct ? 1u << SEG_SS | code : 0;
    for (uint32_t i = 0; i < SEG_COUNT; i++) {
        out->seg[i] = segment_out(at[i]);
    }
    out->selectors = data | 1u << SEG_LDTR | 1u << SEG_TR | shown;
    out->caches = v->place == PLACE_REAL ? 0 : data | shown;
    out->system = true;
    out->gdtr = (struct table_reg){.base = s->gdt.base, .limit = s->gdt.limit};
    out->idtr = (struct table_reg){.base = s->idt.base, .limit = s->idt.limit};
    out->cr0 = s->cr0;
}

static bool vectors_in(const struct vector *v)
{
    struct kvm_fpu f = {.fcw = 0x37F, .mxcsr = 0x1F80};
    for (uint32_t i = 0; i < 16; i++) {
        memcpy(f.xmm[i], v->ymm[i], 16);
    }
    return ioctl(kvm.vcpu, KVM_SET_FPU, &f) == 0;
}

static bool vectors_out(struct outcome *out)
{
    struct kvm_fpu f;
    bool good = ioctl(kvm.vcpu, KVM_GET_FPU, &f) == 0;
    for (uint32_t i = 0; i < 16; i++) {
        memcpy(out->ymm[i], f.xmm[i], 16);
    }
    return good;
}

/* --- Frames of exceptions ---------------------------------------------------------------------------------- */

static bool has_error(uint32_t vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* Selectors in the frame at f: CS; SS after a change of level; all after virtual-8086 mode. */
static void frame_segments(const uint8_t *f, uint32_t word, bool inner, struct outcome *out)
{
    static const uint8_t v86[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    out->seg[SEG_CS].selector = (uint16_t)le_load(f + word, 2);
    out->selectors |= 1u << SEG_CS;
    if (inner) {
        return;
    }
    out->seg[SEG_SS].selector = (uint16_t)le_load(f + 4 * word, 2);
    out->selectors |= 1u << SEG_SS;
    for (uint32_t i = 0; i < 4 && (out->rflags & RFLAGS_VM) != 0; i++) {
        out->seg[v86[i]].selector = (uint16_t)le_load(f + (5 + i) * word, 2);
        out->caches &= ~(1u << v86[i]);
    }
}

/* The handler has halted with its frame on top: takes RIP, RFLAGS, RSP and the error code out of it. */
static void frame_out(const struct vector *v, const struct kvm_sregs *s, uint8_t *ram,
                      struct outcome *out)
{
    bool is_long = v->place >= PLACE_COMPAT_16;
    uint32_t level = out->vector == 3 ? v->land : v->cpl;
    bool inner = level == 0 && !is_long; /* on the stack that was: no RSP in it */
    uint32_t word = is_long ? 8 : v->place == PLACE_REAL ? 2 : 4;
    uint64_t mask = s->ss.db != 0 ? UINT32_MAX : 0xFFFFu;
    uint32_t at =
        is_long ? (uint32_t)out->gpr[GPR_RSP] : (uint32_t)(s->ss.base + (out->gpr[GPR_RSP] & mask));
    uint32_t error = has_error(out->vector) && v->place != PLACE_REAL ? word : 0;
    uint32_t bytes = error + word * (inner ? 3u : 5u);
    if (at + bytes > WORLD_BYTES) {
        out->end = END_LOST;
        out->why = "a frame outside memory";
        return;
    }
    const uint8_t *f = kvm.ram + at;
    out->error = error != 0 ? (uint32_t)le_load(f, word) : 0;
    out->rip = le_load(f + error, word);
    out->rflags = le_load(f + error + 2 * word, word);
    frame_segments(f + error, word, inner, out);
    if (inner) {
        uint64_t sp = out->gpr[GPR_RSP] + bytes;
        out->gpr[GPR_RSP] = (out->gpr[GPR_RSP] & ~mask) | (sp & mask);
    } else {
        out->gpr[GPR_RSP] = le_load(f + error + 3 * word, word);
    }
    if (inner || (v->form->flags & FORM_FAR) != 0) {
        memcpy(kvm.ram + at, ram + at, bytes); /* as if it had not been there */
    }
}

static void halted(const struct vector *v, uint8_t *ram, struct outcome *out)
{
    const struct kvm_sregs *s = &kvm.run->s.regs.sregs;
    regs_out(&kvm.run->s.regs.regs, out);
    out->rip--;
    uint64_t at = out->rip + (s->cs.l != 0 && v->place >= PLACE_COMPAT_16 ? 0 : s->cs.base);
    bool handler = at >= WORLD_STUBS && at < WORLD_STUBS + 32u * 16u;
    out->vector = handler ? (uint32_t)(at - WORLD_STUBS) / 16u : 0;
    out->end = !handler || out->vector == 3 ? END_DONE : END_FAULT;
    system_out(v, s, out->end == END_DONE && v->land == 0, out);
    if (handler) {
        out->cr2 = out->vector == 14 ? s->cr2 : 0;
        frame_out(v, s, ram, out);
        out->rip -= out->vector == 3 ? 1 : 0;
    }
}

/* --- Running --------------------------------------------------------------------------------------------------- */

static void serve(void)
{
    struct kvm_run *r = kvm.run;
    uint64_t at = r->mmio.phys_addr;
    bool ours = has_devices() && vector_on_device(at) && vector_on_device(at + r->mmio.len - 1);
    if (r->mmio.is_write != 0 && ours) {
        kvm.devices.store(kvm.devices.owner, at, r->mmio.len, le_load(r->mmio.data, r->mmio.len));
    } else if (r->mmio.is_write == 0) {
        memset(r->mmio.data, 0xFF, sizeof(r->mmio.data));
        if (ours) {
            le_store(r->mmio.data, r->mmio.len,
                     kvm.devices.load(kvm.devices.owner, at, r->mmio.len));
        }
    }
}

/* KVM's own state after an entry that it gave up on. */
static void mend(void)
{
    struct kvm_vcpu_events none = {.flags = 0};
    struct kvm_mp_state on = {.mp_state = KVM_MP_STATE_RUNNABLE};
    (void)ioctl(kvm.vcpu, KVM_SET_VCPU_EVENTS, &none);
    (void)ioctl(kvm.vcpu, KVM_SET_MP_STATE, &on);
}

/* The exception that KVM will give the guest when it enters it. */
static bool exception_out(struct outcome *out)
{
    struct kvm_vcpu_events e;
    if (ioctl(kvm.vcpu, KVM_GET_VCPU_EVENTS, &e) != 0 || e.exception.injected == 0) {
        return false;
    }
    out->end = END_FAULT;
    out->vector = e.exception.nr;
    out->error = e.exception.has_error_code != 0 ? e.exception.error_code : 0;
    out->cr2 = out->vector == 14 ? kvm.run->s.regs.sregs.cr2 : 0;
    return true;
}

/* KVM has come back before it entered the guest again. True: the instruction is over. Wherever a jump has
 * led, nothing was done there, and an exception has not been delivered, to a stack that may be in a device. */
static bool stepped(const struct vector *v, struct outcome *out)
{
    kvm.run->immediate_exit = late != 0;
    if (!has_devices()) {
        return false;
    }
    if (!exception_out(out)) {
        if (kvm.run->s.regs.regs.rip == v->regs.rip) {
            return false; /* it repeats */
        }
        out->end = END_DONE;
    }
    regs_out(&kvm.run->s.regs.regs, out);
    system_out(v, &kvm.run->s.regs.sregs, true, out);
    mend();
    return true;
}

/* True: this vector is over. */
static bool came_back(const struct vector *v, uint8_t *ram, struct outcome *out)
{
    switch (kvm.run->exit_reason) {
    case KVM_EXIT_HLT:
        halted(v, ram, out);
        return true;
    case KVM_EXIT_MMIO:
        serve();
        kvm.run->immediate_exit = has_devices(); /* after what is left of the instruction */
        return false;
    case KVM_EXIT_SHUTDOWN:
        out->why = "shutdown: an exception within an exception";
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        regs_out(&kvm.run->s.regs.regs, out);
        out->end = END_UNSUPPORTED; /* KVM does not emulate it */
        break;
    default:
        out->why = "an exit that nothing explains";
        break;
    }
    mend();
    return true;
}

/* An access that was answered is still to be taken by KVM, which would do so with the next vector. */
static void settle(void)
{
    for (uint32_t i = 0; i < ENTRIES_MAX; i++) {
        kvm.run->immediate_exit = 1;
        if (ioctl(kvm.vcpu, KVM_RUN, NULL) != 0) {
            break;
        }
    }
    mend();
}

static void enter(const struct vector *v, uint8_t *ram, struct outcome *out)
{
    bool over = false;
    for (uint32_t i = 0; i < ENTRIES_MAX && !over; i++) {
        int result = ioctl(kvm.vcpu, KVM_RUN, NULL);
        if (late != 0) {
            out->why = "it never came back";
            over = true;
        } else if (result == 0) {
            over = came_back(v, ram, out);
        } else if (errno == EINTR) {
            over = stepped(v, out);
        } else {
            out->why = "KVM_RUN failed";
            over = true;
        }
    }
    if (out->end == END_LOST) {
        settle();
    }
}

void kvm_run_vector(const struct vector *v, uint8_t *ram, struct outcome *out)
{
    struct kvm_run *r = kvm.run;
    bool wide = (v->form->flags & FORM_XMM) != 0;
    memset(out, 0, sizeof(*out));
    out->end = END_LOST;
    out->why = "too many exits";
    memcpy(kvm.ram, ram, WORLD_BYTES);
    regs_in(&r->s.regs.regs, &v->regs);
    sregs_in(&r->s.regs.sregs, &v->regs);
    r->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    r->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    memcpy(out->ymm, v->ymm, sizeof(out->ymm));
    if (wide && !vectors_in(v)) {
        out->why = "KVM_SET_FPU failed";
        return;
    }
    patience(kvm.patience_s);
    enter(v, ram, out);
    patience(0);
    if (wide && !vectors_out(out)) {
        out->end = END_LOST;
        out->why = "KVM_GET_FPU failed";
    }
    memcpy(ram + WORLD_DATA, kvm.ram + WORLD_DATA, WORLD_END - WORLD_DATA);
    memcpy(ram + WORLD_LDT, kvm.ram + WORLD_LDT, WORLD_IDT32 - WORLD_LDT);
}
