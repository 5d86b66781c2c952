/* SPDX-License-Identifier: BSD-2-Clause
 * The whole VM in the simulated host: random sequences of every kind of exit, among them EPT
 * violations by random code, with time that moves at random.
 *
 * The target keeps the host's side of board/vm.h to the letter, and holds the core to its own: what
 * it injects can be taken, a deadline lies in the future, a stopped VM stays stopped. */
#include "base/le.h"
#include "board.h"
#include "sim/sim.h"

#define STEPS_MAX 300u
#define RAM_BYTES 0x10000u
#define CODE      0x8000u
#define TSC_MAX   (1ull << 60)

struct run {
    struct fuzz_in in;
    struct sim *s;
    struct vm_exit x;
    uint8_t pio[64];
};

static struct sim *new_sim(struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    const uint32_t devices = (how & 2u) != 0 ? fuzz_u16(in) & SYSTEM_DEV_ALL : SYSTEM_DEV_ALL;
    struct system_vm system = sim_system(RAM_BYTES, devices);
    system.tick_policy = how & 1u;
    if ((how & 4u) != 0) {
        fuzz_board_serials(&system);
    }
    return sim_new(&system, (how & 8u) != 0 ? 2345678u : 1000000u);
}

/* --- The guest ---------------------------------------------------------------------------------- */

/* A mode that a guest can be in, and page tables of its own making at 0x1000. */
static void set_mode(struct run *r, uint8_t how)
{
    struct vcpu_regs *g = &r->s->regs;
    uint8_t *ram = r->s->mem.region[0].host;
    g->cr0 = CR0_ET | ((how & 3u) == 0 ? 0 : CR0_PE);
    g->cr4 = 0;
    g->efer = 0;
    g->seg[SEG_CS].ar = (how & 3u) == 1u ? SEG_AR_DB : 0;
    if ((how & 3u) >= 2u) {
        g->cr0 |= CR0_PG;
        g->cr3 = 0x1000;
        g->cr4 = (how & 8u) != 0 ? CR4_PAE | CR4_PSE : CR4_PSE;
        if ((how & 3u) == 3u) {
            g->cr4 |= CR4_PAE;
            g->efer = EFER_LME | EFER_LMA;
            g->seg[SEG_CS].ar = SEG_AR_L;
        }
        const uint64_t top = fuzz_u64(&r->in);
        const uint64_t next = fuzz_u64(&r->in);
        for (uint32_t i = 0; i < 8; i++) {
            memcpy(ram + 0x1000u + 8u * i, &top, sizeof(top));
            memcpy(ram + 0x2000u + 8u * i, &next, sizeof(next));
        }
    }
}

static void set_regs(struct run *r)
{
    struct vcpu_regs *g = &r->s->regs;
    const uint8_t how = fuzz_u8(&r->in);
    if ((how & 4u) != 0) {
        set_mode(r, how);
    }
    g->rip = (how & 0x10u) != 0 ? fuzz_u64(&r->in) : CODE;
    g->rflags = RFLAGS_FIXED | ((how & 0x20u) != 0 ? fuzz_u32(&r->in) & 0x3F7FD5u : 0u);
    g->seg[SEG_SS].ar = (how & 0x40u) != 0 ? SEG_AR_DPL : 0;
    for (uint32_t i = 0; i < (how >> 7) * 2u; i++) {
        g->gpr[fuzz_u8(&r->in) % GPR_COUNT] = fuzz_u64(&r->in);
    }
}

/* --- Exits -------------------------------------------------------------------------------------- */

static uint64_t mmio_address(struct run *r)
{
    enum bus_space space;
    const uint64_t addr = fuzz_board_address(&r->in, r->s->vm, &space);
    return space == BUS_MMIO ? addr : LAPIC_BASE + addr % LAPIC_LEN;
}

static uint16_t pio_port(struct run *r)
{
    enum bus_space space;
    return (uint16_t)fuzz_board_address(&r->in, r->s->vm, &space);
}

