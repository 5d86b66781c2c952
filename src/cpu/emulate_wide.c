/* SPDX-License-Identifier: BSD-2-Clause
 * Results and flags of integer instructions: multiplication, division, scans, bit manipulation. */
#include "base/bits.h"
#include "cpu/emulate_alu.h"
#include "vm/regs.h"

#define CRC32C_POLYNOMIAL 0x82F63B78u /* 0x11EDC6F41 reflected */

static uint64_t wide_sign(uint64_t a, uint32_t size)
{
    return a >> (8u * size - 1u) & 1u;
}

static uint64_t wide_extend(uint64_t a, uint32_t size)
{
    uint64_t ones = ones_bytes(size);
    return wide_sign(a, size) != 0 ? a | ~ones : a & ones;
}

static void wide_set_flag(uint64_t *rflags, uint64_t flag, bool set)
{
    *rflags = set ? *rflags | flag : *rflags & ~flag;
}

/* --- Multiplication and division ----------------------------------------------------------------- */

/* 64 by 64 bits, without sign, in halves of 32. */
static struct alu_pair wide_product(uint64_t a, uint64_t b)
{
    uint64_t a0 = a & UINT32_MAX;
    uint64_t a1 = a >> 32;
    uint64_t b0 = b & UINT32_MAX;
    uint64_t b1 = b >> 32;
    uint64_t low = a0 * b0;
    uint64_t mid = a1 * b0 + (low >> 32);
    uint64_t mid2 = a0 * b1 + (mid & UINT32_MAX);
    return (struct alu_pair){
        .low = mid2 << 32 | (low & UINT32_MAX),
        .high = a1 * b1 + (mid >> 32) + (mid2 >> 32),
    };
}

static struct alu_pair wide_negate(struct alu_pair x)
{
    return (struct alu_pair){.low = 0u - x.low, .high = ~x.high + (x.low == 0 ? 1u : 0u)};
}

/* SF, ZF, AF and PF are undefined, and stay. */
struct alu_pair alu_multiply(bool is_signed, uint64_t a, uint64_t b, uint32_t size,
                             uint64_t *rflags)
{
    uint64_t ones = ones_bytes(size);
    bool negative = is_signed && wide_sign(a, size) != wide_sign(b, size);
    uint64_t abs_a = is_signed && wide_sign(a, size) != 0 ? (0u - a) & ones : a & ones;
    uint64_t abs_b = is_signed && wide_sign(b, size) != 0 ? (0u - b) & ones : b & ones;
    struct alu_pair r = wide_product(abs_a, abs_b);
    r = negative ? wide_negate(r) : r;
    if (size < 8) {
        r.high = r.low >> (8u * size);
    }
    r.low &= ones;
    r.high &= ones;
    uint64_t fits = is_signed && wide_sign(r.low, size) != 0 ? ones : 0;
    wide_set_flag(rflags, RFLAGS_CF | RFLAGS_OF, r.high != fits);
    return r;
}

/* 128 by 64 bits, without sign, bit by bit. @pre x.high < divisor, so that the quotient fits. */
static struct alu_pair wide_quotient(struct alu_pair x, uint64_t divisor)
{
    uint64_t rest = x.high;
    uint64_t quotient = 0;
    for (uint32_t bit = 64; bit > 0; bit--) { /* bound: 64 */
        bool carry = rest >> 63 != 0;
        rest = rest << 1 | (x.low >> (bit - 1u) & 1u);
        bool taken = carry || rest >= divisor;
        rest -= taken ? divisor : 0;
        quotient = quotient << 1 | (taken ? 1u : 0u);
    }
    return (struct alu_pair){.low = quotient, .high = rest};
}

/* The dividend as 128 bits, from two halves of `size` bytes. */
static struct alu_pair wide_dividend(bool is_signed, struct alu_pair halves, uint32_t size)
{
    if (size == 8) {
        return halves;
    }
    uint64_t ones = ones_bytes(size);
    uint64_t whole = (halves.high & ones) << (8u * size) | (halves.low & ones);
    whole = is_signed ? wide_extend(whole, 2u * size) : whole;
    return (struct alu_pair){.low = whole, .high = is_signed && whole >> 63 != 0 ? UINT64_MAX : 0};
}

bool alu_divide(bool is_signed, struct alu_pair dividend, uint64_t divisor, uint32_t size,
                struct alu_pair *out)
{
    uint64_t ones = ones_bytes(size);
    struct alu_pair x = wide_dividend(is_signed, dividend, size);
    bool x_negative = is_signed && x.high >> 63 != 0;
    bool d_negative = is_signed && wide_sign(divisor, size) != 0;
    uint64_t d = d_negative ? (0u - divisor) & ones : divisor & ones;
    x = x_negative ? wide_negate(x) : x;
    if (x.high >= d) { /* d is 0, or the quotient has more than 64 bits */
        return false;
    }
    struct alu_pair r = wide_quotient(x, d);
    uint64_t most = ones;
    if (is_signed) {
        most = (ones >> 1) + (x_negative != d_negative ? 1u : 0u);
    }
    if (r.low > most) {
        return false;
    }
    out->low = (x_negative != d_negative ? 0u - r.low : r.low) & ones;
    out->high = (x_negative ? 0u - r.high : r.high) & ones;
    return true;
}

/* --- Scans ------------------------------------------------------------------------------------------ */

/* How many zeros below the lowest one. @pre a is not 0. */
static uint32_t scan_low(uint64_t a)
{
    uint32_t n = 0;
    while ((a >> n & 1u) == 0) { /* bound: 63 */
        n++;
    }
    return n;
}

