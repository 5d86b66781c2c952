/* SPDX-License-Identifier: BSD-2-Clause
 * The bzImage loader, with kernels made up in memory. */
#include "fixture.h"

#define SETUP_BYTES 0x600u /* two sectors and the first */
#define CODE_BYTES  0x3000u
#define FILE_BYTES  (SETUP_BYTES + CODE_BYTES)
#define INIT_SIZE   0x200000u
#define ALL_XLF     0x3u

static uint8_t file[FILE_BYTES + 64];

/* A relocatable kernel of protocol 2.15 with both entries. */
static void build(void)
{
    for (uint32_t i = 0; i < sizeof(file); i++) {
        file[i] = (uint8_t)(1u + i % 251u);
    }
    memset(file, 0, SETUP_BYTES);
    file[0x1F1] = 2;
    le_store(&file[0x1F4], 4, CODE_BYTES / 16);
    le_store(&file[0x1FE], 2, 0xAA55);
    file[0x200] = 0xEB;
    file[0x201] = 0x6A;
    memcpy(&file[0x202], "HdrS", 4);
    le_store(&file[0x206], 2, 0x20F);
    file[0x211] = 0xE1;
    le_store(&file[0x22C], 4, 0x7FFFFFFF);
    le_store(&file[0x230], 4, 0x200000);
    file[0x234] = 1;
    le_store(&file[0x236], 2, ALL_XLF);
    le_store(&file[0x238], 4, 255);
    le_store(&file[0x250], 8, 0xDEAD);
    le_store(&file[0x258], 8, 16 * MIB);
    le_store(&file[0x260], 4, INIT_SIZE);
}

static struct fixture *open_linux(uint64_t ram)
{
    struct fixture *f = fixture_open(SYSTEM_BOOT_LINUX, ram);
    build();
    fixture_kernel(f, file, FILE_BYTES);
    strcpy(f->vm.cmdline, "quiet tsc_early_khz=${tsc_khz}");
    return f;
}

static void assert_all_disjoint(const struct fixture *f)
{
    struct pieces p = {.count = 0};
    pieces_add(&p, f->out.kernel_lo, f->out.kernel_hi);
    pieces_add_placed(&p, f);
    assert_disjoint(&p, f);
}

static void assert_params(const struct fixture *f)
{
    const gpa_t bp = f->regs.gpr[GPR_RSI];
    assert_int_equal(bp % 0x1000, 0);
    assert_int_equal(guest_num(f, bp + 0x1EF, 1), 0); /* sentinel */
    assert_guest_zero(f, bp, 0x40);                   /* screen_info */
    assert_int_equal(guest_num(f, bp + 0x1FE, 2), 0xAA55);
    assert_int_equal(guest_num(f, bp + 0x206, 2), le16(&file[0x206]));
    assert_int_equal(guest_num(f, bp + 0x210, 1), 0xFF);
    assert_int_equal(guest_num(f, bp + 0x214, 4), f->out.kernel_lo);
    assert_int_equal(guest_num(f, bp + 0x250, 8), 0);
    assert_guest_text(f, guest_num(f, bp + 0x228, 4), "quiet tsc_early_khz=2400000");
    const uint64_t initrd = guest_num(f, bp + 0x218, 4) | guest_num(f, bp + 0x0C0, 4) << 32;
    const uint64_t initrd_len = guest_num(f, bp + 0x21C, 4) | guest_num(f, bp + 0x0C4, 4) << 32;
    assert_int_equal(initrd, f->out.initrd_lo);
    assert_int_equal(initrd_len, f->in.initrd.len);
    assert_int_equal(guest_num(f, bp + 0x70, 8), f->out.acpi_lo);
    assert_guest_zero(f, bp + 0x290, 0x40);
}

