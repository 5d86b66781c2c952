/* SPDX-License-Identifier: BSD-2-Clause
 * The body of the DSDT: the devices that have no other way to be found. Only src/boot includes this.
 * Spec: [ACPI] 6.4, 5.6.7 and 6.1 (device identification), 7.4.2 (\_S5). */
#ifndef BOOT_ACPI_DSDT_H
#define BOOT_ACPI_DSDT_H

#include "boot/aml.h"
#include "system/image.h"

void acpi_dsdt_write(struct aml *a, const struct system_vm *vm);

#endif
