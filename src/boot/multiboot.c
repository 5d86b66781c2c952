/* SPDX-License-Identifier: BSD-2-Clause
 * Loads a Multiboot 1 kernel: modules, boot information, and the state to start with. */
#include "boot/multiboot.h"

#include "base/arith.h"
#include "boot/cmdline.h"
#include "boot/entry.h"
#include "boot/multiboot_kernel.h"

#define BOOTLOADER_MAGIC 0x2BADB002u
#define PAGE_BYTES       0x1000u
#define KIB              1024u

/* Boot information. [MB1] 3.3 */
#define MBI_FLAGS            0u
#define MBI_MEM_LOWER        4u
#define MBI_MEM_UPPER        8u
#define MBI_CMDLINE          16u
#define MBI_MODS_COUNT       20u
#define MBI_MODS_ADDR        24u
#define MBI_MMAP_LENGTH      44u
#define MBI_MMAP_ADDR        48u
#define MBI_BOOT_LOADER_NAME 64u
#define MBI_BYTES            128u /* all of its fields and then some */

#define MBI_FLAGS_MEMORY  0x001u
#define MBI_FLAGS_CMDLINE 0x004u
#define MBI_FLAGS_MODS    0x008u
#define MBI_FLAGS_MMAP    0x040u
#define MBI_FLAGS_NAME    0x200u

#define MMAP_ENTRY_BYTES 24u
#define MMAP_ENTRY_SIZE  20u /* what its size field says: without itself */
#define MOD_BYTES        16u

/* The information block: stack and GDT, boot information, map, modules, loader name, strings. */
#define INFO_MBI_OFF    JOB_HEAD_BYTES
#define INFO_MMAP_OFF   (INFO_MBI_OFF + MBI_BYTES)
#define INFO_MODS_OFF   (INFO_MMAP_OFF + E820_MAX * MMAP_ENTRY_BYTES)
#define INFO_NAME_OFF   (INFO_MODS_OFF + SYSTEM_MODULES_MAX * MOD_BYTES)
#define INFO_STRING_OFF (INFO_NAME_OFF + (uint32_t)sizeof(loader_name))

static const char loader_name[] = "Bulkhead";

/* The kernel's command line and the modules' strings, and what they take when expanded. */
struct multiboot_text {
    struct cmdline cmdline;
    struct cmdline module[SYSTEM_MODULES_MAX];
    uint32_t cmdline_bytes;
    uint32_t module_bytes[SYSTEM_MODULES_MAX];
    uint32_t total_bytes;
};

static enum boot_status multiboot_measure(struct boot_job *j, struct multiboot_text *t)
{
    const struct boot_input *in = j->in;
    t->cmdline = (struct cmdline){in->vm->cmdline, in->tsc_khz, CMDLINE_BYTES_MAX, in->restarts};
    enum boot_status status = cmdline_measure(&t->cmdline, &t->cmdline_bytes);
    if (status != BOOT_OK) {
        return job_fail(j, status, BOOT_PART_CMDLINE, 0);
    }
    t->total_bytes = t->cmdline_bytes;
    for (uint32_t i = 0; i < in->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        t->module[i] =
            (struct cmdline){in->module[i].args, in->tsc_khz, CMDLINE_BYTES_MAX, in->restarts};
        status = cmdline_measure(&t->module[i], &t->module_bytes[i]);
        if (status != BOOT_OK) {
            j->out->detail = i;
            return job_fail(j, status, BOOT_PART_MODULE, 0);
        }
        t->total_bytes += t->module_bytes[i];
    }
    return BOOT_OK;
}

/* Modules with a fixed address come first, so that no other takes their place. */
static enum boot_status multiboot_take_fixed(struct boot_job *j, uint32_t flags)
{
    for (uint32_t i = 0; i < j->in->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        const struct boot_file *f = &j->in->module[i];
        if (f->load_at == SYSTEM_AT_ANY) {
            continue;
        }
        enum boot_status status = BOOT_OK;
        if ((flags & MULTIBOOT_PAGE_ALIGN) != 0 && f->load_at % PAGE_BYTES != 0) {
            status = job_fail(j, BOOT_LOAD_AT_MISALIGNED, BOOT_PART_MODULE, f->load_at);
        } else {
            status = job_take_fixed(j, f, BOOT_PART_MODULE, PLACE_4G);
        }
        if (status != BOOT_OK) {
            j->out->detail = i;
            return status;
        }
        j->out->module_lo[i] = f->load_at;
        j->out->module_hi[i] = f->load_at + f->len;
    }
    return BOOT_OK;
}

/* The others follow the kernel, each on pages of its own, in the order of the list; where that does
 * not fit, anywhere. */
static enum boot_status multiboot_take_modules(struct boot_job *j)
{
    gpa_t after = j->out->kernel_hi > E820_LEGACY_HI ? j->out->kernel_hi : E820_LEGACY_HI;
    for (uint32_t i = 0; i < j->in->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        const struct boot_file *f = &j->in->module[i];
        if (f->load_at == SYSTEM_AT_ANY) {
            const uint64_t len = f->len == 0 ? 1 : f->len;
            struct place_want want = {
                .len = len > PLACE_4G ? len : align_up(len, PAGE_BYTES),
                .align = PAGE_BYTES,
                .lo = after,
                .hi = PLACE_4G,
            };
            bool taken = place_take(&j->place, &want, &j->out->module_lo[i]);
            if (!taken) {
                want.lo = PAGE_BYTES;
                taken = place_take(&j->place, &want, &j->out->module_lo[i]);
            }
            if (!taken) {
                j->out->detail = i;
                return job_fail(j, BOOT_MODULE_NO_ROOM, BOOT_PART_MODULE, 0);
            }
            j->out->module_hi[i] = j->out->module_lo[i] + f->len;
        }
        after = j->out->module_hi[i] > after ? j->out->module_hi[i] : after;
    }
    return BOOT_OK;
}