static void make_pio(struct run *r, uint8_t how)
{
    const uint8_t size = (uint8_t)(1u << (how & 3u) % 3u);
    const uint32_t count = (how & 4u) != 0 ? 1u + fuzz_u8(&r->in) % (sizeof(r->pio) / size) : 1u;
    const uint64_t bytes = fuzz_u64(&r->in);
    memset(r->pio, how, sizeof(r->pio));
    memcpy(r->pio, &bytes, sizeof(bytes));
    r->x.u.pio = (struct vm_exit_pio){
        .data = r->pio,
        .count = count,
        .port = pio_port(r),
        .size = size,
        .write = (how & 8u) != 0,
    };
}

static void make_pio_raw(struct run *r, uint8_t how)
{
    r->s->regs.gpr[GPR_RAX] = fuzz_u64(&r->in);
    r->x.u.pio_raw = (struct vm_exit_pio_raw){
        .port = pio_port(r),
        .size = (uint8_t)(1u << (how & 3u) % 3u),
        .write = (how & 8u) != 0,
        .string = (how & 0xF0u) == 0xF0u,
        .insn_len = r->x.insn_len,
    };
}

static void make_mmio(struct run *r, uint8_t how)
{
    const uint32_t size = (how & 8u) != 0 ? 1u + (how >> 4) % 8u : 4u;
    const bool write = (how & 1u) != 0;
    r->x.u.mmio = (struct vm_exit_mmio){.gpa = mmio_address(r),
                                        .size = size,
                                        .write = write,
                                        .value = write ? fuzz_take(&r->in, size) : 0};
}

/* Random code at RIP, in a random mode; often its first operand is where the host says. */
static void make_ept(struct run *r, uint8_t how)
{
    uint8_t *ram = r->s->mem.region[0].host;
    const uint64_t gpa = mmio_address(r);
    set_regs(r);
    const uint64_t code = fuzz_u64(&r->in);
    memcpy(ram + CODE, &code, sizeof(code));
    if ((how & 1u) != 0) {
        for (uint32_t i = 0; i < GPR_COUNT; i++) {
            r->s->regs.gpr[i] = gpa;
        }
    }
    r->x.raw = true;
    r->x.u.ept = (struct vm_exit_ept){.gpa = gpa, .write = (how & 2u) != 0};
}

static void make_msr(struct run *r, uint8_t how)
{
    static const uint32_t known[] = {
        MSR_APIC_BASE,    MSR_TSC_DEADLINE, MSR_TSC,  MSR_MTRRCAP, MSR_PAT,     MSR_MTRR_DEF_TYPE,
        MSR_MTRR_FIX_64K, MSR_MTRR_PHYS,    MSR_EFER, MSR_LSTAR,   MSR_FS_BASE, MSR_MISC_ENABLE,
    };
    const uint32_t pick = how >> 4;
    const uint64_t value = (how & 1u) != 0 ? r->s->tsc + fuzz_span(&r->in, 62) : fuzz_u64(&r->in);
    const uint32_t index = pick < sizeof(known) / sizeof(known[0]) ? known[pick] : fuzz_u32(&r->in);
    r->s->regs.gpr[GPR_RAX] = value;
    r->s->regs.gpr[GPR_RDX] = value >> 32;
    r->x.u.msr = (struct vm_exit_msr){.index = index, .value = value};
}

static void make_cr(struct run *r, uint8_t how)
{
    static const uint8_t crs[] = {0, 3, 4, 8};
    r->x.raw = true;
    set_regs(r);
    r->x.u.cr = (struct vm_exit_cr){
        .cr = (how & 0x60u) != 0 ? crs[how & 3u] : how & 15u,
        .gpr = (uint8_t)(how >> 4),
        .write = (how & 4u) != 0,
        .access = (how & 8u) != 0 ? fuzz_u8(&r->in) & 3u : VM_CR_MOV,
        .source = how,
    };
}

