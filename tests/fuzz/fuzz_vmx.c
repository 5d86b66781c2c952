/* SPDX-License-Identifier: BSD-2-Clause
 * Exits of VMX with whatever a guest can make of them, one after the other, on one vCPU. Each is answered
 * by the host itself, or translated for the core, whose part a few bytes play; nothing may trap, and what
 * goes back into the guest must be what the processor would accept. */
#include "fuzz.h"
#include "cpu/cr.h"
#include "sel4/vmx/vcpu.h"

#define FIELDS     0x7000u
#define PENDING_BS 0x4000u

struct machine {
    uint64_t field[FIELDS];
    uint8_t page[4096];
    struct vmx_vcpu v;
};

static struct machine m;

static uint64_t field_read(void *host, uint32_t field)
{
    (void)host;
    FUZZ_CHECK(field < FIELDS);
    return m.field[field];
}

static uint64_t field_write(void *host, uint32_t field, uint64_t value)
{
    (void)host;
    FUZZ_CHECK(field < FIELDS);
    m.field[field] = value;
    return value;
}

static void gprs_write(void *host, const uint64_t gpr[VMX_GPRS])
{
    (void)host;
    (void)gpr;
}

static void cr2_write(void *host, uint64_t value)
{
    (void)host;
    (void)value;
}

static void lend(void *host, bool on)
{
    (void)host;
    (void)on;
}

static void check_entry(const struct vmx_words *w);

/* What vectors.c has run: any guest's state has become one that is accepted, without a trace of what was due. */
static uint32_t enter(void *host, uint64_t rip, uint32_t primary)
{
    (void)host;
    const struct vmx_words words = {.rip = rip, .primary = primary};
    m.field[VMCS_TIMER] = 1;
    check_entry(&words);
    FUZZ_CHECK((m.field[VMCS_INTERRUPTIBILITY] & ~(uint64_t)BLOCKED_NMI) == 0);
    FUZZ_CHECK(m.field[VMCS_PENDING_DEBUG] == 0 && m.field[VMCS_RFLAGS] == RFLAGS_FIXED);
    FUZZ_CHECK((m.field[VMCS_EFER] & EFER_LMA) != 0 && (m.field[VMCS_CR0] & CR0_PG) != 0);
    m.field[VMCS_PDPTE(0)] = 1;
    return REASON_VMCALL;
}

static void start(void)
{
    memset(&m, 0, sizeof(m));
    const struct vmx_port port = {.read = field_read,
                                  .write = field_write,
                                  .write_gprs = gprs_write,
                                  .write_cr2 = cr2_write,
                                  .page = m.page,
                                  .lend = lend,
                                  .enter = enter};
    const struct vmx_limits limits = {
        .cr4 = CR4_PAE | CR4_PSE | CR4_DE, .timer_rate = 5, .slice_tsc = 100000};
    struct vcpu_regs regs;
    memset(&regs, 0, sizeof(regs));
    regs.cr0 = CR0_PE | CR0_ET;
    regs.rflags = RFLAGS_FIXED;
    regs.xcr0 = XCR0_X87;
    FUZZ_CHECK(vmx_start(&m.v, &port, &limits) == NULL);
    vmx_regs_store(&m.v, REGS_ALL, &regs);
}

/* What VMX promises of the state that it is given, as far as the host has a hand in it. */
static void check_entry(const struct vmx_words *w)
{
    bool event = (w->event & EVENT_VALID) != 0;
    bool has_code = (w->event & EVENT_ERROR_CODE) != 0;
    uint32_t blocked = (uint32_t)m.field[VMCS_INTERRUPTIBILITY];
    bool shadow = (blocked & (BLOCKED_STI | BLOCKED_MOV_SS)) != 0;
    uint64_t rflags = m.field[VMCS_RFLAGS];
    FUZZ_CHECK(!event || !shadow);
    FUZZ_CHECK((blocked & BLOCKED_STI) == 0 || (rflags & RFLAGS_IF) != 0);
    /* What single-stepping pends there must be there, and nothing else: [SDM] vol. 3C, 27.3.1.5. */
    bool pends = (m.field[VMCS_PENDING_DEBUG] & PENDING_BS) != 0;
    FUZZ_CHECK(!shadow || pends == ((rflags & RFLAGS_TF) != 0));
    FUZZ_CHECK(!has_code || (m.field[VMCS_CR0] & CR0_PE) != 0);
    FUZZ_CHECK((m.field[VMCS_CR0] & (CR0_CD | CR0_NW)) == 0);
    FUZZ_CHECK((m.field[VMCS_CR0] & CR0_NE) != 0);
    FUZZ_CHECK((m.field[VMCS_CR4] & (1ull << 13)) != 0); /* VMXE */
    FUZZ_CHECK((m.field[VMCS_DR7] & 0xFFu) == 0); /* no breakpoint of one guest for another */
    FUZZ_CHECK(m.field[VMCS_TIMER] != 0);
    bool lma = (m.field[VMCS_EFER] & EFER_LMA) != 0;
    FUZZ_CHECK(!lma || (m.field[VMCS_ENTRY_CONTROLS] & ENTRY_IA32E) != 0);
}

