/* SPDX-License-Identifier: BSD-2-Clause
 * What a compiler makes of accesses to a device register, held against the same done to RAM. */
#ifndef DEMO653_MMIO_FORMS_H
#define DEMO653_MMIO_FORMS_H

#include <stdbool.h>
#include <stdint.h>

/* Says which forms went wrong, and adds them to *failed; returns how many there are. @pre as of
 * mmio_test(), and paging_init() was called. */
extern uint32_t mmio_word; /* the RAM: named in instructions */

uint32_t mmio_forms(uint32_t *failed);

#endif
