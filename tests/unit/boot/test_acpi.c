/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include "boot/acpi.h"

#define BASE 0xE0000u

/* A VM's tables, built and looked at from outside. */
struct tables {
    struct system_vm vm;
    uint8_t bytes[ACPI_BYTES_MAX];
    uint32_t len;
};

static struct tables *tables_open(uint32_t devices, uint32_t serials)
{
    static const uint16_t ports[SYSTEM_SERIALS_MAX] = {0x3F8, 0x2F8, 0x3E8, 0x2E8};
    struct tables *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->vm.devices = devices;
    t->vm.ranges = 2;
    t->vm.range[0] = (struct system_range){0, 0xA0000};
    t->vm.range[1] = (struct system_range){MIB, 255 * MIB};
    t->vm.serials = serials;
    for (uint32_t i = 0; i < serials; i++) {
        t->vm.serial[i] = (struct system_serial){.port = ports[i], .irq = i % 2 != 0 ? 3 : 4};
    }
    memset(t->bytes, 0xA5, sizeof(t->bytes));
    t->len = acpi_build(t->bytes, &t->vm, BASE);
    assert_in_range(t->len, 1, ACPI_BYTES_MAX);
    return t;
}

static uint8_t sum(const uint8_t *bytes, uint32_t len)
{
    uint8_t s = 0;
    for (uint32_t i = 0; i < len; i++) {
        s = (uint8_t)(s + bytes[i]);
    }
    return s;
}

/* The table at a guest address: within the area, of the right name and sum. */
static const uint8_t *table_at(const struct tables *t, uint64_t address, const char *sig)
{
    assert_true(range_within(address, 36, BASE, t->len));
    const uint8_t *p = &t->bytes[address - BASE];
    assert_memory_equal(p, sig, 4);
    assert_true(range_within(address, le32(&p[4]), BASE, t->len));
    if (memcmp(sig, "FACS", 4) != 0) {
        assert_int_equal(sum(p, le32(&p[4])), 0);
    }
    return p;
}

/* The table of that name as RSDT and XSDT both list it, or null. */
static const uint8_t *find(const struct tables *t, const char *sig)
{
    const uint8_t *rsdt = table_at(t, le32(&t->bytes[16]), "RSDT");
    const uint8_t *xsdt = table_at(t, le64(&t->bytes[24]), "XSDT");
    const uint32_t n = (le32(&xsdt[4]) - 36) / 8;
    const uint8_t *found = NULL;
    assert_int_equal(n, (le32(&rsdt[4]) - 36) / 4);
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t address = le64(&xsdt[36 + 8 * i]);
        assert_int_equal(address, le32(&rsdt[36 + 4 * i]));
        const uint8_t *p = &t->bytes[address - BASE];
        if (memcmp(p, sig, 4) == 0) {
            found = table_at(t, address, sig);
        }
    }
    return found;
}

static const uint8_t *dsdt(const struct tables *t)
{
    const uint8_t *fadt = find(t, "FACP");
    assert_non_null(fadt);
    assert_int_equal(le32(&fadt[40]), le64(&fadt[140]));
    return table_at(t, le32(&fadt[40]), "DSDT");
}

static bool holds(const uint8_t *table, const char *bytes, uint32_t len)
{
    for (uint32_t i = 36; i + len <= le32(&table[4]); i++) {
        if (memcmp(&table[i], bytes, len) == 0) {
            return true;
        }
    }
    return false;
}

static void the_pointer_has_both_sums_and_leads_to_all_tables(void **state)
{
    (void)state;
    struct tables *t = tables_open(SYSTEM_DEV_ALL, 4);
    assert_memory_equal(t->bytes, "RSD PTR ", 8);
    assert_int_equal(t->bytes[15], 2);
    assert_int_equal(le32(&t->bytes[20]), 36);
    assert_int_equal(sum(t->bytes, 20), 0);
    assert_int_equal(sum(t->bytes, 36), 0);
    assert_non_null(find(t, "FACP"));
    assert_non_null(find(t, "APIC"));
    assert_non_null(find(t, "HPET"));
    assert_null(find(t, "SSDT"));
    const uint8_t *facs = table_at(t, le32(&find(t, "FACP")[36]), "FACS");
    assert_int_equal((uint64_t)(facs - t->bytes) % 64, 0);
    assert_int_equal(le32(&facs[4]), 64);
    free(t);
}

/* PkgLength as in [ACPI] 20.2.4, of one or two bytes. */
static uint32_t pkg_len(const uint8_t *p)
{
    return p[0] < 0x40 ? p[0] : (p[0] & 0xFu) | (uint32_t)p[1] << 4;
}