/* The number of the highest one. @pre a is not 0. */
static uint32_t scan_high(uint64_t a)
{
    uint32_t n = 63;
    while ((a >> n & 1u) == 0) { /* bound: 63 */
        n--;
    }
    return n;
}

static uint32_t scan_count(uint64_t a)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < 64; i++) {
        n += (uint32_t)(a >> i & 1u);
    }
    return n;
}

/* TZCNT and LZCNT: `bits` for 0, which CF says. */
static uint64_t scan_zeros(uint64_t zeros, uint32_t bits, uint64_t *rflags)
{
    wide_set_flag(rflags, RFLAGS_CF, zeros == bits);
    wide_set_flag(rflags, RFLAGS_ZF, zeros == 0);
    return zeros;
}

uint64_t alu_scan(enum insn_op op, uint64_t a, uint64_t old, uint32_t size, uint64_t *rflags)
{
    uint32_t bits = 8u * size;
    a &= ones_bytes(size);
    switch (op) {
    case INSN_TZCNT:
        return scan_zeros(a == 0 ? bits : scan_low(a), bits, rflags);
    case INSN_LZCNT:
        return scan_zeros(a == 0 ? bits : bits - 1u - scan_high(a), bits, rflags);
    case INSN_POPCNT:
        wide_set_flag(rflags, RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_SF | RFLAGS_OF, false);
        wide_set_flag(rflags, RFLAGS_ZF, a == 0);
        return scan_count(a);
    default: /* BSF, BSR: the other flags are undefined */
        wide_set_flag(rflags, RFLAGS_ZF, a == 0);
        if (a == 0) {
            return old;
        }
        return op == INSN_BSF ? scan_low(a) : scan_high(a);
    }
}

/* --- Bit manipulation --------------------------------------------------------------------------------- */

static uint64_t bmi_deposit(uint64_t bits, uint64_t mask)
{
    uint64_t r = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < 64; i++) {
        if ((mask >> i & 1u) != 0) {
            r |= (bits >> next & 1u) << i;
            next++;
        }
    }
    return r;
}

static uint64_t bmi_extract(uint64_t from, uint64_t mask)
{
    uint64_t r = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < 64; i++) {
        if ((mask >> i & 1u) != 0) {
            r |= (from >> i & 1u) << next;
            next++;
        }
    }
    return r;
}

/* SF and ZF of the result, CF as given, OF 0; AF and PF are undefined, and stay. */
static void bmi_flags(uint64_t r, bool carry, uint32_t size, uint64_t *rflags)
{
    wide_set_flag(rflags, RFLAGS_SF, wide_sign(r, size) != 0);
    wide_set_flag(rflags, RFLAGS_ZF, r == 0);
    wide_set_flag(rflags, RFLAGS_CF, carry);
    wide_set_flag(rflags, RFLAGS_OF, false);
}

/* Those without flags. Shift counts are masked. */
static uint64_t bmi_plain(enum insn_op op, uint64_t a, uint64_t b, uint32_t size)
{
    uint32_t bits = 8u * size;
    uint32_t count = (uint32_t)a & (bits - 1u);
    switch (op) {
    case INSN_PDEP:
        return bmi_deposit(a, b);
    case INSN_PEXT:
        return bmi_extract(a, b);
    case INSN_SARX: {
        uint64_t sign = wide_sign(b, size) != 0 ? UINT64_MAX : 0;
        uint64_t above = count == 0 ? 0 : sign << (bits - count);
        return b >> count | above;
    }
    case INSN_SHLX:
        return b << count;
    case INSN_SHRX:
        return b >> count;
    default: /* RORX */
        return count == 0 ? b : b >> count | b << (bits - count);
    }
}

static uint64_t bmi_field(uint64_t a, uint64_t b, uint32_t bits)
{
    uint32_t start = (uint32_t)a & 0xFFu;
    uint32_t len = (uint32_t)(a >> 8) & 0xFFu;
    uint64_t from = start < bits ? b >> start : 0;
    return len < bits ? from & (BIT64(len) - 1u) : from;
}

uint64_t alu_bmi(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *rflags)
{
    uint32_t bits = 8u * size;
    uint64_t ones = ones_bytes(size);
    uint64_t low = a & 0xFFu;
    uint64_t r;
    bool carry = false;
    a &= ones;
    b &= ones;
    switch (op) {
    case INSN_ANDN:
        r = ~a & b;
        break;
    case INSN_BEXTR:
        r = bmi_field(a, b, bits);
        break;
    case INSN_BZHI:
        r = low < bits ? b & (BIT64(low) - 1u) : b;
        carry = low > bits - 1u;
        break;
    case INSN_BLSR:
        r = b & (b - 1u);
        carry = b == 0;
        break;
    case INSN_BLSMSK:
        r = (b ^ (b - 1u)) & ones;
        carry = b == 0;
        break;
    case INSN_BLSI:
        r = b & (0u - b);
        carry = b != 0;
        break;
    default:
        return bmi_plain(op, a, b, size) & ones;
    }
    bmi_flags(r, carry, size, rflags);
    return r;
}

uint32_t alu_crc32c(uint32_t crc, uint64_t bytes, uint32_t size)
{
    for (uint32_t i = 0; i < 8u * size; i++) { /* bound: 64 */
        uint32_t bit = (crc ^ (uint32_t)(bytes >> i)) & 1u;
        crc = crc >> 1 ^ (bit != 0 ? CRC32C_POLYNOMIAL : 0);
    }
    return crc;
}
