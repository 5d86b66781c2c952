/* SPDX-License-Identifier: BSD-2-Clause
 * Every addressing form, and every operation on memory, that a compiler makes of 32-bit accesses: done to a
 * device register, and done to a word of RAM, which must come to the same. The register is ICR high of
 * the local APIC, of which the top byte can be written, without side effects.
 * Spec: [SDM] vol. 2A, 2.1.5 (addressing forms); vol. 3A, 10.6.1, 10.4.1. */
#include "mmio_forms.h"

#include <stddef.h>
#include <stdint.h>

#include "lapic.h"
#include "paging.h"
#include "print.h"

#define KEPT  0xFF000000u
#define FLAGS 0x8D5u /* CF PF AF ZF SF OF */

/* What a form starts from and comes to. */
struct state {
    uint64_t a, d, c; /* RAX, RDX, RCX                  */
    uint64_t flags;
    uint64_t base;  /* RDI, and R12, R13, RBP, RBX     */
    uint64_t index; /* RSI, and R14                    */
};

struct form {
    const char *name;
    void (*go)(struct state *s);
    int32_t disp;   /* in the instruction                                         */
    uint32_t scale; /* of the index, 0: none                                      */
    bool no_base;
    bool in_rip;        /* relative to RIP: the register and the word have symbols    */
    uint32_t undefined; /* flags */
};

_Alignas(16) uint32_t mmio_word; /* the RAM that stands for the register */

#define FORM(id, insn)                                                                       \
    static void id(struct state *s)                                                          \
    {                                                                                        \
        register uint64_t r12 __asm__("r12") = s->base;                                      \
        register uint64_t r13 __asm__("r13") = s->base;                                      \
        register uint64_t r14 __asm__("r14") = s->index;                                     \
        uint64_t di = s->base;                                                               \
        uint64_t si = s->index;                                                              \
        uint64_t b = s->base;                                                                \
        __asm__ volatile("push %[f]; popfq; " insn "; pushfq; pop %[f]"                      \
                         : "+a"(s->a), "+d"(s->d), "+c"(s->c), [f] "+r"(s->flags), "+D"(di), \
                           "+S"(si), "+b"(b)                                                 \
                         : "r"(r12), "r"(r13), "r"(r14)                                      \
                         : "cc", "memory");                                                  \
    }

FORM(at_base, "movl %%eax, (%%rdi)")
FORM(at_base_disp8, "movl %%eax, 0x44(%%rdi)")
FORM(at_base_disp8_negative, "movl %%eax, -0x44(%%rdi)")
FORM(at_base_disp32, "movl %%eax, 0x12340(%%rdi)")
FORM(at_base_index, "movl %%eax, (%%rdi,%%rsi)")
FORM(at_base_index_2, "movl %%eax, 0x10(%%rdi,%%rsi,2)")
FORM(at_base_index_4, "movl %%eax, 0x12340(%%rdi,%%rsi,4)")
FORM(at_base_index_8, "movl %%eax, -8(%%rdi,%%rsi,8)")
FORM(at_index_4, "movl %%eax, 0x40(,%%rsi,4)")
FORM(at_index_8, "movl %%eax, 0x40(,%%r14,8)")
FORM(at_rbx, "movl %%eax, 4(%%rbx)")
FORM(at_r12, "movl %%eax, (%%r12)")
FORM(at_r12_disp8, "movl %%eax, 8(%%r12)")
FORM(at_r13, "movl %%eax, (%%r13)")
FORM(at_r13_index, "movl %%eax, (%%r13,%%r14,2)")
FORM(at_r12_index, "movl %%eax, 0x100(%%r12,%%r14,8)")
FORM(at_base_32, "movl %%eax, 4(%%edi)")
FORM(at_base_index_32, "movl %%eax, (%%edi,%%esi,4)")
FORM(add_at_index, "addl %%eax, 8(%%rdi,%%rsi,4)")
FORM(load_at_index, "movl 8(%%rdi,%%rsi,8), %%eax")
FORM(load_index_alone, "addl 0x40(,%%rsi,2), %%eax")
FORM(immediate_at_index, "movl $0x77000000, 8(%%rdi,%%rsi,4)")
FORM(immediate_8_at_index, "orl $0x40, -16(%%r13,%%r14,4)")

