/* SPDX-License-Identifier: BSD-2-Clause
 * Page walks. Section numbers are those of [SDM] vol. 3A. */
#include "cpu/walk.h"

#include "base/bits.h"

#define PTE_P    0x001ull
#define PTE_W    0x002ull
#define PTE_U    0x004ull
#define PTE_A    0x020ull
#define PTE_D    0x040ull
#define PTE_PS   0x080ull
#define PTE_PAT  0x1000ull /* of a large page */
#define PTE_NX   BIT64(63)
#define PTE_ADDR 0x000FFFFFFFFFF000ull

#define PAGE_BYTES    4096u
#define PSE36_BITS    40u /* of a physical address, at most */
#define PAE_TOP_FIXED 0x1E6ull

/* Locked attempts at one entry, each of which another processor's accessed or dirty flag can spoil. */
#define MARK_TRIES 4u

/* One paging mode: tables of 2^bits entries of `bytes` bytes. */
struct walk_mode {
    uint8_t levels;
    uint8_t bits;
    uint8_t bytes;
    bool top_plain; /* PAE: the four top entries carry neither permissions nor flags (4.4.1) */
    uint64_t top;   /* the bits of CR3 that lead to the first table: tables 4-3, 4-7, 4-12   */
    uint8_t
        shift[WALK_LEVELS_MAX];  /* by level - 1: address bits below its index                  */
    bool large[WALK_LEVELS_MAX]; /* by level - 1: may be a large page                           */
};

static const struct walk_mode walk_legacy = {.levels = 2,
                                             .bits = 10,
                                             .bytes = 4,
                                             .top = 0xFFFFF000u,
                                             .shift = {12, 22},
                                             .large = {false, true}};
static const struct walk_mode walk_pae = {.levels = 3,
                                          .bits = 9,
                                          .bytes = 8,
                                          .top_plain = true,
                                          .top = 0xFFFFFFE0u,
                                          .shift = {12, 21, 30},
                                          .large = {false, true}};
static const struct walk_mode walk_long = {.levels = 4,
                                           .bits = 9,
                                           .bytes = 8,
                                           .top = PTE_ADDR,
                                           .shift = {12, 21, 30, 39},
                                           .large = {false, true, true}};

