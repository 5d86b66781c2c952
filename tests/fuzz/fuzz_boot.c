/* SPDX-License-Identifier: BSD-2-Clause
 * The loaders on arbitrary files: bzImage, Multiboot with address fields, and both kinds of ELF.
 *
 * An input is either the file itself, or a list of patches to a file that boots, so that the fuzzer
 * begins deep inside. Guest RAM stands between pages that nobody may touch. */
#include <sys/mman.h>

#include "base/arith.h"
#include "base/le.h"
#include "boot/boot.h"
#include "boot/elf.h"
#include "boot/job.h"
#include "boot/multiboot_kernel.h"
#include "fuzz.h"

#define MIB       0x100000ull
#define FILE_MAX  0x4000u
#define RAM_BYTES (8u * MIB)
#define GUARD     0x10000u

static uint8_t *ram; /* RAM_BYTES, zero before each load */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    uint8_t *all =
        mmap(NULL, RAM_BYTES + 2u * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FUZZ_CHECK(all != MAP_FAILED);
    ram = all + GUARD;
    FUZZ_CHECK(mprotect(ram, RAM_BYTES, PROT_READ | PROT_WRITE) == 0);
    return 0;
}

/* --- Files that boot ---------------------------------------------------------------------------- */

static void put_multiboot(uint8_t *at, uint32_t flags)
{
    le_store(&at[0], 4, 0x1BADB002u);
    le_store(&at[4], 4, flags);
    le_store(&at[8], 4, 0u - (0x1BADB002u + flags));
}

static size_t make_linux(uint8_t *file)
{
    file[0x1F1] = 2;
    le_store(&file[0x1F4], 4, 0x100);
    le_store(&file[0x1FE], 2, 0xAA55);
    file[0x200] = 0xEB;
    file[0x201] = 0x6A;
    memcpy(&file[0x202], "HdrS", 4);
    le_store(&file[0x206], 2, 0x20F);
    file[0x211] = 1;
    le_store(&file[0x22C], 4, 0x7FFFFFFF);
    le_store(&file[0x230], 4, 0x1000);
    file[0x234] = 1;
    le_store(&file[0x236], 2, 3);
    le_store(&file[0x238], 4, 255);
    le_store(&file[0x258], 8, MIB);
    le_store(&file[0x260], 4, 0x10000);
    return 0x600u + 0x1000u;
}

static size_t make_flat(uint8_t *file)
{
    static const uint32_t field[5] = {0x100400, 0x100000, 0x102000, 0x104000, 0x100800};
    put_multiboot(&file[0x400], 0x10003u);
    for (uint32_t i = 0; i < 5; i++) {
        le_store(&file[0x40C + 4 * i], 4, field[i]);
    }
    return 0x2000;
}

/* Two segments; the second has bss only. */
static size_t make_elf(uint8_t *file, bool is64)
{
    const uint32_t word = is64 ? 8 : 4;
    const uint32_t head = is64 ? 64 : 52;
    const uint32_t each = is64 ? 56 : 32;
    memcpy(file, "\177ELF", 4);
    file[4] = is64 ? 2 : 1;
    file[5] = 1;
    file[6] = 1;
    le_store(&file[0x10], 2, 2);
    le_store(&file[0x12], 2, is64 ? 62 : 3);
    le_store(&file[0x14], 4, 1);
    le_store(&file[0x18], word, 0x100010);
    le_store(&file[is64 ? 0x20 : 0x1C], word, head);
    le_store(&file[is64 ? 0x34 : 0x28], 2, head);
    le_store(&file[is64 ? 0x36 : 0x2A], 2, each);
    le_store(&file[is64 ? 0x38 : 0x2C], 2, 2);
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *p = &file[head + i * each];
        le_store(p, 4, 1);
        le_store(&p[is64 ? 0x08 : 0x04], word, 0x1000);
        le_store(&p[is64 ? 0x10 : 0x08], word, 0x100000u + 0x4000u * i);
        le_store(&p[is64 ? 0x18 : 0x0C], word, 0x100000u + 0x4000u * i);
        le_store(&p[is64 ? 0x20 : 0x10], word, i == 0 ? 0x800 : 0);
        le_store(&p[is64 ? 0x28 : 0x14], word, 0x2000);
    }
    put_multiboot(&file[0x400], 3);
    return 0x1800;
}

static size_t make_file(uint8_t *file, uint8_t which)
{
    memset(file, 0, FILE_MAX);
    switch (which % 4u) {
    case 0:
        return make_linux(file);
    case 1:
        return make_flat(file);
    case 2:
        return make_elf(file, false);
    default:
        return make_elf(file, true);
    }
}

/* Patches: where, how many bytes, which; and perhaps another length. Returned on the heap with
 * exactly its length, so that the sanitizer sees a read behind its end. */