static void a_64_bit_kernel_starts_in_long_mode(void **state)
{
    (void)state;
    struct fixture *f = open_linux(64 * MIB);
    static const uint8_t initrd[5000] = {1, 2, 3};
    f->in.initrd.bytes = initrd;
    f->in.initrd.len = sizeof(initrd);
    f->vm.devices = SYSTEM_DEV_ACPI;
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->out.kernel_lo, 16 * MIB);
    assert_int_equal(f->out.kernel_hi, 16 * MIB + INIT_SIZE);
    assert_int_equal(f->regs.rip, 16 * MIB + 0x200);
    assert_int_equal(f->out.entry, f->regs.rip);
    assert_guest_bytes(f, 16 * MIB, &file[SETUP_BYTES], CODE_BYTES);
    assert_int_equal(f->regs.cr0 & CR0_PG, CR0_PG);
    assert_int_equal(f->regs.efer, EFER_LME | EFER_LMA);
    assert_int_equal(f->regs.seg[SEG_CS].selector, 0x10);
    assert_int_equal(f->regs.seg[SEG_DS].selector, 0x18);
    assert_int_equal(f->regs.rflags & RFLAGS_IF, 0);
    assert_true(range_within(f->regs.cr3, 0x6000, f->out.info_lo, f->out.info_hi - f->out.info_lo));
    assert_int_equal(guest_num(f, f->regs.gdtr.base + 0x10, 8), 0x00AF9B000000FFFFull);
    assert_params(f);
    assert_int_equal(guest_num(f, f->regs.gpr[GPR_RSI] + 0x211, 1), 0x21);
    /* The initrd: as high as possible, on pages of its own. */
    assert_int_equal(f->out.initrd_lo, 64 * MIB - 0x2000);
    assert_guest_bytes(f, f->out.initrd_lo, initrd, sizeof(initrd));
    /* The tables: where a scan finds them. */
    assert_in_range(f->out.acpi_lo, 0xE0000, 0xFFFFF);
    assert_guest_bytes(f, f->out.acpi_lo, (const uint8_t *)"RSD PTR ", 8);
    assert_all_disjoint(f);
    fixture_close(f);
}

static void a_32_bit_kernel_starts_with_paging_off(void **state)
{
    (void)state;
    struct fixture *f = open_linux(64 * MIB);
    le_store(&file[0x236], 2, 0);
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->regs.rip, 16 * MIB);
    assert_int_equal(f->regs.cr0, CR0_PE | CR0_ET);
    assert_int_equal(f->regs.cr4, 0);
    assert_int_equal(f->regs.efer, 0);
    assert_int_equal(f->regs.gpr[GPR_RBP], 0);
    assert_int_equal(f->regs.gpr[GPR_RDI], 0);
    assert_int_equal(f->regs.gpr[GPR_RBX], 0);
    assert_int_equal(guest_num(f, f->regs.gdtr.base + 0x10, 8), 0x00CF9B000000FFFFull);
    assert_params(f);
    /* Before protocol 2.12 the flags mean nothing. */
    build();
    le_store(&file[0x206], 2, 0x20B);
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->regs.rip, 16 * MIB);
    assert_int_equal(f->regs.efer, 0);
    assert_params(f);
    fixture_close(f);
}

static void the_memory_map_has_the_tables_where_no_rom_area_is(void **state)
{
    (void)state;
    struct fixture *f = open_linux(0);
    fixture_range(f, 0, 0xA0000);
    fixture_range(f, MIB, 31 * MIB);
    fixture_range(f, 4 * GIB, MIB);
    f->vm.devices = SYSTEM_DEV_ACPI;
    assert_int_equal(fixture_load(f), BOOT_OK);
    static const uint64_t want[][3] = {
        {0, 0xA0000, 1},
        {0xA0000, 0x60000, 2},
        {MIB, 31 * MIB - 0x1000, 1},
        {32 * MIB - 0x1000, 0x1000, 2},
        {4 * GIB, MIB, 1},
    };
    const gpa_t bp = f->regs.gpr[GPR_RSI];
    assert_int_equal(guest_num(f, bp + 0x1E8, 1), 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(guest_num(f, bp + 0x2D0 + 20 * i, 8), want[i][0]);
        assert_int_equal(guest_num(f, bp + 0x2D8 + 20 * i, 8), want[i][1]);
        assert_int_equal(guest_num(f, bp + 0x2E0 + 20 * i, 4), want[i][2]);
    }
    assert_int_equal(f->out.acpi_lo, 32 * MIB - 0x1000);
    assert_int_equal(f->out.notes, 0);
    assert_params(f);
    assert_all_disjoint(f);
    fixture_close(f);
}

