/* SPDX-License-Identifier: BSD-2-Clause
 * The Multiboot loader, with kernels made up in memory. */
#include "build_elf.h"

#define HEADER_AT     0x400u
#define HEADER_BEHIND 0x800u /* long program header tables */
#define ADDRESSES     0x10000u

static uint8_t file[ELF_FILE_MAX];

static const struct test_segment plain[] = {
    {.vaddr = 0x100000, .paddr = 0x100000, .offset = 0x1000, .file_len = 0x800, .mem_len = 0x2345},
};

static struct fixture *open_elf(uint64_t ram, bool is64, uint64_t entry,
                                const struct test_segment *seg, uint32_t count)
{
    struct fixture *f = fixture_open(SYSTEM_BOOT_MULTIBOOT, ram);
    const uint64_t len = build_elf(file, is64, entry, seg, count);
    put_multiboot(&file[count > 10 ? HEADER_BEHIND : HEADER_AT], 3);
    fixture_kernel(f, file, len < HEADER_AT + 12 ? HEADER_AT + 12 : len);
    strcpy(f->vm.cmdline, "kernel tsc=${tsc_khz}");
    return f;
}

/* A file of 0x3000 bytes with address fields; the header at HEADER_AT. */
static struct fixture *open_flat(uint64_t ram, const uint32_t fields[5])
{
    struct fixture *f = fixture_open(SYSTEM_BOOT_MULTIBOOT, ram);
    for (uint32_t i = 0; i < ELF_FILE_MAX; i++) {
        file[i] = (uint8_t)(0x40u + i % 191u);
    }
    put_multiboot(&file[HEADER_AT], 3 | ADDRESSES);
    for (uint32_t i = 0; i < 5; i++) {
        le_store(&file[HEADER_AT + 12 + 4 * i], 4, fields[i]);
    }
    fixture_kernel(f, file, 0x3000);
    return f;
}

static void add_module(struct fixture *f, const uint8_t *bytes, uint64_t len, uint64_t load_at,
                       const char *args)
{
    f->in.module[f->in.modules] = (struct boot_file){bytes, len, load_at, args};
    f->in.modules++;
}

static void assert_state(const struct fixture *f, uint64_t entry)
{
    const struct vcpu_regs *r = &f->regs;
    assert_int_equal(r->rip, entry);
    assert_int_equal(f->out.entry, entry);
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        if (i == GPR_RAX) {
            assert_int_equal(r->gpr[i], 0x2BADB002);
        } else if (i != GPR_RBX && i != GPR_RSP) {
            assert_int_equal(r->gpr[i], 0);
        }
    }
    assert_in_range(r->gpr[GPR_RBX], f->out.info_lo + 1, f->out.info_hi - 1);
    assert_in_range(r->gpr[GPR_RSP], f->out.info_lo + 0x100, r->gpr[GPR_RBX]);
    assert_int_equal(r->cr0 & (CR0_PG | CR0_PE), CR0_PE);
    assert_int_equal(r->rflags & (RFLAGS_IF | RFLAGS_VM), 0);
    assert_int_equal(r->efer, 0);
    for (uint32_t i = SEG_ES; i <= SEG_GS; i++) {
        assert_int_equal(r->seg[i].base, 0);
        assert_int_equal(r->seg[i].limit, UINT32_MAX);
        assert_int_equal(r->seg[i].ar, i == SEG_CS ? 0xC09B : 0xC093);
    }
}

