/* SPDX-License-Identifier: BSD-2-Clause
 * libslirp, loaded when an uplink starts: no other process of a system carries it and what it
 * brings along, and where it is not installed only the uplink is missing. */
#ifndef KVM_SLIRP_LIB_H
#define KVM_SLIRP_LIB_H

#include <slirp/libslirp.h>
#include <stdbool.h>
#include <stddef.h>

#define SLIRP_LIB_FILE "libslirp.so.0"

struct slirp_lib {
    Slirp *(*new)(const SlirpConfig *config, const SlirpCb *callbacks, void *opaque);
    void (*fill)(Slirp *slirp, uint32_t *timeout_ms, SlirpAddPollCb add, void *opaque);
    void (*poll)(Slirp *slirp, int error, SlirpGetREventsCb get, void *opaque);
    void (*input)(Slirp *slirp, const uint8_t *frame, int len);
    int (*forward)(Slirp *slirp, int udp, struct in_addr host, int host_port, struct in_addr guest,
                   int guest_port);
};

/* False: `why` says what is wrong and what to do. */
bool slirp_lib_load(struct slirp_lib *lib, char *why, size_t why_size);

#endif
