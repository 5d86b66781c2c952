/* SPDX-License-Identifier: BSD-2-Clause
 * Emulated vector moves. */
#include "emulate_bench.h"

/* Registers with a pattern, and device bytes 0x00 to 0x1F. */
static struct bench *vectors(void)
{
    struct bench *b = fresh(DECODE_64);
    b->cache.regs.cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
    b->cache.regs.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    *gpr(b, GPR_RAX) = DEVICE;
    for (uint32_t i = 0; i < VEC_COUNT; i++) {
        for (uint32_t k = 0; k < VEC_WORDS; k++) {
            b->cache.regs.vec[i][k] = 0xA0A0A0A0A0A0A000ull + i * 16 + k;
        }
    }
    for (uint32_t i = 0; i < 64; i++) {
        b->device[32 + i] = (uint8_t)i;
    }
    return b;
}

#define W0     0x0706050403020100ull
#define W1     0x0F0E0D0C0B0A0908ull
#define W2     0x1716151413121110ull
#define W3     0x1F1E1D1C1B1A1918ull
#define OLD(k) (0xA0A0A0A0A0A0A010ull + (k)) /* of register 1 */

static void loads_fill_what_the_manual_says(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t code[6];
        uint8_t len;
        uint64_t words[4];
    } rows[] = {
        {"movups", {0x0F, 0x10, 0x08}, 3, {W0, W1, OLD(2), OLD(3)}},
        {"movaps", {0x0F, 0x28, 0x08}, 3, {W0, W1, OLD(2), OLD(3)}},
        {"movdqu", {0xF3, 0x0F, 0x6F, 0x08}, 4, {W0, W1, OLD(2), OLD(3)}},
        {"movss", {0xF3, 0x0F, 0x10, 0x08}, 4, {W0 & 0xFFFFFFFF, 0, OLD(2), OLD(3)}},
        {"movsd", {0xF2, 0x0F, 0x10, 0x08}, 4, {W0, 0, OLD(2), OLD(3)}},
        {"movq", {0xF3, 0x0F, 0x7E, 0x08}, 4, {W0, 0, OLD(2), OLD(3)}},
        {"movd", {0x66, 0x0F, 0x6E, 0x08}, 4, {W0 & 0xFFFFFFFF, 0, OLD(2), OLD(3)}},
        {"movq r", {0x66, 0x48, 0x0F, 0x6E, 0x08}, 5, {W0, 0, OLD(2), OLD(3)}},
        {"movlps", {0x0F, 0x12, 0x08}, 3, {W0, OLD(1), OLD(2), OLD(3)}},
        {"movhps", {0x0F, 0x16, 0x08}, 3, {OLD(0), W0, OLD(2), OLD(3)}},
        {"vmovups", {0xC5, 0xF8, 0x10, 0x08}, 4, {W0, W1, 0, 0}},
        {"vmovdqu ymm", {0xC5, 0xFE, 0x6F, 0x08}, 4, {W0, W1, W2, W3}},
        {"vmovss", {0xC5, 0xFA, 0x10, 0x08}, 4, {W0 & 0xFFFFFFFF, 0, 0, 0}},
        {"vmovlps, ymm2", {0xC5, 0xE8, 0x12, 0x08}, 4, {W0, OLD(0x11), 0, 0}},
        {"vmovhps, ymm2", {0xC5, 0xE8, 0x16, 0x08}, 4, {OLD(0x10), W0, 0, 0}},
        {"vbroadcastss ymm",
         {0xC4, 0xE2, 0x7D, 0x18, 0x08},
         5,
         {0x0302010003020100, 0x0302010003020100, 0x0302010003020100, 0x0302010003020100}},
        {"vbroadcastf128", {0xC4, 0xE2, 0x7D, 0x1A, 0x08}, 5, {W0, W1, W0, W1}},
        {"movsldup",
         {0xF3, 0x0F, 0x12, 0x08},
         4,
         {0x0302010003020100, 0x0B0A09080B0A0908, OLD(2), OLD(3)}},
        {"vmovshdup ymm",
         {0xC5, 0xFE, 0x16, 0x08},
         4,
         {0x0706050407060504, 0x0F0E0D0C0F0E0D0C, 0x1716151417161514, 0x1F1E1D1C1F1E1D1C}},
        {"movddup", {0xF2, 0x0F, 0x12, 0x08}, 4, {W0, W0, OLD(2), OLD(3)}},
        {"vmovddup ymm", {0xC5, 0xFF, 0x12, 0x08}, 4, {W0, W0, W2, W2}},
        {"pinsrw 5",
         {0x66, 0x0F, 0xC4, 0x08, 0x0D},
         5,
         {OLD(0), 0xA0A0A0A00100A011, OLD(2), OLD(3)}},
        {"vinserti128 1, ymm2",
         {0xC4, 0xE3, 0x6D, 0x38, 0x08, 0x01},
         6,
         {OLD(0x10), OLD(0x11), W0, W1}},
        {"vpbroadcastb xmm",
         {0xC4, 0xE2, 0x79, 0x78, 0x48, 0x01},
         6,
         {0x0101010101010101, 0x0101010101010101, 0, 0}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = vectors();
        if (run(b, rows[i].code, rows[i].len, DEVICE) != EMULATE_DONE) {
            fail_msg("not emulated: %s", rows[i].name);
        }
        if (memcmp(b->cache.regs.vec[1], rows[i].words, 32) != 0) {
            fail_msg("differs: %s", rows[i].name);
        }
        assert_int_equal(b->cache.dirty, REGS_GPR | REGS_VEC);
        assert_int_equal(b->cache.regs.rip, CODE + rows[i].len);
        assert_int_equal(b->writes, 0);
    }
}

