/* SPDX-License-Identifier: BSD-2-Clause
 * The shadow decoder must find what KVM reports, and must not find what KVM would not report. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/le.h"
#include "base/string.h"
#include "kvm/shadow.h"

#define CODE   0x8000u
#define DEVICE 0x10000000u

static _Alignas(8) uint8_t ram[0x10000];
static struct gmem mem;
static struct vcpu_regs regs;

/* 64-bit code at CODE, a 1 GiB identity page, and the page after DEVICE elsewhere: at DEVICE + 2 MiB. */
static void fresh(const void *code, size_t len)
{
    memset(ram, 0, sizeof(ram));
    memset(&mem, 0, sizeof(mem));
    memset(&regs, 0, sizeof(regs));
    assert_true(gmem_add(&mem, 0, sizeof(ram), ram));
    memset(ram + CODE - 32, 0xCC, 64);
    memcpy(ram + CODE, code, len);
    regs.rip = CODE;
    regs.rflags = RFLAGS_FIXED;
    regs.cr0 = CR0_PE | CR0_PG;
    regs.cr4 = CR4_PAE;
    regs.efer = EFER_LME | EFER_LMA;
    regs.cr3 = 0x1000;
    regs.seg[SEG_CS].ar = SEG_AR_L | SEG_AR_P | SEG_AR_S | 0xBu;
    le_store(ram + 0x1000, 8, 0x2063);
    le_store(ram + 0x2000, 8, 0x3063);
    le_store(ram + 0x3000, 8, 0xE3);
    le_store(ram + 0x3000 + 8 * (DEVICE >> 21), 8, 0x4063);
    le_store(ram + 0x4000, 8, DEVICE | 0x63);
    le_store(ram + 0x4008, 8, (DEVICE + 0x200000u) | 0x63);
}
#define FRESH(...) fresh((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static enum shadow_verdict judge(gpa_t gpa, uint32_t size, bool write)
{
    const struct vm_exit_mmio access = {.gpa = gpa, .size = size, .write = write};
    return shadow_judge(&regs, &mem, &access, NULL);
}

static void reads_are_found_at_rip_with_their_size_and_direction(void **state)
{
    (void)state;
    FRESH(0x8B, 0x47, 0x10); /* mov eax, [rdi + 16] */
    regs.gpr[GPR_RDI] = DEVICE;
    assert_int_equal(judge(DEVICE + 16, 4, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 16, 8, false), SHADOW_DIFFERS);
    assert_int_equal(judge(DEVICE + 20, 4, false), SHADOW_DIFFERS);
    assert_int_equal(judge(DEVICE + 16, 4, true), SHADOW_DIFFERS);
}

static void writes_are_found_before_rip(void **state)
{
    (void)state;
    FRESH(0xC7, 0x47, 0x10, 1, 0, 0, 0); /* mov dword [rdi + 16], 1 */
    regs.gpr[GPR_RDI] = DEVICE;
    regs.rip = CODE + 7;
    assert_int_equal(judge(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 12, 4, true), SHADOW_DIFFERS);
    regs.rip = CODE + 6;
    assert_int_equal(judge(DEVICE + 16, 4, true), SHADOW_DIFFERS);
}

static void a_plain_instruction_at_rip_does_not_explain_a_write(void **state)
{
    (void)state;
    FRESH(0x89, 0x07); /* mov [rdi], eax: still to come */
    regs.gpr[GPR_RDI] = DEVICE;
    assert_int_equal(judge(DEVICE, 4, true), SHADOW_DIFFERS);
}

static void both_halves_of_a_crossing_operand_are_found(void **state)
{
    (void)state;
    FRESH(0x48, 0x8B, 0x07); /* mov rax, [rdi] */
    regs.gpr[GPR_RDI] = DEVICE + 0xFFD;
    assert_int_equal(judge(DEVICE + 0xFFD, 3, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 0x200000, 5, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 0x200000, 8, false), SHADOW_DIFFERS);
}

