/* SPDX-License-Identifier: BSD-2-Clause */
#include "build_elf.h"

#include "boot/elf.h"

static const struct test_segment two[] = {
    {.vaddr = 0xC0100000, .paddr = 0x100000, .offset = 0x1000, .file_len = 0x800, .mem_len = 0x900},
    {.vaddr = 0xC0200000, .paddr = 0x200000, .offset = 0x2000, .file_len = 0, .mem_len = 0x5000},
};

static void both_classes_are_read(void **state)
{
    (void)state;
    for (uint32_t is64 = 0; is64 < 2; is64++) {
        static uint8_t file[ELF_FILE_MAX];
        struct elf e;
        uint32_t bad = 99;
        uint64_t paddr;
        const uint64_t len = build_elf(file, is64 != 0, 0xC0100010, two, 2);
        assert_true(elf_is(file, len));
        assert_int_equal(elf_read(&e, file, len, &bad), BOOT_OK);
        assert_int_equal(bad, 99);
        assert_int_equal(e.segments, 2);
        assert_int_equal(e.entry, 0xC0100010);
        assert_int_equal(e.segment[0].offset, 0x1000);
        assert_int_equal(e.segment[0].file_len, 0x800);
        assert_int_equal(e.segment[0].mem_len, 0x900);
        assert_int_equal(e.segment[0].paddr, 0x100000);
        assert_int_equal(e.segment[1].vaddr, 0xC0200000);
        assert_true(elf_entry_paddr(&e, &paddr));
        assert_int_equal(paddr, 0x100010);
    }
}

static void other_program_headers_and_empty_segments_are_passed_over(void **state)
{
    (void)state;
    static uint8_t file[ELF_FILE_MAX];
    struct test_segment seg[3] = {two[0], {.offset = UINT64_MAX}, two[1]};
    struct elf e;
    uint32_t bad;
    const uint64_t len = build_elf(file, true, 0x100000, seg, 3);
    assert_int_equal(elf_read(&e, file, len, &bad), BOOT_OK);
    assert_int_equal(e.segments, 2);
    le_store(&file[64], 4, 4); /* PT_NOTE */
    assert_int_equal(elf_read(&e, file, len, &bad), BOOT_OK);
    assert_int_equal(e.segments, 1);
    assert_int_equal(e.segment[0].paddr, 0x200000);
}