static void stores_write_what_the_manual_says(void **state)
{
    (void)state;
    static const struct {
        uint8_t code[6];
        uint8_t len, from, bytes;
    } rows[] = {
        {{0x0F, 0x11, 0x08}, 3, 0, 16},                    /* movups  */
        {{0x66, 0x0F, 0x7F, 0x08}, 4, 0, 16},              /* movdqa  */
        {{0x66, 0x0F, 0xE7, 0x08}, 4, 0, 16},              /* movntdq */
        {{0xF3, 0x0F, 0x11, 0x08}, 4, 0, 4},               /* movss   */
        {{0x66, 0x0F, 0xD6, 0x08}, 4, 0, 8},               /* movq    */
        {{0x66, 0x0F, 0x7E, 0x08}, 4, 0, 4},               /* movd    */
        {{0x0F, 0x13, 0x08}, 3, 0, 8},                     /* movlps  */
        {{0x0F, 0x17, 0x08}, 3, 8, 8},                     /* movhps  */
        {{0xC5, 0xFE, 0x7F, 0x08}, 4, 0, 32},              /* vmovdqu */
        {{0xC5, 0xF8, 0x29, 0x08}, 4, 0, 16},              /* vmovaps */
        {{0x66, 0x0F, 0x3A, 0x15, 0x08, 0xFB}, 6, 6, 2},   /* pextrw 3 */
        {{0xC4, 0xE3, 0x7D, 0x19, 0x08, 0x03}, 6, 16, 16}, /* vextractf128 1 */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench *b = vectors();
        uint8_t expected[64];
        memcpy(expected, b->device + 32, 64);
        memcpy(expected, (uint8_t *)b->cache.regs.vec[1] + rows[i].from, rows[i].bytes);
        assert_int_equal(run(b, rows[i].code, rows[i].len, DEVICE), EMULATE_DONE);
        assert_memory_equal(b->device + 32, expected, 64);
        assert_int_equal(b->cache.dirty, REGS_GPR);
        assert_int_equal(b->writes, (rows[i].bytes + 7) / 8);
        assert_int_equal(b->reads, 0);
    }
}

static void a_vector_across_two_pages_is_moved_in_order(void **state)
{
    (void)state;
    struct bench *b = vectors();
    *gpr(b, GPR_RAX) = DEVICE - 11;
    for (uint32_t i = 0; i < 16; i++) {
        b->device[21 + i] = (uint8_t)(i + 1);
    }
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x10, 0x08), EMULATE_DONE);
    assert_memory_equal(b->cache.regs.vec[1], b->device + 21, 16);
    assert_int_equal(b->reads, 3); /* 8 and 3, then 5 */
    assert_int_equal(b->last_gpa, DEVICE);
    assert_int_equal(b->last_size, 5);
}

