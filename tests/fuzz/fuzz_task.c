/* SPDX-License-Identifier: BSD-2-Clause
 * Task switches among arbitrary descriptors, TSSs and page tables.
 *
 * What holds for any of them: what fails before the commit point has changed no register and, without paging, no
 * byte; what a new task is given is a state that a processor agrees to enter ([SDM] vol. 3C, 27.3.1), also if it begins
 * with a fault; what the guest gets is an exception that a switch can end with. */
#include "base/le.h"
#include "cpu/emulate.h"
#include "cpu/walk.h"
#include "fuzz.h"

#define RAM_BYTES  0x10000u
#define GDT        0x1000u
#define LDT        0x1100u
#define ENTRIES    16u
#define TSS(n)     (0x2000u + 0xF00u * (n)) /* some cross a page */
#define TSS_COUNT  4u
#define TABLES     0x8000u /* of each TSS's address space */
#define TABLE_STEP 0x2000u
#define EXCEPTIONS 0x7C00u /* vectors 10 to 14 */

struct world {
    _Alignas(4096) uint8_t ram[RAM_BYTES];
    struct gmem gmem;
    struct regs_cache cache;
};

static void fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs)
{
    (void)host;
    (void)vcpu;
    (void)groups;
    (void)regs; /* the truth is in the cache */
}

static uint64_t bus_reads(void *owner, gpa_t gpa, uint32_t size)
{
    (void)owner;
    (void)gpa;
    (void)size;
    FUZZ_CHECK(false); /* nothing is read from devices */
    return 0;
}

static void bus_writes(void *owner, gpa_t gpa, uint32_t size, uint64_t val)
{
    (void)owner;
    (void)gpa;
    FUZZ_CHECK(size <= 4 && val >> (8u * size) == 0); /* a new stack may be there */
}

/* --- The world ----------------------------------------------------------------------------------- */

/* Mostly of a kind that somebody could want. */
static uint64_t any_descriptor(struct fuzz_in *in)
{
    static const uint8_t kinds[] = {0x89, 0x89, 0x8B, 0x81, 0x83, 0x82, 0x9B, 0x9B, 0x93,
                                    0x93, 0xFB, 0xF3, 0x9F, 0x97, 0x99, 0x91, 0x85, 0x1B};
    const uint8_t pick = fuzz_u8(in);
    const uint8_t how = fuzz_u8(in);
    if (pick >= 0xF0u) {
        return fuzz_u64(in);
    }
    const uint8_t access = kinds[pick % sizeof(kinds)];
    const bool system = (access & 0x10u) == 0;
    const uint64_t base = system ? TSS(how % TSS_COUNT) : (how & 8u) != 0 ? fuzz_u32(in) : 0;
    const uint64_t limit = system ? 0x2Bu + (how >> 2) : 0xFFFFFu;
    const uint64_t flags = system ? 0 : 0xCu ^ (how & 0xCu);
    return (base & 0xFFFFFFu) << 16 | base >> 24 << 56 | (limit & 0xFFFFu) | limit >> 16 << 48 |
           (uint64_t)access << 40 | flags << 52;
}

static uint16_t any_selector(struct fuzz_in *in)
{
    const uint8_t pick = fuzz_u8(in);
    return pick >= 0xF8u ? fuzz_u16(in) : (uint16_t)(pick & 0x7Fu);
}

static void set_tss(struct fuzz_in *in, struct world *w, uint32_t n)
{
    uint8_t *tss = w->ram + TSS(n);
    for (uint32_t i = 0; i < 0x68; i += 8) {
        le_store(tss + i, 8, fuzz_u64(in));
    }
    const uint8_t how = fuzz_u8(in);
    const uint32_t at = (how & 1u) != 0 ? 0x48 : 0x22;
    const uint32_t step = (how & 1u) != 0 ? 4 : 2;
    for (uint32_t i = 0; i < 7; i++) {
        le_store(tss + at + i * step, 2, any_selector(in));
    }
    if ((how & 2u) != 0) { /* no virtual-8086 mode */
        tss[0x26] &= 0xFDu;
    }
    le_store(tss + 0x1C, 4, (how & 0xFCu) == 0 ? fuzz_u32(in) : TABLES + TABLE_STEP * (n & 1u));
}

