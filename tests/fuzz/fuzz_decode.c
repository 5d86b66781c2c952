/* SPDX-License-Identifier: BSD-2-Clause
 * Decoder, page walk and emulator on arbitrary code, registers and page tables. */
#include "base/le.h"
#include "cpu/decode.h"
#include "cpu/emulate.h"
#include "cpu/walk.h"
#include "fuzz.h"

#define RAM_BYTES 0x8000u
#define CODE      0x7000u
#define DEVICE    0x10000000u
#define ALL_ONES  0xFFFFFFFFFFFFFFFFull

struct world {
    uint8_t ram[RAM_BYTES];
    struct gmem gmem;
    struct vcpu_regs truth; /* what the host would fetch */
    struct regs_cache cache;
    uint32_t reads;
    uint32_t writes;
};

static void fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs)
{
    const struct world *w = host;
    (void)vcpu;
    (void)groups;
    *regs = w->truth;
}

static uint64_t bus_reads(void *owner, gpa_t gpa, uint32_t size)
{
    struct world *w = owner;
    FUZZ_CHECK(size >= 1 && size <= 8 && gpa % 4096u + size <= 4096u);
    w->reads++;
    return ALL_ONES ^ gpa;
}

static void bus_writes(void *owner, gpa_t gpa, uint32_t size, uint64_t val)
{
    struct world *w = owner;
    FUZZ_CHECK(size >= 1 && size <= 8 && gpa % 4096u + size <= 4096u);
    FUZZ_CHECK(size == 8 || val >> (8u * size) == 0);
    w->writes++;
}

static void check_insn(const struct insn *i, uint32_t count)
{
    FUZZ_CHECK(i->len >= 1 && i->len <= count);
    FUZZ_CHECK(i->op < INSN_OPS && i->form <= INSN_STACK_IMM && i->reg_kind <= INSN_MMX);
    FUZZ_CHECK(i->op_size == 2 || i->op_size == 4 || i->op_size == 8);
    FUZZ_CHECK(i->addr_size == 2 || i->addr_size == 4 || i->addr_size == 8);
    FUZZ_CHECK(i->mem_size <= 576 && i->reg_size <= 32 && (i->mem_size != 0 || i->access == 0));
    FUZZ_CHECK(i->reg < GPR_COUNT && i->seg <= SEG_GS && i->scale <= 3);
    FUZZ_CHECK(i->base < GPR_COUNT || i->base == INSN_NO_REG);
    FUZZ_CHECK(i->index < GPR_COUNT || i->index == INSN_NO_REG);
    FUZZ_CHECK(i->reg2 < GPR_COUNT || i->reg2 == INSN_NO_REG);
    FUZZ_CHECK((i->other != INSN_NO_OTHER) == (i->other_access != 0 && i->other_size != 0));
    FUZZ_CHECK(i->form < INSN_STACK || (i->mem_size == 0 && i->other == INSN_AT_STACK));
    FUZZ_CHECK(i->align == 0 || i->align == i->mem_size);
}

/* An instruction's meaning depends on its own bytes alone, and each of them is needed. */
static void check_decode(const uint8_t *bytes, uint32_t count, enum decode_mode mode)
{
    struct insn whole = {0};
    struct insn again = {0};
    const enum decode_result result = decode(bytes, count, mode, &whole);
    if (result != DECODE_DONE && result != DECODE_NO_MEMORY) {
        return;
    }
    FUZZ_CHECK(whole.len >= 1 && whole.len <= count);
    for (uint32_t n = 0; n < whole.len; n++) {
        FUZZ_CHECK(decode(bytes, n, mode, &again) == DECODE_SHORT);
    }
    FUZZ_CHECK(decode(bytes, whole.len, mode, &again) == result && whole.len == again.len);
    if (result == DECODE_DONE) {
        check_insn(&whole, count);
        FUZZ_CHECK(memcmp(&whole, &again, sizeof(whole)) == 0);
    }
}

/* Four levels of tables, one a page. The first entries of each lead to the code, the others to a
 * device; each kind may be spoilt. `each` is the size of an entry. */