static void a_relocatable_kernel_finds_room_and_another_does_not(void **state)
{
    (void)state;
    struct fixture *f = open_linux(0);
    fixture_range(f, 0, MIB);
    fixture_range(f, 17 * MIB, 15 * MIB);
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->out.kernel_lo, 18 * MIB);
    assert_params(f);
    file[0x234] = 0;
    assert_int_equal(fixture_load(f), BOOT_KERNEL_NO_ROOM);
    assert_int_equal(f->out.where, 16 * MIB);
    fixture_close(f);
}

static void a_fixed_initrd_makes_the_kernel_give_way(void **state)
{
    (void)state;
    struct fixture *f = open_linux(64 * MIB);
    static const uint8_t initrd[0x1000] = {9};
    f->in.initrd.bytes = initrd;
    f->in.initrd.len = sizeof(initrd);
    f->in.initrd.load_at = 17 * MIB + 5;
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->out.initrd_lo, 17 * MIB + 5);
    assert_int_equal(f->out.kernel_lo, 18 * MIB);
    assert_params(f);
    assert_all_disjoint(f);
    fixture_close(f);
}

static void load_at_moves_a_relocatable_kernel(void **state)
{
    (void)state;
    static const struct {
        uint64_t at;
        uint64_t lo;
        uint64_t hi;
    } rows[] = {
        {16 * MIB, 16 * MIB, 18 * MIB},
        {32 * MIB, 32 * MIB, 34 * MIB},
        {4 * MIB, 4 * MIB, 18 * MIB}, /* it moves itself up to the preferred address */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_linux(64 * MIB);
        f->in.kernel.load_at = rows[i].at;
        assert_int_equal(fixture_load(f), BOOT_OK);
        assert_int_equal(f->out.kernel_lo, rows[i].lo);
        assert_int_equal(f->out.kernel_hi, rows[i].hi);
        assert_int_equal(f->regs.rip, rows[i].at + 0x200);
        assert_guest_bytes(f, rows[i].at, &file[SETUP_BYTES], CODE_BYTES);
        assert_all_disjoint(f);
        fixture_close(f);
    }
}

static void an_initrd_stays_below_its_limit_unless_the_kernel_can_more(void **state)
{
    (void)state;
    static uint8_t initrd[MIB];
    static const struct {
        uint32_t xlf;
        uint32_t addr_max;
        enum boot_status status;
        uint64_t lo;
    } rows[] = {
        {1, 0x1FFFFFF, BOOT_OK, 31 * MIB},           {3, 0x1FFFFFF, BOOT_OK, 31 * MIB},
        {3, 0x10FFFFF, BOOT_OK, 15 * MIB},           {1, 0x00FFFFF, BOOT_INITRD_NO_ROOM, 0},
        {3, 0x00FFFFF, BOOT_OK, 4 * GIB + 31 * MIB}, {1, 0x01000000, BOOT_OK, 15 * MIB},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_linux(0);
        fixture_range(f, 0, 33 * MIB);
        fixture_range(f, 4 * GIB, 32 * MIB);
        le_store(&file[0x236], 2, rows[i].xlf);
        le_store(&file[0x22C], 4, rows[i].addr_max);
        f->in.initrd.bytes = initrd;
        f->in.initrd.len = sizeof(initrd);
        assert_int_equal(fixture_load(f), rows[i].status);
        if (rows[i].status == BOOT_OK) {
            assert_int_equal(f->out.initrd_lo, rows[i].lo);
            assert_params(f);
            assert_all_disjoint(f);
        } else {
            assert_int_equal(f->out.part, BOOT_PART_INITRD);
        }
        fixture_close(f);
    }
}