/* One to one, in large pages, now and then spoilt. */
static void set_tables(struct fuzz_in *in, struct world *w, bool pae)
{
    for (uint32_t k = 0; k < 2; k++) {
        uint8_t *top = w->ram + TABLES + TABLE_STEP * k;
        const uint8_t spoilt = fuzz_u8(in);
        le_store(top, pae ? 8 : 4, pae ? (TABLES + TABLE_STEP * k + 0x1000u) | 1u : 0x87u);
        le_store(top + 0x1000, 8, 0x87);
        if (spoilt >= 0xF0u) {
            top[(spoilt & 1u) != 0 ? 0x1000u : 0u] ^= fuzz_u8(in);
        }
    }
}

static void set_world(struct fuzz_in *in, struct world *w)
{
    struct vcpu_regs *g = &w->cache.regs;
    const uint8_t how = fuzz_u8(in);
    memset(w, 0, sizeof(*w));
    FUZZ_CHECK(gmem_add(&w->gmem, 0, RAM_BYTES, w->ram));
    for (uint32_t i = 0; i < 2u * ENTRIES; i++) {
        le_store(w->ram + GDT + 8u * i, 8, any_descriptor(in));
    }
    for (uint32_t i = 0; i < TSS_COUNT; i++) {
        set_tss(in, w, i);
    }
    g->cr0 = CR0_PE | CR0_ET | ((how & 1u) != 0 ? CR0_PG : 0) | ((how & 2u) != 0 ? CR0_WP : 0);
    g->cr4 = (how & 4u) != 0 ? CR4_PAE : CR4_PSE;
    g->cr3 = TABLES;
    set_tables(in, w, (how & 4u) != 0);
    g->rflags = RFLAGS_FIXED | (fuzz_u32(in) & 0x3D7FD5u);
    g->rip = fuzz_u32(in);
    for (uint32_t i = 0; i < SEG_COUNT; i++) {
        g->seg[i] =
            (struct seg_reg){.limit = UINT32_MAX, .ar = 0xC093, .selector = any_selector(in)};
        g->gpr[i] = fuzz_u32(in);
    }
    g->seg[SEG_CS].ar = 0xC09B;
    g->seg[SEG_LDTR] = (struct seg_reg){.base = LDT, .limit = 0x7F, .ar = 0x82};
    g->seg[SEG_TR].base = TSS(how >> 6);
    g->seg[SEG_TR].limit = (how & 0x10u) != 0 ? 0x67u : 0x20u + (how >> 2);
    g->seg[SEG_TR].ar = (how & 0x20u) != 0 ? 0x8B : 0x83;
    g->gdtr = (struct table_reg){.base = GDT, .limit = 8u * ENTRIES - 1u};
    w->cache.valid = REGS_ALL | REGS_SEG;
}

/* --- What must hold ---------------------------------------------------------------------------------- */

static void check_limit(const struct seg_reg *s)
{
    const bool pages = (s->ar & SEG_AR_G) != 0;
    FUZZ_CHECK(!pages || (s->limit & 0xFFFu) == 0xFFFu);
    FUZZ_CHECK(pages || s->limit <= 0xFFFFFu);
    FUZZ_CHECK(s->base <= UINT32_MAX && (s->ar & 0xFFFE0F00u) == 0);
}

static void check_v86(const struct vcpu_regs *g)
{
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        FUZZ_CHECK(g->seg[i].base == (uint64_t)g->seg[i].selector << 4);
        FUZZ_CHECK(g->seg[i].limit == 0xFFFFu && g->seg[i].ar == 0xF3u);
    }
}

