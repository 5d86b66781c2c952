/* SPDX-License-Identifier: BSD-2-Clause
 * Builds small ELF executables in memory, for the tests of the reader and of the Multiboot loader. */
#ifndef TEST_BOOT_BUILD_ELF_H
#define TEST_BOOT_BUILD_ELF_H

#include "fixture.h"

#define ELF_FILE_MAX 0x8000u

struct test_segment {
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t offset;
    uint64_t file_len;
    uint64_t mem_len;
};

/* Header, table, and file bytes that tell where they are from. Returns the file's length. */
static inline uint64_t build_elf(uint8_t *file, bool is64, uint64_t entry,
                                 const struct test_segment *seg, uint32_t count)
{
    const uint32_t word = is64 ? 8 : 4;
    const uint32_t head = is64 ? 64 : 52;
    const uint32_t each = is64 ? 56 : 32;
    uint64_t len = head + count * each;
    for (uint32_t i = 0; i < ELF_FILE_MAX; i++) {
        file[i] = (uint8_t)(0x40u + i % 191u);
    }
    memset(file, 0, head + count * each);
    memcpy(file,
           "\x7F"
           "ELF",
           4);
    file[4] = is64 ? 2 : 1;
    file[5] = 1;
    file[6] = 1;
    le_store(&file[0x10], 2, 2);
    le_store(&file[0x12], 2, is64 ? 62 : 3);
    le_store(&file[0x14], 4, 1);
    le_store(&file[0x18], word, entry);
    le_store(&file[is64 ? 0x20 : 0x1C], word, head);
    le_store(&file[is64 ? 0x34 : 0x28], 2, head);
    le_store(&file[is64 ? 0x36 : 0x2A], 2, each);
    le_store(&file[is64 ? 0x38 : 0x2C], 2, count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *p = &file[head + i * each];
        le_store(p, 4, 1);
        le_store(&p[is64 ? 0x08 : 0x04], word, seg[i].offset);
        le_store(&p[is64 ? 0x10 : 0x08], word, seg[i].vaddr);
        le_store(&p[is64 ? 0x18 : 0x0C], word, seg[i].paddr);
        le_store(&p[is64 ? 0x20 : 0x10], word, seg[i].file_len);
        le_store(&p[is64 ? 0x28 : 0x14], word, seg[i].mem_len);
        if (seg[i].file_len != 0 && seg[i].offset + seg[i].file_len > len) {
            len = seg[i].offset + seg[i].file_len;
        }
    }
    assert_true(len <= ELF_FILE_MAX);
    return len;
}

/* A Multiboot header without address fields. */
static inline void put_multiboot(uint8_t *at, uint32_t flags)
{
    le_store(&at[0], 4, 0x1BADB002u);
    le_store(&at[4], 4, flags);
    le_store(&at[8], 4, 0u - (0x1BADB002u + flags));
}

#endif
