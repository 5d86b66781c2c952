/* SPDX-License-Identifier: BSD-2-Clause
 * The emulator on arbitrary code, registers, segments and page tables.
 *
 * What holds for any of them: device accesses stay within a page and within the instruction's needs;
 * without EMULATE_DONE no register has changed; with it, RIP is past the instruction or a string stays;
 * what the guest gets is an exception that exists. */
#include "base/le.h"
#include "cpu/emulate.h"
#include "cpu/walk.h"
#include "fuzz.h"

#define RAM_BYTES 0x8000u
#define CODE      0x7000u
#define DEVICE    0x10000000u
#define ALL_ONES  0xFFFFFFFFFFFFFFFFull
#define ACCESSES_MAX \
    192u /* a string of EMULATE_REPEAT_MAX elements, each in two parts, and to spare */
#define EXCEPTIONS 0x27CE1u /* vectors 0, 5, 6, 7, 10, 11, 12, 13, 14, 17 */

struct world {
    _Alignas(4096) uint8_t ram[RAM_BYTES];
    struct gmem gmem;
    struct vcpu_regs truth; /* what the host would fetch */
    struct regs_cache cache;
    uint32_t reads;
    uint32_t writes;
    uint32_t port_reads;
    uint32_t port_writes;
    uint64_t data; /* what a device says */
    bool selects;  /* ... is something that may be a selector */
};

static void fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs)
{
    const struct world *w = host;
    (void)vcpu;
    if ((groups & REGS_ALL) != 0) {
        FUZZ_CHECK((groups & REGS_ALL) == REGS_ALL);
        *regs = w->truth;
    }
    if ((groups & REGS_VEC) != 0) {
        memcpy(regs->vec, w->truth.vec, sizeof(regs->vec));
    }
}

static uint64_t bus_reads(void *owner, gpa_t gpa, uint32_t size)
{
    struct world *w = owner;
    FUZZ_CHECK(size >= 1 && size <= 8 && gpa % 4096u + size <= 4096u);
    w->reads++;
    w->data = w->data * 0x9E3779B97F4A7C15ull + gpa;
    return w->selects ? w->data >> 32 & 0x7Fu : w->data;
}

static void bus_writes(void *owner, gpa_t gpa, uint32_t size, uint64_t val)
{
    struct world *w = owner;
    FUZZ_CHECK(size >= 1 && size <= 8 && gpa % 4096u + size <= 4096u);
    FUZZ_CHECK(size == 8 || val >> (8u * size) == 0);
    w->writes++;
}

static uint64_t port_reads(void *owner, gpa_t port, uint32_t size)
{
    struct world *w = owner;
    FUZZ_CHECK((size == 1 || size == 2 || size == 4) && port <= 0xFFFFu);
    w->port_reads++;
    return ALL_ONES;
}

static void port_writes(void *owner, gpa_t port, uint32_t size, uint64_t val)
{
    struct world *w = owner;
    FUZZ_CHECK((size == 1 || size == 2 || size == 4) && port <= 0xFFFFu && val >> (8u * size) == 0);
    w->port_writes++;
}

/* Four levels of tables, one a page. The first entries of each lead to the code, the others to a
 * device; each kind may be spoilt. `each` is the size of an entry. */
static void set_tables(struct fuzz_in *in, struct world *w, uint32_t each)
{
    const uint8_t spoilt = fuzz_u8(in);
    const uint64_t rights = 0x67u ^ (fuzz_u8(in) & 0x60u);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t to_code = (i < 3 ? 0x2000u + 0x1000u * i : CODE) | rights;
        uint64_t to_device = (i < 3 ? 0x2000u + 0x1000u * i : DEVICE) | rights;
        to_code = (spoilt >> i & 1u) != 0 ? fuzz_u64(in) : to_code;
        to_device = (spoilt >> (4u + i) & 1u) != 0 ? fuzz_u64(in) : to_device;
        uint8_t *table = w->ram + 0x1000u * (i + 1u);
        for (uint32_t k = 0; k < 4096u / each; k++) {
            le_store(table + each * k, each, k < 16u ? to_code : to_device);
        }
    }
}

