/* SPDX-License-Identifier: BSD-2-Clause
 * Both roads to a device. Two machines of hosts/sim have the same devices behind the five data pages of a
 * vector. One is told of accesses raw, as EPT violations that the core decodes and emulates (seL4). The other is
 * told of accesses decoded (KVM), by whoever plays the kernel: KVM itself, or the processor at hand. Then
 * both must be in the same state, and have seen the same accesses. */
#ifndef PROCESSOR_ROADS_H
#define PROCESSOR_ROADS_H

#include "cpu/emulate.h"
#include "outcome.h"
#include "sim/sim.h"

/* Accesses that one road saw. */
#define ROAD_ACCESSES 256u

struct road_access {
    uint64_t linear;
    uint64_t val;
    uint32_t size;
    bool write;
};

struct road_trace {
    uint32_t count; /* the first ROAD_ACCESSES of them are kept */
    struct road_access access[ROAD_ACCESSES];
};

/* A device that holds what is written to it: five pages of registers. What a vector wants to find in its
 * operand can be there, and no bit of a value gets lost. */
#define ROAD_CARD_BYTES (DEVICE_END - WORLD_DATA)

struct road_card {
    uint8_t byte[ROAD_CARD_BYTES];
};

struct roads {
    struct sim *raw, *decoded;
    struct road_card raw_card, decoded_card;
    struct road_trace raw_trace, decoded_trace;
    struct emulate_bus board; /* of the raw one, behind the pages */
    uint32_t behind;          /* which devices are behind the pages */
    uint64_t tsc; /* of all exits of one instruction: on one road there are more of them */
};

/* What is not the same after a vector. Of the accesses, byte by byte as they come: */
struct road_difference {
    bool devices; /* the state of the machines                                     */
    bool cut;     /* the same bytes in the same order, but in other accesses       */
    bool less;    /* the decoded road left some out                                */
    bool more;    /* ... made some more: reads only, unless `writes`               */
    bool writes;
    bool other; /* none of these                                                 */
};

/* Builds both machines, or builds them anew. Aborts without memory: this is for tests. */
void roads_open(struct roads *r);
void roads_close(struct roads *r);

/* Begins a vector: chooses the devices by its number. `ram` is the world with the vector in it; what its data pages
 * hold is what the cards begin with. */
void roads_begin(struct roads *r, const struct vector *v, const uint8_t *ram);

/* A decoded access, of 1 to 8 bytes in one page. @pre it is in the data pages that are devices. */
uint64_t roads_load(struct roads *r, uint64_t linear, uint32_t size);
void roads_store(struct roads *r, uint64_t linear, uint32_t size, uint64_t val);

/* The vector on the raw road. `ram` is the world with the vector in it, and what became of it; device pages
 * are not touched. */
void roads_go_raw(struct roads *r, const struct vector *v, uint8_t *ram, struct outcome *out);

/* The vector is over on both. True: nothing differs; else `text` says what. */
bool roads_same(struct roads *r, struct road_difference *d, char *text, size_t size);

#endif