/* To a descriptor among random ones, most of them TSSs that lie there, too. tests/fuzz/fuzz_task.c goes deeper. */
static void make_task(struct run *r, uint8_t how)
{
    uint8_t *ram = r->s->mem.region[0].host;
    struct vcpu_regs *g = &r->s->regs;
    set_regs(r);
    for (uint32_t i = 0; i < 16u; i++) {
        const uint64_t any = fuzz_u64(&r->in);
        const uint64_t tss = 0x890000000067u | (uint64_t)CODE << 16 | (any & 0x0200FF000000u);
        le_store(ram + CODE + 8u * i, 8, (any & 0xF000u) == 0 ? any : tss);
    }
    g->gdtr = (struct table_reg){.base = CODE, .limit = 0x7F};
    g->seg[SEG_TR] = (struct seg_reg){.base = CODE + 0x100u, .limit = 0x67, .ar = 0x8B};
    r->x.raw = true;
    r->x.u.task = (struct vm_exit_task){
        .selector = (uint16_t)(fuzz_u8(&r->in) & 0x7Bu),
        .source = how & 3u,
        .insn_len = how & 4u,
        .vector = fuzz_u8(&r->in) & 31u,
        .exception = (how & 8u) != 0,
        .external = (how & 16u) != 0,
        .has_error_code = (how & 32u) != 0,
    };
}

static void make_exit(struct run *r)
{
    const uint8_t how = fuzz_u8(&r->in);
    uint32_t kind = fuzz_u8(&r->in);
    kind = kind < 0xF8u ? kind % VM_EXIT_SHUTDOWN : VM_EXIT_SHUTDOWN + kind % 2u;
    r->x = (struct vm_exit){
        .kind = (enum vm_exit_kind)kind,
        .raw = (how & 0x80u) != 0,
        .insn_len = (uint8_t)(1u + how % 15u),
        .cr8 = r->s->cr8,
    };
    switch (r->x.kind) {
    case VM_EXIT_PIO:
        make_pio(r, how);
        break;
    case VM_EXIT_PIO_RAW:
        r->x.raw = true;
        make_pio_raw(r, how);
        break;
    case VM_EXIT_MMIO:
        make_mmio(r, how);
        break;
    case VM_EXIT_EPT:
        make_ept(r, how);
        break;
    case VM_EXIT_RDMSR:
    case VM_EXIT_WRMSR:
        make_msr(r, how);
        break;
    case VM_EXIT_CR:
        make_cr(r, how);
        break;
    case VM_EXIT_DR:
        r->x.raw = true;
        set_regs(r);
        r->x.u.dr = (struct vm_exit_dr){
            .dr = how & 15u, .gpr = (uint8_t)(how >> 3), .write = (how & 4u) != 0};
        break;
    case VM_EXIT_CPUID:
    case VM_EXIT_XSETBV:
        set_regs(r);
        break;
    case VM_EXIT_EXCEPTION:
        r->x.raw = true;
        r->x.insn_len = how & 1u;
        r->x.u.exception = (struct vm_exit_exception){.vector = (how & 2u) != 0 ? 1u : 17u,
                                                      .has_error_code = (how & 2u) == 0,
                                                      .debug = fuzz_u32(&r->in)};
        break;
    case VM_EXIT_TASK:
        make_task(r, how);
        break;
    case VM_EXIT_HOST_ERROR:
        r->x.u.error = (struct vm_exit_error){.message = "fuzzed"};
        break;
    default:
        break;
    }
    const uint8_t ready = fuzz_u8(&r->in);
    r->x.irq_flag = (ready & 3u) != 0;
    r->x.irq_ready = r->x.irq_flag && (ready & 4u) == 0;
    r->x.nmi_ready = (ready & 8u) == 0;
    r->x.cr8 = (ready & 0x70u) == 0x70u ? fuzz_u8(&r->in) & 15u : r->s->cr8;
}

/* --- The host ----------------------------------------------------------------------------------- */

