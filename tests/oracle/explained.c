/* SPDX-License-Identifier: BSD-2-Clause
 * Where Zydis 4.0 and our decoder differ on purpose, and why. A row that explains nothing fails the
 * test: then it is not true any more. */
#include <inttypes.h>
#include <stdio.h>

#include "view.h"

#define ROWS_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- Instruction sets ------------------------------------------------------------------------------ */

static bool is_of(const struct oracle_case *c, const ZydisISAExt *sets, uint32_t count)
{
    for (uint32_t i = 0; i < count && ZYAN_SUCCESS(c->status); i++) {
        if (c->zydis.meta.isa_ext == sets[i]) {
            return true;
        }
    }
    return false;
}

static bool has_verdicts(const struct oracle_case *c, enum verdict ours, enum verdict theirs)
{
    return c->ours.verdict == ours && c->theirs.verdict == theirs;
}

static bool is_unknown(const struct oracle_case *c)
{
    return c->ours.verdict == VERDICT_UNKNOWN && c->theirs.verdict <= VERDICT_NO_MEMORY;
}

static bool amd_only(const struct oracle_case *c)
{
    static const ZydisISAExt sets[] = {ZYDIS_ISA_EXT_FMA4, ZYDIS_ISA_EXT_XOP, ZYDIS_ISA_EXT_TBM,
                                       ZYDIS_ISA_EXT_AMD3DNOW, ZYDIS_ISA_EXT_SSE4A};
    return is_unknown(c) && is_of(c, sets, ROWS_OF(sets));
}

static bool avx512(const struct oracle_case *c)
{
    static const ZydisISAExt sets[] = {ZYDIS_ISA_EXT_AVX512EVEX, ZYDIS_ISA_EXT_AVX512VEX};
    return is_unknown(c) && is_of(c, sets, ROWS_OF(sets));
}

static bool gather(const struct oracle_case *c)
{
    static const ZydisISAExt sets[] = {ZYDIS_ISA_EXT_AVX2GATHER};
    return is_unknown(c) && is_of(c, sets, ROWS_OF(sets));
}

static bool amx(const struct oracle_case *c)
{
    static const ZydisISAExt sets[] = {ZYDIS_ISA_EXT_AMX_TILE, ZYDIS_ISA_EXT_AMX_INT8,
                                       ZYDIS_ISA_EXT_AMX_BF16};
    return is_unknown(c) && is_of(c, sets, ROWS_OF(sets));
}

static bool newer(const struct oracle_case *c)
{
    static const ZydisISAExt sets[] = {ZYDIS_ISA_EXT_KEYLOCKER, ZYDIS_ISA_EXT_KEYLOCKER_WIDE,
                                       ZYDIS_ISA_EXT_ENQCMD, ZYDIS_ISA_EXT_HRESET};
    return is_unknown(c) && is_of(c, sets, ROWS_OF(sets));
}

static bool unknown_and_refused(const struct oracle_case *c)
{
    return has_verdicts(c, VERDICT_UNKNOWN, VERDICT_REFUSED);
}

static bool knights(const struct oracle_case *c)
{
    static const ZydisISAExt sets[] = {ZYDIS_ISA_EXT_KNC, ZYDIS_ISA_EXT_KNCE, ZYDIS_ISA_EXT_KNCV};
    return c->difference == DIFFERENT_VERDICT && c->ours.verdict >= VERDICT_REFUSED &&
           is_of(c, sets, ROWS_OF(sets));
}

static bool padlock(const struct oracle_case *c)
{
    static const ZydisISAExt sets[] = {ZYDIS_ISA_EXT_PADLOCK};
    return c->ours.verdict == VERDICT_REFUSED && is_of(c, sets, ROWS_OF(sets));
}

/* --- Instructions ---------------------------------------------------------------------------------- */

static bool is_a(const struct oracle_case *c, ZydisMnemonic mnemonic)
{
    return ZYAN_SUCCESS(c->status) && c->zydis.mnemonic == mnemonic;
}

static bool undefined_on_purpose(const struct oracle_case *c)
{
    return c->result == DECODE_UNDEFINED &&
           (is_a(c, ZYDIS_MNEMONIC_UD0) || is_a(c, ZYDIS_MNEMONIC_UD1) ||
            is_a(c, ZYDIS_MNEMONIC_UD2));
}

static bool no_access(const struct oracle_case *c)
{
    uint8_t op = c->insn.op;
    return c->difference == DIFFERENT_SIZE && c->ours.place[0].access == 0 &&
           (op == INSN_HINT || op == INSN_CLFLUSH || op == INSN_INVLPG);
}

static bool lea_segment(const struct oracle_case *c)
{
    return c->difference == DIFFERENT_ADDRESS && c->insn.op == INSN_LEA &&
           c->ours.place[0].seg != c->theirs.place[0].seg;
}