static void registers_that_are_off_are_undefined_or_not_available(void **state)
{
    (void)state;
    struct bench *b = vectors();
    b->cache.regs.cr4 &= ~CR4_OSFXSR;
    assert_fault(b, 6, 0, 0x0F, 0x10, 0x08);
    b = vectors();
    b->cache.regs.cr0 |= CR0_TS;
    assert_fault(b, 7, 0, 0x0F, 0x10, 0x08);
    assert_fault(b, 7, 0, 0xC5, 0xF8, 0x10, 0x08);
    b = vectors();
    b->cache.regs.cr4 &= ~CR4_OSXSAVE;
    assert_fault(b, 6, 0, 0xC5, 0xF8, 0x10, 0x08);
    b = vectors();
    b->cache.regs.xcr0 = XCR0_X87 | XCR0_SSE;
    assert_fault(b, 6, 0, 0xC5, 0xF8, 0x10, 0x08);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x10, 0x08), EMULATE_DONE);
    /* Bit manipulation is encoded alike, but has nothing to do with these registers. */
    b->cache.regs.rip = CODE;
    b->cache.regs.cr0 |= CR0_TS;
    assert_int_equal(RUN(b, DEVICE, 0xC4, 0xE2, 0x70, 0xF2, 0x08), EMULATE_DONE);
}

static void masks_leave_out_what_they_do_not_name(void **state)
{
    (void)state;
    struct bench *b = vectors();
    uint8_t expected[32];
    /* MASKMOVDQU xmm1, xmm2: bytes 1 and 15 to [rdi]. */
    b->cache.regs.vec[2][0] = 0x7F7F7F7F7F7F807Full;
    b->cache.regs.vec[2][1] = 0xFF00000000000000ull;
    *gpr(b, GPR_RDI) = DEVICE;
    memcpy(expected, b->device + 32, sizeof(expected));
    expected[1] = (uint8_t)(OLD(0) >> 8);
    expected[15] = (uint8_t)(OLD(1) >> 56);
    assert_int_equal(RUN(b, DEVICE, 0x66, 0x0F, 0xF7, 0xCA), EMULATE_DONE);
    assert_memory_equal(b->device + 32, expected, sizeof(expected));
    assert_int_equal(b->writes, 2);
    /* VPMASKMOVQ ymm1, ymm2, [rax]: the last element alone, the others become 0. */
    b = vectors();
    memset(b->cache.regs.vec[2], 0, sizeof(b->cache.regs.vec[2]));
    b->cache.regs.vec[2][3] = 1ull << 63;
    assert_int_equal(RUN(b, DEVICE, 0xC4, 0xE2, 0xED, 0x8C, 0x08), EMULATE_DONE);
    const uint64_t loaded[4] = {0, 0, 0, W3};
    assert_memory_equal(b->cache.regs.vec[1], loaded, sizeof(loaded));
    assert_int_equal(b->reads, 1);
    /* No element at all: done, and nothing was read. */
    b = vectors();
    memset(b->cache.regs.vec[2], 0, sizeof(b->cache.regs.vec[2]));
    assert_int_equal(RUN(b, DEVICE, 0xC4, 0xE2, 0x6D, 0x2C, 0x08), EMULATE_DONE);
    assert_int_equal(b->reads, 0);
    assert_int_equal(b->cache.regs.vec[1][0], 0);
}

static void a_fault_under_a_mask_leaves_no_flags_in_the_tables(void **state)
{
    (void)state;
    struct bench *b = vectors();
    le_store(b->ram + 0x2000, 8, 0x3003);
    le_store(b->ram + 0x3000, 8, 0x83);           /* 2 MiB: code */
    le_store(b->ram + 0x3400, 8, DEVICE | 0x83u); /* the device; what follows is absent */
    memset(b->cache.regs.vec[2], 0xFF, sizeof(b->cache.regs.vec[2]));
    *gpr(b, GPR_RDI) = DEVICE + 0x1FFFF8;
    assert_int_equal(RUN(b, DEVICE + 0x1FF000, 0x66, 0x0F, 0xF7, 0xCA), EMULATE_FAULT);
    assert_int_equal(b->report.vector, 14);
    assert_int_equal(b->report.cr2, DEVICE + 0x200000);
    assert_int_equal(le_load(b->ram + 0x3400, 8), DEVICE | 0x83u);
    assert_int_equal(b->writes, 0);
}

