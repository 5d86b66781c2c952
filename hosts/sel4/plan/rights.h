/* SPDX-License-Identifier: BSD-2-Clause
 * Who can reach what: the rights that the system file implies, those that init really gave, and whether
 * they are the same.
 *
 * A right says that a *party* (a component) holds a capability to, or a mapping of, a *thing* (memory, a
 * notification, a device, a port range). rights_derive() makes the list from the frozen system. While
 * init builds, it names what it makes (rights_topic, rights_made), follows copies (rights_copied) and
 * notes each capability that leaves its own CNode, and each mapping (rights_gave): that list is made
 * from slots, not from intentions. rights_compare() holds one against the other.
 *
 * Two parties *share* a thing if one can act on it and the other can notice: one writes and the other
 * reads, one signals and the other waits. What both only read, or only signal, carries nothing. */
#ifndef SEL4_PLAN_RIGHTS_H
#define SEL4_PLAN_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "system/image.h"

enum party_kind {
    PARTY_NONE,
    PARTY_CONSOLE,
    PARTY_TIMER,
    PARTY_KEEPER, /* index: core   */
    PARTY_VMM,    /* index: VM     */
    PARTY_IO,     /* index: VM     */
    PARTY_SWITCH, /* index: switch */
    PARTY_NATIVE, /* index: native */
    PARTY_INIT,
};
#define PARTY(kind, index) ((uint32_t)(kind) << 8 | (index))

enum thing_kind {
    THING_NONE,
    THING_PROGRAM, /* code, constants and the frozen system: everybody reads them          */
    THING_PRIVATE, /* of one party: its stack, IPC buffer, page tables; `of` is the party   */
    THING_ARGS,    /* what init tells a party; `of` is the party                           */
    THING_NOTIFY,  /* notification of party `of`                                           */
    THING_REPORT,  /* endpoint to init                                                     */
    THING_SAY,     /* what party `of` says to the console                                  */
    THING_WAKE,    /* when party `of` wants to be woken                                    */
    THING_RAM,     /* of the guest; `of` is its vmm                                        */
    THING_FILES,   /* guests' files of vmm `of`                                            */
    THING_VCPU,    /* of vmm, or the helper of keeper `of`                                 */
    THING_TIME,    /* scheduling context of vmm `of`: its keeper parks and unparks it      */
    THING_THREAD,  /* of vmm `of`                                                          */
    THING_CHANNEL, /* between vmm and io, one per card; `of` is the vmm, `n` the card      */
    THING_FRAMES,  /* rings of a switch's port; `of` is the switch, `n` the port           */
    THING_COUNTS,  /* what switch or native `of` counts: init reads it                      */
    THING_COM1,    /* I/O ports 0x3F8-0x3FF                                                */
    THING_HPET,    /* its registers                                                        */
    THING_HPET_IRQ,
};
#define THING(kind, of, n) ((uint32_t)(kind) << 24 | (uint32_t)(n) << 16 | (of))

#define RIGHT_READ  1u /* or wait   */
#define RIGHT_WRITE 2u /* or signal */
#define RIGHT_USE   4u /* invoke: ports, interrupts, vCPUs */

struct right {
    uint32_t party; /* PARTY() */
    uint32_t thing; /* THING() */
    uint32_t rights;
};

#define RIGHTS_MAX 512u

/* Sorted by party, then thing; one entry for each. */
struct rights {
    uint32_t count;
    bool full; /* more were to be added: nothing can be said */
    struct right right[RIGHTS_MAX];
};

/* Adds rights, or more of them to those that are there. */
void rights_add(struct rights *r, uint32_t party, uint32_t thing, uint32_t rights);

/* What the file implies on a machine with so many cores. @pre image is checked. */
void rights_derive(struct rights *r, const struct system_image *image, uint32_t cores);

/* --- What was given ----------------------------------------------------------------------------- */

#define RIGHTS_SLOTS  65536u /* slots of init's CNode that can be followed */
#define RIGHTS_THINGS 256u

struct rights_record {
    struct rights given;
    uint32_t topic;                /* of what is made now */
    uint32_t things;               /* used of thing[]; entry 0 is none */
    uint32_t thing[RIGHTS_THINGS]; /* named so far */
    uint8_t of_slot[RIGHTS_SLOTS]; /* index into thing[] */
};

void rights_record_init(struct rights_record *r);
/* What is made from here on is this thing (THING_NONE: private to whom it is given first). */
void rights_topic(struct rights_record *r, uint32_t thing);
void rights_made(struct rights_record *r, uint64_t slot);
void rights_copied(struct rights_record *r, uint64_t from, uint64_t to);
/* A capability in `slot` of init's CNode was put into a party's CNode, or mapped into its space. */
void rights_gave(struct rights_record *r, uint32_t party, uint64_t slot, uint32_t rights);
/* It was taken back, all that the party had of the thing. */
void rights_took(struct rights_record *r, uint32_t party, uint64_t slot);

/* --- Saying it ----------------------------------------------------------------------------------- */

/* Takes one line, without its end. */
struct rights_out {
    void (*line)(void *host, const char *text);
    void *host;
};

/* "cap PARTY THING RIGHTS", one line for each; then "share PARTY PARTY THING RIGHTS RIGHTS" for each
 * pair of parties, or "apart PARTY PARTY" where they share nothing. */
void rights_print(const struct rights *r, const struct system_image *image,
                  const struct rights_out *out);

/* Prints "missing ..." for what was not given, and "extra ..." for what was given beyond; returns how
 * many of both. THING_PRIVATE is nobody's business but its party's, and is left out. */
uint32_t rights_compare(const struct rights *wanted, const struct rights *given,
                        const struct system_image *image, const struct rights_out *out);

#endif
