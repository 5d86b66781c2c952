/* SPDX-License-Identifier: BSD-2-Clause
 * The ACPI tables of a VM. */
#include "boot/acpi.h"

#include "base/arith.h"
#include "base/assert.h"
#include "base/le.h"
#include "base/string.h"
#include "boot/acpi_board.h"
#include "boot/acpi_dsdt.h"
#include "dev/hpet.h"
#include "dev/ioapic.h"
#include "dev/lapic.h"
#include "dev/pmtimer.h"
#include "dev/power.h"
#include "dev/rtc.h"

#define OEM_ID       "BLKHD "
#define OEM_TABLE_ID "BULKHEAD"
#define CREATOR_ID   "BLKH"
#define OEM_REVISION 1u

#define TABLE_ALIGN    16u
#define TABLES_MAX     4u /* FADT, MADT, HPET; one spare */
#define TABLE_LENGTH   4u
#define TABLE_CHECKSUM 9u
#define TABLE_HEADER   36u

/* [ACPI] 5.2.5.3 */
#define RSDP_CHECKSUM  8u
#define RSDP_OEM_ID    9u
#define RSDP_REVISION  15u
#define RSDP_RSDT      16u
#define RSDP_LENGTH    20u
#define RSDP_XSDT      24u
#define RSDP_CHECKSUM2 32u
#define RSDP_BYTES     36u
#define RSDP_BYTES_V1  20u

/* [ACPI] 5.2.10 */
#define FACS_OFF     64u
#define FACS_BYTES   64u
#define FACS_VERSION 32u

/* [ACPI] 5.2.9 */
#define FADT_BYTES          276u
#define FADT_FIRMWARE_CTRL  36u
#define FADT_DSDT           40u
#define FADT_SCI_INT        46u
#define FADT_SMI_CMD        48u
#define FADT_ACPI_ENABLE    52u
#define FADT_ACPI_DISABLE   53u
#define FADT_PM1A_EVT_BLK   56u
#define FADT_PM1A_CNT_BLK   64u
#define FADT_PM_TMR_BLK     76u
#define FADT_PM1_EVT_LEN    88u
#define FADT_PM1_CNT_LEN    89u
#define FADT_PM_TMR_LEN     91u
#define FADT_P_LVL2_LAT     96u
#define FADT_P_LVL3_LAT     98u
#define FADT_CENTURY        108u
#define FADT_IAPC_BOOT_ARCH 109u
#define FADT_FLAGS          112u
#define FADT_RESET_REG      116u
#define FADT_RESET_VALUE    128u
#define FADT_MINOR          131u
#define FADT_X_DSDT         140u
#define FADT_X_PM1A_EVT_BLK 148u
#define FADT_X_PM1A_CNT_BLK 172u
#define FADT_X_PM_TMR_BLK   208u
#define FADT_HYPERVISOR     268u
#define FADT_REVISION       6u
#define FADT_LATENCY_NO_C2  101u  /* above 100: there is no C2  */
#define FADT_LATENCY_NO_C3  1001u /* above 1000: there is no C3 */

#define FADT_ARCH_LEGACY_DEVICES 0x01u
#define FADT_ARCH_NO_VGA         0x04u
#define FADT_ARCH_NO_RTC         0x20u

#define FADT_FLAG_WBINVD      (1u << 0)
#define FADT_FLAG_PROC_C1     (1u << 2)
#define FADT_FLAG_PWR_BUTTON  (1u << 4) /* not a fixed button */
#define FADT_FLAG_SLP_BUTTON  (1u << 5)
#define FADT_FLAG_FIX_RTC     (1u << 6) /* no RTC wake status */
#define FADT_FLAG_TMR_VAL_EXT (1u << 8) /* the PM timer has 32 bits */
#define FADT_FLAG_RESET_REG   (1u << 10)
#define FADT_FLAG_HEADLESS    (1u << 12)
#define FADT_FLAG_HW_REDUCED  (1u << 20)

/* Generic addresses. [ACPI] 5.2.3.2 */
#define GAS_MEMORY 0u
#define GAS_IO     1u

/* [ACPI] 5.2.12 */
#define MADT_LAPIC_ADDRESS    36u
#define MADT_FLAGS            40u
#define MADT_FIXED_BYTES      44u
#define MADT_REVISION         5u
#define MADT_FLAG_PCAT_COMPAT 1u
#define MADT_LAPIC            0u
#define MADT_IOAPIC           1u
#define MADT_OVERRIDE         2u
#define MADT_LAPIC_NMI        4u
#define MADT_LAPIC_ENABLED    1u
#define MADT_INTI_BUS         0x0u
#define MADT_INTI_HIGH_LEVEL  0xDu
#define MADT_ALL_PROCESSORS   0xFFu
#define MADT_NMI_LINT         1u

