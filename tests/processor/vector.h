/* SPDX-License-Identifier: BSD-2-Clause
 * Test vectors: an instruction, the state it starts from, and the memory it finds. Each is a function of a
 * seed, its form, a number and where it runs, so that one that failed can be made again.
 *
 * Linear addresses are physical ones: the low memory below, whatever the mode. Data pages stand for
 * device memory in the emulator's world, and are RAM in the processor's. */
#ifndef PROCESSOR_VECTOR_H
#define PROCESSOR_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "form.h"
#include "vm/regs.h"

#define WORLD_BYTES 0x40000u
/* Descriptors to be loaded and looked at. In the GDT: each type of segment present at CPL 0, at CPL 3,
 * and absent; then each type of system descriptor at DPL 3 and at 0, in two entries. In the LDT, what a
 * process can have: types that have been accessed at CPL 3, eight present, eight absent. */
#define GDT_FIRST   8u
#define GDT_FAR     (GDT_FIRST + 3u * 16u + 2u * 2u * 16u) /* eight for far transfers */
#define GDT_COUNT   (GDT_FAR + 8u)
#define LDT_FIRST   8u
#define LDT_COUNT   (LDT_FIRST + 2u * 8u)
#define LDT_FAR     6u /* two for far transfers */
#define WORLD_LDT   0x00C00u
#define WORLD_GDT   0x01000u
#define WORLD_IDT32 0x01400u
#define WORLD_IDT64 0x01800u
#define WORLD_TSS64 0x01C00u
#define WORLD_TSS32 0x01D00u
#define WORLD_PML4  0x02000u
#define WORLD_PDPT  0x03000u
#define WORLD_PD    0x04000u
#define WORLD_PT    0x05000u
#define WORLD_PDPT3 0x06000u /* of PAE     */
#define WORLD_PD32  0x07000u /* of 32 bits */
#define WORLD_PT32  0x08000u
#define WORLD_STACK 0x0A000u /* of exception handlers: the byte after it */
#define WORLD_STUBS 0x0A000u /* 16 bytes for each vector; the first is HLT */
#define WORLD_CODE  0x1C000u /* two pages */
#define WORLD_DATA  0x20000u /* where data begins; pages by number: */
#define PAGE_RW     0u
#define PAGE_RW2    1u
#define PAGE_ABSENT 2u
#define PAGE_RO     3u
#define PAGE_RW3    4u
#define PAGE_RAM    5u /* RAM in the emulator's world, too */
#define PAGE_RAM2   6u
#define PAGE_SUPER  7u /* for CPL 0 only */
#define PAGES       8u
#define WORLD_END   (WORLD_DATA + PAGES * 0x1000u)
#define DEVICE_END  (WORLD_DATA + PAGE_RAM * 0x1000u) /* what is a device: the first five */

enum place {
    PLACE_REAL,
    PLACE_16,       /* protected mode, 16-bit code */
    PLACE_32,       /* no paging                   */
    PLACE_32_PAGED, /* 32-bit page tables          */
    PLACE_32_PAE,
    PLACE_COMPAT_16, /* under long mode             */
    PLACE_COMPAT_32,
    PLACE_64,
};
#define PLACES (PLACE_64 + 1u)

/* What the processor at hand cannot do, or does not check. */
struct limits {
    bool native;   /* a process: no FS, interrupts on, no supervisor page             */
    bool segments; /* limits and types of segments are checked, and alignment         */
    bool frames;   /* an exception at CPL 0 outside 64-bit code pushes on the same stack */
    bool avx;
};

/* Memory that a vector brings along: data, then what far transfers need. */
#define PATCHES   10u
#define PATCH_FAR 2u
struct patch {
    uint32_t at; /* linear; 0: unused */
    uint32_t len;
    uint8_t bytes[64];
};

struct vector {
    const struct form *form;
    enum place place;
    uint32_t cpl;
    uint32_t number;
    uint64_t seed;
    struct vcpu_regs regs;
    uint8_t ymm[16][32];
    uint8_t code[16];
    uint32_t len;
    uint32_t code_at;   /* linear */
    uint32_t op_size;   /* bytes */
    uint32_t addr_size; /* bytes */
    uint32_t size;      /* of the memory operand */
    uint64_t operand;   /* its linear address, or of the first of two */
    uint8_t operand_seg;
    uint8_t override; /* a segment, or 0xFF */
    bool rep;
    bool stack_device;  /* the first device access is to the stack */
    uint64_t undefined; /* flags */
    uint32_t land;      /* the level at which it goes on if nothing is wrong   */
    uint64_t ldt[2];    /* what a process is to have at LDT_FAR; 0: nothing    */
    const char *scene;
    struct patch patch[PATCHES];
};

extern const char *const place_names[PLACES];

bool place_is_64(enum place p);
bool place_pages(enum place p);

/* Makes vector `number`; false: this form has none for that number here. */
bool vector_make(struct vector *v, const struct form *form, enum place place, uint32_t cpl,
                 uint64_t seed, uint32_t number, const struct limits *limits);

/* Whether a linear address, which is a physical one, is in the data pages that stand for devices. */
bool vector_on_device(uint64_t linear);

/* Where rSI (which an override moves) or rDI points, with general registers as in `gpr`; where rSP does at
 * first; and the device access that the processor comes to first. */
uint64_t vector_pointer(const struct vector *v, const uint64_t *gpr, enum gpr reg);
uint64_t vector_stack(const struct vector *v);
uint64_t vector_exit(const struct vector *v, const uint64_t *gpr);

/* What memory holds besides what vectors bring: tables, handlers, noise in the data. `ram` has
 * WORLD_BYTES. With `native`, what only CPL 0 may touch is not there. */
void world_build(uint8_t *ram, bool native);

/* Puts the vector's code and data in, and the end of the landing ground: `stop` is INT3 or HLT. */
void world_place(uint8_t *ram, const struct vector *v, uint8_t stop);

/* Entry `n` of the LDT, from LDT_FIRST on. */
uint64_t world_ldt_entry(uint32_t n);

/* CR0, CR3, CR4, EFER and descriptors for a place. */
void world_system(struct vcpu_regs *regs, enum place place, bool avx);

#endif