static void set_tables(struct fuzz_in *in, struct world *w, uint32_t each)
{
    const uint8_t spoilt = fuzz_u8(in);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t to_code = (i < 3 ? 0x2000u + 0x1000u * i : CODE) | 7u;
        uint64_t to_device = (i < 3 ? 0x2000u + 0x1000u * i : DEVICE) | 7u;
        to_code = (spoilt >> i & 1u) != 0 ? fuzz_u64(in) : to_code;
        to_device = (spoilt >> (4u + i) & 1u) != 0 ? fuzz_u64(in) : to_device;
        for (uint32_t k = 0; k < 4096u / each; k++) {
            le_store(w->ram + 0x1000u * (i + 1u) + each * k, each, k < 16u ? to_code : to_device);
        }
    }
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
    g->cr0 |= (how & 2u) != 0 ? CR0_WP : 0;
    g->cr4 = fuzz_u32(in) & ~CR4_LA57;
    g->cr3 = (how & 4u) != 0 ? fuzz_u64(in) : 0x1000;
    g->efer = (how & 8u) != 0 ? EFER_NXE : 0;
    if (mode == DECODE_64) {
        g->cr0 |= CR0_PE | CR0_PG;
        g->cr4 |= CR4_PAE;
        g->efer |= EFER_LME | EFER_LMA;
    }
    g->seg[SEG_CS].ar = mode == DECODE_64 ? SEG_AR_L : mode == DECODE_32 ? SEG_AR_DB : 0;
    g->seg[SEG_SS].ar = (how & 0x10u) != 0 ? SEG_AR_DPL : 0;
    g->seg[SEG_DS].base = (how & 0x20u) != 0 ? fuzz_u64(in) : 0;
    g->seg[SEG_GS].base = (how & 0x20u) != 0 ? fuzz_u64(in) : 0;
    g->rip = (how & 0x40u) != 0 ? CODE + 0xFF0u + fuzz_u8(in) % 16u : CODE;
    g->rip = (how & 0xC0u) == 0xC0u ? fuzz_u64(in) : g->rip;
    set_tables(in, w, mode != DECODE_64 && (g->cr4 & CR4_PAE) == 0 ? 4u : 8u);
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        const uint8_t pick = fuzz_u8(in);
        g->gpr[i] = pick < 0x40u ? DEVICE + pick : pick < 0x80u ? DEVICE + 0xFB0u + pick : pick;
        g->gpr[i] = pick >= 0xF0u ? fuzz_u64(in) : g->gpr[i];
    }
}

static void check_walk(const struct world *w, uint64_t gva)
{
    for (uint32_t access = 0; access < 32u; access += 2u) {
        struct walk walk = {0};
        const enum walk_result r = walk_translate(&w->truth, &w->gmem, gva, access & 0x16u, &walk);
        FUZZ_CHECK(r != WALK_DONE || (walk.gpa & 0xFFFu) == (gva & 0xFFFu));
        FUZZ_CHECK(r != WALK_FAULT || (walk.error & ~0x1Fu) == 0);
    }
}

static void check_emulate(struct world *w, gpa_t gpa)
{
    const struct emulate_bus bus = {bus_reads, bus_writes, w};
    const struct regs_source source = {fetch, w};
    const struct emulate_vcpu v = {&w->cache, &source, &w->gmem, &bus, 0};
    struct emulate_report report;
    const enum emulate_result r = emulate_mmio(&v, gpa, &report);
    FUZZ_CHECK(w->reads <= 2 && w->writes <= 2);
    if (r == EMULATE_DONE) {
        FUZZ_CHECK((w->cache.dirty & REGS_GPR) != 0);
        return;
    }
    FUZZ_CHECK(w->reads + w->writes == 0 && w->cache.dirty == 0);
    FUZZ_CHECK(memcmp(&w->cache.regs, &w->truth, sizeof(w->truth)) == 0);
    FUZZ_CHECK(r != EMULATE_FAULT || report.vector == 13 || report.vector == 14);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct fuzz_in in = {data, size};
    uint8_t code[DECODE_BYTES_MAX];
    const uint8_t how = fuzz_u8(&in);
    const enum decode_mode mode = (enum decode_mode)(how % 3u);
    for (uint32_t i = 0; i < sizeof(code); i++) {
        code[i] = fuzz_u8(&in);
    }
    check_decode(code, sizeof(code), mode);
    set_world(&in, &w, mode);
    if (w.truth.rip >= CODE && w.truth.rip < RAM_BYTES) {
        const size_t room = RAM_BYTES - (size_t)w.truth.rip;
        memcpy(w.ram + w.truth.rip, code, room < sizeof(code) ? room : sizeof(code));
    }
    const uint64_t gva = w.truth.gpr[how >> 4];
    check_walk(&w, gva);
    struct walk walk = {.gpa = gva};
    (void)walk_translate(&w.truth, &w.gmem, gva, 0, &walk);
    check_emulate(&w, walk.gpa);
    return 0;
}