/* [HPET] 3.2.4 */
#define HPET_TABLE_BYTES    56u
#define HPET_TABLE_ID       36u
#define HPET_TABLE_ADDRESS  40u
#define HPET_TABLE_MIN_TICK 53u

/* The tables so far. All below 4 GiB. */
struct acpi_area {
    uint8_t *buf;
    uint32_t base;
    uint32_t len;
    uint32_t tables;
    uint32_t table[TABLES_MAX]; /* addresses, for RSDT and XSDT */
};

static void acpi_sum(uint8_t *bytes, uint32_t len, uint32_t at)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < len; i++) { /* bound: ACPI_BYTES_MAX */
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[at] = (uint8_t)(bytes[at] - sum);
}

/* A new table of `len` bytes, zero but for its header. */
static uint8_t *acpi_open(struct acpi_area *a, const char sig[4], uint8_t revision, uint32_t len)
{
    a->len = (uint32_t)align_up(a->len, TABLE_ALIGN);
    BH_ASSERT(len <= ACPI_BYTES_MAX - a->len);
    uint8_t *t = &a->buf[a->len];
    memcpy(t, sig, 4);
    le_store(&t[TABLE_LENGTH], 4, len);
    t[8] = revision;
    memcpy(&t[10], OEM_ID, 6);
    memcpy(&t[16], OEM_TABLE_ID, 8);
    le_store(&t[24], 4, OEM_REVISION);
    memcpy(&t[28], CREATOR_ID, 4);
    le_store(&t[32], 4, OEM_REVISION);
    return t;
}

/* Seals the table that was opened last. Returns its address. */
static uint32_t acpi_close(struct acpi_area *a, uint8_t *t)
{
    const uint32_t len = le32(&t[TABLE_LENGTH]);
    const uint32_t address = a->base + a->len;
    acpi_sum(t, len, TABLE_CHECKSUM);
    a->len += len;
    return address;
}

static void acpi_list(struct acpi_area *a, uint32_t address)
{
    BH_ASSERT(a->tables < TABLES_MAX);
    a->table[a->tables] = address;
    a->tables++;
}

/* A generic address. Access size: 1 byte, 2 word, 3 dword, 0 undefined. */
static void acpi_gas(uint8_t *p, uint8_t space, uint8_t bits, uint64_t address)
{
    p[0] = space;
    p[1] = bits;
    p[3] = space == GAS_MEMORY ? 0 : (uint8_t)(bits == 8 ? 1 : bits == 16 ? 2 : 3);
    le_store(&p[4], 8, address);
}

static uint32_t acpi_add_dsdt(struct acpi_area *a, const struct system_vm *vm)
{
    struct aml aml;
    uint8_t *t = acpi_open(a, "DSDT", 2, TABLE_HEADER);
    aml_init(&aml, &t[TABLE_HEADER], ACPI_BYTES_MAX - a->len - TABLE_HEADER);
    acpi_dsdt_write(&aml, vm);
    BH_ASSERT(!aml.overflow);
    le_store(&t[TABLE_LENGTH], 4, TABLE_HEADER + aml.len);
    return acpi_close(a, t);
}

/* PM1 and reset registers. Without them the machine is "hardware-reduced": no SCI, no sleep. */
static void acpi_fill_power(uint8_t *t)
{
    le_store(&t[FADT_SCI_INT], 2, POWER_SCI_IRQ);
    le_store(&t[FADT_SMI_CMD], 4, POWER_SMI_PORT);
    t[FADT_ACPI_ENABLE] = POWER_ACPI_ENABLE;
    t[FADT_ACPI_DISABLE] = POWER_ACPI_DISABLE;
    le_store(&t[FADT_PM1A_EVT_BLK], 4, POWER_PM1_EVT_PORT);
    le_store(&t[FADT_PM1A_CNT_BLK], 4, POWER_PM1_CNT_PORT);
    t[FADT_PM1_EVT_LEN] = POWER_PM1_EVT_BYTES;
    t[FADT_PM1_CNT_LEN] = POWER_PM1_CNT_BYTES;
    acpi_gas(&t[FADT_RESET_REG], GAS_IO, 8, POWER_RESET_PORT);
    t[FADT_RESET_VALUE] = POWER_RESET_VALUE;
    /* Two 16-bit registers: accessed as such. */
    acpi_gas(&t[FADT_X_PM1A_EVT_BLK], GAS_IO, 32, POWER_PM1_EVT_PORT);
    t[FADT_X_PM1A_EVT_BLK + 3u] = 2;
    acpi_gas(&t[FADT_X_PM1A_CNT_BLK], GAS_IO, 16, POWER_PM1_CNT_PORT);
}