static void mmx_moves_take_four_or_eight_bytes(void **state)
{
    (void)state;
    struct bench *b = vectors();
    b->cache.regs.cr4 &= ~CR4_OSFXSR; /* has nothing to do with these */
    b->cache.regs.mmx[1] = UINT64_MAX;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x6E, 0x08), EMULATE_DONE); /* movd */
    assert_int_equal(b->cache.regs.mmx[1], W0 & 0xFFFFFFFF);
    assert_int_equal(b->cache.dirty, REGS_GPR | REGS_MMX);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x6F, 0x08), EMULATE_DONE); /* movq */
    assert_int_equal(b->cache.regs.mmx[1], W0);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x48, 0x0F, 0x6E, 0x08), EMULATE_DONE); /* movq, REX.W */
    assert_int_equal(b->cache.regs.mmx[1], W0);
    b->cache.regs.rip = CODE;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0xC4, 0x08, 0x06), EMULATE_DONE); /* pinsrw 2 */
    assert_int_equal(b->cache.regs.mmx[1], (W0 & ~0xFFFF00000000ull) | 0x010000000000ull);
    static const struct {
        uint8_t code[4];
        uint8_t len, bytes;
    } rows[] = {
        {{0x0F, 0x7E, 0x08}, 3, 4},       /* movd   */
        {{0x0F, 0x7F, 0x08}, 3, 8},       /* movq   */
        {{0x0F, 0xE7, 0x08}, 3, 8},       /* movntq */
        {{0x48, 0x0F, 0x7E, 0x08}, 4, 8}, /* movq   */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        b = vectors();
        uint8_t expected[16];
        b->cache.regs.mmx[1] = 0xF1F2F3F4F5F6F7F8ull;
        memcpy(expected, b->device + 32, sizeof(expected));
        memcpy(expected, &b->cache.regs.mmx[1], rows[i].bytes);
        assert_int_equal(run(b, rows[i].code, rows[i].len, DEVICE), EMULATE_DONE);
        assert_memory_equal(b->device + 32, expected, sizeof(expected));
        assert_int_equal(b->writes, 1);
        assert_int_equal(b->cache.dirty, REGS_GPR);
    }
}

static void a_mask_of_mmx_names_bytes(void **state)
{
    (void)state;
    struct bench *b = vectors();
    uint8_t expected[16];
    *gpr(b, GPR_RDI) = DEVICE;
    b->cache.regs.mmx[1] = 0xF1F2F3F4F5F6F7F8ull;
    b->cache.regs.mmx[2] = 0x80007F0000800000ull;
    memcpy(expected, b->device + 32, sizeof(expected));
    expected[2] = 0xF6;
    expected[7] = 0xF1;
    assert_int_equal(RUN(b, DEVICE, 0x41, 0x0F, 0xF7, 0xCA), EMULATE_DONE); /* maskmovq mm1, mm2 */
    assert_memory_equal(b->device + 32, expected, sizeof(expected));
    assert_int_equal(b->writes, 2);
    assert_int_equal(b->cache.dirty, REGS_GPR);
}

static void mmx_is_undefined_or_not_available_as_the_x87_is(void **state)
{
    (void)state;
    struct bench *b = vectors();
    b->cache.regs.cr0 |= CR0_EM;
    assert_fault(b, 6, 0, 0x0F, 0x6F, 0x08);
    b = vectors();
    b->cache.regs.cr0 |= CR0_TS;
    assert_fault(b, 7, 0, 0x0F, 0x7F, 0x08);
}

static void what_the_host_lacks_is_told_apart(void **state)
{
    (void)state;
    struct bench *b = vectors();
    b->source.lacks = REGS_VEC;
    struct vcpu_regs before = b->cache.regs;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x10, 0x08), EMULATE_NO_VECTOR);
    b->source.lacks = REGS_MMX;
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0x6F, 0x08), EMULATE_NO_VECTOR);
    assert_memory_equal(&before, &b->cache.regs, sizeof(before));
    assert_int_equal(b->reads, 0);
    assert_int_equal(RUN(b, DEVICE, 0x0F, 0xC3, 0x08), EMULATE_DONE); /* MOVNTI needs none */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_fill_what_the_manual_says),
        cmocka_unit_test(stores_write_what_the_manual_says),
        cmocka_unit_test(a_vector_across_two_pages_is_moved_in_order),
        cmocka_unit_test(registers_that_are_off_are_undefined_or_not_available),
        cmocka_unit_test(masks_leave_out_what_they_do_not_name),
        cmocka_unit_test(a_fault_under_a_mask_leaves_no_flags_in_the_tables),
        cmocka_unit_test(mmx_moves_take_four_or_eight_bytes),
        cmocka_unit_test(a_mask_of_mmx_names_bytes),
        cmocka_unit_test(mmx_is_undefined_or_not_available_as_the_x87_is),
        cmocka_unit_test(what_the_host_lacks_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
