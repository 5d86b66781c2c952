/* SPDX-License-Identifier: BSD-2-Clause
 * Loads a Linux bzImage: 64-bit entry where the kernel offers it, else 32-bit entry. */
#include "boot/bzimage.h"

#include <stddef.h>

#include "base/arith.h"
#include "base/le.h"
#include "boot/cmdline.h"
#include "boot/elf.h"
#include "boot/entry.h"

/* Header fields, by their offset in the file and in struct boot_params alike. */
#define HDR_START            0x1F1u
#define HDR_SETUP_SECTS      0x1F1u /* 1 byte  */
#define HDR_SYSSIZE          0x1F4u /* 4 bytes: 16-byte units */
#define HDR_BOOT_FLAG        0x1FEu /* 2 */
#define HDR_JUMP_LEN         0x201u /* 1: the header ends so far behind 0x202 */
#define HDR_JUMP_FROM        0x202u
#define HDR_MAGIC            0x202u /* 4 */
#define HDR_VERSION          0x206u /* 2 */
#define HDR_TYPE_OF_LOADER   0x210u /* 1 */
#define HDR_LOADFLAGS        0x211u /* 1 */
#define HDR_CODE32_START     0x214u /* 4 */
#define HDR_RAMDISK_IMAGE    0x218u /* 4 */
#define HDR_RAMDISK_SIZE     0x21Cu /* 4 */
#define HDR_CMD_LINE_PTR     0x228u /* 4 */
#define HDR_INITRD_ADDR_MAX  0x22Cu /* 4: the last byte it may have */
#define HDR_KERNEL_ALIGNMENT 0x230u /* 4 */
#define HDR_RELOCATABLE      0x234u /* 1 */
#define HDR_XLOADFLAGS       0x236u /* 2: 2.12 */
#define HDR_CMDLINE_SIZE     0x238u /* 4: without the final 0 */
#define HDR_SETUP_DATA       0x250u /* 8 */
#define HDR_PREF_ADDRESS     0x258u /* 8: 2.10 */
#define HDR_INIT_SIZE        0x260u /* 4: 2.10 */
#define HDR_END_MIN          0x264u /* what we read ends here */
#define HDR_END_MAX          0x290u /* boot_params goes on with other things */

/* struct boot_params outside the header. */
#define BP_BYTES             0x1000u
#define BP_ACPI_RSDP_ADDR    0x070u /* 8 */
#define BP_EXT_RAMDISK_IMAGE 0x0C0u /* 4: bits 32-63 */
#define BP_EXT_RAMDISK_SIZE  0x0C4u /* 4 */
#define BP_E820_ENTRIES      0x1E8u /* 1 */
#define BP_E820_TABLE        0x2D0u
#define BP_E820_ENTRY_BYTES  20u
#define BP_E820_ENTRIES_MAX  128u

#define BOOT_FLAG              0xAA55u
#define MAGIC_HDRS             0x53726448u /* "HdrS" */
#define LOADFLAGS_LOADED_HIGH  0x01u
#define LOADFLAGS_KEEP         (LOADFLAGS_LOADED_HIGH | 0x20u) /* and QUIET_FLAG: the kernel's own */
#define XLF_KERNEL_64          0x0001u
#define XLF_ABOVE_4G           0x0002u
#define TYPE_OF_LOADER_UNKNOWN 0xFFu

#define SECTOR_BYTES     512u
#define PAGE_BYTES       0x1000u
#define ENTRY64_OFF      0x200u
#define ALIGNMENT_MAX    0x40000000u
#define LOAD_DEFAULT     0x100000u
#define RAMDISK_SIZE_ANY (1ull << 46) /* beyond what any host maps */

_Static_assert(HDR_END_MAX <= 2u * SECTOR_BYTES, "a header lies within the smallest setup part");
_Static_assert(E820_MAX <= BP_E820_ENTRIES_MAX, "the map fits into boot_params");

