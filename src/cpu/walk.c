/* SPDX-License-Identifier: BSD-2-Clause
 * Page walks. Section numbers are those of [SDM] vol. 3A. */
#include "cpu/walk.h"

#include "base/bits.h"
#include "base/le.h"

#define PTE_P    0x001ull
#define PTE_W    0x002ull
#define PTE_U    0x004ull
#define PTE_PS   0x080ull
#define PTE_NX   BIT64(63)
#define PTE_ADDR 0x000FFFFFFFFFF000ull

#define PAGE_BYTES 4096u

/* One paging mode: tables of 2^bits entries of `bytes` bytes. */
struct walk_mode {
    uint32_t levels;
    uint32_t bits;
    uint32_t bytes;
    bool top_plain; /* PAE: the four top entries carry no permissions (4.4.1) */
    bool large[5];  /* by level: may be a large page                          */
};

static const struct walk_mode walk_legacy = {
    .levels = 2, .bits = 10, .bytes = 4, .large = {[2] = true}};
static const struct walk_mode walk_pae = {
    .levels = 3, .bits = 9, .bytes = 8, .top_plain = true, .large = {[2] = true}};
static const struct walk_mode walk_long = {
    .levels = 4, .bits = 9, .bytes = 8, .large = {[2] = true, [3] = true}};

/* Where a walk stands. */
struct walk_state {
    const struct walk_mode *mode;
    uint64_t gva;
    uint64_t entry;
    uint32_t level;
    bool writable; /* so far */
    bool user;
    bool no_exec;
};

uint32_t walk_cpl(const struct vcpu_regs *regs)
{
    if ((regs->cr0 & CR0_PE) == 0) {
        return 0;
    }
    if ((regs->rflags & RFLAGS_VM) != 0) {
        return 3;
    }
    return (regs->seg[SEG_SS].ar & SEG_AR_DPL) >> 5;
}

/* Bits 47 to 63 are equal. (cpu/msr.h has the same for registers; siblings stay apart.) */
static bool walk_canonical(uint64_t gva)
{
    uint64_t high = gva >> 47;
    return high == 0 || high == 0x1FFFF;
}

static uint32_t walk_shift(const struct walk_mode *mode, uint32_t level)
{
    return 12 + (level - 1) * mode->bits;
}

static bool walk_nxe(const struct vcpu_regs *regs, const struct walk_mode *mode)
{
    return mode->bytes == 8 && (regs->efer & EFER_NXE) != 0;
}

static bool walk_is_large(const struct vcpu_regs *regs, const struct walk_state *w)
{
    bool enabled = w->mode->bytes == 8 || (regs->cr4 & CR4_PSE) != 0;
    return (w->entry & PTE_PS) != 0 && enabled && w->mode->large[w->level];
}

/* 4.3 to 4.5: reserved bits. Those above the physical width are left to the processor, which has
 * walked these tables itself. */
static bool walk_reserved(const struct vcpu_regs *regs, const struct walk_state *w)
{
    if (w->mode->bytes == 4) {
        return walk_is_large(regs, w) && (w->entry & BIT32(21)) != 0;
    }
    if ((w->entry & PTE_NX) != 0 && !walk_nxe(regs, w->mode)) {
        return true;
    }
    if (w->mode->top_plain && w->level == w->mode->levels) {
        return (w->entry & 0x1E6u) != 0;
    }
    if (walk_is_large(regs, w)) {
        uint64_t below = BIT64(walk_shift(w->mode, w->level)) - 1;
        return (w->entry & below & ~0x1FFFull) != 0;
    }
    return w->level > 1 && (w->entry & PTE_PS) != 0;
}

/* The address in a large or small page's entry. */
static gpa_t walk_address(const struct walk_state *w)
{
    uint64_t below = BIT64(walk_shift(w->mode, w->level)) - 1;
    if (w->mode->bytes == 4 && w->level == 2) { /* PSE-36: bits 20 to 13 are 39 to 32 (4.3) */
        uint64_t high = (w->entry >> 13 & 0xFF) << 32;
        return high | (w->entry & 0xFFC00000u) | (w->gva & below);
    }
    return (w->entry & PTE_ADDR & ~below) | (w->gva & below);
}

/* 4.6: is the access allowed to the page that was found? */
static bool walk_allowed(const struct vcpu_regs *regs, const struct walk_state *w, uint32_t access)
{
    bool user = (access & WALK_USER) != 0;
    bool fetch = (access & WALK_FETCH) != 0;
    if (fetch && w->no_exec) {
        return false;
    }
    if ((access & WALK_WRITE) != 0 && !w->writable && (user || (regs->cr0 & CR0_WP) != 0)) {
        return false;
    }
    if (user) {
        return w->user;
    }
    if (!w->user) {
        return true;
    }
    if (fetch) {
        return (regs->cr4 & CR4_SMEP) == 0;
    }
    return (regs->cr4 & CR4_SMAP) == 0 || (regs->rflags & RFLAGS_AC) != 0;
}

