/* SPDX-License-Identifier: BSD-2-Clause
 * Registers between KVM's structs and the core's cache. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kvm/vcpu.h"

/* KVM's fields in the order of our numbers. */
#define GPRS_OF(k)                                                                                \
    {                                                                                             \
        &(k)->rax, &(k)->rcx, &(k)->rdx, &(k)->rbx, &(k)->rsp, &(k)->rbp, &(k)->rsi, &(k)->rdi,   \
            &(k)->r8, &(k)->r9, &(k)->r10, &(k)->r11, &(k)->r12, &(k)->r13, &(k)->r14, &(k)->r15, \
    }
#define SEGS_OF(s)                                                                       \
    {                                                                                    \
        &(s)->es, &(s)->cs, &(s)->ss, &(s)->ds, &(s)->fs, &(s)->gs, &(s)->ldt, &(s)->tr, \
    }

static struct seg_reg seg_in(const struct kvm_segment *k)
{
    uint32_t ar = (uint32_t)k->type | (uint32_t)k->s << 4 | (uint32_t)k->dpl << 5 |
                  (uint32_t)k->present << 7 | (uint32_t)k->avl << 12 | (uint32_t)k->l << 13 |
                  (uint32_t)k->db << 14 | (uint32_t)k->g << 15;
    return (struct seg_reg){
        .base = k->base,
        .limit = k->limit,
        .ar = ar | (k->unusable != 0 ? SEG_AR_UNUSABLE : 0u),
        .selector = k->selector,
    };
}

static struct kvm_segment seg_out(const struct seg_reg *r)
{
    return (struct kvm_segment){
        .base = r->base,
        .limit = r->limit,
        .selector = r->selector,
        .type = r->ar & SEG_AR_TYPE,
        .s = (r->ar & SEG_AR_S) != 0,
        .dpl = (r->ar & SEG_AR_DPL) >> 5,
        .present = (r->ar & SEG_AR_P) != 0,
        .avl = (r->ar & SEG_AR_AVL) != 0,
        .l = (r->ar & SEG_AR_L) != 0,
        .db = (r->ar & SEG_AR_DB) != 0,
        .g = (r->ar & SEG_AR_G) != 0,
        .unusable = (r->ar & SEG_AR_UNUSABLE) != 0,
    };
}

/* These calls cannot fail on a live vCPU: if one does, no guest state can be trusted. */
static void vcpu_call(const struct kvm_machine *m, unsigned long request, void *arg,
                      const char *name)
{
    if (ioctl(m->vcpu_fd, request, arg) != 0) {
        perror(name);
        abort();
    }
}

static void gpr_in(struct vcpu_regs *r, const struct kvm_regs *k)
{
    const __u64 *const gpr[GPR_COUNT] = GPRS_OF(k);
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        r->gpr[i] = *gpr[i];
    }
    r->rip = k->rip;
    r->rflags = k->rflags;
}

static void sys_in(struct vcpu_regs *r, const struct kvm_sregs *s)
{
    const struct kvm_segment *const seg[SEG_COUNT] = SEGS_OF(s);
    for (uint32_t i = 0; i < SEG_COUNT; i++) {
        r->seg[i] = seg_in(seg[i]);
    }
    r->gdtr = (struct table_reg){.base = s->gdt.base, .limit = s->gdt.limit};
    r->idtr = (struct table_reg){.base = s->idt.base, .limit = s->idt.limit};
    r->cr0 = s->cr0;
    r->cr2 = s->cr2;
    r->cr3 = s->cr3;
    r->cr4 = s->cr4;
    r->efer = s->efer;
}

static void fetch_gpr(const struct kvm_machine *m, struct vcpu_regs *r)
{
    struct kvm_regs k;
    vcpu_call(m, KVM_GET_REGS, &k, "KVM_GET_REGS");
    gpr_in(r, &k);
}

static void fetch_sys(const struct kvm_machine *m, struct vcpu_regs *r)
{
    struct kvm_sregs s;
    struct kvm_xcrs x = {0};
    vcpu_call(m, KVM_GET_SREGS, &s, "KVM_GET_SREGS");
    sys_in(r, &s);
    r->xcr0 = 1;
    if (ioctl(m->vcpu_fd, KVM_GET_XCRS, &x) == 0 && x.nr_xcrs > 0) {
        r->xcr0 = x.xcrs[0].value;
    }
}

void kvm_regs_fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs)
{
    const struct kvm_machine *m = host;
    (void)vcpu; /* one vCPU */
    if ((groups & REGS_GPR) != 0) {
        fetch_gpr(m, regs);
    }
    if ((groups & REGS_SYS) != 0) {
        fetch_sys(m, regs);
    }
}

bool kvm_regs_share(struct kvm_machine *m)
{
    const int wanted = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    int has = ioctl(m->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
    if (has < 0 || (has & wanted) != wanted) {
        return false;
    }
    m->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
    return true;
}

void kvm_regs_share_sys(struct kvm_machine *m, bool on)
{
    m->run->kvm_valid_regs = KVM_SYNC_X86_REGS | (on ? KVM_SYNC_X86_SREGS : 0);
}

void kvm_regs_shared(const struct kvm_machine *m, struct vcpu_regs *regs)
{
    gpr_in(regs, &m->run->s.regs.regs);
    if ((m->run->kvm_valid_regs & KVM_SYNC_X86_SREGS) != 0) {
        sys_in(regs, &m->run->s.regs.sregs);
    } else {
        struct kvm_sregs s;
        vcpu_call(m, KVM_GET_SREGS, &s, "KVM_GET_SREGS");
        sys_in(regs, &s);
    }
}

static void store_gpr(const struct kvm_machine *m, const struct vcpu_regs *r)
{
    struct kvm_regs k = {.rip = r->rip, .rflags = r->rflags};
    __u64 *const gpr[GPR_COUNT] = GPRS_OF(&k);
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        *gpr[i] = r->gpr[i];
    }
    vcpu_call(m, KVM_SET_REGS, &k, "KVM_SET_REGS");
}

static void store_sys(const struct kvm_machine *m, const struct vcpu_regs *r)
{
    struct kvm_sregs s; /* what the core does not keep (CR8, APIC base) stays as it is */
    struct kvm_segment *const seg[SEG_COUNT] = SEGS_OF(&s);
    vcpu_call(m, KVM_GET_SREGS, &s, "KVM_GET_SREGS");
    for (uint32_t i = 0; i < SEG_COUNT; i++) {
        *seg[i] = seg_out(&r->seg[i]);
    }
    s.gdt.base = r->gdtr.base;
    s.gdt.limit = (uint16_t)r->gdtr.limit;
    s.idt.base = r->idtr.base;
    s.idt.limit = (uint16_t)r->idtr.limit;
    s.cr0 = r->cr0;
    s.cr2 = r->cr2;
    s.cr3 = r->cr3;
    s.cr4 = r->cr4;
    s.efer = r->efer;
    vcpu_call(m, KVM_SET_SREGS, &s, "KVM_SET_SREGS");
}

void kvm_regs_store(struct kvm_machine *m, uint32_t groups, const struct vcpu_regs *regs)
{
    if ((groups & REGS_SYS) != 0) {
        store_sys(m, regs);
    }
    if ((groups & REGS_GPR) != 0) {
        store_gpr(m, regs);
    }
}
