/* SPDX-License-Identifier: BSD-2-Clause
 * Descriptor tables and segment registers.
 * Spec: [SDM] vol. 3A, 3.4.5 and 3.5 (descriptors), 6.14 (gates in 64-bit mode). */
#include "emit.h"
#include "kinds.h"
#include "random.h"
#include "trap.h"

#define DESCRIPTOR_PRESENT (1ull << 47)

static uint16_t random_selector(void)
{
    switch (random_below(3)) {
    case 0:
        return (uint16_t)(8u * random_below(16) + random_below(8));
    case 1:
        return (uint16_t)(SEL_NOISE + 8u * random_below(NOISE_ENTRIES) + random_below(8));
    default:
        return (uint16_t)random_64();
    }
}

static void make_noise(void)
{
    for (uint32_t i = 0; i < NOISE_ENTRIES; i++) {
        uint64_t d = random_64();
        machine_set_noise(i, random_chance(3, 4) ? d | DESCRIPTOR_PRESENT : d);
    }
}

/* MOV to a segment register, LLDT, LAR, LSL, VERR, far returns and calls: by a selector in AX. */
static void emit_use(void)
{
    static const uint8_t moves[] = {0xC0, 0xD0, 0xD8, 0xE0, 0xE8, 0xC8};
    uint16_t selector = random_selector();
    emit_set32(REG_AX, selector);
    switch (random_below(8)) {
    case 0:
        emit_number(0xD0000Fu, 3); /* LLDT AX */
        break;
    case 1:
        emit_number(random_chance(1, 2) ? 0xC8020Fu : 0xC8030Fu, 3); /* LAR, LSL ECX, EAX */
        break;
    case 2:
        emit_number(random_chance(1, 2) ? 0xE0000Fu : 0xE8000Fu, 3); /* VERR, VERW AX */
        break;
    case 3: /* far return into the INT3s at the end */
        emit_byte(0x50);
        emit_byte(0x68);
        emit_number(CODE_BASE + CODE_BYTES - 16u, 4);
        emit_number(0xCB48u, 2);
        break;
    default:
        emit_byte(0x8E);
        emit_byte(RANDOM_OF(moves));
        break;
    }
}

/* LGDT or LIDT: the pointer is put together in scratch memory. */
static void emit_load_table(uint8_t modrm, uint64_t base, uint16_t limit)
{
    emit_set64(REG_BX, DATA_BASE);
    emit_set64(REG_AX, base << 16 | limit);
    emit_number(0x038948u, 3); /* MOV [RBX], RAX     */
    emit_set64(REG_AX, base >> 48);
    emit_number(0x08438948u, 4); /* MOV [RBX + 8], RAX */
    emit_byte(0x0F);
    emit_byte(0x01);
    emit_byte(modrm);
}

#define LGDT_RBX 0x13u
#define LIDT_RBX 0x1Bu

/* A GDT anywhere, which is left again before anything can be looked up in it; then one that is
 * shorter than the descriptors that follow. */
static void emit_lgdt(void)
{
    uint64_t good = machine_gdt();
    emit_load_table(LGDT_RBX, random_chance(1, 2) ? aim_memory() : random_value(),
                    (uint16_t)random_64());
    emit_load_table(LGDT_RBX, good, (uint16_t)(SEL_NOISE - 1u + random_below(64)));
}

/* LTR of noise, and at once of a spare that is sound: an exception between would be the end. */
static void emit_ltr(void)
{
    uint32_t n = random_below(NOISE_ENTRIES - 1u);
    if (random_chance(3, 4)) { /* a TSS, as far as its type goes */
        machine_set_noise(n, (random_64() & ~(0x1Full << 40)) | (9ull << 40) | DESCRIPTOR_PRESENT);
        machine_set_noise(n + 1u, random_64() & ~(0x1Full << 40));
    }
    emit_set32(REG_AX, SEL_NOISE + 8u * n);
    emit_number(0xD8000Fu, 3); /* LTR AX */
    emit_set32(REG_AX, SEL_TSS_SPARE);
    emit_number(0xD8000Fu, 3);
}

struct shot *kind_descriptor(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_RAM);
    s->touches = TOUCH_TR;
    make_noise();
    if (random_chance(1, 6)) {
        emit_ltr();
    }
    if (random_chance(1, 6)) {
        emit_lgdt();
    }
    for (uint32_t i = random_below(4); i < 4u; i++) {
        emit_use();
    }
    emit_end();
    return s;
}

/* INT n: the gates of vectors 32 and above are random, those of exceptions are sound. */
struct shot *kind_interrupt(void)
{
    bool user = random_chance(1, 2);
    struct shot *s = emit_begin(user ? RING_USER : RING_KERNEL, WORLD_RAM);
    uint32_t vector = VECTOR_EXCEPTIONS + random_below(256u - VECTOR_EXCEPTIONS);
    bool second = !user && random_chance(2, 3);
    s->touches = TOUCH_TR | TOUCH_WATCH;
    make_noise();
    if (second) {
        uint64_t low = random_64();
        uint64_t type = random_chance(3, 4) ? (0xE00ull | 0x8000u) << 32 : 0;
        uint64_t high = random_chance(1, 2) ? 0 : random_64();
        machine_set_gate(vector, low | type, high);
        emit_load_table(LIDT_RBX, machine_second_idt(), 0xFFFu);
    }
    emit_byte(0xCD);
    emit_byte((uint8_t)(random_chance(1, 8) ? random_below(256) : vector));
    emit_end();
    return s;
}