static void check_protected(const struct vcpu_regs *g)
{
    const uint32_t cs = g->seg[SEG_CS].ar;
    const uint32_t ss = g->seg[SEG_SS].ar;
    const uint32_t level = (ss & SEG_AR_DPL) >> 5;
    FUZZ_CHECK((cs & (SEG_AR_UNUSABLE | SEG_AR_S | SEG_AR_P | 9u)) == (SEG_AR_S | SEG_AR_P | 9u));
    FUZZ_CHECK((cs & 4u) != 0 ? (cs & SEG_AR_DPL) >> 5 <= level : (cs & SEG_AR_DPL) >> 5 == level);
    FUZZ_CHECK((g->seg[SEG_CS].selector & 3u) == level);
    check_limit(&g->seg[SEG_CS]);
    if ((ss & SEG_AR_UNUSABLE) == 0) {
        FUZZ_CHECK((ss & 0xBu) == 3u && (ss & SEG_AR_S) != 0 && (ss & SEG_AR_P) != 0);
        FUZZ_CHECK((g->seg[SEG_SS].selector & 3u) == level);
        check_limit(&g->seg[SEG_SS]);
    }
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        const uint32_t ar = g->seg[i].ar;
        const bool data = i != SEG_CS && i != SEG_SS && (ar & SEG_AR_UNUSABLE) == 0;
        const uint32_t dpl = (ar & SEG_AR_DPL) >> 5;
        if (data) {
            FUZZ_CHECK((ar & 1u) != 0 && (ar & SEG_AR_S) != 0 && (ar & SEG_AR_P) != 0);
            FUZZ_CHECK((ar & 8u) == 0 || (ar & 2u) != 0);
            FUZZ_CHECK((ar & 0xCu) == 0xCu || dpl >= (g->seg[i].selector & 3u));
            check_limit(&g->seg[i]);
        }
    }
}

/* What VM entry asks of a guest's registers. */
static void check_new_task(const struct vcpu_regs *g, uint16_t selector)
{
    const struct seg_reg *tr = &g->seg[SEG_TR];
    const struct seg_reg *ldt = &g->seg[SEG_LDTR];
    FUZZ_CHECK((tr->ar & 0x1009Fu) == 0x83u || (tr->ar & 0x1009Fu) == 0x8Bu);
    FUZZ_CHECK(tr->selector == selector && (tr->selector & 4u) == 0);
    check_limit(tr);
    FUZZ_CHECK((g->rflags & ~0x3F7FD7ull) == 0 && (g->rflags & RFLAGS_FIXED) != 0);
    FUZZ_CHECK((g->cr0 & CR0_TS) != 0 && g->rip <= UINT32_MAX);
    if ((ldt->ar & SEG_AR_UNUSABLE) == 0) {
        FUZZ_CHECK((ldt->ar & 0x9Fu) == 0x82u && (ldt->selector & 4u) == 0);
        check_limit(ldt);
    }
    if ((g->rflags & RFLAGS_VM) != 0) {
        check_v86(g);
    } else {
        check_protected(g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    static struct world before;
    struct fuzz_in in = {data, size};
    const struct emulate_bus bus = {bus_reads, bus_writes, &w};
    const struct regs_source source = {.fetch = fetch, .host = &w};
    const struct emulate_vcpu v = {
        .cache = &w.cache, .source = &source, .gmem = &w.gmem, .bus = &bus, .phys_bits = 36};
    struct emulate_report report;
    const uint8_t how = fuzz_u8(&in);
    const uint8_t what = fuzz_u8(&in);
    set_world(&in, &w);
    const struct vm_exit_task t = {
        .selector = any_selector(&in),
        .source = how & 3u,
        .insn_len = (what & 3u) != 0 ? what & 15u : 0,
        .vector = what,
        .exception = (how & 4u) != 0,
        .external = (how & 8u) != 0,
        .has_error_code = (how & 3u) == VM_TASK_GATE && (how & 16u) != 0,
        .error_code = fuzz_u32(&in),
    };
    before = w;
    const enum emulate_result r = emulate_task_switch(&v, &t, &report);
    FUZZ_CHECK(r == EMULATE_DONE || r == EMULATE_FAULT || r == EMULATE_ELSEWHERE);
    FUZZ_CHECK(r != EMULATE_DONE || report.switched);
    if (r == EMULATE_FAULT) {
        FUZZ_CHECK((EXCEPTIONS >> report.vector & 1u) != 0 && report.has_code);
    }
    if (report.switched) {
        check_new_task(&w.cache.regs, t.selector);
    } else {
        FUZZ_CHECK(w.cache.dirty == 0);
        FUZZ_CHECK(memcmp(&w.cache.regs, &before.cache.regs, sizeof(w.cache.regs)) == 0);
        FUZZ_CHECK((w.cache.regs.cr0 & CR0_PG) != 0 || memcmp(w.ram, before.ram, RAM_BYTES) == 0);
    }
    return 0;
}