static void a_kernel_all_over_low_memory_gets_its_information_elsewhere(void **state)
{
    (void)state;
    struct fixture *f = open_linux(0);
    fixture_range(f, 0, 0x8000); /* too little for the block */
    fixture_range(f, MIB, 31 * MIB);
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->out.info_lo, MIB);
    assert_params(f);
    assert_all_disjoint(f);
    fixture_close(f);
}

static void a_file_that_ends_in_its_last_paragraph_or_goes_on_is_whole(void **state)
{
    (void)state;
    struct fixture *f = open_linux(64 * MIB);
    fixture_kernel(f, file, FILE_BYTES - 15);
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(guest_num(f, 16 * MIB + CODE_BYTES - 15, 1), 0);
    fixture_kernel(f, file, FILE_BYTES + 64); /* a signature */
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(guest_num(f, 16 * MIB + CODE_BYTES, 1), 0);
    fixture_close(f);
}

static void old_protocols_get_room_by_guess(void **state)
{
    (void)state;
    struct fixture *f = open_linux(64 * MIB);
    le_store(&file[0x206], 2, 0x206);
    file[0x201] = 0x3A; /* the header ends before the fields that came later */
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->out.kernel_lo, 2 * MIB); /* 1 MiB, aligned as the kernel wants it */
    assert_true(f->out.kernel_hi >= f->out.kernel_lo + 4 * CODE_BYTES);
    assert_params(f);
    file[0x234] = 0;
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->out.kernel_lo, MIB);
    fixture_close(f);
}

static void each_defect_has_its_status(void **state)
{
    (void)state;
    static const struct {
        uint32_t off;
        uint32_t size;
        uint64_t value;
        uint64_t len; /* 0: whole */
        enum boot_status status;
    } rows[] = {
        {0, 1, 0, 1, BOOT_LINUX_CUT_HEADER},
        {0, 1, 0, 0x263, BOOT_LINUX_CUT_HEADER},
        {0x201, 1, 0xFF, 0x264, BOOT_LINUX_NO_CODE},
        {0, 4, 0x464C457F, 0, BOOT_LINUX_IS_ELF},
        {0, 4, 0x464C457F, 4, BOOT_LINUX_IS_ELF},
        {0x1FE, 2, 0, 0, BOOT_LINUX_NO_MAGIC},
        {0x202, 4, 0, 0, BOOT_LINUX_NO_MAGIC},
        {0x206, 2, 0x205, 0, BOOT_LINUX_TOO_OLD},
        {0x211, 1, 0, 0, BOOT_LINUX_NOT_HIGH},
        {0x1F1, 1, 0xFF, 0, BOOT_LINUX_NO_CODE},
        {0x1F4, 4, 0, 0, BOOT_LINUX_NO_CODE},
        {0x1F4, 4, 0x20, 0, BOOT_LINUX_NO_CODE},
        {0, 1, 0, SETUP_BYTES, BOOT_LINUX_NO_CODE},
        {0, 1, 0, SETUP_BYTES + 1, BOOT_LINUX_CUT},
        {0, 1, 0, FILE_BYTES - 16, BOOT_LINUX_CUT},
        {0x1F4, 4, 0xFFFFFFFF, 0, BOOT_LINUX_CUT},
        {0x230, 4, 0, 0, BOOT_LINUX_BAD_ALIGNMENT},
        {0x230, 4, 8, 0, BOOT_LINUX_BAD_ALIGNMENT},
        {0x230, 4, 0x300000, 0, BOOT_LINUX_BAD_ALIGNMENT},
        {0x230, 4, 0x80000000, 0, BOOT_LINUX_BAD_ALIGNMENT},
        {0x258, 8, 0xFFFFF, 0, BOOT_LINUX_BAD_ADDRESS},
        {0x258, 8, 1ull << 32, 0, BOOT_LINUX_BAD_ADDRESS},
        {0x258, 8, UINT64_MAX, 0, BOOT_LINUX_BAD_ADDRESS},
        {0x258, 8, 0xFFFFFFFF, 0, BOOT_KERNEL_NO_ROOM},
        {0x260, 4, 0xFFFFFFFF, 0, BOOT_KERNEL_NO_ROOM},
        {0x238, 4, 5, 0, BOOT_TEXT_TOO_LONG},
        {0x1F1, 1, 0, 0, BOOT_LINUX_CUT}, /* 0 means 4 sectors */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_linux(64 * MIB);
        le_store(&file[rows[i].off], rows[i].size, rows[i].value);
        const uint64_t len = rows[i].len == 0 ? FILE_BYTES : rows[i].len;
        uint8_t *exact = malloc(len); /* one byte too far is seen */
        memcpy(exact, file, len);
        fixture_kernel(f, exact, len);
        assert_int_equal(fixture_load(f), rows[i].status);
        free(exact);
        fixture_close(f);
    }
}

