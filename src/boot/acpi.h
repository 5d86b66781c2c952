/* SPDX-License-Identifier: BSD-2-Clause
 * The ACPI tables of a VM: RSDP, RSDT, XSDT, FADT, FACS, MADT, HPET, DSDT. They describe what the
 * system image says is there, and nothing else.
 * Spec: [ACPI] ACPI Specification 6.4; [HPET] IA-PC HPET Specification 1.0a, 3.2.4 (its table). */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include <stdint.h>

#include "system/image.h"
#include "vm/gmem.h"

#define ACPI_BYTES_MAX 1536u /* all tables of any VM */
#define ACPI_ALIGN     64u   /* what the FACS wants  */

/* Builds the tables for their place at `base`: the RSDP comes first. Returns how many bytes they take.
 * @pre buf has ACPI_BYTES_MAX bytes; base is aligned to ACPI_ALIGN, and all lies below 4 GiB. */
uint32_t acpi_build(uint8_t *buf, const struct system_vm *vm, gpa_t base);

#endif
