/* SPDX-License-Identifier: BSD-2-Clause
 * What bench/instructions counts: the same few calls again and again.
 * Usage: instructions decode|zydis FORM TIMES     one instruction, decoded
 *        instructions eoi|idle flat|long TIMES    a LAPIC EOI as an EPT violation, with an interrupt in
 *                                                 service or none, without paging or in 64-bit code */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "base/le.h"
#include "cpu/decode.h"
#include "sim/sim.h"

#define LAPIC     0xFEE00000u
#define LAPIC_SVR 0xF0u
#define LAPIC_ICR 0x300u
#define LAPIC_EOI 0xB0u
#define CODE      0x1000u
#define VECTOR    0x40u

static const struct {
    const char *name;
    uint8_t bytes[DECODE_BYTES_MAX];
} forms[] = {
    {"mov [rax+0xb0], ecx", {0x89, 0x88, 0xB0, 0, 0, 0}},
    {"mov dword [rax+0xb0], 0", {0xC7, 0x80, 0xB0, 0, 0, 0, 0, 0, 0, 0}},
    {"mov eax, [0xfee00020]", {0x8B, 0x04, 0x25, 0x20, 0, 0xE0, 0xFE}},
    {"mov [rsp+0x10], r9d", {0x44, 0x89, 0x4C, 0x24, 0x10}},
    {"movzx eax, word [rdx]", {0x0F, 0xB7, 0x02}},
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

static int decode_times(uint32_t form, uint32_t times)
{
    struct insn insn;
    uint32_t len = 0;
    for (uint32_t i = 0; i < times; i++) {
        if (decode(forms[form].bytes, DECODE_BYTES_MAX, DECODE_64, &insn) != DECODE_DONE) {
            return 1;
        }
        len = insn.len;
    }
    printf("%s: %u bytes\n", forms[form].name, len);
    return 0;
}

static int zydis_times(uint32_t form, uint32_t times)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (uint32_t i = 0; i < times; i++) {
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, forms[form].bytes, DECODE_BYTES_MAX,
                                                 &insn, operands))) {
            return 1;
        }
    }
    printf("%s: %u bytes\n", forms[form].name, insn.length);
    return 0;
}

/* Four levels of tables from 0x2000 that map the first 4 GiB as they are, in pages of 2 MiB. */
static void set_paging(struct sim *s)
{
    uint8_t entry[8];
    le_store(entry, 8, 0x3003);
    gmem_write(&s->mem, 0x2000, entry, 8);
    for (uint64_t i = 0; i < 4; i++) {
        le_store(entry, 8, 0x4003 + 0x1000 * i);
        gmem_write(&s->mem, 0x3000 + 8 * i, entry, 8);
    }
    for (uint64_t i = 0; i < 2048; i++) {
        le_store(entry, 8, i << 21 | 0xE3);
        gmem_write(&s->mem, 0x4000 + 8 * i, entry, 8);
    }
    s->regs.cr3 = 0x2000;
    s->regs.cr4 = CR4_PAE;
    s->regs.efer = EFER_LME | EFER_LMA;
    s->regs.cr0 = CR0_PE | CR0_ET | CR0_PG;
    s->regs.seg[SEG_CS].ar = 0xA09B;
}

/* A guest at `mov [rax+0xb0], ecx`, RAX at the LAPIC. */
static struct sim *start(const char *mode)
{
    struct system_vm system = sim_system(1u << 20, SYSTEM_DEV_LAPIC);
    struct sim *s = sim_new(&system, 1000000);
    gmem_write(&s->mem, CODE, forms[0].bytes, DECODE_BYTES_MAX);
    s->regs.cr0 = CR0_PE | CR0_ET;
    s->regs.seg[SEG_CS] = (struct seg_reg){.limit = UINT32_MAX, .ar = 0xC09B, .selector = 8};
    s->regs.seg[SEG_DS] = (struct seg_reg){.limit = UINT32_MAX, .ar = 0xC093, .selector = 16};
    s->regs.seg[SEG_SS] = s->regs.seg[SEG_DS];
    s->regs.seg[SEG_ES] = s->regs.seg[SEG_DS];
    s->regs.gpr[GPR_RAX] = LAPIC;
    if (strcmp(mode, "long") == 0) {
        set_paging(s);
    }
    sim_store(s, LAPIC + LAPIC_SVR, 4, 0x1FF);
    return s;
}

static void end_interrupt(struct sim *s)
{
    s->regs.rip = CODE;
    sim_ept(s, LAPIC + LAPIC_EOI, true);
}

static void interrupt(struct sim *s, uint8_t vector)
{
    if (vector == VECTOR) {
        end_interrupt(s);
    }
}

static int exit_times(const char *what, const char *mode, uint32_t times)
{
    struct sim *s = start(mode);
    bool idle = strcmp(what, "idle") == 0;
    s->isr = interrupt;
    sim_sti(s);
    for (uint32_t i = 0; i < times; i++) {
        if (idle) {
            end_interrupt(s);
        } else {
            sim_store(s, LAPIC + LAPIC_ICR, 4, 0x40000u | VECTOR); /* to itself */
        }
    }
    uint32_t wanted = idle ? 0 : times;
    bool right = s->events == wanted && s->regs.rip == CODE + 6u && s->plan.go == VM_GO_RUN;
    printf("%s: %u interrupts%s\n", what, s->events, right ? "" : ", which is wrong");
    sim_free(s);
    return right ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: instructions decode|zydis FORM TIMES | eoi|idle flat|long TIMES\n");
        return 2;
    }
    uint32_t times = (uint32_t)strtoul(argv[3], NULL, 10);
    uint32_t form = (uint32_t)strtoul(argv[2], NULL, 10) % FORMS;
    if (strcmp(argv[1], "decode") == 0) {
        return decode_times(form, times);
    }
    if (strcmp(argv[1], "zydis") == 0) {
        return zydis_times(form, times);
    }
    return exit_times(argv[1], argv[2], times);
}