/* The information block: page tables (unused by a 32-bit entry), boot_params, stack and GDT, text. */
#define INFO_PARAMS_OFF  ENTRY_TABLES_BYTES
#define INFO_HEAD_OFF    (INFO_PARAMS_OFF + BP_BYTES)
#define INFO_CMDLINE_OFF (INFO_HEAD_OFF + JOB_HEAD_BYTES)

/* What the header says, checked. */
struct bzimage {
    const uint8_t *code; /* the protected-mode part */
    uint64_t code_len;
    uint64_t run_len; /* bytes it needs from where it runs, to unpack itself */
    uint64_t pref;    /* where it would run */
    uint64_t initrd_end;
    uint32_t header_end;
    uint32_t alignment;
    uint32_t cmdline_limit;
    bool relocatable;
    bool entry64;
    bool above_4g;
};

static enum boot_status bzimage_check_magic(const struct boot_file *f)
{
    if (elf_is(f->bytes, f->len)) {
        return BOOT_LINUX_IS_ELF;
    }
    if (f->len < HDR_END_MIN) {
        return BOOT_LINUX_CUT_HEADER;
    }
    if (le16(&f->bytes[HDR_BOOT_FLAG]) != BOOT_FLAG || le32(&f->bytes[HDR_MAGIC]) != MAGIC_HDRS) {
        return BOOT_LINUX_NO_MAGIC;
    }
    if (le16(&f->bytes[HDR_VERSION]) < 0x206u) {
        return BOOT_LINUX_TOO_OLD;
    }
    if ((f->bytes[HDR_LOADFLAGS] & LOADFLAGS_LOADED_HIGH) == 0) {
        return BOOT_LINUX_NOT_HIGH;
    }
    return BOOT_OK;
}

/* Finds the protected-mode part. Its size is rounded up to 16 in the header, not always in the file. */
static enum boot_status bzimage_read_code(struct bzimage *k, const struct boot_file *f)
{
    const uint32_t sects = f->bytes[HDR_SETUP_SECTS] == 0 ? 4u : f->bytes[HDR_SETUP_SECTS];
    const uint64_t setup_len = (sects + 1u) * SECTOR_BYTES;
    const uint64_t wanted = (uint64_t)le32(&f->bytes[HDR_SYSSIZE]) * 16u;
    if (f->len <= setup_len || wanted <= ENTRY64_OFF) {
        return BOOT_LINUX_NO_CODE;
    }
    k->code = &f->bytes[setup_len];
    k->code_len = f->len - setup_len;
    if (k->code_len + 15u < wanted || k->code_len <= ENTRY64_OFF) {
        return BOOT_LINUX_CUT;
    }
    if (k->code_len > wanted) { /* a signature follows */
        k->code_len = wanted;
    }
    return BOOT_OK;
}

static enum boot_status bzimage_read_fields(struct bzimage *k, const struct boot_file *f)
{
    const uint8_t *h = f->bytes;
    const uint16_t version = le16(&h[HDR_VERSION]);
    const uint16_t xlf = version >= 0x20Cu ? le16(&h[HDR_XLOADFLAGS]) : 0;
    const uint32_t cmdline_size = le32(&h[HDR_CMDLINE_SIZE]);
    const uint32_t end = HDR_JUMP_FROM + h[HDR_JUMP_LEN];