static uint8_t *patched_file(struct fuzz_in *in, uint8_t which, size_t *len)
{
    static uint8_t file[FILE_MAX];
    *len = make_file(file, which);
    const uint8_t patches = fuzz_u8(in) % 9u;
    for (uint32_t i = 0; i < patches; i++) {
        const uint32_t size = 1u << (fuzz_u8(in) & 3u);
        const uint32_t at = fuzz_u16(in) % 0x600u;
        le_store(&file[at], size, fuzz_take(in, size));
        if ((which & 0x40u) != 0) { /* keep a Multiboot checksum right */
            put_multiboot(&file[0x400], le32(&file[0x404]));
        }
    }
    if ((which & 0x20u) != 0) {
        *len = fuzz_u16(in) % FILE_MAX;
    }
    uint8_t *copy = malloc(*len == 0 ? 1 : *len);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, file, *len);
    return copy;
}

/* --- The guest ---------------------------------------------------------------------------------- */

struct guest {
    struct system_vm vm;
    struct gmem mem;
    struct boot_input in;
    struct boot_result out;
    struct vcpu_regs regs;
};

/* Layouts that system_check() accepts, of no more than RAM_BYTES together. */
static void make_memory(struct guest *g, uint8_t which)
{
    static const struct system_range layout[8][3] = {
        {{0, 4 * MIB}},
        {{0, 0xA0000}, {MIB, 4 * MIB}},
        {{0, 2 * MIB}, {2 * MIB, MIB}, {4 * MIB, MIB}},
        {{0, 0x110000}},
        {{0, 0xA0000}, {16 * MIB, 2 * MIB}, {4096 * MIB, 4 * MIB}},
        {{MIB, 4 * MIB}},
        {{0, 0x100000}},
        {{0, MIB}, {4092 * MIB, 2 * MIB}},
    };
    uint64_t used = 0;
    for (uint32_t i = 0; i < 3 && layout[which % 8u][i].size != 0; i++) {
        const struct system_range *r = &layout[which % 8u][i];
        FUZZ_CHECK(used + r->size <= RAM_BYTES);
        FUZZ_CHECK(gmem_add(&g->mem, r->base, r->size, ram + used));
        g->vm.range[g->vm.ranges] = *r;
        g->vm.ranges++;
        used += r->size;
    }
    FUZZ_CHECK(madvise(ram, RAM_BYTES, MADV_DONTNEED) == 0);
}

/* A file of zeros beside the kernel. system_check() has made sure that load_at is RAM. */
static struct boot_file extra_file(struct fuzz_in *in, const struct guest *g)
{
    static const uint8_t zeros[4 * MIB];
    struct boot_file f = {.bytes = zeros, .len = fuzz_span(in, 22), .load_at = SYSTEM_AT_ANY};
    if ((f.len & 1u) != 0) {
        const uint64_t at = fuzz_u32(in);
        f.load_at = gmem_contains(&g->mem, at, f.len) ? at : SYSTEM_AT_ANY;
    }
    return f;
}

static void make_extras(struct fuzz_in *in, struct guest *g, uint8_t how)
{
    static char args[SYSTEM_MODULES_MAX][SYSTEM_ARGS_MAX];
    if (g->vm.protocol == SYSTEM_BOOT_LINUX) {
        if ((how & 1u) != 0) {
            g->in.initrd = extra_file(in, g);
        }
        return;
    }
    g->in.modules = how % (SYSTEM_MODULES_MAX + 1u);
    for (uint32_t i = 0; i < g->in.modules; i++) {
        g->in.module[i] = extra_file(in, g);
        memset(args[i], 0, sizeof(args[i]));
        memset(args[i], 'a', fuzz_u8(in));
        le_store((uint8_t *)args[i], 4, fuzz_u8(in) == 1 ? 0x7D7B24u : 0); /* "${}" */
        g->in.module[i].args = args[i];
    }
}

static void make_guest(struct fuzz_in *in, struct guest *g, uint8_t which)
{
    const uint8_t how = fuzz_u8(in);
    memset(g, 0, sizeof(*g));
    make_memory(g, how);
    g->vm.protocol = (how & 8u) != 0 || which % 4u != 0 ? SYSTEM_BOOT_MULTIBOOT : SYSTEM_BOOT_LINUX;
    g->vm.devices = (how & 0x10u) != 0 ? SYSTEM_DEV_ALL : fuzz_u16(in) & SYSTEM_DEV_ALL;
    g->in = (struct boot_input){.vm = &g->vm, .mem = &g->mem, .tsc_khz = 2400000};
    g->in.kernel.load_at = SYSTEM_AT_ANY;
    g->in.initrd.load_at = SYSTEM_AT_ANY;
    const uint32_t text = (how & 0x20u) != 0 ? fuzz_u8(in) : 0;
    for (uint32_t i = 0; i < text && in->left != 0; i++) {
        g->vm.cmdline[i] = (char)fuzz_u8(in);
    }
    if ((how & 0x40u) != 0) {
        make_extras(in, g, fuzz_u8(in));
    }
}

/* --- What must hold ----------------------------------------------------------------------------- */