static void set_segments(struct fuzz_in *in, struct vcpu_regs *g, enum decode_mode mode)
{
    const uint8_t how = fuzz_u8(in);
    for (uint32_t i = 0; i < SEG_COUNT; i++) {
        g->seg[i] = (struct seg_reg){
            .limit = UINT32_MAX, .ar = SEG_AR_P | SEG_AR_S | 3u, .selector = (uint16_t)(8u * i)};
        if ((how >> i & 1u) != 0) {
            g->seg[i].base = fuzz_u64(in);
            g->seg[i].limit = fuzz_u32(in);
            g->seg[i].ar = fuzz_u32(in) & 0x1F0FFu;
        }
    }
    g->seg[SEG_CS].ar &= ~(SEG_AR_L | SEG_AR_DB);
    g->seg[SEG_CS].ar |= mode == DECODE_64 ? SEG_AR_L : mode == DECODE_32 ? SEG_AR_DB : 0;
}

/* Descriptors and gates for far transfers, and a TSS, in the page of the code. */
#define GDT         (CODE + 0x800u)
#define TSS         (CODE + 0x900u)
#define DESCRIPTORS 16u

static void set_descriptors(struct fuzz_in *in, struct world *w)
{
    struct vcpu_regs *g = &w->truth;
    const uint8_t how = fuzz_u8(in);
    w->selects = (how & 1u) != 0;
    if ((how & 3u) == 0) {
        return; /* no table: whatever is named is beyond its end */
    }
    g->gdtr = (struct table_reg){.base = GDT, .limit = 8u * DESCRIPTORS - 1u - (how >> 4)};
    g->seg[SEG_TR] = (struct seg_reg){.base = TSS, .limit = 0x67, .ar = 0x83u | (how & 8u)};
    for (uint32_t i = 0; i < DESCRIPTORS; i++) {
        const uint64_t rights = fuzz_u8(in);
        const uint64_t bits = fuzz_u8(in); /* G, D, L; the upper limit, or of a gate's offset */
        const uint64_t selector = (rights & 0x10u) == 0 ? (bits & 15u) << 3 : 0;
        le_store(w->ram + GDT + 8u * i, 8,
                 0xFFFFu | selector << 16 | (bits & 31u) << 32 | rights << 40 | bits << 48);
    }
    for (uint32_t i = 0; i < 3;
         i++) { /* by their place in a TSS of 32 bits; a device or the code's page */
        const uint8_t stack = fuzz_u8(in);
        le_store(w->ram + TSS + 4u + 8u * i, 4, (stack & 1u) != 0 ? DEVICE + stack : CODE + 0xF00u);
        le_store(w->ram + TSS + 8u + 8u * i, 4, fuzz_u8(in));
    }
}

static uint64_t any_register(struct fuzz_in *in)
{
    const uint8_t pick = fuzz_u8(in);
    if (pick >= 0xF0u) {
        return fuzz_u64(in);
    }
    return pick < 0x40u ? DEVICE + pick : pick < 0x80u ? DEVICE + 0xFB0u + pick : pick;
}