#define ALU(op)                                  \
    FORM(op##_m_r, #op "l %%eax, (%%rdi)")       \
    FORM(op##_r_m, #op "l (%%rdi), %%eax")       \
    FORM(op##_m_i, #op "l $0x31000000, (%%rdi)") \
    FORM(op##_m_i8, #op "l $-3, (%%rdi)")
ALU(add)
ALU(or)
ALU(adc)
ALU(sbb)
ALU(and)
ALU(sub)
ALU(xor)
ALU(cmp)

#define LOCKED(op) FORM(lock_##op, "lock " #op "l %%eax, (%%rdi)")
LOCKED(add)
LOCKED(or)
LOCKED(and)
LOCKED(sub)
LOCKED(xor)
LOCKED(xadd)

#define ONE(op) FORM(op##_m, #op "l (%%rdi)")
ONE(inc)
ONE(dec)
ONE(not )
ONE(neg)
ONE(mul)
ONE(imul)
ONE(div)

#define SHIFT(op)                       \
    FORM(op##_m_1, #op "l (%%rdi)")     \
    FORM(op##_m_i, #op "l $3, (%%rdi)") \
    FORM(op##_m_cl, #op "l %%cl, (%%rdi)")
SHIFT(shl)
SHIFT(shr)
SHIFT(sar)
SHIFT(rol)
SHIFT(ror)

FORM(mov_r_m, "movl (%%rdi), %%edx")
FORM(mov_m_i, "movl $0xA5000000, (%%rdi)")
FORM(movslq_r_m, "movslq (%%rdi), %%rdx")
FORM(movnti_m_r, "movnti %%eax, (%%rdi)")
FORM(test_m_i, "testl $0x50000000, (%%rdi)")
FORM(test_m_r, "testl %%eax, (%%rdi)")
FORM(xchg_m_r, "xchgl %%eax, (%%rdi)")
FORM(xadd_m_r, "xaddl %%eax, (%%rdi)")
FORM(cmpxchg_m_r, "cmpxchgl %%edx, (%%rdi)")
FORM(lock_cmpxchg_m_r, "lock cmpxchgl %%edx, (%%rdi)")
FORM(imul_r_m, "imull (%%rdi), %%edx")
FORM(imul_r_m_i, "imull $3, (%%rdi), %%edx")
FORM(bt_m_i, "btl $28, (%%rdi)")
FORM(bts_m_i, "btsl $31, (%%rdi)")
FORM(btr_m_i, "btrl $28, (%%rdi)")
FORM(btc_m_i, "btcl $30, (%%rdi)")
FORM(bsf_r_m, "bsfl (%%rdi), %%edx")
FORM(bsr_r_m, "bsrl (%%rdi), %%edx")
FORM(cmov_r_m, "cmovnel (%%rdi), %%edx")
FORM(cmov_not_r_m, "cmovel (%%rdi), %%edx")
FORM(shld_m_r, "shldl $4, %%edx, (%%rdi)")
FORM(stos_m, "stosl")
FORM(lods_m, "xchg %%rsi, %%rdi; lodsl; xchg %%rsi, %%rdi")
FORM(scas_m, "scasl")

/* Twice each: with the symbol of the register, and with that of the word. */
#define RIP(id, before, after)                              \
    FORM(id##_device, before "mmio_alias_icr(%%rip)" after) \
    FORM(id##_word, before "mmio_word(%%rip)" after)        \
    static void id(struct state *s)                         \
    {                                                       \
        if (s->base == (uint64_t)(uintptr_t)&mmio_word) {   \
            id##_word(s);                                   \
        } else {                                            \
            id##_device(s);                                 \
        }                                                   \
    }
RIP(rip_store, "movl %%eax, ", "")
RIP(rip_load, "movl ", ", %%edx")
RIP(rip_immediate, "movl $0x3C000000, ", "")
RIP(rip_add, "addl %%eax, ", "")
RIP(rip_or_immediate_8, "orl $0x7, ", "")
RIP(rip_compare_immediate, "cmpl $0x5A000000, ", "")

#define PLAIN(id, u)                   \
    {                                  \
#id, id, 0, 0, false, false, u \
    }
#define ADDRESS(id, disp, scale, no_base)       \
    {                                           \
#id, id, disp, scale, no_base, false, 0 \
    }
#define RELATIVE(id)                  \
    {                                 \
#id, id, 0, 0, false, true, 0 \
    }
#define PLAIN_ALU(op, u) \
    PLAIN(op##_m_r, u), PLAIN(op##_r_m, u), PLAIN(op##_m_i, u), PLAIN(op##_m_i8, u)
#define PLAIN_SHIFT(op, u) PLAIN(op##_m_1, (u) & ~0x800u), PLAIN(op##_m_i, u), PLAIN(op##_m_cl, u)

static const struct form forms[] = {
    ADDRESS(at_base, 0, 0, false),
    ADDRESS(at_base_disp8, 0x44, 0, false),
    ADDRESS(at_base_disp8_negative, -0x44, 0, false),
    ADDRESS(at_base_disp32, 0x12340, 0, false),
    ADDRESS(at_base_index, 0, 1, false),
    ADDRESS(at_base_index_2, 0x10, 2, false),
    ADDRESS(at_base_index_4, 0x12340, 4, false),
    ADDRESS(at_base_index_8, -8, 8, false),
    ADDRESS(at_index_4, 0x40, 4, true),
    ADDRESS(at_index_8, 0x40, 8, true),
    ADDRESS(at_rbx, 4, 0, false),
    ADDRESS(at_r12, 0, 0, false),
    ADDRESS(at_r12_disp8, 8, 0, false),
    ADDRESS(at_r13, 0, 0, false),
    ADDRESS(at_r13_index, 0, 2, false),
    ADDRESS(at_r12_index, 0x100, 8, false),
    ADDRESS(at_base_32, 4, 0, false),
    ADDRESS(at_base_index_32, 0, 4, false),
    ADDRESS(add_at_index, 8, 4, false),
    ADDRESS(load_at_index, 8, 8, false),
    ADDRESS(load_index_alone, 0x40, 2, true),
    ADDRESS(immediate_at_index, 8, 4, false),
    ADDRESS(immediate_8_at_index, -16, 4, false),
    RELATIVE(rip_store),
    RELATIVE(rip_load),
    RELATIVE(rip_immediate),
    RELATIVE(rip_add),
    RELATIVE(rip_or_immediate_8),
    RELATIVE(rip_compare_immediate),
    PLAIN_ALU(add, 0),
    PLAIN_ALU(or, 0x10),
    PLAIN_ALU(adc, 0),
    PLAIN_ALU(sbb, 0),
    PLAIN_ALU(and, 0x10),
    PLAIN_ALU(sub, 0),
    PLAIN_ALU(xor, 0x10),
    PLAIN_ALU(cmp, 0),
    PLAIN(lock_add, 0),
    PLAIN(lock_or, 0x10),
    PLAIN(lock_and, 0x10),
    PLAIN(lock_sub, 0),
    PLAIN(lock_xor, 0x10),
    PLAIN(lock_xadd, 0),
    PLAIN(inc_m, 0),
    PLAIN(dec_m, 0),
    PLAIN(not_m, 0),
    PLAIN(neg_m, 0),
    PLAIN(mul_m, 0xD4),
    PLAIN(imul_m, 0xD4),
    PLAIN(div_m, FLAGS),
    PLAIN_SHIFT(shl, 0x810),
    PLAIN_SHIFT(shr, 0x810),
    PLAIN_SHIFT(sar, 0x810),
    PLAIN_SHIFT(rol, 0x800),
    PLAIN_SHIFT(ror, 0x800),
    PLAIN(mov_r_m, 0),
    PLAIN(mov_m_i, 0),
    PLAIN(movslq_r_m, 0),
    PLAIN(movnti_m_r, 0),
    PLAIN(test_m_i, 0x10),
    PLAIN(test_m_r, 0x10),
    PLAIN(xchg_m_r, 0),
    PLAIN(xadd_m_r, 0),
    PLAIN(cmpxchg_m_r, 0),
    PLAIN(lock_cmpxchg_m_r, 0),
    PLAIN(imul_r_m, 0xD4),
    PLAIN(imul_r_m_i, 0xD4),
    PLAIN(bt_m_i, 0x894),
    PLAIN(bts_m_i, 0x894),
    PLAIN(btr_m_i, 0x894),
    PLAIN(btc_m_i, 0x894),
    PLAIN(bsf_r_m, 0x895),
    PLAIN(bsr_r_m, 0x895),
    PLAIN(cmov_r_m, 0),
    PLAIN(cmov_not_r_m, 0),
    PLAIN(shld_m_r, 0x810),
    PLAIN(stos_m, 0),
    PLAIN(lods_m, 0),
    PLAIN(scas_m, 0),
};
#define FORMS (sizeof forms / sizeof forms[0])

/* One form on the word at `at`, which holds `value` before; returns what it holds after. */
static uint32_t run(const struct form *f, uint64_t at, uint32_t value, struct state *s)
{
    volatile uint32_t *word = (volatile uint32_t *)(uintptr_t)at;
    uint64_t where = at - (uint64_t)(int64_t)f->disp;
    *s = (struct state){.a = 0x81000000u, .d = 0x29000001u, .c = 5, .flags = 2, .base = where};
    if (f->no_base) {
        s->index = where / f->scale; /* both are multiples of 8 */
    } else if (f->scale != 0) {
        s->index = 0x88;
        s->base -= 0x88ull * f->scale;
    }
    *word = value;
    f->go(s);
    return *word & KEPT;
}

static bool works(const struct form *f, uint32_t value)
{
    struct state device;
    struct state word;
    uint64_t at = f->in_rip ? PAGING_LAPIC_ALIAS + LAPIC_ICR_HIGH : LAPIC_BASE + LAPIC_ICR_HIGH;
    uint32_t in_device = run(f, at, value, &device);
    uint32_t in_word = run(f, (uint64_t)(uintptr_t)&mmio_word, value, &word);
    uint64_t flags = FLAGS & ~f->undefined;
    return in_device == in_word && device.a == word.a && device.d == word.d && device.c == word.c &&
           ((device.flags ^ word.flags) & flags) == 0;
}

uint32_t mmio_forms(uint32_t *failed)
{
    for (size_t i = 0; i < FORMS; i++) {
        if (!works(&forms[i], 0x5A000000u) || !works(&forms[i], 0x81000000u)) {
            print("mmio self-test: %s FAILED\n", forms[i].name);
            (*failed)++;
        }
    }
    return (uint32_t)FORMS;
}