static void strings_have_moved_on_when_they_have_written(void **state)
{
    (void)state;
    FRESH(0xF3, 0xAB); /* rep stosd, one round done, not over */
    regs.gpr[GPR_RDI] = DEVICE + 4;
    regs.gpr[GPR_RCX] = 7;
    assert_int_equal(judge(DEVICE, 4, true), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 4, 4, true), SHADOW_DIFFERS);
    regs.rflags |= RFLAGS_DF;
    assert_int_equal(judge(DEVICE + 8, 4, true), SHADOW_FITS);
    regs.rflags &= ~(uint64_t)RFLAGS_DF;
    regs.rip = CODE + 2; /* the last round */
    assert_int_equal(judge(DEVICE, 4, true), SHADOW_FITS);
}

static void pushes_are_found_on_the_stack(void **state)
{
    (void)state;
    FRESH(0x50); /* push rax */
    regs.rip = CODE + 1;
    regs.gpr[GPR_RSP] = DEVICE + 0x40;
    assert_int_equal(judge(DEVICE + 0x40, 8, true), SHADOW_FITS);
    assert_int_equal(judge(DEVICE + 0x48, 8, true), SHADOW_DIFFERS);
    FRESH(0x58); /* pop rax */
    regs.gpr[GPR_RSP] = DEVICE + 0x40;
    assert_int_equal(judge(DEVICE + 0x40, 8, false), SHADOW_FITS);
}

static void what_cannot_be_told_is_said_to_be_open(void **state)
{
    (void)state;
    FRESH(0x87, 0x00); /* xchg [rax], eax: rax is no address any more */
    regs.rip = CODE + 2;
    regs.gpr[GPR_RAX] = 0x1234;
    assert_int_equal(judge(DEVICE, 4, true), SHADOW_OPEN);
}

static void bits_move_the_operand(void **state)
{
    (void)state;
    FRESH(0x0F, 0xA3, 0x07); /* bt [rdi], eax */
    regs.gpr[GPR_RDI] = DEVICE + 0x100;
    regs.gpr[GPR_RAX] = (uint32_t)-33;
    assert_int_equal(judge(DEVICE + 0x100 - 8, 4, false), SHADOW_FITS);
    regs.gpr[GPR_RAX] = 65;
    assert_int_equal(judge(DEVICE + 0x108, 4, false), SHADOW_FITS);
}

static void kvm_reads_before_it_stores_a_selector(void **state)
{
    (void)state;
    FRESH(0x0F, 0x00, 0x0B); /* str [rbx] */
    regs.gpr[GPR_RBX] = DEVICE;
    assert_int_equal(judge(DEVICE, 4, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE, 8, false), SHADOW_DIFFERS);
}

static void movsxd_of_16_bits_reads_two_bytes_or_four(void **state)
{
    (void)state;
    FRESH(0x66, 0x63, 0x03); /* movsxd ax, [rbx] */
    regs.gpr[GPR_RBX] = DEVICE;
    assert_int_equal(judge(DEVICE, 2, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE, 4, false), SHADOW_FITS);
    assert_int_equal(judge(DEVICE, 8, false), SHADOW_DIFFERS);
}

/* --- What is remembered ------------------------------------------------------------------------------------ */

#define ENTRY_CODE   0x3000u                         /* of the 2 MiB page with the code    */
#define ENTRY_DEVICE (0x3000u + 8u * (DEVICE >> 21)) /* of the table with the device's pages */
#define ENTRY_PAGE   0x4000u                         /* of the device's page               */

static struct shadow_memory memory;

/* With memory: must come to what it comes to without. */
static enum shadow_verdict recall(gpa_t gpa, uint32_t size, bool write)
{
    const struct vm_exit_mmio access = {.gpa = gpa, .size = size, .write = write};
    enum shadow_verdict v = shadow_judge(&regs, &mem, &access, &memory);
    assert_int_equal(v, judge(gpa, size, write));
    return v;
}

/* mov [rdi + 16], eax was done, and is remembered. */
static void fresh_and_remembered(void)
{
    FRESH(0x89, 0x47, 0x10);
    memset(&memory, 0, sizeof(memory));
    regs.rip = CODE + 3;
    regs.gpr[GPR_RDI] = DEVICE;
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(memory.hits, 0);
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(memory.hits, 1);
}

