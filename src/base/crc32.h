/* SPDX-License-Identifier: BSD-2-Clause
 * CRC-32 as in ISO 3309 / IEEE 802.3 (reflected, polynomial 0xEDB88320). */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of `len` more bytes after those whose CRC is `crc`; start with 0. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t len);

#endif