static uint32_t walk_error(const struct vcpu_regs *regs, const struct walk_state *w,
                           uint32_t access, uint32_t why)
{
    bool tells_fetch = walk_nxe(regs, w->mode) || (regs->cr4 & CR4_SMEP) != 0;
    return why | (access & (WALK_WRITE | WALK_USER)) | (tells_fetch ? access & WALK_FETCH : 0);
}

/* Reads the entry for this level and takes its permissions in. */
static enum walk_result walk_step(const struct vcpu_regs *regs, const struct gmem *gmem,
                                  gpa_t table, struct walk_state *w)
{
    const struct walk_mode *mode = w->mode;
    uint64_t index = w->gva >> walk_shift(mode, w->level) & (BIT64(mode->bits) - 1);
    uint8_t raw[8] = {0};
    if (!gmem_read(gmem, table + index * mode->bytes, raw, mode->bytes)) {
        return WALK_NO_TABLE;
    }
    w->entry = le_load(raw, mode->bytes);
    if ((w->entry & PTE_P) == 0 || walk_reserved(regs, w)) {
        return WALK_FAULT;
    }
    if (!mode->top_plain || w->level != mode->levels) {
        w->writable = w->writable && (w->entry & PTE_W) != 0;
        w->user = w->user && (w->entry & PTE_U) != 0;
        w->no_exec = w->no_exec || (w->entry & PTE_NX) != 0;
    }
    return WALK_DONE;
}

static enum walk_result walk_tables(const struct vcpu_regs *regs, const struct gmem *gmem,
                                    struct walk_state *w, uint32_t access, struct walk *out)
{
    gpa_t table = regs->cr3 & (w->mode->top_plain ? 0xFFFFFFE0u : PTE_ADDR);
    for (w->level = w->mode->levels; w->level >= 1; w->level--) { /* bound: 4 */
        enum walk_result r = walk_step(regs, gmem, table, w);
        if (r == WALK_FAULT) {
            bool present = (w->entry & PTE_P) != 0;
            out->error = walk_error(regs, w, access, present ? WALK_PRESENT | WALK_RESERVED : 0);
        }
        if (r != WALK_DONE) {
            return r;
        }
        if (w->level == 1 || walk_is_large(regs, w)) {
            break;
        }
        table = w->entry & PTE_ADDR;
    }
    if (!walk_allowed(regs, w, access)) {
        out->error = walk_error(regs, w, access, WALK_PRESENT);
        return WALK_FAULT;
    }
    out->gpa = walk_address(w);
    return WALK_DONE;
}

enum walk_result walk_translate(const struct vcpu_regs *regs, const struct gmem *gmem, uint64_t gva,
                                uint32_t access, struct walk *out)
{
    struct walk_state w = {.gva = gva, .writable = true, .user = true};
    bool lma = (regs->efer & EFER_LMA) != 0;
    out->gpa = 0;
    out->error = 0;
    if ((regs->cr0 & CR0_PG) == 0) {
        out->gpa = gva & UINT32_MAX;
        return WALK_DONE;
    }
    if (lma) {
        w.mode = &walk_long;
        if (!walk_canonical(gva)) {
            return WALK_NON_CANONICAL;
        }
    } else {
        w.mode = (regs->cr4 & CR4_PAE) != 0 ? &walk_pae : &walk_legacy;
        w.gva &= UINT32_MAX;
    }
    return walk_tables(regs, gmem, &w, access, out);
}

uint32_t walk_fetch(const struct vcpu_regs *regs, const struct gmem *gmem, uint64_t gva,
                    uint8_t *buf, uint32_t len)
{
    uint32_t access = WALK_FETCH | (walk_cpl(regs) == 3 ? WALK_USER : 0);
    uint32_t done = 0;
    for (uint32_t page = 0; page < 2 && done < len; page++) {
        uint32_t room = PAGE_BYTES - (uint32_t)((gva + done) & (PAGE_BYTES - 1));
        uint32_t part = len - done < room ? len - done : room;
        struct walk out;
        if (walk_translate(regs, gmem, gva + done, access, &out) != WALK_DONE ||
            !gmem_read(gmem, out.gpa, buf + done, part)) {
            break;
        }
        done += part;
    }
    return done;
}