static void what_fitted_is_remembered_for_its_page(void **state)
{
    (void)state;
    fresh_and_remembered();
    regs.gpr[GPR_RDI] = DEVICE + 0x100;
    assert_int_equal(recall(DEVICE + 0x110, 4, true), SHADOW_FITS);
    assert_int_equal(memory.hits, 2);
    regs.gpr[GPR_RDI] = DEVICE + 0xFED; /* across the end of the page */
    assert_int_equal(recall(DEVICE + 0xFFD, 3, true), SHADOW_FITS);
    assert_int_equal(recall(DEVICE + 0xFFD, 4, true), SHADOW_DIFFERS);
    regs.gpr[GPR_RDI] = DEVICE + 0xFF0; /* the next page, which is elsewhere */
    assert_int_equal(recall(DEVICE + 0x200000, 4, true), SHADOW_FITS);
    assert_int_equal(memory.hits, 2);
    assert_int_equal(recall(DEVICE + 0x200000, 4, true), SHADOW_FITS);
    assert_int_equal(memory.hits, 3);
    regs.gpr[GPR_RDI] = DEVICE; /* which is still known */
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(memory.hits, 4);
}

static void what_does_not_fit_is_told_in_spite_of_memory(void **state)
{
    (void)state;
    fresh_and_remembered();
    assert_int_equal(recall(DEVICE + 20, 4, true), SHADOW_DIFFERS);
    assert_int_equal(recall(DEVICE + 16, 8, true), SHADOW_DIFFERS);
    assert_int_equal(recall(DEVICE + 16, 4, false), SHADOW_DIFFERS);
    regs.gpr[GPR_RDI] += 4;
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    regs.gpr[GPR_RDI] += 0x200000; /* where nothing is mapped */
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    assert_int_equal(memory.hits, 1);
}

static void rewritten_code_and_tables_are_seen(void **state)
{
    static const struct {
        uint32_t at;
        uint64_t now;
    } change[] = {
        {CODE, 0xCCCCCCCCCC104788u},               /* mov [rdi + 16], al */
        {CODE, 0xCCCCCCCCCC144789u},               /* mov [rdi + 20], eax */
        {ENTRY_CODE, 0},                           /* the code cannot be read any more */
        {ENTRY_DEVICE, 0},                         /* nor the device be found */
        {ENTRY_PAGE, 0},                           /* ... */
        {ENTRY_PAGE, (DEVICE + 0x200000u) | 0x63}, /* it is elsewhere */
        {ENTRY_PAGE, DEVICE | 0x61},               /* it is read-only */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
        fresh_and_remembered();
        regs.cr0 |= CR0_WP;
        assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
        le_store(ram + change[i].at, 8, change[i].now);
        assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
        assert_int_equal(memory.hits, 1);
    }
}

static void registers_that_change_the_meaning_are_seen(void **state)
{
    (void)state;
    fresh_and_remembered();
    regs.cr3 = 0x5000;
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    fresh_and_remembered();
    regs.seg[SEG_SS].ar |= SEG_AR_DPL; /* the pages are the supervisor's */
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    fresh_and_remembered();
    regs.seg[SEG_CS].ar &= ~SEG_AR_L; /* mov [bx + 16], ax */
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    fresh_and_remembered();
    for (uint32_t i = 1; i < 0x1000; i++) { /* one of them has the same place in memory */
        regs.rip = CODE + 3 + i;
        assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    }
    assert_int_equal(memory.hits, 1);
}

static void addresses_relative_to_rip_are_remembered(void **state)
{
    (void)state;
    FRESH(0x8B, 0x05, 0x10, 0, 0, 0); /* mov eax, [rip + 16] */
    memset(&memory, 0, sizeof(memory));
    le_store(ram + ENTRY_CODE + 8, 8, DEVICE | 0xE3); /* 2 MiB on from the code's page */
    le_store(ram + CODE + 2, 4, 0x200000 - CODE);
    assert_int_equal(recall(DEVICE + 6, 4, false), SHADOW_FITS);
    assert_int_equal(recall(DEVICE + 6, 4, false), SHADOW_FITS);
    assert_int_equal(memory.hits, 1);
}