    k->header_end = end > HDR_END_MAX ? HDR_END_MAX : end; /* within the setup sectors */
    k->entry64 = (xlf & XLF_KERNEL_64) != 0;
    k->above_4g = (xlf & XLF_ABOVE_4G) != 0;
    k->cmdline_limit = cmdline_size < CMDLINE_BYTES_MAX ? cmdline_size + 1u : CMDLINE_BYTES_MAX;
    k->initrd_end = (uint64_t)le32(&h[HDR_INITRD_ADDR_MAX]) + 1u;
    k->relocatable = h[HDR_RELOCATABLE] != 0;
    k->alignment = k->relocatable ? le32(&h[HDR_KERNEL_ALIGNMENT]) : PAGE_BYTES;
    if (k->alignment < 16u || k->alignment > ALIGNMENT_MAX ||
        (k->alignment & (k->alignment - 1u)) != 0) {
        return BOOT_LINUX_BAD_ALIGNMENT;
    }
    k->pref = LOAD_DEFAULT;
    /* Kernels before 2.10 do not say how much they need: a generous guess. */
    k->run_len = 4u * k->code_len + LOAD_DEFAULT;
    if (version >= 0x20Au) {
        const uint64_t init_size = le32(&h[HDR_INIT_SIZE]);
        k->pref = le64(&h[HDR_PREF_ADDRESS]) == 0 ? LOAD_DEFAULT : le64(&h[HDR_PREF_ADDRESS]);
        k->run_len = init_size > k->code_len ? init_size : k->code_len;
    }
    if (k->pref < LOAD_DEFAULT || k->pref >= PLACE_4G) {
        return BOOT_LINUX_BAD_ADDRESS;
    }
    return BOOT_OK;
}

static enum boot_status bzimage_read(struct bzimage *k, struct boot_job *j)
{
    const struct boot_file *f = &j->in->kernel;
    enum boot_status status = bzimage_check_magic(f);
    if (status == BOOT_LINUX_TOO_OLD) {
        j->out->detail = le16(&f->bytes[HDR_VERSION]);
    }
    if (status == BOOT_OK) {
        status = bzimage_read_code(k, f);
    }
    if (status == BOOT_OK) {
        status = bzimage_read_fields(k, f);
    }
    return status == BOOT_OK ? status : job_fail(j, status, BOOT_PART_KERNEL, 0);
}

/* Takes the place that load_at names: the code as loaded, and where it will run, which is never
 * below its preferred address. [LBP] init_size */
static enum boot_status bzimage_take_fixed(struct boot_job *j, const struct bzimage *k)
{
    const gpa_t at = j->in->kernel.load_at;
    if (!k->relocatable && at != k->pref) {
        return job_fail(j, BOOT_LOAD_AT_FIXED, BOOT_PART_KERNEL, k->pref);
    }
    if (at < LOAD_DEFAULT) {
        return job_fail(j, BOOT_LOAD_AT_TOO_LOW, BOOT_PART_KERNEL, at);
    }
    if (at >= PLACE_4G) {
        return job_fail(j, BOOT_LOAD_AT_TOO_HIGH, BOOT_PART_KERNEL, at);
    }
    if (align_down(at, k->alignment) != at) {
        j->out->detail = k->alignment;
        return job_fail(j, BOOT_LOAD_AT_MISALIGNED, BOOT_PART_KERNEL, at);
    }
    const gpa_t run = k->relocatable ? align_up(at > k->pref ? at : k->pref, k->alignment) : at;
    const gpa_t end = run + k->run_len > at + k->code_len ? run + k->run_len : at + k->code_len;
    if (end > PLACE_4G) {
        return job_fail(j, BOOT_LOAD_AT_TOO_HIGH, BOOT_PART_KERNEL, at);
    }
    if (!gmem_contains(j->in->mem, at, k->code_len) ||
        !gmem_contains(j->in->mem, run, k->run_len)) {
        return job_fail(j, BOOT_LOAD_AT_NOT_RAM, BOOT_PART_KERNEL, at);
    }
    place_use(&j->place, at, end - at);
    j->out->kernel_lo = at;
    j->out->kernel_hi = end;
    return BOOT_OK;
}