/* The information structure: exact flags, and each part within the block. */
static void assert_info(const struct fixture *f, uint32_t lower, uint32_t upper)
{
    const gpa_t mbi = f->regs.gpr[GPR_RBX];
    assert_int_equal(guest_num(f, mbi, 4), f->in.modules != 0 ? 0x24D : 0x245);
    assert_int_equal(guest_num(f, mbi + 4, 4), lower);
    assert_int_equal(guest_num(f, mbi + 8, 4), upper);
    assert_guest_text(f, guest_num(f, mbi + 16, 4), "kernel tsc=2400000");
    assert_int_equal(guest_num(f, mbi + 20, 4), f->in.modules);
    assert_guest_text(f, guest_num(f, mbi + 64, 4), "Bulkhead");
    assert_guest_zero(f, mbi + 28, 16);
    assert_guest_zero(f, mbi + 68, 60);
    for (uint32_t off = 16; off <= 64; off += 4) {
        const bool address = off == 16 || off == 24 || off == 48 || off == 64;
        const uint64_t at = guest_num(f, mbi + off, 4);
        if (address && at != 0) {
            assert_in_range(at, f->out.info_lo, f->out.info_hi - 1);
        }
    }
}

static void assert_modules(const struct fixture *f, const char *const *args)
{
    const gpa_t mods = guest_num(f, f->regs.gpr[GPR_RBX] + 24, 4);
    for (uint32_t i = 0; i < f->in.modules; i++) {
        const gpa_t at = mods + 16 * i;
        assert_int_equal(guest_num(f, at, 4), f->out.module_lo[i]);
        assert_int_equal(guest_num(f, at + 4, 4), f->out.module_lo[i] + f->in.module[i].len);
        assert_guest_text(f, guest_num(f, at + 8, 4), args[i]);
        assert_int_equal(guest_num(f, at + 12, 4), 0);
        assert_guest_bytes(f, f->out.module_lo[i], f->in.module[i].bytes,
                           (size_t)f->in.module[i].len);
    }
}

static void both_elf_classes_start_by_the_specification(void **state)
{
    (void)state;
    static const uint8_t one[0x1801] = {1, 2, 3};
    static const uint8_t two[5] = {7};
    static const char *const args[] = {"first 1000000", ""};
    for (uint32_t is64 = 0; is64 < 2; is64++) {
        struct fixture *f = open_elf(64 * MIB, is64 != 0, 0x100010, plain, 1);
        assert_true(gmem_fill(&f->mem, 0x100000, 0xEE, 0x4000));
        add_module(f, one, sizeof(one), SYSTEM_AT_ANY, "first ${apic_khz}");
        add_module(f, two, sizeof(two), SYSTEM_AT_ANY, NULL);
        assert_int_equal(fixture_load(f), BOOT_OK);
        assert_state(f, 0x100010);
        assert_info(f, 640, 63 * 1024);
        assert_guest_bytes(f, 0x100000, &file[0x1000], 0x800);
        assert_guest_zero(f, 0x100800, 0x2345 - 0x800);
        assert_int_equal(guest_num(f, 0x102345, 1), 0xEE);
        assert_int_equal(f->out.module_lo[0], 0x103000);
        assert_int_equal(f->out.module_lo[1], 0x105000);
        assert_modules(f, args);
        assert_in_range(f->out.info_lo, 0x1000, 0x9FFFF);
        fixture_close(f);
    }
}

static void the_memory_map_is_the_machines(void **state)
{
    (void)state;
    struct fixture *f = open_elf(GIB, true, 0x100000, plain, 1);
    fixture_range(f, 4 * GIB, MIB);
    static const uint64_t want[][3] = {
        {0, 0xA0000, 1},
        {0xA0000, 0x60000, 2},
        {MIB, GIB - MIB, 1},
        {4 * GIB, MIB, 1},
    };
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_info(f, 640, (GIB - MIB) / 1024);
    const gpa_t mbi = f->regs.gpr[GPR_RBX];
    gpa_t at = guest_num(f, mbi + 48, 4);
    const gpa_t end = at + guest_num(f, mbi + 44, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(guest_num(f, at + 4, 8), want[i][0]);
        assert_int_equal(guest_num(f, at + 12, 8), want[i][1]);
        assert_int_equal(guest_num(f, at + 20, 4), want[i][2]);
        at += guest_num(f, at, 4) + 4;
    }
    assert_int_equal(at, end);
    /* More than the field can say, and none at all. */
    f->vm.ranges = 1;
    f->vm.range[0].size = 1ull << 43;
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_info(f, 640, UINT32_MAX);
    f->vm.range[0] = (struct system_range){0x1000, 0x1000};
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_info(f, 0, 0);
    f->vm.ranges = 2;
    fixture_close(f);
}

