/* SPDX-License-Identifier: BSD-2-Clause
 * What the parts of the checker share: check.c, check_net.c and check_sel4.c only. */
#ifndef SYSTEM_CHECK_INT_H
#define SYSTEM_CHECK_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/check.h"

#define PAGE_BYTES  0x1000u
#define ADDRESS_END (1ull << 46)

/* What has been found, and which VM is being looked at. */
struct finder {
    const struct system_image *image;
    struct system_fault *faults;
    size_t max;
    size_t count;
    uint32_t vm;
};

static inline void found_with(struct finder *f, enum system_fault_code code,
                              enum system_field field, uint32_t index, uint32_t other_index)
{
    if (f->count < f->max) {
        f->faults[f->count] = (struct system_fault){
            .code = code,
            .field = field,
            .vm = f->vm,
            .index = index,
            .other_index = other_index,
        };
    }
    f->count++;
}

static inline void found(struct finder *f, enum system_fault_code code, enum system_field field,
                         uint32_t index)
{
    found_with(f, code, field, index, 0);
}

/* --- Small predicates ------------------------------------------------------------------------- */

static inline uint32_t u32_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline bool text_ends(const char *text, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) { /* bound: size */
        if (text[i] == 0) {
            return true;
        }
    }
    return false;
}

/* True if all bytes are zero. */
static inline bool all_zero(const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++) { /* bound: size */
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static inline bool name_char(char c)
{
    if (c >= 'a' && c <= 'z') {
        return true;
    }
    if (c >= 'A' && c <= 'Z') {
        return true;
    }
    if (c >= '0' && c <= '9') {
        return true;
    }
    return c == '-' || c == '_';
}

static inline bool name_good(const char *name)
{
    if (name[0] == 0) {
        return false;
    }
    for (uint32_t i = 0; i < SYSTEM_NAME_MAX; i++) { /* bound: SYSTEM_NAME_MAX */
        if (name[i] == 0) {
            return true;
        }
        if (!name_char(name[i])) {
            return false;
        }
    }
    return false;
}

static inline bool name_same(const char *a, const char *b)
{
    for (uint32_t i = 0; i < SYSTEM_NAME_MAX; i++) { /* bound: SYSTEM_NAME_MAX */
        if (a[i] != b[i]) {
            return false;
        }
        if (a[i] == 0) {
            return true;
        }
    }
    return true;
}

/* check_sel4.c */
void check_backing(struct finder *f, const struct system_vm *vm);
void check_sel4(struct finder *f);

/* check_net.c */
void check_nics(struct finder *f, const struct system_vm *vm);
void check_switches(struct finder *f);

#endif