/* Its preferred address if there is room; a relocatable kernel goes to the lowest room above it. */
static enum boot_status bzimage_take_any(struct boot_job *j, const struct bzimage *k)
{
    const gpa_t run = align_up(k->pref, k->alignment);
    const struct place_want preferred = {
        .len = k->run_len,
        .align = 1,
        .lo = k->pref,
        .hi = k->pref + k->run_len,
    };
    const struct place_want above = {
        .len = k->run_len,
        .align = k->alignment,
        .lo = run,
        .hi = PLACE_4G,
    };
    bool taken = preferred.hi <= PLACE_4G && (run == k->pref || !k->relocatable) &&
                 place_take(&j->place, &preferred, &j->out->kernel_lo);
    if (!taken && k->relocatable) {
        taken = place_take(&j->place, &above, &j->out->kernel_lo);
    }
    if (!taken) {
        return job_fail(j, BOOT_KERNEL_NO_ROOM, BOOT_PART_KERNEL, k->pref);
    }
    j->out->kernel_hi = j->out->kernel_lo + k->run_len;
    return BOOT_OK;
}

/* An initrd's pages are freed whole by the kernel: it shares none. */
static enum boot_status bzimage_take_initrd(struct boot_job *j, const struct bzimage *k)
{
    const uint64_t len = j->in->initrd.len;
    if (len == 0 || j->in->initrd.load_at != SYSTEM_AT_ANY) {
        return BOOT_OK;
    }
    struct place_want want = {
        .len = len > UINT64_MAX - PAGE_BYTES ? len : align_up(len, PAGE_BYTES),
        .align = PAGE_BYTES,
        .lo = LOAD_DEFAULT,
        .hi = k->initrd_end,
        .from_top = true,
    };
    bool taken = place_take(&j->place, &want, &j->out->initrd_lo);
    if (!taken && k->above_4g) {
        want.hi = RAMDISK_SIZE_ANY;
        taken = place_take(&j->place, &want, &j->out->initrd_lo);
    }
    if (!taken) {
        return job_fail(j, BOOT_INITRD_NO_ROOM, BOOT_PART_INITRD, 0);
    }
    j->out->initrd_hi = j->out->initrd_lo + len;
    return BOOT_OK;
}

static enum boot_status bzimage_take_all(struct boot_job *j, const struct bzimage *k,
                                         uint32_t cmdline_bytes)
{
    const struct boot_file *initrd = &j->in->initrd;
    const bool any = j->in->kernel.load_at == SYSTEM_AT_ANY;
    /* The initrd first if it is fixed and the kernel is not: then the kernel can give way. */
    enum boot_status status = any ? BOOT_OK : bzimage_take_fixed(j, k);
    if (status == BOOT_OK && initrd->len != 0 && initrd->load_at != SYSTEM_AT_ANY) {
        if (initrd->load_at == 0) { /* which says "none" in boot_params */
            return job_fail(j, BOOT_LOAD_AT_TOO_LOW, BOOT_PART_INITRD, 0);
        }
        status = job_take_fixed(j, initrd, BOOT_PART_INITRD,
                                k->above_4g ? RAMDISK_SIZE_ANY : k->initrd_end);
        j->out->initrd_lo = initrd->load_at;
        j->out->initrd_hi = initrd->load_at + initrd->len;
    }
    if (status == BOOT_OK && any) {
        status = bzimage_take_any(j, k);
    }
    if (status == BOOT_OK) {
        status = job_add_acpi(j);
    }
    if (status == BOOT_OK) {
        status = job_take_info(j, INFO_CMDLINE_OFF + cmdline_bytes);
    }
    return status == BOOT_OK ? bzimage_take_initrd(j, k) : status;
}

