/* SPDX-License-Identifier: BSD-2-Clause
 * A signal handler that returns into the vector, and another that catches whatever ends it.
 * Spec: Linux, arch/x86/include/uapi/asm/sigcontext.h; modify_ldt(2), sigaction(2). */
#include "native.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/le.h"

#define CODE_BYTES  0x2000u
#define DATA_BYTES  (WORLD_END - WORLD_DATA)
#define YMM_HIGH    576u /* in the frame: [SDM] vol. 1, 13.4 */
#define XSTATE_BV   512u
#define USER_CS     0x33u
#define USER_SS     0x2Bu
#define ALT_STACK   65536u
#define XSTATE_YMM  4u
#define NATIVE_SIGS 5u

static const int caught[NATIVE_SIGS] = {SIGSEGV, SIGBUS, SIGTRAP, SIGILL, SIGFPE};

static struct {
    uint8_t *alias; /* code, then data, always writable */
    uint8_t *stack;
    struct sigaction old[NATIVE_SIGS], old_start;
    greg_t back[NGREG]; /* where the process goes on */
    const struct vector *v;
    struct outcome *out;
} native;

bool native_can(enum place place)
{
    return place >= PLACE_COMPAT_16;
}

/* --- Between a frame and our structs ------------------------------------------------------------------ */

static const int greg_of[GPR_COUNT] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                       REG_R12, REG_R13, REG_R14, REG_R15};

static void frame_in(ucontext_t *uc, const struct vector *v)
{
    greg_t *g = uc->uc_mcontext.gregs;
    uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        g[greg_of[i]] = (greg_t)v->regs.gpr[i];
    }
    g[REG_RIP] = (greg_t)v->regs.rip;
    g[REG_EFL] = (greg_t)v->regs.rflags;
    uint64_t cs = place_is_64(v->place) ? USER_CS : v->regs.seg[SEG_CS].selector;
    uint64_t ss = place_is_64(v->place) ? USER_SS : v->regs.seg[SEG_SS].selector;
    uint64_t keep = (uint64_t)g[REG_CSGSFS] & 0x0000FFFFFFFF0000ull;
    g[REG_CSGSFS] = (greg_t)(keep | cs | ss << 48);
    for (uint32_t i = 0; i < 16; i++) {
        memcpy(&uc->uc_mcontext.fpregs->_xmm[i], v->ymm[i], 16);
        memcpy(fp + YMM_HIGH + 16 * i, v->ymm[i] + 16, 16);
    }
    le_store(fp + XSTATE_BV, 8, le_load(fp + XSTATE_BV, 8) | 7u);
}

/* Signals leave DS, ES and GS as they find them. */
static void selectors_out(const ucontext_t *uc, struct outcome *out)
{
    uint32_t ds;
    uint32_t es;
    uint32_t gs;
    __asm__("mov %%ds, %0; mov %%es, %1; mov %%gs, %2" : "=r"(ds), "=r"(es), "=r"(gs));
    out->seg[SEG_DS].selector = (uint16_t)ds;
    out->seg[SEG_ES].selector = (uint16_t)es;
    out->seg[SEG_GS].selector = (uint16_t)gs;
    out->seg[SEG_SS].selector = (uint16_t)((uint64_t)uc->uc_mcontext.gregs[REG_CSGSFS] >> 48);
    out->seg[SEG_CS].selector = (uint16_t)uc->uc_mcontext.gregs[REG_CSGSFS];
    out->selectors = 1u << SEG_CS | 1u << SEG_DS | 1u << SEG_ES | 1u << SEG_GS | 1u << SEG_SS;
}