/* Each device body ends where the next one begins, and the last where the scope ends. */
static void the_devices_fill_their_scope(void **state)
{
    (void)state;
    struct tables *t = tables_open(SYSTEM_DEV_ALL, 4);
    const uint8_t *d = dsdt(t);
    const uint8_t *end = d + le32(&d[4]);
    const uint8_t *p = d + 36;
    assert_memory_equal(p, "\x08_S5_\x12", 6);
    p += 6 + pkg_len(p + 6);
    assert_int_equal(*p, 0x10);
    assert_ptr_equal(p + 1 + pkg_len(p + 1), end);
    assert_memory_equal(p + 3, "_SB_", 4);
    p += 7;
    static const char *const names[] = {"CPU0", "PCI0", "PIC_", "PIT_", "RTC_",
                                        "HPET", "COM1", "COM2", "COM3", "COM4"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_memory_equal(p, "\x5B\x82", 2);
        assert_memory_equal(p + 4, names[i], 4);
        p += 2 + pkg_len(p + 2);
    }
    assert_ptr_equal(p, end);
    free(t);
}

static void absent_devices_leave_no_trace(void **state)
{
    (void)state;
    static const struct {
        uint32_t device;
        const char *name;
    } rows[] = {
        {SYSTEM_DEV_POWER, "_S5_"}, {SYSTEM_DEV_LAPIC, "CPU0"}, {SYSTEM_DEV_PCI, "PCI0"},
        {SYSTEM_DEV_PIC, "PIC_"},   {SYSTEM_DEV_PIT, "PIT_"},   {SYSTEM_DEV_RTC, "RTC_"},
        {SYSTEM_DEV_HPET, "HPET"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tables *with = tables_open(SYSTEM_DEV_ACPI | rows[i].device, 0);
        struct tables *without = tables_open(SYSTEM_DEV_ALL & ~rows[i].device, 4);
        assert_true(holds(dsdt(with), rows[i].name, 4));
        assert_false(holds(dsdt(without), rows[i].name, 4));
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            assert_int_equal(holds(dsdt(with), rows[k].name, 4), i == k);
        }
        assert_false(holds(dsdt(with), "COM1", 4));
        free(with);
        free(without);
    }
    struct tables *bare = tables_open(SYSTEM_DEV_ACPI, 0);
    assert_null(find(bare, "APIC"));
    assert_null(find(bare, "HPET"));
    free(bare);
}

static void the_fadt_says_what_there_is(void **state)
{
    (void)state;
    struct tables *t = tables_open(SYSTEM_DEV_ALL, 1);
    const uint8_t *f = find(t, "FACP");
    assert_int_equal(le32(&f[4]), 276);
    assert_int_equal(le16(&f[46]), 9);
    assert_int_equal(le32(&f[48]), 0xB2);
    assert_int_equal(f[52], 0xA1);
    assert_int_equal(f[53], 0xA0);
    assert_int_equal(le32(&f[56]), 0x600);
    assert_int_equal(le32(&f[64]), 0x604);
    assert_int_equal(le32(&f[76]), 0x608);
    assert_int_equal(f[88], 4);
    assert_int_equal(f[89], 2);
    assert_int_equal(f[91], 4);
    assert_int_equal(le16(&f[109]), 0x05); /* legacy devices, no VGA; no 8042 */
    assert_int_equal(le32(&f[112]) & (1u << 20), 0);
    assert_int_equal(le32(&f[112]) & (1u << 10), 1u << 10);
    assert_memory_equal(&f[116], "\x01\x08\x00\x01\xF9\x0C\x00\x00\x00\x00\x00\x00", 12);
    assert_int_equal(f[128], 6);
    assert_int_equal(le64(&f[148 + 4]), 0x600);
    assert_int_equal(le64(&f[172 + 4]), 0x604);
    assert_int_equal(le64(&f[208 + 4]), 0x608);
    free(t);

    t = tables_open(SYSTEM_DEV_ACPI, 0);
    f = find(t, "FACP");
    assert_int_equal(le16(&f[109]), 0x24); /* no VGA, no RTC */
    assert_int_equal(le32(&f[112]) & (1u << 20), 1u << 20);
    assert_int_equal(le32(&f[112]) & (1u << 10), 0);
    for (uint32_t i = 44; i < 92; i++) {
        assert_int_equal(f[i], 0);
    }
    for (uint32_t i = 116; i < 129; i++) {
        assert_int_equal(f[i], 0);
    }
    free(t);
}

