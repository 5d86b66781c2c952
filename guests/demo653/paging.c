/* SPDX-License-Identifier: BSD-2-Clause
 * See paging.h. Kernel addresses are physical addresses. */
#include "paging.h"

#include "config.h"
#include "lapic.h"
#include "memory.h"
#include "print.h"
#include "x86.h"

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_UNCACHED ((1ull << 3) | (1ull << 4)) /* PWT, PCD */
#define PTE_LARGE    (1ull << 7)
#define PTE_NO_EXEC  (1ull << 63)

#define ENTRIES     512u
#define LARGE_BYTES 0x200000u
#define GIB         0x40000000u
#define DEVICES     0xFE000000u /* from here to 4 GiB is uncached */

#define DEVICES_LAPIC ((LAPIC_BASE - 3u * GIB) / LARGE_BYTES)

#define CPUID_7_EBX_SMEP  (1u << 7)
#define CPUID_7_EBX_SMAP  (1u << 20)
#define CPUID_7_ECX_UMIP  (1u << 2)
#define CPUID_EXT1_EDX_NX (1u << 20)

struct table {
    uint64_t entry[ENTRIES];
} __attribute__((aligned(4096)));

struct tables {
    struct table pml4;
    struct table pdpt;
    struct table pd; /* second GiB */
    struct table pt; /* the partition's 2 MiB */
};

extern const uint8_t image_start[];
extern const uint8_t text_end[];
extern const uint8_t rodata_end[];

static struct table kernel_pml4;
static struct table kernel_pdpt;
static struct table kernel_pd[4];
static struct table kernel_pt; /* first 2 MiB, page by page */
static struct tables partition_tables[PARTITIONS];
static uint64_t no_exec;
static uint64_t used_cr3;

static uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

static uint64_t kernel_page(uint64_t at)
{
    if (at == 0) {
        return 0;
    }
    if (at >= address(image_start) && at < address(text_end)) {
        return at | PTE_PRESENT;
    }
    if (at >= address(text_end) && at < address(rodata_end)) {
        return at | PTE_PRESENT | no_exec;
    }
    return at | PTE_PRESENT | PTE_WRITABLE | no_exec;
}

static void map_kernel(void)
{
    const uint64_t link = PTE_PRESENT | PTE_WRITABLE;
    kernel_pml4.entry[0] = address(&kernel_pdpt) | link;
    for (uint32_t i = 0; i < 4u; i++) {
        kernel_pdpt.entry[i] = address(&kernel_pd[i]) | link;
    }
    for (uint32_t i = 0; i < 4u * ENTRIES; i++) {
        uint64_t at = (uint64_t)i * LARGE_BYTES;
        uint64_t flags = at >= DEVICES ? PTE_UNCACHED : 0;
        kernel_pd[i / ENTRIES].entry[i % ENTRIES] =
            at | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE | flags | no_exec;
    }
    for (uint32_t i = 0; i < ENTRIES; i++) {
        kernel_pt.entry[i] = kernel_page((uint64_t)i * PAGE_BYTES);
    }
    kernel_pd[0].entry[0] = address(&kernel_pt) | link;
    kernel_pd[0].entry[PAGING_LAPIC_ALIAS / LARGE_BYTES] = kernel_pd[3].entry[DEVICES_LAPIC];
}

void paging_init(void)
{
    struct cpuid extended = cpuid_if(0x80000001u, 0);
    if ((extended.edx & CPUID_EXT1_EDX_NX) != 0) {
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
        no_exec = PTE_NO_EXEC;
    }
    map_kernel();
    write_cr3(address(&kernel_pml4));
    used_cr3 = address(&kernel_pml4);
    write_cr0(read_cr0() | CR0_WP);
    struct cpuid seven = cpuid_if(7, 0);
    uint64_t cr4 = read_cr4();
    cr4 |= (seven.ebx & CPUID_7_EBX_SMEP) != 0 ? CR4_SMEP : 0;
    cr4 |= (seven.ebx & CPUID_7_EBX_SMAP) != 0 ? CR4_SMAP : 0;
    cr4 |= (seven.ecx & CPUID_7_ECX_UMIP) != 0 ? CR4_UMIP : 0;
    write_cr4(cr4);
}

void paging_print(void)
{
    uint64_t cr4 = read_cr4();
    print("paging: 4 levels%s%s%s%s\n", no_exec != 0 ? " nx" : "",
          (cr4 & CR4_SMEP) != 0 ? " smep" : "", (cr4 & CR4_SMAP) != 0 ? " smap" : "",
          (cr4 & CR4_UMIP) != 0 ? " umip" : "");
}

/* The kernel needs its image (first GiB) and the local APIC (fourth GiB) while a partition runs. */
void paging_create(uint32_t partition, uint64_t start)
{
    struct tables *t = &partition_tables[partition];
    const uint64_t link = PTE_PRESENT | PTE_WRITABLE;
    memset(t, 0, sizeof *t);
    t->pml4.entry[0] = address(&t->pdpt) | link | PTE_USER;
    t->pdpt.entry[0] = address(&kernel_pd[0]) | link;
    t->pdpt.entry[1] = address(&t->pd) | link | PTE_USER;
    t->pdpt.entry[3] = address(&kernel_pd[3]) | link;
    t->pd.entry[(start - GIB) / LARGE_BYTES] = address(&t->pt) | link | PTE_USER;
}

void paging_map(uint32_t partition, uint64_t virtual, const void *frame, bool writable, bool code)
{
    uint64_t flags = PTE_PRESENT | PTE_USER;
    flags |= writable ? PTE_WRITABLE : 0;
    flags |= code ? 0 : no_exec;
    partition_tables[partition].pt.entry[(virtual / PAGE_BYTES) % ENTRIES] = address(frame) | flags;
}

void paging_use(uint32_t partition)
{
    uint64_t cr3 =
        address(partition < PARTITIONS ? &partition_tables[partition].pml4 : &kernel_pml4);
    if (cr3 != used_cr3) {
        used_cr3 = cr3;
        write_cr3(cr3);
    }
}