static void frame_out(ucontext_t *uc, struct outcome *out)
{
    const greg_t *g = uc->uc_mcontext.gregs;
    const uint8_t *fp = (const uint8_t *)uc->uc_mcontext.fpregs;
    bool high = (le_load(fp + XSTATE_BV, 8) & XSTATE_YMM) != 0;
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        /* Outside 64-bit code the upper halves are nobody's: Linux leaves its own in RSP's. */
        uint64_t ones = place_is_64(native.v->place) ? UINT64_MAX : UINT32_MAX;
        out->gpr[i] = (uint64_t)g[greg_of[i]] & ones;
    }
    out->rip = (uint64_t)g[REG_RIP];
    out->rflags = (uint64_t)g[REG_EFL];
    out->vector = (uint32_t)g[REG_TRAPNO];
    out->error = (uint32_t)g[REG_ERR];
    out->cr2 = out->vector == 14 ? (uint64_t)g[REG_CR2] : 0;
    out->end = END_FAULT;
    if (out->vector == 3) { /* the INT3 that stands behind, and wherever a jump may land */
        out->end = END_DONE;
        out->rip--;
    } else if ((out->vector < 10 || out->vector > 14) && out->vector != 17) {
        out->error = 0;
    }
    selectors_out(uc, out);
    if (out->seg[SEG_CS].selector != USER_CS && place_is_64(native.v->place)) {
        /* It went to other code, in which the upper half is nobody's. */
        const uint64_t low = UINT32_MAX;
        out->gpr[GPR_RSP] = (out->gpr[GPR_RSP] & low) | (native.v->regs.gpr[GPR_RSP] & ~low);
    }
    for (uint32_t i = 0; i < 16; i++) {
        memset(out->ymm[i], 0, 32);
        memcpy(out->ymm[i], &uc->uc_mcontext.fpregs->_xmm[i], 16);
        if (high) {
            memcpy(out->ymm[i] + 16, fp + YMM_HIGH + 16 * i, 16);
        }
    }
}

static void on_start(int number, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)number;
    (void)info;
    memcpy(native.back, uc->uc_mcontext.gregs, sizeof(native.back));
    frame_in(uc, native.v);
}

/* A handler starts with the vector's RFLAGS.AC, and C is not written with that in mind. */
static void alignment_off(void)
{
    __asm__ volatile("sub $128, %%rsp; pushfq; andl $0xFFFBFFFF, (%%rsp); popfq; add $128, %%rsp"
                     :
                     :
                     : "cc", "memory");
}

static void on_end(int number, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    alignment_off();
    (void)info;
    if (native.v == NULL) { /* not the vector's: a fault of this program */
        (void)signal(number, SIG_DFL);
        return;
    }
    frame_out(uc, native.out);
    memcpy(uc->uc_mcontext.gregs, native.back, sizeof(native.back));
    native.v = NULL;
}

/* --- Segments ------------------------------------------------------------------------------------------ */

static bool set_descriptor(uint32_t n, const struct seg_reg *s)
{
    bool pages = s->limit > 0xFFFFFu || (s->ar & SEG_AR_G) != 0;
    struct user_desc d = {
        .entry_number = n,
        .base_addr = (uint32_t)s->base,
        .limit = (pages ? s->limit >> 12 : s->limit) & 0xFFFFFu,
        .seg_32bit = (s->ar & SEG_AR_DB) != 0,
        .contents = s->ar >> 2 & 3u,
        .read_exec_only = (s->ar & 2u) == 0,
        .limit_in_pages = pages,
        .useable = (s->ar & SEG_AR_AVL) != 0,
        .seg_not_present = (s->ar & SEG_AR_P) == 0,
    };
    return syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)) == 0;
}

void native_adjust(struct vector *v)
{
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        v->regs.seg[i].selector = place_is_64(v->place) ? 0 : (uint16_t)(i * 8u + 7u);
    }
    if (place_is_64(v->place)) {
        v->regs.seg[SEG_CS].selector = USER_CS;
        v->regs.seg[SEG_SS].selector = USER_SS;
    }
    v->regs.seg[SEG_FS] = v->regs.seg[SEG_DS];
}

static bool set_entry(uint32_t n, uint64_t d)
{
    uint32_t limit = (uint32_t)((d & 0xFFFFu) | (d >> 32 & 0xF0000u));
    struct seg_reg s = {
        .base = (d >> 16 & 0xFFFFFFu) | (d >> 32 & 0xFF000000u),
        .limit = (d >> 40 & SEG_AR_G) != 0 ? limit << 12 | 0xFFFu : limit,
        .ar = (uint32_t)(d >> 40) & 0xF0FFu,
    };
    return set_descriptor(n, &s);
}

/* Those that vectors may load and look at: in the model's LDT they are, too. */
static bool set_selectors(void)
{
    for (uint32_t n = LDT_FIRST; n < LDT_COUNT; n++) {
        if (!set_entry(n, world_ldt_entry(n))) {
            return false;
        }
    }
    return true;
}

