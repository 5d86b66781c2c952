/* SPDX-License-Identifier: BSD-2-Clause
 * The decoder on arbitrary bytes. */
#include "cpu/decode.h"
#include "fuzz.h"
#include "vm/regs.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    uint8_t code[DECODE_BYTES_MAX];
    const enum decode_mode mode = (enum decode_mode)(fuzz_u8(&in) % 3u);
    for (uint32_t i = 0; i < sizeof(code); i++) {
        code[i] = fuzz_u8(&in);
    }
    check_decode(code, sizeof(code), mode);
    return 0;
}