static void multiboot_write_map(const struct boot_job *j, gpa_t mbi, gpa_t mmap)
{
    const gpa_t lower = e820_ram_end(&j->map, 0) / KIB; /* the legacy area ends it at 640 */
    const gpa_t upper = (e820_ram_end(&j->map, E820_LEGACY_HI) - E820_LEGACY_HI) / KIB;
    job_put(j, mbi + MBI_MEM_LOWER, 4, lower);
    job_put(j, mbi + MBI_MEM_UPPER, 4, upper < UINT32_MAX ? upper : UINT32_MAX);
    job_put(j, mbi + MBI_MMAP_LENGTH, 4, j->map.count * MMAP_ENTRY_BYTES);
    job_put(j, mbi + MBI_MMAP_ADDR, 4, mmap);
    for (uint32_t i = 0; i < j->map.count; i++) { /* bound: E820_MAX */
        const gpa_t at = mmap + i * MMAP_ENTRY_BYTES;
        job_put(j, at, 4, MMAP_ENTRY_SIZE);
        job_put(j, at + 4u, 8, j->map.entry[i].base);
        job_put(j, at + 12u, 8, j->map.entry[i].len);
        job_put(j, at + 20u, 4, j->map.entry[i].type);
    }
}

static void multiboot_write_text(const struct boot_job *j, const struct multiboot_text *t,
                                 gpa_t mbi, gpa_t mods)
{
    gpa_t at = j->out->info_lo + INFO_STRING_OFF;
    cmdline_store(&t->cmdline, j->in->mem, at);
    job_put(j, mbi + MBI_CMDLINE, 4, at);
    at += t->cmdline_bytes;
    for (uint32_t i = 0; i < j->in->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        const gpa_t mod = mods + i * MOD_BYTES;
        cmdline_store(&t->module[i], j->in->mem, at);
        job_put(j, mod, 4, j->out->module_lo[i]);
        job_put(j, mod + 4u, 4, j->out->module_hi[i]);
        job_put(j, mod + 8u, 4, at);
        job_put(j, mod + 12u, 4, 0);
        at += t->module_bytes[i];
    }
}

static gpa_t multiboot_write_info(const struct boot_job *j, const struct multiboot_text *t)
{
    const gpa_t info = j->out->info_lo;
    const gpa_t mbi = info + INFO_MBI_OFF;
    const gpa_t mods = info + INFO_MODS_OFF;
    const gpa_t name = info + INFO_NAME_OFF;
    uint32_t flags = MBI_FLAGS_MEMORY | MBI_FLAGS_CMDLINE | MBI_FLAGS_MMAP | MBI_FLAGS_NAME;

    job_put_zeros(j, info, j->out->info_hi - info);
    multiboot_write_map(j, mbi, info + INFO_MMAP_OFF);
    multiboot_write_text(j, t, mbi, mods);
    if (j->in->modules != 0) {
        flags |= MBI_FLAGS_MODS;
        job_put(j, mbi + MBI_MODS_COUNT, 4, j->in->modules);
        job_put(j, mbi + MBI_MODS_ADDR, 4, mods);
    }
    job_put_bytes(j, name, (const uint8_t *)loader_name, sizeof(loader_name));
    job_put(j, mbi + MBI_BOOT_LOADER_NAME, 4, name);
    job_put(j, mbi + MBI_FLAGS, 4, flags);
    return mbi;
}

/* Takes all places but the kernel's. */
static enum boot_status multiboot_take_rest(struct boot_job *j, uint32_t flags, uint32_t text_bytes)
{
    enum boot_status status = multiboot_take_fixed(j, flags);
    if (status == BOOT_OK) {
        status = job_add_acpi(j);
    }
    if (status == BOOT_OK) {
        status = job_take_info(j, INFO_STRING_OFF + text_bytes);
    }
    return status == BOOT_OK ? multiboot_take_modules(j) : status;
}

enum boot_status multiboot_load(struct boot_job *j, struct vcpu_regs *regs)
{
    struct multiboot_kernel k;
    struct multiboot_text text;
    enum boot_status status = multiboot_take_kernel(j, &k);
    if (status == BOOT_OK) {
        status = multiboot_measure(j, &text);
    }
    if (status == BOOT_OK) {
        status = multiboot_take_rest(j, k.flags, text.total_bytes);
    }
    if (status != BOOT_OK) {
        return status;
    }
    multiboot_write_kernel(j, &k);
    for (uint32_t i = 0; i < j->in->modules; i++) { /* bound: SYSTEM_MODULES_MAX */
        const struct boot_file *f = &j->in->module[i];
        job_put_bytes(j, j->out->module_lo[i], f->bytes, f->len);
    }
    const gpa_t mbi = multiboot_write_info(j, &text);
    const gpa_t gdt = j->out->info_lo + JOB_GDT_OFF;
    entry_write_gdt32(j->in->mem, gdt);
    entry_regs32(regs, k.entry, gdt);
    regs->gpr[GPR_RAX] = BOOTLOADER_MAGIC;
    regs->gpr[GPR_RBX] = mbi;
    regs->gpr[GPR_RSP] = j->out->info_lo + JOB_STACK_TOP;
    return BOOT_OK;
}