static void the_madt_lists_controllers_and_overrides(void **state)
{
    (void)state;
    static const char lapic[] = "\x00\x08\x00\x00\x01\x00\x00\x00"
                                "\x04\x06\xFF\x00\x00\x01";
    static const char ioapic[] = "\x01\x0C\x01\x00\x00\x00\xC0\xFE\x00\x00\x00\x00";
    static const char irq0[] = "\x02\x0A\x00\x00\x02\x00\x00\x00\x00\x00";
    static const char irq9[] = "\x02\x0A\x00\x09\x09\x00\x00\x00\x0D\x00";
    static const struct {
        uint32_t devices;
        uint32_t len;
        uint32_t flags;
        bool ioapic;
        bool irq0;
        bool irq9;
    } rows[] = {
        {SYSTEM_DEV_LAPIC, 58, 0, false, false, false},
        {SYSTEM_DEV_LAPIC | SYSTEM_DEV_PIC | SYSTEM_DEV_PIT, 58, 1, false, false, false},
        {SYSTEM_DEV_LAPIC | SYSTEM_DEV_IOAPIC, 70, 0, true, false, false},
        {SYSTEM_DEV_LAPIC | SYSTEM_DEV_IOAPIC | SYSTEM_DEV_PIT, 80, 0, true, true, false},
        {SYSTEM_DEV_LAPIC | SYSTEM_DEV_IOAPIC | SYSTEM_DEV_HPET, 80, 0, true, true, false},
        {SYSTEM_DEV_LAPIC | SYSTEM_DEV_IOAPIC | SYSTEM_DEV_POWER, 80, 0, true, false, true},
        {SYSTEM_DEV_ALL, 90, 1, true, true, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tables *t = tables_open(rows[i].devices, 0);
        const uint8_t *m = find(t, "APIC");
        assert_non_null(m);
        assert_int_equal(le32(&m[4]), rows[i].len);
        assert_int_equal(le32(&m[36]), 0xFEE00000u);
        assert_int_equal(le32(&m[40]), rows[i].flags);
        assert_memory_equal(&m[44], lapic, 14);
        assert_int_equal(holds(m, ioapic, 12), rows[i].ioapic);
        assert_int_equal(holds(m, irq0, 10), rows[i].irq0);
        assert_int_equal(holds(m, irq9, 10), rows[i].irq9);
        free(t);
    }
}

static void the_hpet_table_names_block_and_address(void **state)
{
    (void)state;
    struct tables *t = tables_open(SYSTEM_DEV_HPET, 0);
    const uint8_t *h = find(t, "HPET");
    assert_int_equal(le32(&h[4]), 56);
    assert_int_equal(le32(&h[36]), 0x8086A201u);
    assert_int_equal(h[40], 0);
    assert_int_equal(le64(&h[44]), 0xFED00000u);
    free(t);
}

static void the_pci_memory_window_begins_behind_low_ram(void **state)
{
    (void)state;
    static const struct {
        uint64_t base;
        uint64_t size;
        bool window;
        uint32_t start;
    } rows[] = {
        {MIB, 255 * MIB, true, 0x10000000},
        {MIB, 3 * GIB - MIB, true, 0xC0000000u},
        {4 * GIB, GIB, true, 0x100000}, /* RAM above does not count; the window is never lower */
        {MIB, 0xFEC00000u - MIB, false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tables *t = tables_open(SYSTEM_DEV_PCI, 0);
        uint8_t want[26] = {0x87, 23, 0, 0, 0x0C, 1};
        t->vm.range[1] = (struct system_range){rows[i].base, rows[i].size};
        t->len = acpi_build(t->bytes, &t->vm, BASE);
        le_store(&want[10], 4, rows[i].start);
        le_store(&want[14], 4, 0xFEBFFFFFu);
        le_store(&want[22], 4, 0xFEC00000u - rows[i].start);
        assert_int_equal(holds(dsdt(t), "\x87\x17\x00", 3), rows[i].window);
        if (rows[i].window) {
            assert_true(holds(dsdt(t), (const char *)want, 26));
        }
        free(t);
    }
}

static void uarts_are_where_the_image_puts_them(void **state)
{
    (void)state;
    struct tables *t = tables_open(0, 2);
    static const char com2[] = "\x47\x01\xF8\x02\xF8\x02\x01\x08\x22\x08\x00";
    assert_true(holds(dsdt(t), com2, 11));
    t->vm.serial[1] = (struct system_serial){.port = 0xABC0, .irq = 15};
    t->vm.serial[0].port = 0; /* no such UART */
    t->len = acpi_build(t->bytes, &t->vm, BASE);
    static const char odd[] = "\x47\x01\xC0\xAB\xC0\xAB\x01\x08\x22\x00\x80";
    assert_true(holds(dsdt(t), odd, 11));
    assert_false(holds(dsdt(t), "COM1", 4));
    assert_true(holds(dsdt(t), "COM2", 4));
    free(t);
}

/* A VM with these two cards; the second one may be none. */
static struct tables *tables_with_cards(uint32_t devices, uint32_t shell, uint32_t other)
{
    struct tables *t = tables_open(devices, 4);
    t->vm.nics = other != 0 ? 2 : 1;
    t->vm.nic[0] =
        (struct system_nic){.shell = shell, .at = 0xFEB00000u, .irq = 21, .pci_device = 3};
    t->vm.nic[1] = (struct system_nic){
        .shell = other, .at = 0xFEB01000u, .irq = SYSTEM_IRQ_NONE, .pci_device = 31};
    memset(t->bytes, 0xA5, sizeof(t->bytes));
    t->len = acpi_build(t->bytes, &t->vm, BASE);
    assert_in_range(t->len, 1, ACPI_BYTES_MAX);
    return t;
}

static void cards_behind_mmio_are_found_by_their_node(void **state)
{
    (void)state;
    static const char node[] = "_HID\x0DLNRO0005\x00\x08_UID\x00\x08_CRS";
    static const char where[] = "\x86\x09\x00\x01\x00\x00\xB0\xFE\x00\x02\x00\x00"
                                "\x89\x06\x00\x01\x01\x15\x00\x00\x00\x79";
    static const char polled[] = "\x86\x09\x00\x01\x00\x10\xB0\xFE\x00\x02\x00\x00\x79";
    for (uint32_t shell = SYSTEM_SHELL_MMIO_LEGACY; shell <= SYSTEM_SHELL_MMIO; shell++) {
        struct tables *t = tables_with_cards(SYSTEM_DEV_ALL, shell, shell);
        assert_true(holds(dsdt(t), node, sizeof(node) - 1));
        assert_true(holds(dsdt(t), where, sizeof(where) - 1));
        assert_true(holds(dsdt(t), polled, sizeof(polled) - 1));
        assert_true(holds(dsdt(t), "VIO1", 4));
        free(t);
    }
    struct tables *t = tables_with_cards(SYSTEM_DEV_ALL, SYSTEM_SHELL_BLOCK, 0);
    assert_false(holds(dsdt(t), "LNRO0005", 8)); /* who uses it knows where it is */
    t->vm.nic[0].shell = SYSTEM_SHELL_MMIO;
    t->vm.nic[0].at = 1ull << 32;
    t->len = acpi_build(t->bytes, &t->vm, BASE);
    assert_false(holds(dsdt(t), "LNRO0005", 8));
    free(t);
}

static void the_routing_table_names_the_input_of_each_pin(void **state)
{
    (void)state;
    static const char empty[] = "_PRT\x12\x43\x00\x00";
    static const char one[] = "_PRT\x12\x40\x01\x01"
                              "\x12\x4C\x00\x04\x0C\xFF\xFF\x03\x00\x00\x00\x0A\x15";
    struct tables *t = tables_with_cards(SYSTEM_DEV_ALL, SYSTEM_SHELL_MMIO, 0);
    assert_true(holds(dsdt(t), empty, sizeof(empty) - 1));
    free(t);
    for (uint32_t shell = SYSTEM_SHELL_PCI_LEGACY; shell <= SYSTEM_SHELL_PCI_MODERN; shell++) {
        t = tables_with_cards(SYSTEM_DEV_ALL, shell, shell); /* the second one polls */
        assert_true(holds(dsdt(t), one, sizeof(one) - 1));
        t->vm.nic[1].irq = 22;
        t->len = acpi_build(t->bytes, &t->vm, BASE);
        assert_true(holds(dsdt(t), "\x0C\xFF\xFF\x1F\x00\x00\x00\x0A\x16", 9));
        assert_in_range(t->len, 1, ACPI_BYTES_MAX);
        free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pointer_has_both_sums_and_leads_to_all_tables),
        cmocka_unit_test(the_devices_fill_their_scope),
        cmocka_unit_test(absent_devices_leave_no_trace),
        cmocka_unit_test(the_fadt_says_what_there_is),
        cmocka_unit_test(the_madt_lists_controllers_and_overrides),
        cmocka_unit_test(the_hpet_table_names_block_and_address),
        cmocka_unit_test(the_pci_memory_window_begins_behind_low_ram),
        cmocka_unit_test(uarts_are_where_the_image_puts_them),
        cmocka_unit_test(cards_behind_mmio_are_found_by_their_node),
        cmocka_unit_test(the_routing_table_names_the_input_of_each_pin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