static uint32_t acpi_fadt_flags(const struct system_vm *vm)
{
    uint32_t flags = FADT_FLAG_WBINVD | FADT_FLAG_PROC_C1 | FADT_FLAG_PWR_BUTTON |
                     FADT_FLAG_SLP_BUTTON | FADT_FLAG_FIX_RTC | FADT_FLAG_HEADLESS;
    flags |= (vm->devices & SYSTEM_DEV_PM_TIMER) != 0 ? FADT_FLAG_TMR_VAL_EXT : 0;
    flags |= (vm->devices & SYSTEM_DEV_POWER) != 0 ? FADT_FLAG_RESET_REG : FADT_FLAG_HW_REDUCED;
    return flags;
}

static uint32_t acpi_fadt_arch(const struct system_vm *vm)
{
    const uint32_t isa = SYSTEM_DEV_PIC | SYSTEM_DEV_PIT | SYSTEM_DEV_RTC;
    uint32_t arch = FADT_ARCH_NO_VGA; /* and no 8042: its bit stays clear */
    if ((vm->devices & isa) != 0 || vm->serials != 0) {
        arch |= FADT_ARCH_LEGACY_DEVICES;
    }
    if ((vm->devices & SYSTEM_DEV_RTC) == 0) {
        arch |= FADT_ARCH_NO_RTC;
    }
    return arch;
}

static void acpi_add_fadt(struct acpi_area *a, const struct system_vm *vm, uint32_t dsdt)
{
    uint8_t *t = acpi_open(a, "FACP", FADT_REVISION, FADT_BYTES);
    le_store(&t[FADT_FIRMWARE_CTRL], 4, a->base + FACS_OFF);
    le_store(&t[FADT_DSDT], 4, dsdt);
    le_store(&t[FADT_X_DSDT], 8, dsdt);
    le_store(&t[FADT_P_LVL2_LAT], 2, FADT_LATENCY_NO_C2);
    le_store(&t[FADT_P_LVL3_LAT], 2, FADT_LATENCY_NO_C3);
    le_store(&t[FADT_FLAGS], 4, acpi_fadt_flags(vm));
    le_store(&t[FADT_IAPC_BOOT_ARCH], 2, acpi_fadt_arch(vm));
    memcpy(&t[FADT_HYPERVISOR], OEM_TABLE_ID, 8);
    if ((vm->devices & SYSTEM_DEV_POWER) != 0) {
        acpi_fill_power(t);
    }
    if ((vm->devices & SYSTEM_DEV_PM_TIMER) != 0) {
        le_store(&t[FADT_PM_TMR_BLK], 4, PMTIMER_PORT);
        t[FADT_PM_TMR_LEN] = PMTIMER_BYTES;
        acpi_gas(&t[FADT_X_PM_TMR_BLK], GAS_IO, 32, PMTIMER_PORT);
    }
    if ((vm->devices & SYSTEM_DEV_RTC) != 0) {
        t[FADT_CENTURY] = RTC_CENTURY;
    }
    acpi_list(a, acpi_close(a, t));
}

/* An ISA interrupt that arrives elsewhere or otherwise than at its own input, as an edge. */
static uint32_t acpi_put_override(uint8_t *p, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    p[0] = MADT_OVERRIDE;
    p[1] = 10;
    p[2] = 0; /* ISA */
    p[3] = irq;
    le_store(&p[4], 4, gsi);
    le_store(&p[8], 2, flags);
    return 10;
}

static uint32_t acpi_put_ioapic(uint8_t *p, const struct system_vm *vm)
{
    uint32_t len = 12;
    p[0] = MADT_IOAPIC;
    p[1] = 12;
    p[2] = BOARD_IOAPIC_ID;
    le_store(&p[4], 4, IOAPIC_BASE);
    if ((vm->devices & (SYSTEM_DEV_PIT | SYSTEM_DEV_HPET)) != 0) {
        len += acpi_put_override(&p[len], BOARD_PIT_IRQ, BOARD_PIT_GSI, MADT_INTI_BUS);
    }
    if ((vm->devices & SYSTEM_DEV_POWER) != 0) {
        len += acpi_put_override(&p[len], POWER_SCI_IRQ, POWER_SCI_IRQ, MADT_INTI_HIGH_LEVEL);
    }
    return len;
}