static void an_instruction_across_two_pages_is_looked_for_anew(void **state)
{
    (void)state;
    fresh_and_remembered();
    le_store(ram + ENTRY_CODE, 8, 0x5063); /* small pages for the code */
    le_store(ram + 0x5000 + 8u * 8u, 8, 0x8063);
    le_store(ram + 0x5000 + 8u * 9u, 8, 0x9063);
    memcpy(ram + 0x8FFE, (const uint8_t[]){0x89, 0x47, 0x10}, 3);
    regs.rip = 0x9001;
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    le_store(ram + 0x5000 + 8u * 9u, 8, 0xA063); /* mov [rdi], eax */
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    assert_int_equal(memory.hits, 1);
}

static void pages_that_smap_closes_are_closed(void **state)
{
    (void)state;
    fresh_and_remembered();
    const uint32_t entry[] = {0x1000, 0x2000, ENTRY_DEVICE, ENTRY_PAGE};
    for (size_t i = 0; i < sizeof(entry) / sizeof(entry[0]); i++) {
        ram[entry[i]] |= 4;
    }
    regs.cr4 |= CR4_SMAP;
    regs.rflags |= RFLAGS_AC;
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    regs.rflags &= ~(uint64_t)RFLAGS_AC;
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    assert_int_equal(memory.hits, 2);
}

/* Where a segment begins matters in 32-bit code, where its instruction is not meant by RIP alone. */
static void the_code_segments_base_is_a_part_of_the_place(void **state)
{
    (void)state;
    fresh_and_remembered();
    regs.seg[SEG_CS].ar = (regs.seg[SEG_CS].ar & ~SEG_AR_L) | SEG_AR_DB;
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_FITS);
    assert_int_equal(memory.hits, 2);
    regs.seg[SEG_CS].base = 0x100;
    assert_int_equal(recall(DEVICE + 16, 4, true), SHADOW_DIFFERS);
    assert_int_equal(memory.hits, 2);
}

static uint64_t dice;
static uint32_t roll(uint32_t n)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice >> 33) % n;
}

/* Something that a guest may do between two accesses. */
static void change_something(void)
{
    static const uint8_t code[][8] = {
        {0x89, 0x47, 0x10, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC}, /* mov [rdi + 16], eax */
        {0x8B, 0x47, 0x10, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC}, /* mov eax, [rdi + 16] */
        {0x48, 0x89, 0x07, 0x90, 0xCC, 0xCC, 0xCC, 0xCC}, /* mov [rdi], rax */
        {0xF3, 0xAB, 0x90, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC}, /* rep stosd */
        {0x87, 0x3F, 0x90, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC}, /* xchg [rdi], edi */
        {0x65, 0x89, 0x07, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC}, /* mov gs:[rdi], eax */
    };
    static const struct {
        uint32_t at;
        uint64_t flip;
    } entry[] = {
        {ENTRY_CODE, 1},           {ENTRY_CODE, 4}, {ENTRY_DEVICE, 1}, {ENTRY_DEVICE, 2},
        {ENTRY_DEVICE, 0x8},       {ENTRY_PAGE, 1}, {ENTRY_PAGE, 2},   {ENTRY_PAGE, 4},
        {ENTRY_PAGE, 0x60},        {0x1000, 1},     {0x2000, 2},       {ENTRY_PAGE, 0x200000},
        {ENTRY_PAGE, 0x1ull << 63}};
    const uint64_t offset[] = {0, 4, 0x10, 0xFF0, 0x1000};
    uint64_t *const flips[] = {&regs.cr0, &regs.cr4, &regs.rflags, &regs.rflags};
    const uint64_t flip[] = {CR0_WP, CR4_SMAP, RFLAGS_DF, RFLAGS_AC};
    uint32_t n = roll(12);
    if (n < 3) {
        memcpy(ram + CODE, code[roll(6)], 8);
    } else if (n < 5) {
        n = roll(sizeof(entry) / sizeof(entry[0]));
        le_store(ram + entry[n].at, 8, le_load(ram + entry[n].at, 8) ^ entry[n].flip);
    } else if (n < 8) {
        regs.gpr[GPR_RDI] = DEVICE + offset[roll(5)];
    } else if (n < 10) {
        regs.rip = CODE + roll(4);
    } else if (n < 11) {
        n = roll(4);
        *flips[n] ^= flip[n];
    } else {
        regs.seg[SEG_SS].ar ^= roll(4) == 0 ? SEG_AR_DPL : 0;
        regs.seg[SEG_GS].base ^= roll(2) == 0 ? 0x10 : 0;
        regs.seg[SEG_CS].ar ^= roll(8) == 0 ? SEG_AR_L | SEG_AR_DB : 0;
    }
}