static void each_misplacement_has_its_status(void **state)
{
    (void)state;
    static const uint8_t initrd[0x1000];
    static const struct {
        uint64_t kernel_at;
        uint64_t initrd_at;
        bool relocatable;
        uint32_t xlf;
        enum boot_status status;
        enum boot_part part;
    } rows[] = {
        {32 * MIB, 1, false, 3, BOOT_LOAD_AT_FIXED, BOOT_PART_KERNEL},
        {0, 1, true, 3, BOOT_LOAD_AT_TOO_LOW, BOOT_PART_KERNEL},
        {4 * GIB, 1, true, 3, BOOT_LOAD_AT_TOO_HIGH, BOOT_PART_KERNEL},
        {4 * GIB - 2 * MIB, 1, true, 3, BOOT_LOAD_AT_NOT_RAM, BOOT_PART_KERNEL},
        {UINT64_MAX - 1, 1, true, 3, BOOT_LOAD_AT_TOO_HIGH, BOOT_PART_KERNEL},
        {17 * MIB, 1, true, 3, BOOT_LOAD_AT_MISALIGNED, BOOT_PART_KERNEL},
        {64 * MIB, 1, true, 3, BOOT_LOAD_AT_NOT_RAM, BOOT_PART_KERNEL},
        {62 * MIB, 62 * MIB, true, 3, BOOT_LOAD_AT_TAKEN, BOOT_PART_INITRD},
        {SYSTEM_AT_ANY, 0, true, 3, BOOT_LOAD_AT_TOO_LOW, BOOT_PART_INITRD},
        {SYSTEM_AT_ANY, 64 * MIB - 0xFFF, true, 3, BOOT_LOAD_AT_NOT_RAM, BOOT_PART_INITRD},
        {SYSTEM_AT_ANY, 2 * GIB - 0xFFF, true, 1, BOOT_LOAD_AT_TOO_HIGH, BOOT_PART_INITRD},
        {SYSTEM_AT_ANY, 2 * GIB - 0xFFF, true, 3, BOOT_LOAD_AT_NOT_RAM, BOOT_PART_INITRD},
        {SYSTEM_AT_ANY, UINT64_MAX - 1, true, 3, BOOT_LOAD_AT_TOO_HIGH, BOOT_PART_INITRD},
        {16 * MIB, 63 * MIB, false, 3, BOOT_OK, BOOT_PART_KERNEL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_linux(64 * MIB);
        file[0x234] = rows[i].relocatable ? 1 : 0;
        le_store(&file[0x236], 2, rows[i].xlf);
        f->in.kernel.load_at = rows[i].kernel_at;
        f->in.initrd = (struct boot_file){initrd, sizeof(initrd), rows[i].initrd_at, NULL};
        assert_int_equal(fixture_load(f), rows[i].status);
        assert_int_equal(f->out.part, rows[i].part);
        fixture_close(f);
    }
}

static void a_kernel_that_would_unpack_itself_beyond_4_gib_is_too_high(void **state)
{
    (void)state;
    struct fixture *f = open_linux(64 * MIB);
    f->in.kernel.load_at = 4 * GIB - 2 * MIB;
    le_store(&file[0x260], 4, INIT_SIZE + 1);
    assert_int_equal(fixture_load(f), BOOT_LOAD_AT_TOO_HIGH);
    assert_int_equal(f->out.where, 4 * GIB - 2 * MIB);
    fixture_close(f);
}

static void too_little_memory_has_its_status(void **state)
{
    (void)state;
    static uint8_t initrd[4 * MIB];
    struct fixture *f = open_linux(18 * MIB);
    le_store(&file[0x22C], 4, 0x3FFFFFF);
    f->in.initrd = (struct boot_file){initrd, sizeof(initrd), SYSTEM_AT_ANY, NULL};
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->out.initrd_lo, 12 * MIB);
    f->in.initrd.len = 16 * MIB;
    assert_int_equal(fixture_load(f), BOOT_INITRD_NO_ROOM);
    f->in.initrd.len = UINT64_MAX;
    assert_int_equal(fixture_load(f), BOOT_INITRD_NO_ROOM);
    fixture_close(f);

    f = open_linux(0);
    fixture_range(f, 16 * MIB, INIT_SIZE);
    assert_int_equal(fixture_load(f), BOOT_LOADER_NO_ROOM);
    assert_int_equal(f->out.part, BOOT_PART_LOADER);
    f->vm.devices = SYSTEM_DEV_ACPI;
    assert_int_equal(fixture_load(f), BOOT_ACPI_NO_ROOM);
    assert_int_equal(f->out.part, BOOT_PART_ACPI);
    fixture_close(f);
}

