/* SPDX-License-Identifier: BSD-2-Clause
 * Writes ACPI machine language into a caller's buffer: just what our DSDT needs.
 *
 * Every write is checked against the buffer. What does not fit is not written, `overflow` stays set,
 * and nothing after it is written either; the caller asks once, at the end.
 * Spec: [ACPI] 6.4, 20.2 (AML grammar), 6.4 (resource data types). */
#ifndef BOOT_AML_H
#define BOOT_AML_H

#include <stdbool.h>
#include <stdint.h>

struct aml {
    uint8_t *buf;
    uint32_t cap;
    uint32_t len;
    bool overflow;
};

void aml_init(struct aml *a, uint8_t *buf, uint32_t cap);

/* Objects with a body: open, write the body, close with what open returned. Bodies nest. */
uint32_t aml_open_scope(struct aml *a, const char seg[4]);
uint32_t aml_open_device(struct aml *a, const char seg[4]);
uint32_t aml_open_package(struct aml *a, uint8_t elements);
void aml_close(struct aml *a, uint32_t start);

/* Name (seg, ...): the object follows. */
void aml_name(struct aml *a, const char seg[4]);
void aml_integer(struct aml *a, uint64_t value);
void aml_string(struct aml *a, const char *text);

/* Name (_HID, EisaId ("PNPxxxx")), xxxx being the hexadecimal digits of `pnp`. */
void aml_hid_pnp(struct aml *a, uint16_t pnp);

/* Name (_CRS, ResourceTemplate () { ... }): open, add resources, close. */
uint32_t aml_open_crs(struct aml *a);
void aml_close_crs(struct aml *a, uint32_t start);

void aml_crs_io(struct aml *a, uint16_t port, uint8_t len);            /* fixed ports         */
void aml_crs_irq(struct aml *a, uint8_t irq);                          /* ISA: edge, high     */
void aml_crs_gsi(struct aml *a, uint32_t gsi);                         /* any: level, high    */
void aml_crs_memory(struct aml *a, uint32_t base, uint32_t len);       /* fixed, read-write   */
void aml_crs_bus_window(struct aml *a, uint16_t first, uint16_t last); /* bridge: bus numbers */
void aml_crs_io_window(struct aml *a, uint16_t first, uint16_t last);  /* bridge: ports       */
void aml_crs_memory_window(struct aml *a, uint32_t first, uint32_t last);

#endif
