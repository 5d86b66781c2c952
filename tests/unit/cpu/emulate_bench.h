/* SPDX-License-Identifier: BSD-2-Clause
 * What the tests of the emulator share: a processor, 64 KiB of RAM at 0, and a device. */
#ifndef TESTS_EMULATE_BENCH_H
#define TESTS_EMULATE_BENCH_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/le.h"
#include "base/string.h"
#include "cpu/emulate.h"
#include "cpu/emulate_alu.h"
#include "cpu/walk.h"

#define RAM_BYTES 0x10000u
#define CODE      0x8000u
#define DEVICE    0x10000000u /* guest-linear, guest-physical, and the native page */

#define DEVICE_BYTES 320u

#define FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct bench {
    _Alignas(4096) uint8_t ram[RAM_BYTES];
    uint8_t device[DEVICE_BYTES]; /* what lies at DEVICE - 32 and on */
    struct gmem gmem;
    struct regs_cache cache;
    struct regs_source source;
    struct emulate_bus bus;
    struct emulate_vcpu vcpu;
    struct emulate_report report;
    struct emulate_bus ports;
    struct emulate_memo memo;
    uint32_t reads, writes, fetches;
    uint32_t asked; /* REGS_* */
    uint32_t port_reads, port_writes;
    uint64_t port_val; /* the next to be read: counts up; the last written */
    gpa_t last_gpa;
    uint32_t last_size;
    uint64_t last_val;
};

static struct bench bench;

static inline uint64_t dev_read(void *owner, gpa_t gpa, uint32_t size)
{
    struct bench *b = owner;
    b->reads++;
    b->last_gpa = gpa;
    b->last_size = size;
    assert_true(gpa >= DEVICE - 32 && gpa + size <= DEVICE - 32 + DEVICE_BYTES);
    return le_load(b->device + (gpa - (DEVICE - 32)), size);
}

static inline void dev_write(void *owner, gpa_t gpa, uint32_t size, uint64_t val)
{
    struct bench *b = owner;
    b->writes++;
    b->last_gpa = gpa;
    b->last_size = size;
    b->last_val = val;
    assert_true(gpa >= DEVICE - 32 && gpa + size <= DEVICE - 32 + DEVICE_BYTES);
    le_store(b->device + (gpa - (DEVICE - 32)), size, val);
}

static inline uint64_t port_read(void *owner, gpa_t port, uint32_t size)
{
    struct bench *b = owner;
    (void)size;
    b->port_reads++;
    b->last_gpa = port;
    return b->port_val++;
}

static inline void port_write(void *owner, gpa_t port, uint32_t size, uint64_t val)
{
    struct bench *b = owner;
    (void)size;
    b->port_writes++;
    b->last_gpa = port;
    b->port_val = val;
}

static inline void fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs)
{
    struct bench *b = host;
    (void)regs; /* the test put the truth there before */
    assert_int_equal(vcpu, 3);
    assert_true(groups != 0);
    b->asked |= groups;
    b->fetches++;
}

static inline struct bench *fresh(enum decode_mode mode)
{
    struct bench *b = &bench;
    memset(b, 0, sizeof(*b));
    assert_true(gmem_add(&b->gmem, 0, RAM_BYTES, b->ram));
    b->source = (struct regs_source){.fetch = fetch, .host = b};
    b->bus = (struct emulate_bus){dev_read, dev_write, b};
    b->ports = (struct emulate_bus){port_read, port_write, b};
    b->vcpu = (struct emulate_vcpu){
        .cache = &b->cache, .source = &b->source, .gmem = &b->gmem, .bus = &b->bus, .vcpu = 3};
    struct vcpu_regs *r = &b->cache.regs;
    for (uint32_t i = 0; i < SEG_COUNT; i++) {
        r->seg[i] = (struct seg_reg){.limit = UINT32_MAX, .ar = SEG_AR_P | SEG_AR_S | 3};
    }
    r->rip = CODE;
    r->rflags = RFLAGS_FIXED;
    if (mode == DECODE_64) {
        r->cr0 = CR0_PE | CR0_PG;
        r->cr4 = CR4_PAE;
        r->efer = EFER_LME | EFER_LMA;
        r->cr3 = 0x1000;
        r->seg[SEG_CS].ar = SEG_AR_P | SEG_AR_S | SEG_AR_L | 0xB;
        le_store(b->ram + 0x1000, 8, 0x2003);
        le_store(b->ram + 0x2000, 8, 0x83); /* 1 GiB, identity */
    } else if (mode == DECODE_32) {
        r->cr0 = CR0_PE;
        r->seg[SEG_CS].ar = SEG_AR_P | SEG_AR_S | SEG_AR_DB | 0xB;
    }
    return b;
}

static inline enum emulate_result run(struct bench *b, const void *code, size_t len, gpa_t gpa)
{
    memcpy(b->ram + CODE, code, len);
    memset(b->ram + CODE + len, 0xCC, 15);
    return emulate_mmio(&b->vcpu, gpa, &b->report);
}

#define RUN(b, gpa, ...) \
    run((b), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), (gpa))

/* A protected-mode segment of type `type`. */
static inline void set_segment(struct bench *b, uint32_t seg, uint64_t base, uint32_t limit,
                               uint32_t type)
{
    struct seg_reg *r = &b->cache.regs.seg[seg];
    r->base = base;
    r->limit = limit;
    r->ar = SEG_AR_P | SEG_AR_S | type;
}

/* The instruction faults so, and nothing has changed. */
#define assert_fault(b, vec, code, ...)                                   \
    do {                                                                  \
        struct vcpu_regs before_ = (b)->cache.regs;                       \
        assert_int_equal(RUN((b), DEVICE, __VA_ARGS__), EMULATE_FAULT);   \
        assert_int_equal((b)->report.vector, (vec));                      \
        assert_int_equal((b)->report.error_code, (code));                 \
        assert_int_equal((b)->writes, 0);                                 \
        assert_int_equal((b)->cache.dirty, 0);                            \
        assert_memory_equal(&before_, &(b)->cache.regs, sizeof(before_)); \
    } while (0)

static inline uint64_t *gpr(struct bench *b, enum gpr n)
{
    return &b->cache.regs.gpr[n];
}

#endif