static void bad_command_lines_have_their_status(void **state)
{
    (void)state;
    struct fixture *f = open_linux(64 * MIB);
    strcpy(f->vm.cmdline, "${what}");
    assert_int_equal(fixture_load(f), BOOT_TEXT_UNKNOWN_NAME);
    assert_int_equal(f->out.part, BOOT_PART_CMDLINE);
    strcpy(f->vm.cmdline, "${tsc_khz");
    assert_int_equal(fixture_load(f), BOOT_TEXT_UNTERMINATED);
    fixture_close(f);
}

/* Whatever a header says, nothing outside the file is read and nothing outside RAM is written. */
static void damaged_headers_do_no_harm(void **state)
{
    (void)state;
    uint32_t seed = 3;
    uint32_t loaded = 0;
    struct fixture *f = open_linux(24 * MIB);
    uint8_t *exact = malloc(FILE_BYTES);
    fixture_kernel(f, exact, FILE_BYTES);
    for (uint32_t turn = 0; turn < 3000; turn++) {
        build();
        for (uint32_t k = 0; k < 2; k++) {
            seed = seed * 1664525u + 1013904223u;
            file[0x1F0 + (seed >> 8) % 0x78u] = (uint8_t)(seed >> 24);
        }
        memcpy(exact, file, FILE_BYTES);
        if (fixture_load(f) == BOOT_OK) {
            loaded++;
            assert_all_disjoint(f);
        }
    }
    assert_true(loaded > 100);
    free(exact);
    fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_64_bit_kernel_starts_in_long_mode),
        cmocka_unit_test(a_32_bit_kernel_starts_with_paging_off),
        cmocka_unit_test(the_memory_map_has_the_tables_where_no_rom_area_is),
        cmocka_unit_test(a_relocatable_kernel_finds_room_and_another_does_not),
        cmocka_unit_test(a_fixed_initrd_makes_the_kernel_give_way),
        cmocka_unit_test(load_at_moves_a_relocatable_kernel),
        cmocka_unit_test(an_initrd_stays_below_its_limit_unless_the_kernel_can_more),
        cmocka_unit_test(a_kernel_all_over_low_memory_gets_its_information_elsewhere),
        cmocka_unit_test(a_file_that_ends_in_its_last_paragraph_or_goes_on_is_whole),
        cmocka_unit_test(old_protocols_get_room_by_guess),
        cmocka_unit_test(each_defect_has_its_status),
        cmocka_unit_test(each_misplacement_has_its_status),
        cmocka_unit_test(a_kernel_that_would_unpack_itself_beyond_4_gib_is_too_high),
        cmocka_unit_test(too_little_memory_has_its_status),
        cmocka_unit_test(bad_command_lines_have_their_status),
        cmocka_unit_test(damaged_headers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