static void memory_changes_no_verdict(void **state)
{
    const gpa_t at[] = {DEVICE, DEVICE + 4, DEVICE + 0x10, DEVICE + 0x200000};
    uint32_t seen[3] = {0};
    uint64_t hits = 0;
    (void)state;
    for (uint32_t game = 0; game < 1000; game++) { /* what is broken is mended by the next */
        dice = game;
        fresh_and_remembered();
        for (uint32_t i = 0; i < 10; i++) {
            change_something();
            for (uint32_t n = 0; n < 16; n++) {
                seen[recall(at[n % 4], (n & 4) != 0 ? 8 : 4, (n & 8) != 0)]++;
            }
        }
        hits += memory.hits;
    }
    assert_true(seen[SHADOW_FITS] > 1000 && seen[SHADOW_DIFFERS] > 1000 && seen[SHADOW_OPEN] > 100);
    assert_true(hits > seen[SHADOW_FITS] / 2);
}

static void mismatches_are_counted_and_the_last_is_kept(void **state)
{
    struct report_shadow r = {0};
    const struct vm_exit_mmio good = {.gpa = DEVICE, .size = 4};
    const struct vm_exit_mmio bad = {.gpa = DEVICE + 4, .size = 4};
    (void)state;
    FRESH(0x8B, 0x07);
    regs.gpr[GPR_RDI] = DEVICE;
    shadow_count(&r, &regs, &mem, &good, NULL);
    shadow_count(&r, &regs, &mem, &bad, NULL);
    assert_int_equal(r.compared, 2);
    assert_int_equal(r.mismatches, 1);
    assert_int_equal(r.last_rip, CODE);
    assert_int_equal(r.last_gpa, DEVICE + 4);
    assert_int_equal(r.last_bytes[0], 0x8B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_are_found_at_rip_with_their_size_and_direction),
        cmocka_unit_test(writes_are_found_before_rip),
        cmocka_unit_test(a_plain_instruction_at_rip_does_not_explain_a_write),
        cmocka_unit_test(both_halves_of_a_crossing_operand_are_found),
        cmocka_unit_test(strings_have_moved_on_when_they_have_written),
        cmocka_unit_test(pushes_are_found_on_the_stack),
        cmocka_unit_test(what_cannot_be_told_is_said_to_be_open),
        cmocka_unit_test(bits_move_the_operand),
        cmocka_unit_test(kvm_reads_before_it_stores_a_selector),
        cmocka_unit_test(movsxd_of_16_bits_reads_two_bytes_or_four),
        cmocka_unit_test(what_fitted_is_remembered_for_its_page),
        cmocka_unit_test(what_does_not_fit_is_told_in_spite_of_memory),
        cmocka_unit_test(rewritten_code_and_tables_are_seen),
        cmocka_unit_test(registers_that_change_the_meaning_are_seen),
        cmocka_unit_test(addresses_relative_to_rip_are_remembered),
        cmocka_unit_test(an_instruction_across_two_pages_is_looked_for_anew),
        cmocka_unit_test(pages_that_smap_closes_are_closed),
        cmocka_unit_test(the_code_segments_base_is_a_part_of_the_place),
        cmocka_unit_test(memory_changes_no_verdict),
        cmocka_unit_test(mismatches_are_counted_and_the_last_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