static void set_world(struct fuzz_in *in, struct world *w, enum decode_mode mode)
{
    struct vcpu_regs *g = &w->truth;
    const uint8_t how = fuzz_u8(in);
    memset(w, 0, sizeof(*w));
    FUZZ_CHECK(gmem_add(&w->gmem, 0, RAM_BYTES, w->ram));
    g->rflags = RFLAGS_FIXED | (fuzz_u32(in) & 0x3F7FD5u);
    g->cr0 = mode == DECODE_16 ? CR0_ET : CR0_ET | CR0_PE;
    g->cr0 |= (how & 1u) != 0 ? CR0_PG | CR0_PE : 0;
    g->cr0 |= (how & 2u) != 0 ? CR0_WP | CR0_AM : 0;
    g->cr4 = (fuzz_u32(in) | CR4_OSFXSR | CR4_OSXSAVE) & ~CR4_LA57;
    g->cr3 = (how & 4u) != 0 ? fuzz_u64(in) : 0x1000;
    g->efer = (how & 8u) != 0 ? EFER_NXE : 0;
    g->xcr0 = (how & 0x10u) != 0 ? XCR0_X87 : XCR0_X87 | XCR0_SSE | XCR0_AVX;
    if (mode == DECODE_64) {
        g->cr0 |= CR0_PE | CR0_PG;
        g->cr4 |= CR4_PAE;
        g->efer |= EFER_LME | EFER_LMA;
        g->rflags &= ~(uint64_t)RFLAGS_VM;
    }
    set_segments(in, g, mode);
    set_descriptors(in, w);
    g->rip = (how & 0x40u) != 0 ? CODE + 0xFF0u + fuzz_u8(in) % 16u : CODE;
    g->rip = (how & 0xC0u) == 0xC0u ? fuzz_u64(in) : g->rip;
    set_tables(in, w, mode != DECODE_64 && (g->cr4 & CR4_PAE) == 0 ? 4u : 8u);
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        g->gpr[i] = any_register(in);
        g->vec[i][i % VEC_WORDS] = g->gpr[i];
    }
}

/* What came of it, whatever it was. */
static void check_result(const struct world *w, enum emulate_result r,
                         const struct emulate_report *report)
{
    FUZZ_CHECK(w->reads <= ACCESSES_MAX && w->writes <= ACCESSES_MAX);
    FUZZ_CHECK(w->port_reads <= EMULATE_REPEAT_MAX && w->port_writes <= EMULATE_REPEAT_MAX);
    FUZZ_CHECK(report->count <= DECODE_BYTES_MAX && report->rip == w->truth.rip);
    if (report->switched) {
        return; /* to another task, whose registers fuzz_task looks at */
    }
    if (r == EMULATE_DONE) {
        FUZZ_CHECK((w->cache.dirty & REGS_GPR) != 0 && report->vector == 0);
        FUZZ_CHECK(report->trap == ((w->truth.rflags & RFLAGS_TF) != 0 && !report->shadow));
        return;
    }
    FUZZ_CHECK(w->cache.dirty == 0 && w->port_reads + w->port_writes == 0);
    FUZZ_CHECK(memcmp(&w->cache.regs, &w->truth, offsetof(struct vcpu_regs, vec)) == 0);
    if (r == EMULATE_FAULT) {
        FUZZ_CHECK(report->vector < 32u && (EXCEPTIONS >> report->vector & 1u) != 0);
        FUZZ_CHECK(!report->has_code || (w->truth.cr0 & CR0_PE) != 0);
        FUZZ_CHECK(w->writes == 0 || report->vector == 0);
    }
}

/* One call, and what it left behind. */
struct outcome {
    enum emulate_result result;
    struct emulate_report report;
    struct world after;
};

static void call(struct outcome *o, const struct world *before, struct emulate_vcpu *v, gpa_t gpa)
{
    /* Always in the same place: what is remembered points to RAM. */
    static struct world w;
    const struct emulate_bus bus = {bus_reads, bus_writes, &w};
    const struct emulate_bus ports = {port_reads, port_writes, &w};
    const struct regs_source source = {.fetch = fetch, .host = &w, .lacks = v->source->lacks};
    struct emulate_vcpu here = *v;
    w = *before;
    w.gmem.region[0].host = w.ram;
    here.cache = &w.cache;
    here.source = &source;
    here.gmem = &w.gmem;
    here.bus = &bus;
    here.ports = v->ports != NULL ? &ports : NULL;
    o->result = emulate_mmio(&here, gpa, &o->report);
    check_result(&w, o->result, &o->report);
    o->after = w;
}

