/* SPDX-License-Identifier: BSD-2-Clause
 * Integer arithmetic of the emulator: results and flags, from operands alone.
 *
 * `size` is 1, 2, 4 or 8 bytes; operands count by their low `size` bytes, results are zero-extended.
 * *rflags is in and out. Flags that the manual leaves undefined are what processors make of them, or
 * stay as they were; none of them is a matter of chance.
 * Spec: [SDM] vol. 2 (each instruction), vol. 1, 3.4.3 and appendix A (flags). */
#ifndef CPU_EMULATE_ALU_H
#define CPU_EMULATE_ALU_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/decode.h"

struct alu_pair {
    uint64_t low;
    uint64_t high;
};

/* ADD to CMP, TEST, INC, DEC, NOT, NEG, ADCX, ADOX; everything else gives b and leaves the flags. */
uint64_t emulate_alu(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *rflags);

/* ROL to SAR by `count`, of which the low five bits count, or six for 8 bytes. */
uint64_t alu_shift(enum insn_op op, uint64_t a, uint32_t count, uint32_t size, uint64_t *rflags);

/* SHLD, SHRD: a, with bits of b shifted in. 2, 4 or 8 bytes. */
uint64_t alu_shift_double(enum insn_op op, struct alu_pair ab, uint32_t count, uint32_t size,
                          uint64_t *rflags);

/* MUL, IMUL: the whole product, each half of `size` bytes. */
struct alu_pair alu_multiply(bool is_signed, uint64_t a, uint64_t b, uint32_t size,
                             uint64_t *rflags);

/* DIV, IDIV: quotient in low, remainder in high; false: #DE. Flags stay. */
bool alu_divide(bool is_signed, struct alu_pair dividend, uint64_t divisor, uint32_t size,
                struct alu_pair *out);

/* BSF, BSR, TZCNT, LZCNT, POPCNT. BSF and BSR of 0 give `old`. */
uint64_t alu_scan(enum insn_op op, uint64_t a, uint64_t old, uint32_t size, uint64_t *rflags);

/* ANDN (a is inverted), BEXTR, BZHI, PDEP, PEXT, SARX, SHLX, SHRX, RORX, BLSR, BLSMSK, BLSI: b is what
 * comes from memory, a the other source. 4 or 8 bytes. */
uint64_t alu_bmi(enum insn_op op, uint64_t a, uint64_t b, uint32_t size, uint64_t *rflags);

/* CRC32: `crc` after `size` more bytes. */
uint32_t alu_crc32c(uint32_t crc, uint64_t bytes, uint32_t size);

/* One of the sixteen conditions of Jcc, SETcc, CMOVcc. */
bool alu_condition(uint32_t cond, uint64_t rflags);

/* Bytes in the opposite order. */
uint64_t alu_swap_bytes(uint64_t a, uint32_t size);

#endif
