/* SPDX-License-Identifier: BSD-2-Clause
 * The segments of a new task: [SDM] vol. 3A, table 8-1, the lower half. The order of the registers is the
 * model's own, says the manual; that of the checks of one register is the table's. */
#include "cpu/task.h"

#define V86_LIMIT 0xFFFFu
#define V86_AR    0xF3u /* data, written, level 3: [SDM] vol. 3C, 27.3.1.2 */

/* A selector of the new task, and what it leads to. */
struct candidate {
    uint16_t selector;
    uint32_t level; /* of the new task */
    uint32_t ar;    /* of the descriptor, SEG_AR_* */
    struct emu_descriptor d;
};

struct check {
    bool (*wrong)(const struct candidate *c);
    uint8_t vector;
};

static uint32_t dpl_of(const struct candidate *c)
{
    return (c->ar & SEG_AR_DPL) >> 5;
}

static bool is_code(const struct candidate *c)
{
    return (c->ar & SEG_CODE) != 0;
}

static bool is_conforming(const struct candidate *c)
{
    return is_code(c) && (c->ar & SEG_CONFORMING) != 0;
}

/* Null, or beyond its table. */
static bool not_found(const struct candidate *c)
{
    return !c->d.found;
}

static bool not_present(const struct candidate *c)
{
    return (c->ar & SEG_AR_P) == 0;
}

static bool not_ldt(const struct candidate *c)
{
    return (c->ar & (SEG_AR_S | SEG_AR_TYPE)) != SYSTEM_LDT;
}

static bool not_code(const struct candidate *c)
{
    return (c->ar & SEG_AR_S) == 0 || !is_code(c);
}

static bool code_of_another_level(const struct candidate *c)
{
    return is_conforming(c) ? dpl_of(c) > c->level : dpl_of(c) != c->level;
}

static bool not_stack(const struct candidate *c)
{
    return (c->ar & SEG_AR_S) == 0 || is_code(c) || (c->ar & SEG_WRITABLE) == 0;
}

static bool stack_of_another_level(const struct candidate *c)
{
    return dpl_of(c) != c->level;
}

static bool stack_selector_of_another_level(const struct candidate *c)
{
    return (c->selector & SELECTOR_RPL) != c->level;
}

static bool not_readable(const struct candidate *c)
{
    return (c->ar & SEG_AR_S) == 0 || (is_code(c) && (c->ar & SEG_READABLE) == 0);
}

static bool data_of_lower_level(const struct candidate *c)
{
    bool below = dpl_of(c) < c->level || dpl_of(c) < (c->selector & SELECTOR_RPL);
    return below && !is_conforming(c);
}

static const struct check ldt_checks[] = {
    {not_found, VECTOR_TS},
    {not_ldt, VECTOR_TS},
    {not_present, VECTOR_TS},
};

static const struct check cs_checks[] = {
    {not_found, VECTOR_TS},
    {not_code, VECTOR_TS},
    {code_of_another_level, VECTOR_TS},
    {not_present, VECTOR_NP},
};

static const struct check ss_checks[] = {
    {not_found, VECTOR_TS},
    {not_stack, VECTOR_TS},
    {not_present, VECTOR_SS},
    {stack_of_another_level, VECTOR_TS},
    {stack_selector_of_another_level, VECTOR_TS},
};

static const struct check data_checks[] = {
    {not_found, VECTOR_TS},
    {not_readable, VECTOR_TS},
    {not_present, VECTOR_NP},
    {data_of_lower_level, VECTOR_TS},
};

struct check_list {
    const struct check *rows;
    uint32_t count;
};

#define LIST(rows)                               \
    {                                            \
        (rows), sizeof(rows) / sizeof((rows)[0]) \
    }

static const struct check_list lists[SEG_COUNT] = {
    [SEG_ES] = LIST(data_checks),  [SEG_CS] = LIST(cs_checks),   [SEG_SS] = LIST(ss_checks),
    [SEG_DS] = LIST(data_checks),  [SEG_FS] = LIST(data_checks), [SEG_GS] = LIST(data_checks),
    [SEG_LDTR] = LIST(ldt_checks),
};