/* What is remembered must not be seen, but in speed. */
static void check_same(const struct outcome *a, const struct outcome *b)
{
    FUZZ_CHECK(a->result == b->result && memcmp(a->after.ram, b->after.ram, RAM_BYTES) == 0);
    FUZZ_CHECK(a->after.reads == b->after.reads && a->after.writes == b->after.writes);
    FUZZ_CHECK(a->after.data == b->after.data && a->report.vector == b->report.vector);
    FUZZ_CHECK(a->report.error_code == b->report.error_code && a->report.cr2 == b->report.cr2);
    FUZZ_CHECK(a->after.cache.dirty == b->after.cache.dirty && a->report.trap == b->report.trap);
    FUZZ_CHECK(memcmp(&a->after.cache.regs, &b->after.cache.regs, sizeof(struct vcpu_regs)) == 0);
}

/* A guest that changes its code, its tables or its registers between two exits at one place. */
static void disturb(struct fuzz_in *in, struct world *w)
{
    const uint8_t how = fuzz_u8(in);
    if ((how & 1u) != 0) {
        w->ram[fuzz_u16(in) % RAM_BYTES] ^= (uint8_t)(1u << (fuzz_u8(in) & 7u));
    }
    if ((how & 2u) != 0) {
        w->ram[CODE + fuzz_u8(in) % 16u] ^= fuzz_u8(in);
    }
    if ((how & 4u) != 0) {
        w->truth.gpr[fuzz_u8(in) % GPR_COUNT] = any_register(in);
    }
    if ((how & 8u) != 0) {
        w->truth.rflags ^= fuzz_u32(in) & 0x3F7FD5u;
    }
    if ((how & 0x10u) != 0) {
        w->truth.cr0 ^= CR0_WP;
        w->truth.cr4 ^= CR4_SMAP;
    }
    if ((how & 0x20u) != 0) {
        w->truth.seg[SEG_SS].ar ^= SEG_AR_DPL;
    }
}

static void check_emulate(struct fuzz_in *in, struct world *w, gpa_t gpa, uint8_t how)
{
    static struct outcome plain;
    static struct outcome first;
    static struct outcome second;
    static struct emulate_memo memo;
    const struct emulate_bus bus = {bus_reads, bus_writes, w};
    const struct emulate_bus ports = {port_reads, port_writes, w};
    const struct regs_source source = {
        .fetch = fetch, .host = w, .lacks = (how & 1u) != 0 ? REGS_VEC : 0};
    struct emulate_vcpu v = {
        .cache = &w->cache,
        .source = &source,
        .gmem = &w->gmem,
        .bus = &bus,
        .ports = (how & 2u) != 0 ? NULL : &ports,
        .phys_bits = how >> 2,
        .lacks_1g = (how & 0x80u) != 0,
    };
    memset(&memo, 0, sizeof(memo));
    for (uint32_t i = 0; i < 3; i++) {
        v.memo = NULL;
        call(&plain, w, &v, gpa);
        v.memo = &memo;
        call(&first, w, &v, gpa);
        call(&second, w, &v, gpa);
        check_same(&plain, &first);
        check_same(&plain, &second);
        disturb(in, w);
    }
    if (v.ports != NULL) {
        struct emulate_report report;
        check_result(w, emulate_port_string(&v, &report), &report);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct fuzz_in in = {data, size};
    uint8_t code[DECODE_BYTES_MAX];
    const uint8_t how = fuzz_u8(&in);
    const uint8_t host = fuzz_u8(&in);
    const enum decode_mode mode = (enum decode_mode)(how % 3u);
    for (uint32_t i = 0; i < sizeof(code); i++) {
        code[i] = fuzz_u8(&in);
    }
    set_world(&in, &w, mode);
    if (w.truth.rip >= CODE && w.truth.rip < RAM_BYTES) {
        const size_t room = RAM_BYTES - (size_t)w.truth.rip;
        memcpy(w.ram + w.truth.rip, code, room < sizeof(code) ? room : sizeof(code));
    }
    const gpa_t gpa = (how & 0x80u) != 0 ? w.truth.gpr[how >> 4 & 7u] : DEVICE;
    check_emulate(&in, &w, gpa, host);
    return 0;
}
