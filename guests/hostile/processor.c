/* SPDX-License-Identifier: BSD-2-Clause
 * MSRs, CPUID, control and debug registers, and what hypervisors intercept.
 * Source: [SDM] vol. 4 and vol. 2, [APM] vol. 2, appendix A (MSRs). */
#include "emit.h"
#include "kinds.h"
#include "random.h"
#include "x86.h"

struct msr_range {
    uint32_t first;
    uint32_t count;
};

static const struct msr_range msrs[] = {
    {0x00, 0x20},       {0x1B, 1},        {0x10, 1},          {0x3A, 2},
    {0x48, 4},          {0x79, 1},        {0x8B, 1},          {0xC1, 8},
    {0xCE, 4},          {0xE7, 2},        {0xFE, 1},          {0x10A, 2},
    {0x174, 3},         {0x179, 3},       {0x186, 4},         {0x198, 4},
    {0x1A0, 1},         {0x1D9, 2},       {0x200, 16},        {0x250, 0x20},
    {0x277, 1},         {0x2FF, 1},       {0x345, 1},         {0x38D, 4},
    {0x400, 32},        {0x480, 0x14},    {0x600, 0x10},      {0x6E0, 1},
    {0x800, 0x40},      {0xC80, 0x20},    {0xDA0, 1},         {0x40000000, 0x100},
    {0x4B564D00, 0x10}, {0xC0000080, 5},  {0xC0000100, 4},    {0xC0010000, 0x20},
    {0xC0010110, 0x20}, {0xC0010200, 12}, {0xC0011000, 0x40}, {0xC0000000, 0x200},
};

static uint32_t random_msr(void)
{
    if (random_chance(1, 8)) {
        return (uint32_t)random_value();
    }
    struct msr_range r = RANDOM_OF(msrs);
    return r.first + random_below(r.count);
}

struct shot *kind_msr(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_RAM);
    uint32_t n = 1u + random_below(16);
    for (uint32_t i = 0; i < n; i++) {
        emit_set32(REG_CX, random_msr());
        emit_set32(REG_AX, (uint32_t)random_value());
        emit_set32(REG_DX, random_chance(1, 2) ? 0 : (uint32_t)random_value());
        emit_byte(0x0F);
        emit_byte(random_chance(1, 2) ? 0x30 : 0x32); /* WRMSR, RDMSR */
    }
    s->exits = n;
    s->touches = TOUCH_MSR;
    emit_end();
    return s;
}

struct shot *kind_cpuid(void)
{
    static const uint32_t leaves[] = {0, 0x40000000, 0x80000000, 0xC0000000, 0x8FFFFFFF};
    struct shot *s = emit_begin(RING_KERNEL, WORLD_RAM);
    for (uint32_t i = 0; i < 6u; i++) {
        emit_set32(REG_AX, random_chance(1, 4) ? (uint32_t)random_value()
                                               : RANDOM_OF(leaves) + random_below(0x28));
        emit_set32(REG_CX, random_chance(1, 2) ? random_below(16) : (uint32_t)random_value());
        emit_byte(0x0F);
        emit_byte(0xA2);
    }
    emit_end();
    return s;
}

/* --- Control registers ---------------------------------------------------------------------------- */

/* MOV CRn, RAX and back; DRn. */
static void emit_move(uint8_t opcode, uint32_t number, uint64_t value)
{
    emit_set64(REG_AX, value);
    emit_byte(0x0F);
    emit_byte(opcode);
    emit_byte((uint8_t)(0xC0u | (number << 3)));
}

/* Long mode stays on, or the write faults: the program needs a way back. */
static uint64_t random_cr0(void)
{
    static const uint64_t bits[] = {CR0_MP,     CR0_EM,     CR0_TS,     CR0_NE,     CR0_WP,
                                    1ull << 18, 1ull << 29, 1ull << 30, 1ull << 31, 1ull << 0};
    uint64_t v = 0x80010031ull;
    for (uint32_t i = random_below(3); i < 3u; i++) {
        v ^= RANDOM_OF(bits);
    }
    return random_chance(1, 8) ? v ^ random_64() : v;
}

static uint64_t random_cr4(void)
{
    uint64_t v = 0x620u;
    for (uint32_t i = random_below(3); i < 3u; i++) {
        v ^= 1ull << random_below(24);
    }
    return random_chance(1, 8) ? random_value() : v;
}

/* README.md, rule cr3-high: no bits above the address. */
static uint64_t random_cr3(void)
{
    uint64_t v = machine_tables(random_chance(1, 2) ? WORLD_RAM : WORLD_DEVICES);
    return v | (random_chance(1, 2) ? random_64() & 0xFFFu : 0);
}

static void emit_control(void)
{
    switch (random_below(6)) {
    case 0:
        emit_move(0x22, 0, random_cr0());
        break;
    case 1:
        emit_move(0x22, 4, random_cr4());
        break;
    case 2:
        emit_move(0x22, 3, random_cr3());
        break;
    case 3:
        emit_byte(0x44); /* CR8 */
        emit_byte(0x0F);
        emit_byte(random_chance(1, 2) ? 0x20 : 0x22);
        emit_byte(0xC0);
        break;
    case 4:
        emit_move(0x20, random_below(5), 0);
        break;
    default:
        emit_move(0x22, 2, random_value());
        break;
    }
}

static void emit_debug(void)
{
    uint32_t n = random_below(8);
    uint64_t v =
        n < 4u && random_chance(1, 2) ? CODE_BASE + random_below(CODE_BYTES) : random_value();
    emit_move(random_chance(3, 4) ? 0x23 : 0x21, n, v);
}

