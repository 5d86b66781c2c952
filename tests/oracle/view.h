/* SPDX-License-Identifier: BSD-2-Clause
 * What two decoders say of the same bytes, in one language. */
#ifndef ORACLE_VIEW_H
#define ORACLE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <Zydis/Zydis.h>

#include "cpu/decode.h"

enum verdict {
    VERDICT_MEMORY,    /* an instruction with memory operands    */
    VERDICT_NO_MEMORY, /* one without                            */
    VERDICT_REFUSED,   /* no instruction                         */
    VERDICT_UNKNOWN,   /* ours: not known, not even its length   */
    VERDICTS,
};

/* One memory operand. Registers are enum gpr, or INSN_NO_REG. */
struct place {
    bool stack; /* the implied one: only size and direction count */
    bool rip_relative;
    uint8_t seg;
    uint8_t base;
    uint8_t index;
    uint8_t scale;  /* 1, 2, 4, 8; 0 without index */
    uint8_t access; /* INSN_READ, INSN_WRITE       */
    uint16_t size;  /* bytes                       */
    int64_t disp;
};

#define PLACES_MAX 4u

struct view {
    enum verdict verdict;
    uint32_t len;
    uint32_t addr_size;
    uint32_t places;
    struct place place[PLACES_MAX];
};

/* How two views differ. */
enum difference {
    SAME,
    DIFFERENT_VERDICT,
    DIFFERENT_LENGTH,
    DIFFERENT_OPERANDS, /* their number         */
    DIFFERENT_ADDRESS,
    DIFFERENT_SIZE,
    DIFFERENT_DIRECTION,
    DIFFERENT_WAYS, /* our short way and our long one */
    DIFFERENCES,
};

struct oracle_case {
    uint8_t bytes[DECODE_BYTES_MAX];
    uint32_t mode; /* enum decode_mode */
    enum difference difference;
    enum decode_result result;
    struct insn insn;
    struct view ours;
    struct view theirs;
    ZyanStatus status;
    ZydisDecodedInstruction zydis;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

void view_init(void);

/* Decodes c->bytes in c->mode twice, and fills in the rest. */
void view_compare(struct oracle_case *c);

void view_print(const struct oracle_case *c);

/* A reason why the difference is none of ours, or null. */
const char *explained_reason(const struct oracle_case *c);

/* How many reasons there are. */
uint32_t explained_rows(void);

/* Prints each reason with its count; returns how many of them explained nothing. */
uint32_t explained_summary(void);

#endif
