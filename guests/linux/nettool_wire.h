/* SPDX-License-Identifier: BSD-2-Clause
 * Raw Ethernet frames in and out of a device. */
#ifndef NETTOOL_WIRE_H
#define NETTOOL_WIRE_H

#include <netpacket/packet.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_HEADER 14u
#define WIRE_ROOM   2048u /* what a received frame may take */

struct wire {
    int fd;
    uint8_t mac[6];
    struct sockaddr_ll at;
};

/* Ends the program if there is no such device. */
void wire_open(struct wire *w, const char *device);

/* The device of that name is a new one. What came from the old one is still there to be received. */
void wire_find(struct wire *w, const char *device);

/* Fills in the header of a frame of `bytes` and sends it: waits where the device is busy. */
void wire_send(const struct wire *w, const uint8_t *to, uint32_t type, uint8_t *frame,
               size_t bytes);

/* The next frame of that type; its bytes, or 0: silence. */
size_t wire_receive(const struct wire *w, uint32_t type, uint8_t frame[WIRE_ROOM], int wait_ms);

#endif