static void an_entry_is_virtual_first_then_physical_and_never_in_bss(void **state)
{
    (void)state;
    static const struct {
        uint64_t entry;
        bool ok;
        uint64_t paddr;
    } rows[] = {
        {0xC0100000, true, 0x100000}, {0xC01007FF, true, 0x1007FF}, {0xC0100800, false, 0},
        {0xC00FFFFF, false, 0},       {0x100000, true, 0x100000},   {0x1007FF, true, 0x1007FF},
        {0x100800, false, 0},         {0x200000, false, 0},         {0, false, 0},
        {UINT64_MAX, false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static uint8_t file[ELF_FILE_MAX];
        struct elf e;
        uint32_t bad;
        uint64_t paddr = 0;
        const uint64_t len = build_elf(file, true, rows[i].entry, two, 2);
        assert_int_equal(elf_read(&e, file, len, &bad), BOOT_OK);
        assert_int_equal(elf_entry_paddr(&e, &paddr), rows[i].ok);
        assert_int_equal(paddr, rows[i].paddr);
    }
}

static void each_defect_has_its_status(void **state)
{
    (void)state;
    static const struct {
        bool is64;
        uint32_t off;
        uint32_t size;
        uint64_t value;
        uint64_t len; /* 0: whole */
        enum boot_status status;
        uint32_t bad;
    } rows[] = {
        {true, 0, 1, 0x7F, 4, BOOT_ELF_CUT_HEADER, 99},
        {true, 0, 1, 0x7F, 51, BOOT_ELF_CUT_HEADER, 99},
        {true, 0, 1, 0x7F, 63, BOOT_ELF_CUT_HEADER, 99},
        {false, 0, 1, 0x7F, 51, BOOT_ELF_CUT_HEADER, 99},
        {true, 1, 1, 'F', 0, BOOT_ELF_BAD_FORMAT, 1},
        {true, 4, 1, 3, 0, BOOT_ELF_BAD_FORMAT, 3},
        {true, 5, 1, 2, 0, BOOT_ELF_BAD_FORMAT, 2},
        {true, 6, 1, 0, 0, BOOT_ELF_BAD_FORMAT, 1},
        {true, 0x10, 2, 3, 0, BOOT_ELF_BAD_TYPE, 3},
        {true, 0x12, 2, 183, 0, BOOT_ELF_BAD_MACHINE, 183},
        {true, 0x36, 2, 55, 0, BOOT_ELF_BAD_TABLE, 99},
        {true, 0x20, 8, UINT64_MAX, 0, BOOT_ELF_BAD_TABLE, 99},
        {true, 0x20, 8, 0x1800, 0, BOOT_ELF_BAD_TABLE, 99},
        {true, 0x38, 2, 0xFFFF, 0, BOOT_ELF_BAD_TABLE, 99},
        {true, 0x38, 2, 0, 0, BOOT_ELF_NO_SEGMENTS, 99},
        {false, 0x2A, 2, 31, 0, BOOT_ELF_BAD_TABLE, 99},
        {true, 0x40 + 0x08, 8, UINT64_MAX, 0, BOOT_ELF_SEGMENT_CUT, 0},
        {true, 0x40 + 0x08, 8, 0x1001, 0, BOOT_ELF_SEGMENT_CUT, 0},
        {true, 0, 1, 0x7F, 0x17FF, BOOT_ELF_SEGMENT_CUT, 0},
        {true, 0x40 + 0x28, 8, 0x7FF, 0, BOOT_ELF_SEGMENT_SIZES, 0},
        {true, 0x40 + 0x28, 8, 0, 0, BOOT_ELF_SEGMENT_SIZES, 0},
        {true, 0x78 + 0x28, 8, UINT64_MAX, 0, BOOT_ELF_SEGMENT_HIGH, 1},
        {true, 0x78 + 0x18, 8, UINT64_MAX - 1, 0, BOOT_ELF_SEGMENT_HIGH, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t *file = malloc(ELF_FILE_MAX);
        struct elf e;
        uint32_t bad = 99;
        uint64_t len = build_elf(file, rows[i].is64, 0x100000, two, 2);
        le_store(&file[rows[i].off], rows[i].size, rows[i].value);
        len = rows[i].len == 0 ? len : rows[i].len;
        /* The exact size, so that one byte too far is seen. */
        uint8_t *exact = malloc(len);
        memcpy(exact, file, len);
        assert_int_equal(elf_read(&e, exact, len, &bad), rows[i].status);
        assert_int_equal(bad, rows[i].bad);
        free(exact);
        free(file);
    }
}

static void headers_of_no_or_too_many_segments_are_refused(void **state)
{
    (void)state;
    static uint8_t file[ELF_FILE_MAX];
    struct test_segment many[ELF_SEGMENTS_MAX + 1];
    struct elf e;
    uint32_t bad = 0;
    for (uint32_t i = 0; i < ELF_SEGMENTS_MAX + 1; i++) {
        many[i] = (struct test_segment){.paddr = 0x1000 * i, .mem_len = 0x1000};
    }
    uint64_t len = build_elf(file, false, 0, many, ELF_SEGMENTS_MAX);
    assert_int_equal(elf_read(&e, file, len, &bad), BOOT_OK);
    len = build_elf(file, false, 0, many, ELF_SEGMENTS_MAX + 1);
    assert_int_equal(elf_read(&e, file, len, &bad), BOOT_ELF_TOO_MANY_SEGMENTS);
    assert_int_equal(bad, ELF_SEGMENTS_MAX);
    many[0].mem_len = 0;
    len = build_elf(file, false, 0, many, 1);
    assert_int_equal(elf_read(&e, file, len, &bad), BOOT_ELF_NO_SEGMENTS);
}

/* Whatever a header says, reading stays within the file. */
static void damaged_headers_do_no_harm(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (uint32_t turn = 0; turn < 20000; turn++) {
        static uint8_t file[ELF_FILE_MAX];
        uint8_t *exact = malloc(0x1800);
        struct elf e;
        uint32_t bad;
        uint64_t paddr;
        build_elf(file, turn % 2 != 0, 0x100000, two, 2);
        for (uint32_t k = 0; k < 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            file[7 + (seed >> 8) % 0xB0u] = (uint8_t)(seed >> 24);
        }
        memcpy(exact, file, 0x1800);
        if (elf_read(&e, exact, 0x1800, &bad) == BOOT_OK) {
            (void)elf_entry_paddr(&e, &paddr);
            for (uint32_t i = 0; i < e.segments; i++) {
                assert_true(e.segment[i].file_len <= e.segment[i].mem_len);
                assert_true(e.segment[i].file_len == 0 ||
                            range_within(e.segment[i].offset, e.segment[i].file_len, 0, 0x1800));
            }
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_classes_are_read),
        cmocka_unit_test(other_program_headers_and_empty_segments_are_passed_over),
        cmocka_unit_test(an_entry_is_virtual_first_then_physical_and_never_in_bss),
        cmocka_unit_test(each_defect_has_its_status),
        cmocka_unit_test(headers_of_no_or_too_many_segments_are_refused),
        cmocka_unit_test(damaged_headers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
