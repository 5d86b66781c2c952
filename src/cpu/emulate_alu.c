/* SPDX-License-Identifier: BSD-2-Clause
 * Results and flags of integer instructions: addition to shifts and rotates. */
#include "cpu/emulate_alu.h"

#include "base/bits.h"
#include "vm/regs.h"

#define RFLAGS_ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static uint64_t alu_top_bit(uint64_t x, uint32_t size)
{
    return x >> (8u * size - 1u) & 1u;
}

/* PF is set if the low byte has an even number of ones. */
static uint64_t alu_parity(uint64_t x)
{
    x ^= x >> 4;
    return (0x6996u >> (x & 15u) & 1u) == 0 ? RFLAGS_PF : 0;
}

static uint64_t alu_result_flags(uint64_t r, uint32_t size)
{
    return alu_parity(r) | (r == 0 ? RFLAGS_ZF : 0u) | (alu_top_bit(r, size) != 0 ? RFLAGS_SF : 0u);
}

static uint64_t alu_flag(bool set, uint64_t flag)
{
    return set ? flag : 0;
}

/* a + b + carry; *flags are those of the sum. Operands are zero-extended from `size` bytes. */
static uint64_t alu_add(uint64_t a, uint64_t b, uint64_t carry, uint32_t size, uint64_t *flags)
{
    uint64_t r = (a + b + carry) & ones_bytes(size);
    bool carried = carry != 0 ? r <= a : r < a;
    *flags = alu_result_flags(r, size) | alu_flag(carried, RFLAGS_CF) | ((a ^ b ^ r) & RFLAGS_AF) |
             alu_flag(alu_top_bit((a ^ r) & (b ^ r), size) != 0, RFLAGS_OF);
    return r;
}

static uint64_t alu_sub(uint64_t a, uint64_t b, uint64_t borrow, uint32_t size, uint64_t *flags)
{
    uint64_t r = (a - b - borrow) & ones_bytes(size);
    bool borrowed = borrow != 0 ? a <= b : a < b;
    *flags = alu_result_flags(r, size) | alu_flag(borrowed, RFLAGS_CF) | ((a ^ b ^ r) & RFLAGS_AF) |
             alu_flag(alu_top_bit((a ^ b) & (a ^ r), size) != 0, RFLAGS_OF);
    return r;
}

/* AF is undefined after these; processors clear it. */
static uint64_t alu_logic(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *flags)
{
    uint64_t r = a & b;
    if (op == INSN_OR) {
        r = a | b;
    } else if (op == INSN_XOR) {
        r = a ^ b;
    }
    *flags = alu_result_flags(r, size);
    return r;
}

/* ADCX and ADOX: the carry is one flag, and that alone changes. */
static uint64_t alu_add_chain(uint64_t a, uint64_t b, uint64_t flag, uint32_t size, uint64_t *flags)
{
    uint64_t sum;
    uint64_t r = alu_add(a, b, (*flags & flag) != 0 ? 1 : 0, size, &sum);
    *flags = (*flags & ~flag) | alu_flag((sum & RFLAGS_CF) != 0, flag);
    return r;
}

/* The flags that an operation replaces. */
static uint64_t alu_affected(enum insn_op op)
{
    switch (op) {
    case INSN_ADD:
    case INSN_OR:
    case INSN_ADC:
    case INSN_SBB:
    case INSN_AND:
    case INSN_SUB:
    case INSN_XOR:
    case INSN_CMP:
    case INSN_TEST:
    case INSN_NEG:
        return RFLAGS_ARITH;
    case INSN_INC:
    case INSN_DEC:
        return RFLAGS_ARITH & ~(uint64_t)RFLAGS_CF;
    case INSN_ADCX:
        return RFLAGS_CF;
    case INSN_ADOX:
        return RFLAGS_OF;
    default:
        return 0;
    }
}