static uint32_t acpi_put_lapic(uint8_t *p)
{
    p[0] = MADT_LAPIC; /* processor 0, APIC 0 */
    p[1] = 8;
    le_store(&p[4], 4, MADT_LAPIC_ENABLED);
    p[8] = MADT_LAPIC_NMI;
    p[9] = 6;
    p[10] = MADT_ALL_PROCESSORS;
    le_store(&p[11], 2, MADT_INTI_BUS);
    p[13] = MADT_NMI_LINT;
    return 14;
}

/* Without a local APIC there is nothing to say: the guest uses the PIC. */
static void acpi_add_madt(struct acpi_area *a, const struct system_vm *vm)
{
    uint32_t len = MADT_FIXED_BYTES;
    uint8_t *t = acpi_open(a, "APIC", MADT_REVISION, MADT_FIXED_BYTES + 14u + 12u + 20u);
    le_store(&t[MADT_LAPIC_ADDRESS], 4, LAPIC_BASE);
    if ((vm->devices & SYSTEM_DEV_PIC) != 0) {
        le_store(&t[MADT_FLAGS], 4, MADT_FLAG_PCAT_COMPAT);
    }
    len += acpi_put_lapic(&t[len]);
    if ((vm->devices & SYSTEM_DEV_IOAPIC) != 0) {
        len += acpi_put_ioapic(&t[len], vm);
    }
    le_store(&t[TABLE_LENGTH], 4, len);
    acpi_list(a, acpi_close(a, t));
}

static void acpi_add_hpet(struct acpi_area *a)
{
    uint8_t *t = acpi_open(a, "HPET", 1, HPET_TABLE_BYTES);
    le_store(&t[HPET_TABLE_ID], 4, HPET_CAPS_ID);
    acpi_gas(&t[HPET_TABLE_ADDRESS], GAS_MEMORY, 64, HPET_BASE);
    le_store(&t[HPET_TABLE_MIN_TICK], 2, BOARD_HPET_MIN_TICK);
    acpi_list(a, acpi_close(a, t));
}

/* RSDT (entries of 4 bytes) or XSDT (of 8). Returns its address. */
static uint32_t acpi_add_root(struct acpi_area *a, const char sig[4], uint32_t entry_bytes)
{
    uint8_t *t = acpi_open(a, sig, 1, TABLE_HEADER + a->tables * entry_bytes);
    for (uint32_t i = 0; i < a->tables; i++) { /* bound: TABLES_MAX */
        le_store(&t[TABLE_HEADER + i * entry_bytes], entry_bytes, a->table[i]);
    }
    return acpi_close(a, t);
}

static void acpi_write_facs(uint8_t *f)
{
    memcpy(f, "FACS", 4);
    le_store(&f[TABLE_LENGTH], 4, FACS_BYTES);
    f[FACS_VERSION] = 2;
}

uint32_t acpi_build(uint8_t *buf, const struct system_vm *vm, gpa_t base)
{
    struct acpi_area a = {.buf = buf, .base = (uint32_t)base, .len = FACS_OFF + FACS_BYTES};
    BH_ASSERT(range_within(base, ACPI_BYTES_MAX, 0, 1ull << 32));
    memset(buf, 0, ACPI_BYTES_MAX);
    acpi_write_facs(&buf[FACS_OFF]);
    acpi_add_fadt(&a, vm, acpi_add_dsdt(&a, vm));
    if ((vm->devices & SYSTEM_DEV_LAPIC) != 0) {
        acpi_add_madt(&a, vm);
    }
    if ((vm->devices & SYSTEM_DEV_HPET) != 0) {
        acpi_add_hpet(&a);
    }
    memcpy(buf, "RSD PTR ", 8);
    memcpy(&buf[RSDP_OEM_ID], OEM_ID, 6);
    buf[RSDP_REVISION] = 2;
    le_store(&buf[RSDP_RSDT], 4, acpi_add_root(&a, "RSDT", 4));
    le_store(&buf[RSDP_LENGTH], 4, RSDP_BYTES);
    le_store(&buf[RSDP_XSDT], 8, acpi_add_root(&a, "XSDT", 8));
    acpi_sum(buf, RSDP_BYTES_V1, RSDP_CHECKSUM);
    acpi_sum(buf, RSDP_BYTES, RSDP_CHECKSUM2);
    return a.len;
}