/* struct boot_params: zero but for the header, the memory map, and what we fill in. */
static void bzimage_write_params(const struct boot_job *j, const struct bzimage *k, gpa_t bp)
{
    const struct boot_result *out = j->out;
    const uint8_t *h = j->in->kernel.bytes;
    const uint64_t initrd_len = out->initrd_hi - out->initrd_lo;

    job_put_zeros(j, bp, BP_BYTES);
    job_put_bytes(j, bp + HDR_START, &h[HDR_START], k->header_end - HDR_START);
    job_put(j, bp + HDR_TYPE_OF_LOADER, 1, TYPE_OF_LOADER_UNKNOWN);
    job_put(j, bp + HDR_LOADFLAGS, 1, h[HDR_LOADFLAGS] & LOADFLAGS_KEEP);
    job_put(j, bp + HDR_CODE32_START, 4, out->kernel_lo);
    job_put(j, bp + HDR_SETUP_DATA, 8, 0);
    job_put(j, bp + HDR_CMD_LINE_PTR, 4, out->info_lo + INFO_CMDLINE_OFF);
    job_put(j, bp + HDR_RAMDISK_IMAGE, 4, out->initrd_lo);
    job_put(j, bp + HDR_RAMDISK_SIZE, 4, initrd_len);
    if (k->above_4g) {
        job_put(j, bp + BP_EXT_RAMDISK_IMAGE, 4, out->initrd_lo >> 32);
        job_put(j, bp + BP_EXT_RAMDISK_SIZE, 4, initrd_len >> 32);
    }
    job_put(j, bp + BP_ACPI_RSDP_ADDR, 8, j->rsdp);
    job_put(j, bp + BP_E820_ENTRIES, 1, j->map.count);
    for (uint32_t i = 0; i < j->map.count; i++) { /* bound: E820_MAX */
        const gpa_t at = bp + BP_E820_TABLE + i * BP_E820_ENTRY_BYTES;
        job_put(j, at, 8, j->map.entry[i].base);
        job_put(j, at + 8u, 8, j->map.entry[i].len);
        job_put(j, at + 16u, 4, j->map.entry[i].type);
    }
}

static void bzimage_set_regs(const struct boot_job *j, const struct bzimage *k,
                             struct vcpu_regs *regs)
{
    const struct gmem *mem = j->in->mem;
    const gpa_t info = j->out->info_lo;
    const gpa_t gdt = info + INFO_HEAD_OFF + JOB_GDT_OFF;
    if (k->entry64) {
        entry_write_gdt64(mem, gdt);
        entry_write_tables(mem, info);
        entry_regs64(regs, j->out->kernel_lo + ENTRY64_OFF, gdt, info);
    } else {
        entry_write_gdt32(mem, gdt);
        entry_regs32(regs, j->out->kernel_lo, gdt);
    }
    regs->gpr[GPR_RSI] = info + INFO_PARAMS_OFF;
    regs->gpr[GPR_RSP] = info + INFO_HEAD_OFF + JOB_STACK_TOP;
    j->out->entry = regs->rip;
}

enum boot_status bzimage_load(struct boot_job *j, struct vcpu_regs *regs)
{
    struct bzimage k = {.code = NULL};
    uint32_t cmdline_bytes;
    enum boot_status status = bzimage_read(&k, j);
    if (status != BOOT_OK) {
        return status;
    }
    const struct cmdline cmdline = {
        .text = j->in->vm->cmdline,
        .tsc_khz = j->in->tsc_khz,
        .limit = k.cmdline_limit,
        .restarts = j->in->restarts,
    };
    status = cmdline_measure(&cmdline, &cmdline_bytes);
    if (status != BOOT_OK) {
        return job_fail(j, status, BOOT_PART_CMDLINE, 0);
    }
    status = bzimage_take_all(j, &k, cmdline_bytes);
    if (status != BOOT_OK) {
        return status;
    }
    job_put_bytes(j, j->out->kernel_lo, k.code, k.code_len);
    if (j->in->initrd.len != 0) {
        job_put_bytes(j, j->out->initrd_lo, j->in->initrd.bytes, j->in->initrd.len);
    }
    cmdline_store(&cmdline, j->in->mem, j->out->info_lo + INFO_CMDLINE_OFF);
    bzimage_write_params(j, &k, j->out->info_lo + INFO_PARAMS_OFF);
    bzimage_set_regs(j, &k, regs);
    return BOOT_OK;
}