/* Where a walk stands. */
struct walk_state {
    const struct walk_view *view;
    const struct walk_mode *mode;
    uint64_t gva;
    uint32_t access;
    uint32_t level;    /* counted from the pages: 1 to WALK_LEVELS_MAX               */
    uint64_t reserved; /* bits that no entry may have                           */
    gpa_t at;          /* of the entry                                          */
    uint64_t entry;
    bool large;   /* the entry maps a large page                                */
    uint64_t all; /* the entries' common bits: what they all allow, and were all accessed */
    uint64_t any; /* NX: what one forbids                                       */
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

bool walk_is_64(const struct vcpu_regs *regs)
{
    return (regs->efer & EFER_LMA) != 0 && (regs->seg[SEG_CS].ar & SEG_AR_L) != 0;
}

bool walk_canonical(uint64_t gva)
{
    uint64_t high = gva >> 47;
    return high == 0 || high == 0x1FFFF;
}

/* PAE is on wherever entries have eight bytes. */
static bool walk_nxe(const struct walk_state *w)
{
    return w->mode->bytes == 8 && (w->view->regs->efer & EFER_NXE) != 0;
}

/* Bits of every entry that are reserved: those above the physical width, and NX where it is off. With
 * PAE bits 52 to 62 are reserved too, with four levels they are the guest's. (4.4, 4.5) */
static uint64_t walk_reserved(const struct walk_state *w)
{
    if (w->mode->bytes == 4) {
        return 0;
    }
    uint64_t end = w->mode->top_plain ? PTE_NX : BIT64(52);
    return (end - BIT64(w->view->phys_bits)) | (walk_nxe(w) ? 0 : PTE_NX);
}

/* Bits 21 to 13 of a 4 MiB page's entry are address bits from 32 up, as far as there are any. (4.3) */
static uint64_t walk_reserved_pse(const struct walk_view *view)
{
    uint32_t width = view->phys_bits < PSE36_BITS ? view->phys_bits : PSE36_BITS;
    return BIT64(22) - BIT64(width - 19u);
}

static bool walk_is_large(const struct walk_state *w)
{
    if ((w->entry & PTE_PS) == 0 || !w->mode->large[w->level - 1]) {
        return false;
    }
    if (w->mode->bytes == 4) {
        return (w->view->regs->cr4 & CR4_PSE) != 0;
    }
    return w->level == 2 || w->view->pages_1g;
}

/* True if the entry has a bit that is reserved where it stands. */
static bool walk_spoilt(const struct walk_state *w)
{
    uint64_t reserved = w->reserved;
    if (w->large) {
        uint64_t below = BIT64(w->mode->shift[w->level - 1]) - PAGE_BYTES;
        reserved |= w->mode->bytes == 4 ? walk_reserved_pse(w->view) : below & ~PTE_PAT;
    } else if (w->level > 1 && w->mode->bytes == 8) {
        reserved |= PTE_PS;
    }
    if (w->mode->top_plain && w->level == w->mode->levels) {
        reserved |= PAE_TOP_FIXED | PTE_NX;
    }
    return (w->entry & reserved) != 0;
}

/* Reads the entry of this level and takes its permissions in. */
static enum walk_result walk_step(struct walk_state *w, gpa_t table)
{
    const struct walk_mode *mode = w->mode;
    uint64_t index = w->gva >> mode->shift[w->level - 1] & (BIT64(mode->bits) - 1);
    bool read;
    w->at = table + index * mode->bytes;
    if (mode->bytes == 8) {
        read = gmem_load64(w->view->gmem, w->at, &w->entry);
    } else {
        uint32_t entry = 0;
        read = gmem_load32(w->view->gmem, w->at, &entry);
        w->entry = entry;
    }
    if (!read) {
        return WALK_NO_RAM;
    }
    w->large = walk_is_large(w);
    if ((w->entry & PTE_P) == 0 || walk_spoilt(w)) {
        return WALK_FAULT;
    }
    if (!mode->top_plain || w->level != mode->levels) {
        w->all &= w->entry;
        w->any |= w->entry;
    }
    return WALK_DONE;
}

/* 4.6: is the access allowed to the page that was found? */
static bool walk_allowed(const struct walk_state *w)
{
    const struct vcpu_regs *regs = w->view->regs;
    bool user = (w->access & WALK_USER) != 0;
    bool fetch = (w->access & WALK_FETCH) != 0;
    bool page_user = (w->all & PTE_U) != 0;
    if (fetch && (w->any & PTE_NX) != 0 && w->mode->bytes == 8) {
        return false;
    }
    if ((w->access & WALK_WRITE) != 0 && (w->all & PTE_W) == 0 &&
        (user || (regs->cr0 & CR0_WP) != 0)) {
        return false;
    }
    if (user || !page_user) {
        return page_user || !user;
    }
    if (fetch) {
        return (regs->cr4 & CR4_SMEP) == 0;
    }
    bool opened = (regs->rflags & RFLAGS_AC) != 0 && (w->access & WALK_IMPLICIT) == 0;
    return (regs->cr4 & CR4_SMAP) == 0 || opened;
}

static uint32_t walk_error(const struct walk_state *w, uint32_t why)
{
    bool tells_fetch = walk_nxe(w) || (w->view->regs->cr4 & CR4_SMEP) != 0;
    return why | (w->access & (WALK_WRITE | WALK_USER)) |
           (tells_fetch ? w->access & WALK_FETCH : 0);
}

/* Sets flags in the entry that was just read, unless they are there. 4.8 */
static bool walk_flag(struct walk_state *w, uint64_t flags)
{
    for (uint32_t i = 0; i < MARK_TRIES; i++) {
        uint64_t was = w->entry;
        if ((was & flags) == flags) {
            return true;
        }
        if (w->mode->bytes == 8) {
            if (gmem_swap64(w->view->gmem, w->at, &w->entry, was | flags)) {
                return true;
            }
        } else {
            uint32_t entry = (uint32_t)was;
            if (gmem_swap32(w->view->gmem, w->at, &entry, (uint32_t)(was | flags))) {
                return true;
            }
            w->entry = entry;
        }
        if (((w->entry ^ was) & ~(PTE_A | PTE_D)) != 0) {
            return false;
        }
    }
    return false;
}

/* Down the tables to the entry of a page. */
static enum walk_result walk_descend(struct walk_state *w, bool mark, struct walk *out)
{
    gpa_t table = w->view->regs->cr3 & w->mode->top;
    for (w->level = w->mode->levels; w->level >= 1; w->level--) { /* bound: WALK_LEVELS_MAX */
        enum walk_result r = walk_step(w, table);
        if (r == WALK_FAULT) {
            bool present = (w->entry & PTE_P) != 0;
            out->error = walk_error(w, present ? WALK_PRESENT | WALK_RESERVED : 0);
        }
        if (r != WALK_DONE) {
            return r;
        }
        out->at[out->levels] = w->at;
        out->entry[out->levels] = w->entry;
        out->levels++;
        if (w->level == 1 || w->large) {
            break;
        }
        bool flags = !w->mode->top_plain || w->level != w->mode->levels;
        if (mark && flags && !walk_flag(w, PTE_A)) {
            return WALK_CHANGED;
        }
        table = w->entry & PTE_ADDR;
    }
    if (!walk_allowed(w)) {
        out->error = walk_error(w, WALK_PRESENT);
        return WALK_FAULT;
    }
    return WALK_DONE;
}

/* Picks the mode. False: there are no tables to walk, and *r is the result. */
static bool walk_begin(const struct walk_view *view, uint64_t gva, uint32_t access,
                       struct walk_state *w, enum walk_result *r)
{
    const struct vcpu_regs *regs = view->regs;
    w->view = view;
    w->access = access;
    w->all = UINT64_MAX;
    w->any = 0;
    w->gva = gva;
    if ((regs->efer & EFER_LMA) != 0 && (regs->cr0 & CR0_PG) != 0) {
        w->mode = &walk_long;
        if (!walk_canonical(gva)) {
            *r = WALK_NON_CANONICAL;
            return false;
        }
        if ((regs->cr4 & CR4_LA57) != 0) {
            *r = WALK_NO_RAM;
            return false;
        }
    } else {
        w->mode = (regs->cr4 & CR4_PAE) != 0 ? &walk_pae : &walk_legacy;
        w->gva = (uint32_t)gva;
        if ((regs->cr0 & CR0_PG) == 0) {
            *r = WALK_DONE;
            return false;
        }
    }
    w->reserved = walk_reserved(w);
    return true;
}

/* The flags that a use of the page's own entry sets. */
static uint64_t walk_leaf_flags(const struct walk_state *w)
{
    return PTE_A | ((w->access & WALK_WRITE) != 0 ? PTE_D : 0);
}

/* The address that a page's entry gives. */
static gpa_t walk_address(const struct walk_state *w)
{
    uint64_t below = BIT64(w->mode->shift[w->level - 1]) - 1;
    if (w->mode->bytes == 4 && w->large) { /* PSE-36: bits 20 to 13 are 39 to 32 (4.3) */
        uint64_t high = (w->entry >> 13 & 0xFF) << 32;
        return high | (w->entry & 0xFFC00000u) | (w->gva & below);
    }
    return (w->entry & PTE_ADDR & ~below) | (w->gva & below);
}

enum walk_result walk_translate(const struct walk_view *view, uint64_t gva, uint32_t access,
                                struct walk *out)
{
    struct walk_state w;
    enum walk_result r;
    bool tables = walk_begin(view, gva, access, &w, &r);
    out->gpa = w.gva;
    out->error = 0;
    out->unmarked = false;
    out->levels = 0;
    out->entry_bytes = w.mode->bytes;
    if (!tables) {
        return r;
    }
    r = walk_descend(&w, false, out);
    if (r == WALK_DONE) {
        uint64_t flags = walk_leaf_flags(&w);
        out->gpa = walk_address(&w);
        out->unmarked = (w.all & PTE_A) == 0 || (w.entry & flags) != flags;
    }
    return r;
}

enum walk_result walk_mark(const struct walk_view *view, uint64_t gva, uint32_t access)
{
    struct walk_state w;
    struct walk out = {.levels = 0};
    enum walk_result r;
    if (!walk_begin(view, gva, access, &w, &r)) {
        return r;
    }
    r = walk_descend(&w, true, &out);
    if (r == WALK_DONE && !walk_flag(&w, walk_leaf_flags(&w))) {
        r = WALK_CHANGED;
    }
    return r;
}

void walk_fetch(const struct walk_view *view, uint64_t gva, uint32_t want, struct walk_code *out)
{
    uint32_t access = WALK_FETCH | (walk_cpl(view->regs) == 3 ? WALK_USER : 0);
    uint64_t wrap = walk_is_64(view->regs) ? UINT64_MAX : UINT32_MAX;
    out->count = 0;
    out->end = WALK_DONE;
    out->error = 0;
    for (uint32_t page = 0; page < 2 && out->count < want; page++) {
        struct walk walk;
        out->gva = (gva + out->count) & wrap;
        uint32_t room = PAGE_BYTES - (uint32_t)(out->gva & (PAGE_BYTES - 1));
        uint32_t left = want - out->count;
        uint32_t part = left < room ? left : room;
        out->end = walk_translate(view, out->gva, access, &walk);
        out->error = walk.error;
        if (page == 0) {
            out->first = walk;
        }
        if (out->end == WALK_DONE &&
            !gmem_read(view->gmem, walk.gpa, out->bytes + out->count, part)) {
            out->end = WALK_NO_RAM;
        }
        if (out->end != WALK_DONE) {
            break;
        }
        out->count = (uint8_t)(out->count + part);
    }
}