static uint64_t alu_compute(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *flags)
{
    uint64_t carry = *flags & RFLAGS_CF;
    switch (op) {
    case INSN_ADD:
        return alu_add(a, b, 0, size, flags);
    case INSN_ADC:
        return alu_add(a, b, carry, size, flags);
    case INSN_INC:
        return alu_add(a, 1, 0, size, flags);
    case INSN_SUB:
    case INSN_CMP:
        return alu_sub(a, b, 0, size, flags);
    case INSN_SBB:
        return alu_sub(a, b, carry, size, flags);
    case INSN_DEC:
        return alu_sub(a, 1, 0, size, flags);
    case INSN_NEG:
        return alu_sub(0, a, 0, size, flags);
    case INSN_AND:
    case INSN_OR:
    case INSN_XOR:
    case INSN_TEST:
        return alu_logic(op, a, b, size, flags);
    case INSN_ADCX:
        return alu_add_chain(a, b, RFLAGS_CF, size, flags);
    case INSN_ADOX:
        return alu_add_chain(a, b, RFLAGS_OF, size, flags);
    case INSN_NOT:
        return ~a & ones_bytes(size);
    default:
        return b;
    }
}

uint64_t emulate_alu(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *rflags)
{
    uint64_t ones = ones_bytes(size);
    uint64_t flags = *rflags;
    uint64_t r = alu_compute(op, a & ones, b & ones, size, &flags);
    uint64_t affected = alu_affected(op);
    *rflags = (*rflags & ~affected) | (flags & affected);
    return r;
}

bool alu_condition(uint32_t cond, uint64_t rflags)
{
    bool cf = (rflags & RFLAGS_CF) != 0;
    bool zf = (rflags & RFLAGS_ZF) != 0;
    bool sf = (rflags & RFLAGS_SF) != 0;
    bool of = (rflags & RFLAGS_OF) != 0;
    const bool holds[8] = {
        of, cf, zf, cf || zf, sf, (rflags & RFLAGS_PF) != 0, sf != of, zf || sf != of,
    };
    return holds[cond >> 1 & 7u] != ((cond & 1u) != 0);
}

uint64_t alu_swap_bytes(uint64_t a, uint32_t size)
{
    uint64_t r = 0;
    for (uint32_t i = 0; i < size; i++) { /* bound: 8 */
        r = r << 8 | (a >> (8u * i) & 0xFFu);
    }
    return r;
}

/* --- Shifts and rotates ------------------------------------------------------------------------ */

/* CF and OF as given; SF, ZF and PF of the result. AF is undefined: cleared. */
static void alu_shift_flags(uint64_t r, uint64_t carry, bool overflow, uint32_t size,
                            uint64_t *rflags)
{
    *rflags &= ~(uint64_t)RFLAGS_ARITH;
    *rflags |= alu_result_flags(r, size) | alu_flag((carry & 1u) != 0, RFLAGS_CF) |
               alu_flag(overflow, RFLAGS_OF);
}

static uint64_t alu_shift_left(uint64_t a, uint32_t count, uint32_t size, uint64_t *rflags)
{
    uint32_t bits = 8u * size;
    uint64_t r = count < bits ? a << count & ones_bytes(size) : 0;
    uint64_t carry = count <= bits ? a >> (bits - count) & 1u : 0;
    alu_shift_flags(r, carry, alu_top_bit(r, size) != carry, size, rflags);
    return r;
}

static uint64_t alu_shift_right(uint64_t a, uint32_t count, uint32_t size, uint64_t *rflags)
{
    uint32_t bits = 8u * size;
    uint64_t r = count < bits ? a >> count : 0;
    uint64_t carry = count <= bits ? a >> (count - 1u) & 1u : 0;
    alu_shift_flags(r, carry, alu_top_bit(a, size) != 0, size, rflags);
    return r;
}

static uint64_t alu_shift_signed(uint64_t a, uint32_t count, uint32_t size, uint64_t *rflags)
{
    uint32_t bits = 8u * size;
    uint64_t sign = alu_top_bit(a, size) != 0 ? UINT64_MAX : 0;
    uint64_t wide = size == 8 ? a : a | (sign & ~ones_bytes(size));
    uint64_t last = count - 1u < bits ? wide >> (count - 1u) : sign; /* before the last step */
    uint64_t filled = count < bits ? wide >> count | (sign << 1 << (63u - count)) : sign;
    uint64_t r = filled & ones_bytes(size);
    alu_shift_flags(r, last & 1u, false, size, rflags);
    return r;
}