struct pieces {
    uint32_t count;
    uint64_t lo[48];
    uint64_t hi[48];
};

/* A piece is RAM, and nobody else's. */
static void add_piece(struct pieces *p, const struct guest *g, uint64_t lo, uint64_t hi)
{
    FUZZ_CHECK(lo <= hi);
    if (lo == hi) {
        return;
    }
    FUZZ_CHECK(gmem_contains(&g->mem, lo, hi - lo));
    for (uint32_t i = 0; i < p->count; i++) {
        FUZZ_CHECK(hi <= p->lo[i] || p->hi[i] <= lo);
    }
    p->lo[p->count] = lo;
    p->hi[p->count] = hi;
    p->count++;
}

/* Other pieces may lie between a kernel's segments, so each segment is one. */
static void add_kernel(struct pieces *p, const struct guest *g)
{
    static struct boot_job job;
    static struct boot_result out;
    static struct multiboot_kernel k;
    if (g->vm.protocol == SYSTEM_BOOT_LINUX) {
        add_piece(p, g, g->out.kernel_lo, g->out.kernel_hi);
        return;
    }
    job_init(&job, &g->in, &out);
    FUZZ_CHECK(multiboot_take_kernel(&job, &k) == BOOT_OK && k.entry == g->out.entry);
    for (uint32_t i = 0; i < k.image.segments; i++) {
        const struct elf_segment *s = &k.image.segment[i];
        FUZZ_CHECK(s->paddr >= g->out.kernel_lo && s->paddr + s->mem_len <= g->out.kernel_hi);
        add_piece(p, g, s->paddr, s->paddr + s->mem_len);
    }
}

static void check_pieces(const struct guest *g)
{
    const struct boot_result *o = &g->out;
    struct pieces p = {.count = 0};
    add_piece(&p, g, o->initrd_lo, o->initrd_hi);
    add_piece(&p, g, o->info_lo, o->info_hi);
    add_piece(&p, g, o->acpi_lo, o->acpi_hi);
    for (uint32_t i = 0; i < g->in.modules; i++) {
        FUZZ_CHECK(o->module_hi[i] - o->module_lo[i] == g->in.module[i].len);
        add_piece(&p, g, o->module_lo[i], o->module_hi[i]);
    }
    add_kernel(&p, g);
    FUZZ_CHECK(o->info_hi > o->info_lo);
    FUZZ_CHECK(o->initrd_hi - o->initrd_lo == g->in.initrd.len);
}

static void check_regs(const struct guest *g)
{
    const struct vcpu_regs *r = &g->regs;
    FUZZ_CHECK(r->rip == g->out.entry && gmem_contains(&g->mem, r->rip, 1));
    FUZZ_CHECK(r->rip >= g->out.kernel_lo && r->rip < g->out.kernel_hi);
    FUZZ_CHECK((r->cr0 & CR0_PE) != 0 && (r->rflags & RFLAGS_IF) == 0);
    FUZZ_CHECK((r->rflags & RFLAGS_FIXED) != 0);
    FUZZ_CHECK(((r->cr0 & CR0_PG) != 0) == ((r->efer & EFER_LMA) != 0));
    FUZZ_CHECK((r->cr0 & CR0_PG) == 0 || gmem_contains(&g->mem, r->cr3, 0x1000));
    FUZZ_CHECK(gmem_contains(&g->mem, r->gdtr.base, (uint64_t)r->gdtr.limit + 1u));
    const bool linux_boot = g->vm.protocol == SYSTEM_BOOT_LINUX;
    const uint64_t info = r->gpr[linux_boot ? GPR_RSI : GPR_RBX];
    FUZZ_CHECK(info >= g->out.info_lo && info < g->out.info_hi);
    FUZZ_CHECK(linux_boot || (uint32_t)r->gpr[GPR_RAX] == 0x2BADB002u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guest g;
    struct fuzz_in in = {data, size};
    const uint8_t which = fuzz_u8(&in);
    make_guest(&in, &g, which);
    size_t len;
    uint8_t *file =
        (which & 0x80u) != 0 ? fuzz_rest(&in, FILE_MAX, &len) : patched_file(&in, which, &len);
    g.in.kernel.bytes = file;
    g.in.kernel.len = len;
    if ((which & 0x10u) != 0) {
        const uint64_t at = fuzz_u32(&in);
        g.in.kernel.load_at = gmem_contains(&g.mem, at, len) ? at : SYSTEM_AT_ANY;
    }
    const struct vcpu_regs untouched = g.regs;
    const enum boot_status status = boot_load(&g.in, &g.regs, &g.out);
    FUZZ_CHECK(status == g.out.status && (uint32_t)status < BOOT_STATUSES);
    FUZZ_CHECK(boot_status_text(status) != NULL);
    if (status == BOOT_OK) {
        check_pieces(&g);
        check_regs(&g);
    } else {
        FUZZ_CHECK(memcmp(&untouched, &g.regs, sizeof(untouched)) == 0);
    }
    free(file);
    return 0;
}