struct shot *kind_control(void)
{
    struct shot *s = emit_begin(RING_KERNEL, WORLD_RAM);
    s->touches = TOUCH_CR | TOUCH_DR;
    emit_set64(REG_AX, random_below(20));
    for (uint32_t i = random_below(4); i < 4u; i++) {
        if (random_chance(1, 4)) {
            emit_debug();
        } else {
            emit_control();
        }
    }
    if (random_chance(1, 8)) { /* XSETBV */
        emit_set32(REG_CX, random_below(3));
        emit_set64(REG_AX, random_value());
        emit_set64(REG_DX, 0);
        emit_number(0xD1010Fu, 3);
    }
    emit_end();
    return s;
}

/* --- What hypervisors intercept ------------------------------------------------------------------- */

struct special {
    uint8_t length;
    uint8_t bytes[4];
};

static const struct special specials[] = {
    {2, {0x0F, 0x31}},             /* RDTSC            */
    {3, {0x0F, 0x01, 0xF9}},       /* RDTSCP           */
    {2, {0x0F, 0x33}},             /* RDPMC            */
    {2, {0x0F, 0x08}},             /* INVD             */
    {2, {0x0F, 0x09}},             /* WBINVD           */
    {3, {0x0F, 0x01, 0x3B}},       /* INVLPG [RBX]     */
    {3, {0x0F, 0x01, 0xC8}},       /* MONITOR          */
    {3, {0x0F, 0x01, 0xC9}},       /* MWAIT            */
    {3, {0x0F, 0x01, 0xC1}},       /* VMCALL           */
    {3, {0x0F, 0x01, 0xD9}},       /* VMMCALL          */
    {3, {0x0F, 0x01, 0xD8}},       /* VMRUN            */
    {3, {0x0F, 0x01, 0xDA}},       /* VMLOAD           */
    {3, {0x0F, 0x01, 0xDB}},       /* VMSAVE           */
    {3, {0x0F, 0x01, 0xDC}},       /* STGI             */
    {3, {0x0F, 0x01, 0xDD}},       /* CLGI             */
    {3, {0x0F, 0x01, 0xDE}},       /* SKINIT           */
    {3, {0x0F, 0x01, 0xDF}},       /* INVLPGA          */
    {3, {0x0F, 0x01, 0xC2}},       /* VMLAUNCH         */
    {3, {0x0F, 0x01, 0xC4}},       /* VMXOFF           */
    {3, {0x0F, 0x78, 0xC1}},       /* VMREAD           */
    {4, {0xF3, 0x0F, 0xC7, 0x33}}, /* VMXON [RBX]      */
    {4, {0x66, 0x0F, 0x38, 0x82}}, /* INVPCID          */
    {3, {0x0F, 0x01, 0xD0}},       /* XGETBV           */
    {3, {0x0F, 0x01, 0xD1}},       /* XSETBV           */
    {3, {0x0F, 0x01, 0xF8}},       /* SWAPGS           */
    {2, {0x0F, 0x05}},             /* SYSCALL          */
    {2, {0x0F, 0x07}},             /* SYSRET           */
    {2, {0x0F, 0xAA}},             /* RSM              */
    {2, {0x0F, 0x06}},             /* CLTS             */
    {3, {0x0F, 0x01, 0xF0}},       /* LMSW AX          */
    {3, {0x0F, 0x01, 0x23}},       /* SMSW [RBX]       */
    {3, {0x0F, 0x01, 0x03}},       /* SGDT [RBX]       */
    {3, {0x0F, 0x01, 0x0B}},       /* SIDT [RBX]       */
    {3, {0x0F, 0x00, 0x03}},       /* SLDT [RBX]       */
    {3, {0x0F, 0x00, 0x0B}},       /* STR [RBX]        */
    {3, {0x0F, 0x00, 0x23}},       /* VERR [RBX]       */
    {3, {0x0F, 0xAE, 0x3B}},       /* CLFLUSH [RBX]    */
    {3, {0x0F, 0x0D, 0x0B}},       /* PREFETCHW [RBX]  */
    {2, {0xF3, 0x90}},             /* PAUSE            */
    {3, {0x0F, 0xC7, 0xF0}},       /* RDRAND EAX       */
    {3, {0x0F, 0xC7, 0xF8}},       /* RDSEED EAX       */
    {2, {0xDB, 0xE3}},             /* FNINIT           */
    {3, {0x0F, 0x01, 0xD5}},       /* XEND             */
    {1, {0xF1}},                   /* INT1             */
    {2, {0x0F, 0x0B}},             /* UD2              */
};

/* In ring 0 their operand is in RAM: KVM need not emulate a device access by every one of them. SYSENTER
 * and SYSEXIT are not here: README.md, rule sysenter. */
struct shot *kind_special(void)
{
    bool user = random_chance(1, 3);
    struct shot *s = emit_begin(user ? RING_USER : RING_KERNEL, user ? WORLD_DEVICES : WORLD_RAM);
    s->touches = TOUCH_CR | TOUCH_DR | TOUCH_WATCH;
    for (uint32_t i = random_below(3); i < 3u; i++) {
        const struct special *p = &RANDOM_OF(specials);
        emit_set64(REG_BX, user ? aim_memory() : DATA_BASE + random_below(0x10000));
        emit_set64(REG_AX, random_chance(1, 2) ? random_below(16) : random_value());
        emit_set32(REG_CX, (uint32_t)random_value());
        emit_bytes(p->bytes, p->length);
    }
    emit_end();
    return s;
}