static void check_plan(const struct run *r, const struct vm_plan *p, bool fresh)
{
    const bool ended = vm_outcome(r->s->vm).end != VM_END_NONE;
    FUZZ_CHECK((p->go == VM_GO_STOP) == ended);
    if (ended) {
        return;
    }
    FUZZ_CHECK(p->deadline_tsc > r->s->tsc);
    FUZZ_CHECK(p->go == VM_GO_RUN || p->inject == VM_INJECT_NONE);
    FUZZ_CHECK(p->cr8 <= 15u);
    if (p->inject == VM_INJECT_IRQ) {
        FUZZ_CHECK(fresh && r->x.irq_ready);
    } else if (p->inject == VM_INJECT_NMI) {
        FUZZ_CHECK(r->x.nmi_ready && p->vector == 2u);
    } else if (p->inject == VM_INJECT_EXCEPTION) {
        FUZZ_CHECK(p->vector < 32u);
    } else {
        FUZZ_CHECK(p->inject == VM_INJECT_NONE);
    }
}

/* Enters until the guest runs or the VM has stopped. False: it stopped, or halted for ever. */
static bool enter(struct run *r)
{
    struct sim *s = r->s;
    for (uint32_t turn = 0; turn < 16; turn++) {
        const struct vcpu_regs *regs;
        vm_entry(s->vm, 0, s->tsc, &s->plan);
        fuzz_board_check(s->vm);
        check_plan(r, &s->plan, turn == 0 || r->x.irq_ready);
        if (s->plan.go == VM_GO_STOP) {
            return false;
        }
        if (s->plan.go == VM_GO_RUN) {
            if (vm_take_dirty(s->vm, 0, &regs) != 0) {
                s->regs = *regs;
            }
            s->cr8 = s->plan.cr8;
            return true;
        }
        if (s->plan.deadline_tsc >= TSC_MAX) {
            return false;
        }
        s->tsc = s->plan.deadline_tsc;
    }
    /* Halted with interrupts off, or all of them masked: timers go on, nothing wakes it. */
    return false;
}

static void move_time(struct run *r)
{
    const uint8_t how = fuzz_u8(&r->in);
    uint64_t to = r->s->tsc + SIM_ACCESS_TSC;
    if ((how & 7u) == 1u) {
        to = r->s->tsc + fuzz_span(&r->in, 52);
    } else if ((how & 7u) == 2u && r->s->plan.deadline_tsc > r->s->tsc) {
        to = r->s->plan.deadline_tsc + (how >> 6);
    }
    r->s->tsc = to < TSC_MAX ? to : r->s->tsc;
    if ((how & 0x38u) == 0x30u) {
        board_set_time(r->s->vm, r->s->tsc);
        fuzz_board_idiom(&r->in, r->s->vm);
    }
    if ((how & 0x38u) == 0x38u) {
        uint8_t bytes[16];
        memset(bytes, how, sizeof(bytes));
        const uint32_t took = vm_console_input(r->s->vm, how >> 6, bytes, sizeof(bytes), r->s->tsc);
        FUZZ_CHECK(took <= sizeof(bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run r;
    r.in = (struct fuzz_in){data, size};
    r.s = new_sim(&r.in);
    r.x = (struct vm_exit){.kind = VM_EXIT_NONE};
    bool runs = enter(&r);
    for (uint32_t i = 0; runs && i < STEPS_MAX && r.in.left != 0; i++) {
        move_time(&r);
        make_exit(&r);
        vm_exit(r.s->vm, 0, r.s->tsc, &r.x);
        fuzz_board_check(r.s->vm);
        runs = enter(&r);
    }
    /* Whatever it came to: asked again, the VM says the same. */
    const enum vm_end end = vm_outcome(r.s->vm).end;
    vm_entry(r.s->vm, 0, r.s->tsc, &r.s->plan);
    FUZZ_CHECK(vm_outcome(r.s->vm).end == end);
    sim_free(r.s);
    return 0;
}