/* Rotates change CF and OF alone. */
static void alu_rotate_flags(bool carry, bool overflow, uint64_t *rflags)
{
    *rflags &= ~(uint64_t)(RFLAGS_CF | RFLAGS_OF);
    *rflags |= alu_flag(carry, RFLAGS_CF) | alu_flag(overflow, RFLAGS_OF);
}

static uint64_t alu_rotate(enum insn_op op, uint64_t a, uint32_t count, uint32_t size,
                           uint64_t *rflags)
{
    uint32_t bits = 8u * size;
    uint32_t left = (op == INSN_ROL ? count : bits - count % bits) % bits;
    uint64_t r = left == 0 ? a : (a << left | a >> (bits - left)) & ones_bytes(size);
    bool top = alu_top_bit(r, size) != 0;
    if (op == INSN_ROL) {
        bool carry = (r & 1u) != 0;
        alu_rotate_flags(carry, top != carry, rflags);
    } else {
        alu_rotate_flags(top, top != ((r >> (bits - 2u) & 1u) != 0), rflags);
    }
    return r;
}

/* Through the carry: one bit wider. */
static uint64_t alu_rotate_carry(enum insn_op op, uint64_t a, uint32_t count, uint32_t size,
                                 uint64_t *rflags)
{
    uint32_t bits = 8u * size;
    uint64_t carry = *rflags & RFLAGS_CF;
    uint64_t r = a;
    for (uint32_t i = count % (bits + 1u); i > 0; i--) { /* bound: 64 */
        uint64_t out = op == INSN_RCL ? alu_top_bit(r, size) : r & 1u;
        if (op == INSN_RCL) {
            r = (r << 1 | carry) & ones_bytes(size);
        } else {
            r = r >> 1 | carry << (bits - 1u);
        }
        carry = out;
    }
    bool top = alu_top_bit(r, size) != 0;
    bool next = (r >> (bits - 2u) & 1u) != 0;
    alu_rotate_flags(carry != 0, op == INSN_RCL ? top != (carry != 0) : top != next, rflags);
    return r;
}

uint64_t alu_shift(enum insn_op op, uint64_t a, uint32_t count, uint32_t size, uint64_t *rflags)
{
    a &= ones_bytes(size);
    count &= size == 8 ? 63u : 31u;
    if (count == 0) {
        return a;
    }
    switch (op) {
    case INSN_ROL:
    case INSN_ROR:
        return alu_rotate(op, a, count, size, rflags);
    case INSN_RCL:
    case INSN_RCR:
        return alu_rotate_carry(op, a, count, size, rflags);
    case INSN_SHR:
        return alu_shift_right(a, count, size, rflags);
    case INSN_SAR:
        return alu_shift_signed(a, count, size, rflags);
    default: /* SHL and its twin */
        return alu_shift_left(a, count, size, rflags);
    }
}

/* With two bytes and a count above 16 the manual leaves the result undefined; processors go on with
 * the bits of a, as if it stood on both sides of b. */
uint64_t alu_shift_double(enum insn_op op, struct alu_pair ab, uint32_t count, uint32_t size,
                          uint64_t *rflags)
{
    uint32_t bits = 8u * size;
    uint64_t ones = ones_bytes(size);
    uint64_t a = ab.low & ones;
    uint64_t b = ab.high & ones;
    uint64_t r;
    uint64_t carry;
    count &= size == 8 ? 63u : 31u;
    if (count == 0) {
        return a;
    }
    if (size == 2) {
        uint64_t wide = a << 32 | b << 16 | a;
        bool left = op == INSN_SHLD;
        r = (left ? wide << count >> 32 : wide >> count) & ones;
        carry = left ? wide << count >> 48 : wide >> (count - 1u);
    } else if (op == INSN_SHLD) {
        r = (a << count | b >> (bits - count)) & ones;
        carry = a >> (bits - count);
    } else {
        r = (a >> count | b << (bits - count)) & ones;
        carry = a >> (count - 1u);
    }
    alu_shift_flags(r, carry, alu_top_bit(a ^ r, size) != 0, size, rflags);
    return r;
}