/* The guest is as before then. */
static void play_vectors(struct vcpu_regs *regs)
{
    static uint64_t before[FIELDS];
    m.field[VMCS_TIMER] = 1;
    memcpy(before, m.field, sizeof(before));
    vmx_regs_fetch(&m.v, 0, REGS_VEC | REGS_MMX, regs);
    regs->vec_written = UINT32_MAX;
    vmx_regs_store(&m.v, REGS_VEC | REGS_MMX, regs);
    FUZZ_CHECK(memcmp(before, m.field, sizeof(before)) == 0);
}

/* The core's part: it looks at the registers, changes some, and plans something. */
static void play_core(struct fuzz_in *in, const struct vm_exit *x, struct vm_plan *plan)
{
    uint8_t how = (uint8_t)fuzz_take(in, 1);
    memset(plan, 0, sizeof(*plan));
    plan->deadline_tsc = fuzz_take(in, 2);
    plan->cr8 = how & 15u;
    plan->irq_window = (how & 16u) != 0;
    if (x->kind != VM_EXIT_NONE && m.v.gpr_known) {
        struct vcpu_regs regs;
        memset(&regs, 0, sizeof(regs));
        vmx_regs_fetch(&m.v, 0, (how & 32u) != 0 ? REGS_ALL : REGS_GPR, &regs);
        if ((plan->deadline_tsc & 0x2000u) != 0) {
            play_vectors(&regs);
        }
        regs.rip += x->insn_len;
        regs.rflags ^= x->insn_len != 0 ? plan->deadline_tsc & (RFLAGS_IF | RFLAGS_TF) : 0;
        vmx_regs_store(&m.v, (how & 32u) != 0 ? REGS_ALL : REGS_GPR, &regs);
    }
    if (x->irq_ready && (how & 64u) != 0) {
        plan->inject = VM_INJECT_IRQ;
        plan->vector = how;
    } else if (x->kind != VM_EXIT_NONE && m.v.kept.info == 0 && (how & 128u) != 0) {
        plan->inject = VM_INJECT_EXCEPTION;
        plan->vector = 13;
        plan->has_error_code = true;
    }
}

/* What a processor can have there: one shadow at most, STI's only with interrupts on. */
static uint32_t shadow_of(uint32_t any, uint64_t rflags)
{
    uint32_t sti = (rflags & RFLAGS_IF) != 0 ? any & BLOCKED_STI : 0;
    uint32_t mov_ss = sti == 0 ? any & BLOCKED_MOV_SS : 0;
    return sti | mov_ss | (any & BLOCKED_NMI);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {.at = data, .left = size};
    struct vmx_words words = {0};
    start();
    while (in.left > 0) { /* bound: size */
        struct vmx_exit_info i = {0};
        struct vm_exit x;
        struct vm_plan plan;
        uint8_t reason = (uint8_t)fuzz_take(&in, 1);
        i.reason = reason == 0xFFu ? REASON_VM_FAIL : reason == 0xFEu ? VMX_CAME_BACK : reason;
        i.insn_len = (uint32_t)fuzz_take(&in, 1) & 15u;
        i.qualification = fuzz_take(&in, 4);
        i.rip = words.rip + fuzz_take(&in, 1);
        i.event = i.reason == VMX_CAME_BACK && (i.qualification & 1u) != 0 ? words.event : 0;
        i.rflags = fuzz_take(&in, 3) | RFLAGS_FIXED;
        i.blocked = shadow_of((uint32_t)fuzz_take(&in, 1), i.rflags);
        i.cr3 = fuzz_take(&in, 2);
        uint64_t value = fuzz_take(&in, 8);
        for (uint32_t n = 0; n < VMX_GPRS; n++) {
            i.gpr[n] = value;
        }
        i.gpr[2] = 0xC0000080u + (uint32_t)(value & 7u); /* RCX: an MSR near those of SYSCALL */
        m.field[VMCS_EXIT_EVENT] = EVENT_VALID | (uint32_t)(i.qualification & 0x1FFFu);
        m.field[VMCS_IDT_EVENT] = EVENT_VALID | (uint32_t)(i.qualification >> 4 & 0xFFFu);
        if (i.event == 0) { /* else the guest was not entered */
            bool steps = i.blocked != 0 && (i.rflags & RFLAGS_TF) != 0;
            m.field[VMCS_INTERRUPTIBILITY] = i.blocked;
            m.field[VMCS_RFLAGS] = i.rflags;
            m.field[VMCS_PENDING_DEBUG] = steps ? PENDING_BS : 0;
        }
        vmx_exit(&m.v, &i, &x);
        FUZZ_CHECK((uint32_t)x.kind < VM_EXIT_KINDS);
        FUZZ_CHECK(x.kind != VM_EXIT_HOST_ERROR || x.u.error.message != NULL);
        FUZZ_CHECK(m.v.kept.info == 0 || (!x.irq_ready && !x.nmi_ready));
        play_core(&in, &x, &plan);
        vmx_entry(&m.v, &plan, 0, &words);
        check_entry(&words);
    }
    return 0;
}