/* What register `seg` becomes, or the exception. */
static enum emulate_result load_one(struct emu *e, const struct task *t, uint32_t seg,
                                    struct candidate *c, struct seg_reg *out)
{
    enum emulate_result r = EMULATE_DONE;
    c->d.found = false;
    if (!SELECTOR_IS_NULL(c->selector)) { /* there is no LDT yet when LDTR's turn is */
        r = emu_find_descriptor(e, c->selector, 8, &c->d);
    }
    if (r != EMULATE_DONE) {
        return r;
    }
    c->ar = c->d.found ? (uint32_t)(c->d.low >> 40) & SEG_AR_DESCRIPTOR : 0;
    for (uint32_t i = 0; i < lists[seg].count; i++) { /* bound: the longest list */
        if (lists[seg].rows[i].wrong(c)) {
            return emu_fault(e, lists[seg].rows[i].vector, SELECTOR_ERROR(c->selector) | t->ext);
        }
    }
    if (seg != SEG_LDTR) {
        return emu_accept_segment(e, c->selector, &c->d, out);
    }
    *out = (struct seg_reg){
        .base = emu_descriptor_base(&c->d),
        .limit = emu_descriptor_limit(&c->d),
        .ar = c->ar,
        .selector = c->selector,
    };
    return EMULATE_DONE;
}

/* One after another: those before a fault are loaded. */
static enum emulate_result load_segments(struct emu *e, const struct task *t,
                                         const struct task_image *image)
{
    static const uint8_t order[TASK_SEGS] = {SEG_CS, SEG_SS, SEG_DS, SEG_ES, SEG_FS, SEG_GS};
    enum emulate_result r = EMULATE_DONE;
    for (uint32_t i = 0; i < TASK_SEGS && r == EMULATE_DONE; i++) { /* bound: TASK_SEGS */
        const uint32_t seg = order[i];
        struct candidate c = {
            .selector = image->seg[seg],
            .level = image->seg[SEG_CS] & SELECTOR_RPL,
        };
        struct seg_reg now;
        bool data = seg != SEG_CS && seg != SEG_SS;
        if (data && SELECTOR_IS_NULL(c.selector)) {
            continue; /* nothing is behind it, as it stands */
        }
        r = load_one(e, t, seg, &c, &now);
        if (r == EMULATE_DONE) {
            emu_edit_system(e)->seg[seg] = now;
        }
    }
    return r;
}

enum emulate_result task_load(struct emu *e, const struct task *t, const struct task_image *image)
{
    struct candidate ldt = {.selector = image->ldt};
    enum emulate_result r = EMULATE_DONE;
    if (!SELECTOR_IS_NULL(image->ldt)) {
        struct seg_reg now;
        r = load_one(e, t, SEG_LDTR, &ldt, &now);
        if (r == EMULATE_DONE) {
            emu_edit_system(e)->seg[SEG_LDTR] = now;
        }
    }
    if (r != EMULATE_DONE || (e->regs->rflags & RFLAGS_VM) != 0) {
        return r;
    }
    return load_segments(e, t, image);
}

void task_set_selectors(struct emu *e, const struct task *t, const struct task_image *image)
{
    struct vcpu_regs *regs = emu_edit_system(e);
    bool v86 = (image->eflags & RFLAGS_VM) != 0;
    for (uint32_t i = 0; i < TASK_SEGS; i++) { /* bound: TASK_SEGS */
        uint16_t selector = image->seg[i];
        regs->seg[i] = (struct seg_reg){.ar = SEG_AR_UNUSABLE, .selector = selector};
        if (v86) {
            regs->seg[i].base = (uint64_t)selector << 4;
            regs->seg[i].limit = V86_LIMIT;
            regs->seg[i].ar = V86_AR;
        }
    }
    regs->seg[SEG_LDTR] = (struct seg_reg){.ar = SEG_AR_UNUSABLE, .selector = image->ldt};
    if (!v86) {
        const uint32_t dpl = (image->seg[SEG_CS] & SELECTOR_RPL) << 5;
        regs->seg[SEG_SS].ar |= dpl;
        regs->seg[SEG_CS].limit = UINT32_MAX; /* no processor runs without a CS */
        regs->seg[SEG_CS].ar = SEG_CODE | SEG_READABLE | SEG_TYPE_ACCESSED | SEG_AR_S | dpl |
                               SEG_AR_P | SEG_AR_G | (t->to_32 ? SEG_AR_DB : 0u);
    }
}