static bool enter_levels(const struct oracle_case *c)
{
    return c->difference == DIFFERENT_SIZE && c->insn.op == INSN_ENTER &&
           c->ours.place[0].size == c->theirs.place[0].size * (1u + (c->insn.imm >> 16));
}

static bool iret_slots(const struct oracle_case *c)
{
    return c->difference == DIFFERENT_SIZE && c->insn.op == INSN_IRET && c->mode != DECODE_64 &&
           c->ours.place[0].size * 5u == c->theirs.place[0].size * 3u;
}

static bool movsxd_word(const struct oracle_case *c)
{
    return c->difference == DIFFERENT_SIZE && is_a(c, ZYDIS_MNEMONIC_MOVSXD) &&
           c->insn.op_size == 2 && c->ours.place[0].size == 2 && c->theirs.place[0].size == 4;
}

/* --- Addresses ---------------------------------------------------------------------------------------- */

static bool sib_without_base(const struct oracle_case *c)
{
    return c->difference == DIFFERENT_ADDRESS && c->mode == DECODE_64 &&
           c->ours.place[0].base == INSN_NO_REG && !c->ours.place[0].rip_relative &&
           c->zydis.raw.sib.base == 5 && c->zydis.raw.modrm.mod == 0 &&
           c->theirs.place[0].base == 13 && c->theirs.place[0].disp == 0;
}

static bool no_track(const struct oracle_case *c)
{
    return c->difference == DIFFERENT_ADDRESS && c->mode != DECODE_64 &&
           (c->insn.op == INSN_CALL || c->insn.op == INSN_JMP) && c->bytes[1] == 0x3E &&
           c->ours.place[0].seg == 3;
}

static bool movdir64b(const struct oracle_case *c)
{
    return c->difference == DIFFERENT_ADDRESS && c->mode == DECODE_64 &&
           c->insn.op == INSN_MOVDIR64B && c->ours.place[1].seg == 0 &&
           c->theirs.place[1].seg != 0 && c->ours.place[1].base == c->theirs.place[1].base;
}

static struct {
    const char *reason;
    bool (*matches)(const struct oracle_case *c);
    uint64_t count;
} rows[] = {
    {"AMD's 3DNow!, SSE4a's EXTRQ and INSERTQ, XOP, TBM, FMA4: not known", amd_only, 0},
    {"AVX-512, its mask registers: not known", avx512, 0},
    {"AVX2 gathers have many memory operands: not known", gather, 0},
    {"AMX: not known", amx, 0},
    {"Key Locker, ENQCMD, HRESET: not known", newer, 0},
    {"3DNow!, XOP and EVEX are not looked into: not known, where Zydis finds nothing",
     unknown_and_refused, 0},
    {"Knights Corner had instructions that other processors refuse", knights, 0},
    {"VIA's PadLock: other processors refuse it", padlock, 0},
    {"UD0, UD1, UD2 are instructions that raise #UD", undefined_on_purpose, 0},
    {"NOP, PREFETCH, CLFLUSH, INVLPG: an address, but no access that a device sees", no_access, 0},
    {"LEA: an address has no segment; ours is what a prefix says", lea_segment, 0},
    {"ENTER: Zydis leaves out the slots for its nesting level", enter_levels, 0},
    {"IRET outside 64-bit code pops three slots, five if the privilege level changes", iret_slots,
     0},
    {"MOVSXD with 66 reads two bytes ([SDM] vol. 2B), Zydis says four", movsxd_word, 0},
    {"SIB without a base ignores REX.B ([SDM] vol. 2A, 2.2.1.2), Zydis takes R13", sib_without_base,
     0},
    {"3E before CALL and JMP is DS: also if it says NOTRACK", no_track, 0},
    {"MOVDIR64B writes through ES ([SDM] vol. 2B); in 64-bit code Zydis says DS or SS", movdir64b,
     0},
};

const char *explained_reason(const struct oracle_case *c)
{
    for (uint32_t i = 0; i < ROWS_OF(rows) && c->difference != DIFFERENT_WAYS; i++) {
        if (rows[i].matches(c)) {
            rows[i].count++;
            return rows[i].reason;
        }
    }
    return NULL;
}

uint32_t explained_rows(void)
{
    return (uint32_t)ROWS_OF(rows);
}

uint32_t explained_summary(void)
{
    uint32_t idle = 0;
    for (uint32_t i = 0; i < ROWS_OF(rows); i++) {
        printf("oracle: %9" PRIu64 " explained: %s\n", rows[i].count, rows[i].reason);
        if (rows[i].count == 0) {
            printf("oracle: that explains nothing any more: remove it from explained.c\n");
            idle++;
        }
    }
    return idle;
}
