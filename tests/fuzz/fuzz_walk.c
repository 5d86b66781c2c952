/* SPDX-License-Identifier: BSD-2-Clause
 * Page walks through arbitrary tables with arbitrary control registers.
 *
 * What holds for any tables: a walk only reads; the mark sets accessed and dirty flags and nothing
 * else, after which nothing is due; who may do more to a page may do less to it. */
#include "base/le.h"
#include "cpu/walk.h"
#include "fuzz.h"

#define TABLES     6u
#define PAGE_BYTES 4096u
#define RAM_BYTES  (TABLES * PAGE_BYTES)
#define FLAGS      0x60u /* accessed, dirty */

struct world {
    _Alignas(4096) uint8_t ram[RAM_BYTES];
    struct gmem gmem;
    struct vcpu_regs regs;
    struct walk_view view;
};

/* An entry that is likely to lead to another table, or to be a page, with some of its bits flipped. */
static uint64_t any_entry(struct fuzz_in *in)
{
    const uint8_t how = fuzz_u8(in);
    uint64_t entry = (uint64_t)(how % TABLES) * PAGE_BYTES | 7u;
    if ((how & 0x40u) != 0) {
        entry |= 0x80u;
    }
    if ((how & 0x80u) != 0) {
        entry ^= 1ull << (fuzz_u8(in) & 63u);
    }
    return how == 0xFFu ? fuzz_u64(in) : entry;
}

static void set_world(struct fuzz_in *in, struct world *w)
{
    struct vcpu_regs *g = &w->regs;
    memset(w, 0, sizeof(*w));
    FUZZ_CHECK(gmem_add(&w->gmem, 0, RAM_BYTES - fuzz_u8(in) % 16u, w->ram));
    g->cr0 = CR0_PE | (fuzz_u8(in) % 8u != 0 ? CR0_PG : 0) | (fuzz_u8(in) % 2u != 0 ? CR0_WP : 0);
    g->cr3 = (uint64_t)(fuzz_u8(in) % TABLES) * PAGE_BYTES;
    g->cr3 = fuzz_u8(in) % 16u == 15u ? fuzz_u64(in) : g->cr3;
    g->cr4 = fuzz_u32(in) & ~(fuzz_u8(in) % 16u == 0 ? 0 : CR4_LA57);
    g->efer = fuzz_u32(in) & (EFER_LMA | EFER_NXE);
    g->rflags = fuzz_u32(in);
    g->seg[SEG_SS].ar = fuzz_u32(in);
    g->seg[SEG_CS].ar = fuzz_u32(in);
    w->view = (struct walk_view){
        .regs = g,
        .gmem = &w->gmem,
        .phys_bits = (uint8_t)(32u + fuzz_u8(in) % 21u),
        .pages_1g = fuzz_u8(in) % 4u != 0,
    };
    for (uint32_t t = 0; t < TABLES; t++) {
        uint64_t entry[4];
        for (uint32_t i = 0; i < 4u; i++) {
            entry[i] = any_entry(in);
        }
        const uint32_t each = (g->efer & EFER_LMA) != 0 || (g->cr4 & CR4_PAE) != 0 ? 8u : 4u;
        uint8_t *table = w->ram + t * PAGE_BYTES;
        for (uint32_t i = 0; i < 4u; i++) {
            le_store(table + i * each, each, entry[i]);
        }
        for (uint32_t done = 4u * each; done < PAGE_BYTES; done *= 2u) {
            memcpy(table + done, table, done);
        }
    }
}

/* The two differ by flags that were set, at most. */
static void check_only_flags(const uint8_t *before, const uint8_t *after, uint8_t flags)
{
    for (uint32_t i = 0; i < RAM_BYTES; i++) {
        if (i % 256u == 0 && memcmp(before + i, after + i, 256u) == 0) {
            i += 255u;
            continue;
        }
        FUZZ_CHECK((before[i] & after[i]) == before[i]);
        FUZZ_CHECK(((before[i] ^ after[i]) & ~flags) == 0);
        FUZZ_CHECK(before[i] == after[i] || i % 4u == 0);
    }
}

static void check_access(struct world *w, uint64_t gva, uint32_t access)
{
    static uint8_t before[RAM_BYTES];
    struct walk first;
    struct walk again;
    memcpy(before, w->ram, RAM_BYTES);
    const enum walk_result r = walk_translate(&w->view, gva, access, &first);
    FUZZ_CHECK(memcmp(before, w->ram, RAM_BYTES) == 0);
    FUZZ_CHECK(r != WALK_DONE || ((first.gpa ^ gva) & 0xFFFu) == 0);
    FUZZ_CHECK(r == WALK_FAULT || first.error == 0);
    FUZZ_CHECK((first.error & ~0x1Fu) == 0);
    FUZZ_CHECK((first.error & WALK_RESERVED) == 0 || (first.error & WALK_PRESENT) != 0);
    const enum walk_result marked = walk_mark(&w->view, gva, access);
    check_only_flags(before, w->ram, (access & WALK_WRITE) != 0 ? FLAGS : 0x20u);
    const bool pae = (w->regs.efer & EFER_LMA) == 0 && (w->regs.cr4 & CR4_PAE) != 0;
    if (r != WALK_DONE || pae) {
        return; /* PAE: an accessed flag is a reserved bit where one table serves two levels */
    }
    FUZZ_CHECK(marked == WALK_DONE);
    FUZZ_CHECK(walk_translate(&w->view, gva, access, &again) == WALK_DONE);
    FUZZ_CHECK(again.gpa == first.gpa && !again.unmarked);
    if ((access & WALK_WRITE) != 0) { /* who may write may read */
        FUZZ_CHECK(walk_translate(&w->view, gva, access & ~WALK_WRITE, &again) == WALK_DONE);
        FUZZ_CHECK(again.gpa == first.gpa);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t kinds[] = {0, WALK_WRITE, WALK_FETCH, WALK_IMPLICIT};
    static struct world w;
    struct fuzz_in in = {data, size};
    set_world(&in, &w);
    const uint64_t gva = fuzz_u8(&in) % 2u != 0 ? fuzz_u64(&in) : fuzz_u32(&in);
    for (uint32_t i = 0; i < 4u; i++) {
        check_access(&w, gva, kinds[i]);
        check_access(&w, gva, kinds[i] | WALK_USER);
    }
    struct walk_code code;
    const uint32_t want = fuzz_u8(&in) % 16u;
    walk_fetch(&w.view, gva, want, &code);
    FUZZ_CHECK(code.count <= want && (code.end == WALK_DONE) == (code.count == want));
    return 0;
}