static void entries_are_translated_or_taken_as_they_are(void **state)
{
    (void)state;
    static const struct test_segment high[] = {
        {.vaddr = 0x1000000,
         .paddr = 0x1000000,
         .offset = 0x1000,
         .file_len = 0x100,
         .mem_len = 0x100},
        {.vaddr = 0xC1001000,
         .paddr = 0x1001000,
         .offset = 0x2000,
         .file_len = 0x400,
         .mem_len = 0x9000},
    };
    static const struct {
        uint64_t entry;
        enum boot_status status;
        uint64_t paddr;
    } rows[] = {
        {0x1000000, BOOT_OK, 0x1000000},     {0xC1001000, BOOT_OK, 0x1001000},
        {0xC10013FF, BOOT_OK, 0x10013FF},    {0x1001010, BOOT_OK, 0x1001010},
        {0xC1001400, BOOT_ELF_BAD_ENTRY, 0}, {0, BOOT_ELF_BAD_ENTRY, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_elf(64 * MIB, false, rows[i].entry, high, 2);
        assert_int_equal(fixture_load(f), rows[i].status);
        if (rows[i].status == BOOT_OK) {
            assert_state(f, rows[i].paddr);
        } else {
            assert_int_equal(f->out.where, rows[i].entry);
        }
        fixture_close(f);
    }
}

/* Segments from 0x1000 on, all over conventional memory, with holes too small for anything. */
static void what_the_loader_adds_avoids_segments_all_over_low_memory(void **state)
{
    (void)state;
    struct test_segment seg[20];
    static const uint8_t module[0x3000] = {5};
    for (uint32_t i = 0; i < 19; i++) {
        seg[i] = (struct test_segment){.vaddr = 0x1000 + 0x8000 * i,
                                       .paddr = 0x1000 + 0x8000 * i,
                                       .offset = 0x1000,
                                       .file_len = 0x123,
                                       .mem_len = 0x7800};
    }
    seg[19] = (struct test_segment){
        .vaddr = 0x99000, .paddr = 0x99000, .offset = 0x1000, .file_len = 0, .mem_len = 0x6F000};
    for (uint32_t hole = 0; hole < 2; hole++) {
        seg[1].mem_len = hole == 0 ? 0x7800 : 0x6800; /* or one page at 64 KiB is free */
        struct fixture *f = open_elf(64 * MIB, true, 0x1000, seg, 20);
        struct pieces p = {.count = 0};
        f->vm.devices = SYSTEM_DEV_ACPI;
        for (uint32_t i = 0; i < 3; i++) {
            add_module(f, module, sizeof(module), i == 1 ? 0x200000 : SYSTEM_AT_ANY, "m");
        }
        assert_int_equal(fixture_load(f), BOOT_OK);
        for (uint32_t i = 0; i < 20; i++) {
            pieces_add(&p, seg[i].paddr, seg[i].paddr + seg[i].mem_len);
        }
        pieces_add_placed(&p, f);
        assert_disjoint(&p, f);
        assert_state(f, 0x1000);
        assert_int_equal(f->out.kernel_lo, 0x1000);
        assert_int_equal(f->out.kernel_hi, 0x108000);
        assert_int_equal(f->out.info_lo, hole == 0 ? 0x108000 : 0x10000);
        assert_true(f->out.acpi_lo > MIB); /* the ROM area is the kernel's */
        assert_int_equal(f->out.notes, BOOT_NOTE_RSDP_HIDDEN);
        fixture_close(f);
    }
}

static void address_fields_rule_whatever_the_file_is(void **state)
{
    (void)state;
    static const struct {
        uint32_t fields[5]; /* header, load, load_end, bss_end, entry */
        uint32_t offset;
        uint32_t file_len;
        uint32_t mem_len;
    } rows[] = {
        {{0x100400, 0x100000, 0x102000, 0x105000, 0x100020}, 0, 0x2000, 0x5000},
        {{0x100400, 0x100000, 0, 0, 0x102FFF}, 0, 0x3000, 0x3000},
        {{0x100400, 0x100000, 0, 0x103000, 0x100000}, 0, 0x3000, 0x3000},
        {{0x100400, 0x100400, 0x100800, 0, 0x100400}, 0x400, 0x400, 0x400},
        {{0x400, 0, 0x1000, 0x2000, 0}, 0, 0x1000, 0x2000}, /* address 0 is an address */
        {{0x100410, 0x100110, 0x100510, 0, 0x100110}, 0x100, 0x400, 0x400},
    };
    static const char magic[][4] = {{1, 2, 3, 4}, {0x7F, 'E', 'L', 'F'}, {'M', 'Z', 0, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t m = 0; m < 3; m++) {
            struct fixture *f = open_flat(16 * MIB, rows[i].fields);
            memcpy(file, magic[m], 4);
            assert_int_equal(fixture_load(f), BOOT_OK);
            const uint32_t load = rows[i].fields[1];
            assert_state(f, rows[i].fields[4]);
            assert_int_equal(f->out.kernel_lo, load);
            assert_int_equal(f->out.kernel_hi, load + rows[i].mem_len);
            assert_guest_bytes(f, load, &file[rows[i].offset], rows[i].file_len);
            assert_guest_zero(f, load + rows[i].file_len, rows[i].mem_len - rows[i].file_len);
            fixture_close(f);
        }
    }
}

static void the_header_is_found_in_the_first_8192_bytes_only(void **state)
{
    (void)state;
    static const struct {
        uint32_t at;
        enum boot_status status;
    } rows[] = {
        {0x1000, BOOT_OK},         {8192 - 12, BOOT_OK},        {8192 - 8, BOOT_MB_NO_HEADER},
        {8192, BOOT_MB_NO_HEADER}, {0x1002, BOOT_MB_NO_HEADER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const struct test_segment long_one[] = {
            {.vaddr = MIB, .paddr = MIB, .offset = 0, .file_len = 0x3000, .mem_len = 0x3000}};
        struct fixture *f = open_elf(16 * MIB, true, MIB, long_one, 1);
        memset(&file[HEADER_AT], 0, 12);
        put_multiboot(&file[rows[i].at], 0);
        assert_int_equal(fixture_load(f), rows[i].status);
        /* A stray magic number before it does not count. */
        le_store(&file[HEADER_AT], 4, 0x1BADB002);
        assert_int_equal(fixture_load(f),
                         rows[i].status == BOOT_OK ? BOOT_OK : BOOT_MB_BAD_CHECKSUM);
        fixture_close(f);
    }
}

static void each_bad_address_field_has_its_status(void **state)
{
    (void)state;
    static const struct {
        uint32_t fields[5];
        uint64_t len; /* 0: whole */
        enum boot_status status;
    } rows[] = {
        {{0x100400, 0x100404, 0, 0, 0x100404}, 0, BOOT_MB_BAD_HEADER_ADDR},
        {{0x100400, 0x0FFFFC, 0, 0, 0x100000}, 0, BOOT_MB_BAD_HEADER_ADDR},
        {{0x100400, 0, 0, 0, 0}, 0, BOOT_MB_BAD_HEADER_ADDR},
        {{0x100400, 0x100000, 0x100000, 0, 0x100000}, 0, BOOT_MB_BAD_LOAD_END},
        {{0x100400, 0x100000, 0x0FFFFF, 0, 0x100000}, 0, BOOT_MB_BAD_LOAD_END},
        {{0x100400, 0x100000, 0x103001, 0, 0x100000}, 0, BOOT_MB_CUT},
        {{0x100400, 0x100000, 0xFFFFFFFF, 0, 0x100000}, 0, BOOT_MB_CUT},
        {{0x100400, 0x100000, 0x102000, 0x101FFF, 0x100000}, 0, BOOT_MB_BAD_BSS_END},
        {{0x100400, 0x100000, 0, 1, 0x100000}, 0, BOOT_MB_BAD_BSS_END},
        {{0x100400, 0x100000, 0x102000, 0x105000, 0x102000}, 0, BOOT_MB_BAD_ENTRY},
        {{0x100400, 0x100000, 0x102000, 0, 0x0FFFFF}, 0, BOOT_MB_BAD_ENTRY},
        {{0x100400, 0x100000, 0, 0, 0x100000}, HEADER_AT + 31, BOOT_MB_HEADER_CUT},
        {{0x100400, 0x100000, 0, 0, 0x100000}, HEADER_AT + 11, BOOT_MB_NO_HEADER},
        {{0x100400, 0x100000, 0, 0x2000000, 0x100000}, 0, BOOT_KERNEL_NOT_RAM},
        {{0xFFFFFFFF, 0xFFFFFBFF, 0, 0, 0xFFFFFBFF}, 0, BOOT_ELF_SEGMENT_HIGH},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_flat(16 * MIB, rows[i].fields);
        const uint64_t len = rows[i].len == 0 ? 0x3000 : rows[i].len;
        uint8_t *exact = malloc(len);
        memcpy(exact, file, len);
        fixture_kernel(f, exact, len);
        assert_int_equal(fixture_load(f), rows[i].status);
        assert_int_equal(f->out.part, BOOT_PART_KERNEL);
        free(exact);
        fixture_close(f);
    }
}

static void each_bad_elf_kernel_has_its_status(void **state)
{
    (void)state;
    static const struct {
        uint32_t off;
        uint32_t size;
        uint64_t value;
        enum boot_status status;
        uint32_t detail;
    } rows[] = {
        {HEADER_AT, 4, 0, BOOT_MB_NO_HEADER, 0},
        {HEADER_AT + 8, 4, 0, BOOT_MB_BAD_CHECKSUM, 0},
        {0, 4, 0, BOOT_MB_NO_ADDRESSES, 0},
        {0x10, 2, 3, BOOT_ELF_BAD_TYPE, 3},
        {0x12, 2, 40, BOOT_ELF_BAD_MACHINE, 40},
        {0x40 + 0x18, 8, 1ull << 32, BOOT_ELF_SEGMENT_HIGH, 0},
        {0x40 + 0x28, 8, 1ull << 32, BOOT_ELF_SEGMENT_HIGH, 0},
        {0x40 + 0x18, 8, 0xFFFFF000, BOOT_ELF_SEGMENT_HIGH, 0},
        {0x40 + 0x18, 8, 0x4000000 - 0x2344, BOOT_KERNEL_NOT_RAM, 0},
        {0x40 + 0x18, 8, 0x80000000, BOOT_KERNEL_NOT_RAM, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_elf(64 * MIB, true, 0x100000, plain, 1);
        le_store(&file[rows[i].off], rows[i].size, rows[i].value);
        assert_int_equal(fixture_load(f), rows[i].status);
        assert_int_equal(f->out.detail, rows[i].detail);
        fixture_close(f);
    }
    static const struct test_segment twice[] = {
        {.paddr = 0x100000, .offset = 0x1000, .file_len = 0x800, .mem_len = 0x1001},
        {.paddr = 0x101000, .offset = 0x1000, .file_len = 0x800, .mem_len = 0x1000},
    };
    struct fixture *f = open_elf(64 * MIB, true, 0x100000, twice, 2);
    assert_int_equal(fixture_load(f), BOOT_KERNEL_OVERLAPS_ITSELF);
    assert_int_equal(f->out.detail, 1);
    assert_int_equal(f->out.where, 0x101000);
    fixture_close(f);
}

static void demands_that_cannot_be_met_are_refused_and_offers_ignored(void **state)
{
    (void)state;
    static const struct {
        uint32_t flags;
        enum boot_status status;
        uint32_t detail;
        uint32_t notes;
    } rows[] = {
        {0, BOOT_OK, 0, 0},
        {3, BOOT_OK, 0, 0},
        {7, BOOT_OK, 0, BOOT_NOTE_NO_VIDEO},
        {0xFFFE0003, BOOT_OK, 0, 0},
        {0x0008, BOOT_MB_UNKNOWN_FLAGS, 8, 0},
        {0x8001, BOOT_MB_UNKNOWN_FLAGS, 0x8000, 0},
        {0xFFFF, BOOT_MB_UNKNOWN_FLAGS, 0xFFF8, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_elf(64 * MIB, true, 0x100000, plain, 1);
        put_multiboot(&file[HEADER_AT], rows[i].flags);
        assert_int_equal(fixture_load(f), rows[i].status);
        assert_int_equal(f->out.detail, rows[i].detail);
        assert_int_equal(f->out.notes, rows[i].notes);
        fixture_close(f);
    }
}

static void modules_go_where_they_are_told_or_ascend(void **state)
{
    (void)state;
    static const uint8_t bytes[0x2800] = {1};
    static const char *const args[] = {"a", "b", "c", "d"};
    struct fixture *f = open_elf(64 * MIB, true, 0x100000, plain, 1);
    add_module(f, bytes, sizeof(bytes), SYSTEM_AT_ANY, "a");
    add_module(f, bytes, sizeof(bytes), 0x105000, "b");
    add_module(f, bytes, sizeof(bytes), SYSTEM_AT_ANY, "c");
    add_module(f, bytes, sizeof(bytes), SYSTEM_AT_ANY, "d");
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_int_equal(f->out.module_lo[0], 0x108000); /* 0x103000 to 0x105000 is too small */
    assert_int_equal(f->out.module_lo[1], 0x105000);
    assert_int_equal(f->out.module_lo[2], 0x10B000);
    assert_int_equal(f->out.module_lo[3], 0x10E000);
    assert_modules(f, args);
    /* Without page alignment asked for, a module may be told any address. */
    f->in.module[1].load_at = 0x2000001;
    assert_int_equal(fixture_load(f), BOOT_LOAD_AT_MISALIGNED);
    assert_int_equal(f->out.detail, 1);
    put_multiboot(&file[HEADER_AT], 0);
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_modules(f, args);
    fixture_close(f);
}

static void a_module_that_fits_only_below_goes_below(void **state)
{
    (void)state;
    static const uint8_t bytes[0x10000] = {1};
    static const struct test_segment top[] = {
        {.paddr = 0x300000, .offset = 0x1000, .file_len = 0x800, .mem_len = 0xFF000}};
    struct fixture *f = open_elf(4 * MIB, true, 0x300000, top, 1);
    struct pieces p = {.count = 0};
    add_module(f, bytes, sizeof(bytes), SYSTEM_AT_ANY, "a");
    assert_int_equal(fixture_load(f), BOOT_OK);
    assert_true(f->out.module_hi[0] <= 0x300000);
    pieces_add(&p, 0x300000, 0x3FF000);
    pieces_add_placed(&p, f);
    assert_disjoint(&p, f);
    fixture_close(f);
}

static void each_misplacement_has_its_status(void **state)
{
    (void)state;
    static const uint8_t bytes[0x1000] = {1};
    static const struct {
        uint64_t len;
        uint64_t at;
        enum boot_status status;
    } rows[] = {
        {0x1000, 0x102000, BOOT_LOAD_AT_TAKEN},
        {0x1000, 0x103000, BOOT_OK},
        {0x1000, 0x104000, BOOT_LOAD_AT_TAKEN}, /* the other module */
        {0x1000, 64 * MIB, BOOT_LOAD_AT_NOT_RAM},
        {0x1000, 4 * GIB - 0x1000, BOOT_LOAD_AT_NOT_RAM},
        {0x1000, 4 * GIB, BOOT_LOAD_AT_TOO_HIGH},
        {0x1000, UINT64_MAX - 0xFFF, BOOT_LOAD_AT_TOO_HIGH},
        {64 * MIB, SYSTEM_AT_ANY, BOOT_MODULE_NO_ROOM},
        {UINT64_MAX, SYSTEM_AT_ANY, BOOT_MODULE_NO_ROOM},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = open_elf(64 * MIB, true, 0x100000, plain, 1);
        add_module(f, bytes, sizeof(bytes), 0x104000, "");
        add_module(f, bytes, rows[i].len, rows[i].at, "");
        assert_int_equal(fixture_load(f), rows[i].status);
        if (rows[i].status != BOOT_OK) {
            assert_int_equal(f->out.part, BOOT_PART_MODULE);
            assert_int_equal(f->out.detail, 1);
        }
        fixture_close(f);
    }
    struct fixture *f = open_elf(64 * MIB, true, 0x100000, plain, 1);
    f->in.kernel.load_at = 0x100000;
    assert_int_equal(fixture_load(f), BOOT_LOAD_AT_FIXED);
    fixture_close(f);
    /* A kernel that leaves nothing. */
    static const struct test_segment all[] = {
        {.paddr = 0, .offset = 0x1000, .file_len = 0x800, .mem_len = 2 * MIB}};
    f = open_elf(2 * MIB, true, 0, all, 1);
    assert_int_equal(fixture_load(f), BOOT_LOADER_NO_ROOM);
    f->vm.devices = SYSTEM_DEV_ACPI;
    assert_int_equal(fixture_load(f), BOOT_ACPI_NO_ROOM);
    fixture_close(f);
}

static void bad_texts_name_their_module(void **state)
{
    (void)state;
    static const uint8_t bytes[0x1000] = {1};
    struct fixture *f = open_elf(64 * MIB, true, 0x100000, plain, 1);
    add_module(f, bytes, sizeof(bytes), SYSTEM_AT_ANY, "fine");
    add_module(f, bytes, sizeof(bytes), SYSTEM_AT_ANY, "${tsc}");
    assert_int_equal(fixture_load(f), BOOT_TEXT_UNKNOWN_NAME);
    assert_int_equal(f->out.part, BOOT_PART_MODULE);
    assert_int_equal(f->out.detail, 1);
    strcpy(f->vm.cmdline, "${");
    assert_int_equal(fixture_load(f), BOOT_TEXT_UNTERMINATED);
    assert_int_equal(f->out.part, BOOT_PART_CMDLINE);
    fixture_close(f);
}

static void as_many_segments_modules_and_words_as_there_can_be(void **state)
{
    (void)state;
    struct test_segment seg[24];
    static const uint8_t bytes[0x1000] = {1};
    struct pieces p = {.count = 0};
    for (uint32_t i = 0; i < 24; i++) {
        seg[i] = (struct test_segment){.vaddr = MIB + 0x3000 * i,
                                       .paddr = MIB + 0x3000 * i,
                                       .offset = 0x1000,
                                       .file_len = 0x10,
                                       .mem_len = 0x2000};
        pieces_add(&p, seg[i].paddr, seg[i].paddr + seg[i].mem_len);
    }
    struct fixture *f = open_elf(0, true, MIB, seg, 24);
    for (uint32_t i = 0; i < SYSTEM_RANGES_MAX; i++) {
        fixture_range(f, 2 * MIB * i, i == 7 ? 2 * MIB : MIB + 0x80000);
    }
    char *args = malloc(SYSTEM_ARGS_MAX);
    memset(args, 'x', SYSTEM_ARGS_MAX);
    args[SYSTEM_ARGS_MAX - 1] = 0;
    memset(f->vm.cmdline, 'y', SYSTEM_CMDLINE_MAX - 1);
    f->vm.devices = SYSTEM_DEV_ALL;
    for (uint32_t i = 0; i < SYSTEM_MODULES_MAX; i++) {
        add_module(f, bytes, sizeof(bytes), i % 2 != 0 ? SYSTEM_AT_ANY : 4 * MIB + 0x4000 * i,
                   args);
    }
    assert_int_equal(fixture_load(f), BOOT_OK);
    pieces_add_placed(&p, f);
    assert_disjoint(&p, f);
    for (uint32_t i = 0; i < SYSTEM_MODULES_MAX; i++) {
        const gpa_t mods = guest_num(f, f->regs.gpr[GPR_RBX] + 24, 4);
        const gpa_t text = guest_num(f, mods + 16 * i + 8, 4);
        assert_true(
            range_within(text, SYSTEM_ARGS_MAX, f->out.info_lo, f->out.info_hi - f->out.info_lo));
        assert_guest_bytes(f, text, (const uint8_t *)args, SYSTEM_ARGS_MAX);
    }
    free(args);
    fixture_close(f);
}

static void damaged_headers_do_no_harm(void **state)
{
    (void)state;
    uint32_t seed = 11;
    uint32_t loaded = 0;
    struct fixture *f = open_elf(16 * MIB, true, 0x100000, plain, 1);
    const uint64_t len = f->in.kernel.len;
    uint8_t *exact = malloc(len);
    fixture_kernel(f, exact, len);
    for (uint32_t turn = 0; turn < 20000; turn++) {
        build_elf(file, turn % 2 != 0, 0x100000, plain, 1);
        put_multiboot(&file[HEADER_AT], turn % 3 == 0 ? 3 | ADDRESSES : 3);
        for (uint32_t i = 0; i < 5; i++) {
            static const uint32_t fields[5] = {0x100400, 0x100000, 0x101000, 0x102000, 0x100000};
            le_store(&file[HEADER_AT + 12 + 4 * i], 4, fields[i]);
        }
        for (uint32_t k = 0; k < 2; k++) {
            seed = seed * 1664525u + 1013904223u;
            const uint32_t at = (seed >> 8) % 0x98u;
            file[at < 0x78 ? at : HEADER_AT + 12 + at - 0x78] = (uint8_t)(seed >> 24);
        }
        memcpy(exact, file, len);
        loaded += fixture_load(f) == BOOT_OK ? 1u : 0u;
    }
    assert_true(loaded > 100);
    free(exact);
    fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_elf_classes_start_by_the_specification),
        cmocka_unit_test(the_memory_map_is_the_machines),
        cmocka_unit_test(entries_are_translated_or_taken_as_they_are),
        cmocka_unit_test(what_the_loader_adds_avoids_segments_all_over_low_memory),
        cmocka_unit_test(address_fields_rule_whatever_the_file_is),
        cmocka_unit_test(the_header_is_found_in_the_first_8192_bytes_only),
        cmocka_unit_test(each_bad_address_field_has_its_status),
        cmocka_unit_test(each_bad_elf_kernel_has_its_status),
        cmocka_unit_test(demands_that_cannot_be_met_are_refused_and_offers_ignored),
        cmocka_unit_test(modules_go_where_they_are_told_or_ascend),
        cmocka_unit_test(a_module_that_fits_only_below_goes_below),
        cmocka_unit_test(each_misplacement_has_its_status),
        cmocka_unit_test(bad_texts_name_their_module),
        cmocka_unit_test(as_many_segments_modules_and_words_as_there_can_be),
        cmocka_unit_test(damaged_headers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
