/* SPDX-License-Identifier: BSD-2-Clause
 * A VM with RAM to load into, and a list of pieces that must not meet. */
#ifndef TEST_BOOT_FIXTURE_H
#define TEST_BOOT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/le.h"
#include "boot/boot.h"
#include "boot/e820.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

struct fixture {
    struct system_vm vm;
    struct gmem mem;
    struct boot_input in;
    struct vcpu_regs regs;
    struct boot_result out;
    uint8_t *ram[SYSTEM_RANGES_MAX];
};

static inline void fixture_range(struct fixture *f, uint64_t base, uint64_t size)
{
    const uint32_t n = f->vm.ranges;
    f->ram[n] = calloc(1, size);
    assert_non_null(f->ram[n]);
    assert_true(gmem_add(&f->mem, base, size, f->ram[n]));
    f->vm.range[n] = (struct system_range){base, size};
    f->vm.ranges++;
}

/* `ram` bytes of it: in one piece from 0, as the RTOS has it. */
static inline struct fixture *fixture_open(uint32_t protocol, uint64_t ram)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->vm.protocol = protocol;
    f->in.vm = &f->vm;
    f->in.mem = &f->mem;
    f->in.tsc_khz = 2400000;
    f->in.kernel.load_at = SYSTEM_AT_ANY;
    f->in.initrd.load_at = SYSTEM_AT_ANY;
    if (ram != 0) {
        fixture_range(f, 0, ram);
    }
    return f;
}

static inline void fixture_close(struct fixture *f)
{
    for (uint32_t i = 0; i < f->vm.ranges; i++) {
        free(f->ram[i]);
    }
    free(f);
}

static inline void fixture_kernel(struct fixture *f, const uint8_t *bytes, uint64_t len)
{
    f->in.kernel.bytes = bytes;
    f->in.kernel.len = len;
}

static inline enum boot_status fixture_load(struct fixture *f)
{
    memset(&f->regs, 0xA5, sizeof(f->regs));
    memset(&f->out, 0xA5, sizeof(f->out));
    const enum boot_status status = boot_load(&f->in, &f->regs, &f->out);
    assert_int_equal(status, f->out.status);
    if (status != BOOT_OK) { /* registers are untouched */
        for (size_t i = 0; i < sizeof(f->regs); i++) {
            assert_int_equal(((const uint8_t *)&f->regs)[i], 0xA5);
        }
    }
    return status;
}

static inline uint64_t guest_num(const struct fixture *f, gpa_t gpa, uint32_t size)
{
    uint8_t bytes[8];
    assert_true(gmem_read(&f->mem, gpa, bytes, size));
    return le_load(bytes, size);
}

static inline void assert_guest_text(const struct fixture *f, gpa_t gpa, const char *text)
{
    char got[512];
    assert_true(strlen(text) < sizeof(got));
    assert_true(gmem_read(&f->mem, gpa, got, strlen(text) + 1));
    assert_memory_equal(got, text, strlen(text) + 1);
}

static inline void assert_guest_bytes(const struct fixture *f, gpa_t gpa, const uint8_t *bytes,
                                      size_t len)
{
    uint8_t *got = malloc(len);
    assert_true(gmem_read(&f->mem, gpa, got, len));
    assert_memory_equal(got, bytes, len);
    free(got);
}

static inline void assert_guest_zero(const struct fixture *f, gpa_t gpa, size_t len)
{
    uint8_t *zero = calloc(1, len);
    assert_guest_bytes(f, gpa, zero, len);
    free(zero);
}

/* Pieces of guest memory that must be RAM and disjoint. */
struct pieces {
    uint32_t count;
    uint64_t lo[64];
    uint64_t hi[64];
};

static inline void pieces_add(struct pieces *p, uint64_t lo, uint64_t hi)
{
    if (hi > lo) {
        p->lo[p->count] = lo;
        p->hi[p->count] = hi;
        p->count++;
    }
}

/* What the loader placed, beside the kernel. */
static inline void pieces_add_placed(struct pieces *p, const struct fixture *f)
{
    pieces_add(p, f->out.initrd_lo, f->out.initrd_hi);
    pieces_add(p, f->out.info_lo, f->out.info_hi);
    pieces_add(p, f->out.acpi_lo, f->out.acpi_hi);
    for (uint32_t i = 0; i < f->in.modules; i++) {
        pieces_add(p, f->out.module_lo[i], f->out.module_hi[i]);
    }
}

static inline void assert_disjoint(const struct pieces *p, const struct fixture *f)
{
    for (uint32_t i = 0; i < p->count; i++) {
        assert_true(gmem_contains(&f->mem, p->lo[i], p->hi[i] - p->lo[i]));
        for (uint32_t k = 0; k < i; k++) {
            assert_false(
                range_overlaps(p->lo[i], p->hi[i] - p->lo[i], p->lo[k], p->hi[k] - p->lo[k]));
        }
    }
}

#endif