static bool load_segments(const struct vector *v)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (v->ldt[i] != 0 && !set_entry(LDT_FAR + i, v->ldt[i])) {
            return false;
        }
    }
    if (place_is_64(v->place)) {
        return syscall(SYS_arch_prctl, ARCH_SET_GS, v->regs.seg[SEG_GS].base) == 0;
    }
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        if (i != SEG_FS && !set_descriptor(i, &v->regs.seg[i])) {
            return false;
        }
    }
    const struct seg_reg *s = v->regs.seg;
    uint16_t gs = (s[SEG_GS].ar & SEG_AR_P) != 0 ? s[SEG_GS].selector : 0;
    __asm__ volatile("mov %0, %%ds; mov %1, %%es; mov %2, %%gs"
                     :
                     : "r"((uint32_t)s[SEG_DS].selector), "r"((uint32_t)s[SEG_ES].selector),
                       "r"((uint32_t)gs));
    return true;
}

static void unload_segments(void)
{
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%gs" : : "r"(0u));
}

/* --- Running ---------------------------------------------------------------------------------------------- */

void native_run(const struct vector *v, uint8_t *ram, struct outcome *out)
{
    memcpy(native.alias, ram + WORLD_CODE, CODE_BYTES);
    memcpy(native.alias + CODE_BYTES, ram + WORLD_DATA, DATA_BYTES);
    memset(out, 0, sizeof(*out));
    native.out = out;
    native.v = v;
    out->end = END_LOST;
    out->why = "segments refused";
    if (load_segments(v)) {
        (void)syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), SIGUSR1);
    }
    unload_segments();
    native.v = NULL;
    memcpy(ram + WORLD_DATA, native.alias + CODE_BYTES, DATA_BYTES);
}

static bool map_at(int fd, uint32_t at, uint32_t off, uint32_t bytes, int prot)
{
    void *p = mmap((void *)(uintptr_t)at, bytes, prot,
                   MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, (off_t)off);
    return p == (void *)(uintptr_t)at;
}

static bool map_world(void)
{
    int fd = memfd_create("world", MFD_CLOEXEC);
    bool good = fd >= 0 && ftruncate(fd, CODE_BYTES + DATA_BYTES) == 0;
    if (good) {
        native.alias =
            mmap(NULL, CODE_BYTES + DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        good = native.alias != MAP_FAILED;
    }
    if (good) {
        memset(native.alias, 0xCC, CODE_BYTES + DATA_BYTES);
        good = map_at(fd, WORLD_CODE, 0, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
    }
    for (uint32_t i = 0; good && i < PAGES; i++) {
        if (i != PAGE_ABSENT && i != PAGE_SUPER) {
            good = map_at(fd, WORLD_DATA + (i << 12), CODE_BYTES + (i << 12), 4096,
                          i == PAGE_RO ? PROT_READ : PROT_READ | PROT_WRITE);
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

bool native_begin(const char **why)
{
    struct sigaction act = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    struct seg_reg probe = {.base = WORLD_DATA, .limit = 0xFFFF, .ar = 0xF3};
    if (!set_descriptor(0, &probe) || !set_selectors()) {
        *why = "this kernel has no modify_ldt() for 16-bit segments";
        return false;
    }
    if (!map_world()) {
        *why = "the low memory that the vectors run in cannot be mapped";
        return false;
    }
    native.stack = malloc(ALT_STACK);
    stack_t alt = {.ss_sp = native.stack, .ss_size = ALT_STACK};
    if (native.stack == NULL || sigaltstack(&alt, NULL) != 0) {
        *why = "no stack for signals";
        return false;
    }
    act.sa_sigaction = on_start;
    (void)sigaction(SIGUSR1, &act, &native.old_start);
    act.sa_sigaction = on_end;
    for (uint32_t i = 0; i < NATIVE_SIGS; i++) {
        (void)sigaction(caught[i], &act, &native.old[i]);
    }
    return true;
}

void native_end(void)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    for (uint32_t i = 0; i < NATIVE_SIGS; i++) {
        (void)sigaction(caught[i], &native.old[i], NULL);
    }
    (void)sigaction(SIGUSR1, &native.old_start, NULL);
    (void)sigaltstack(&none, NULL);
    free(native.stack);
    (void)munmap(native.alias, CODE_BYTES + DATA_BYTES);
    (void)munmap((void *)(uintptr_t)WORLD_CODE, WORLD_END - WORLD_CODE);
}
