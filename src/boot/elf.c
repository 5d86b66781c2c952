/* SPDX-License-Identifier: BSD-2-Clause
 * A bounded reader of x86 ELF executables: ELF32 and ELF64, little-endian. */
#include "boot/elf.h"

#include "base/arith.h"
#include "base/le.h"

#define EI_CLASS      4u
#define EI_DATA       5u
#define EI_VERSION    6u
#define ELFCLASS32    1u
#define ELFCLASS64    2u
#define ELFDATA2LSB   1u
#define EV_CURRENT    1u
#define ET_EXEC       2u
#define EM_386        3u
#define EM_X86_64     62u
#define PT_LOAD       1u
#define ELF_E_TYPE    0x10u
#define ELF_E_MACHINE 0x12u
#define ELF_E_ENTRY   0x18u

/* Where the two classes keep their fields. */
struct elf_class {
    uint32_t word; /* bytes of an address, offset or size */
    uint32_t e_len;
    uint32_t e_phoff;
    uint32_t e_phentsize;
    uint32_t e_phnum;
    uint32_t p_len;
    uint32_t p_offset;
    uint32_t p_vaddr;
    uint32_t p_paddr;
    uint32_t p_filesz;
    uint32_t p_memsz;
};

static const struct elf_class elf32 = {
    .word = 4,
    .e_len = 52,
    .e_phoff = 0x1C,
    .e_phentsize = 0x2A,
    .e_phnum = 0x2C,
    .p_len = 32,
    .p_offset = 0x04,
    .p_vaddr = 0x08,
    .p_paddr = 0x0C,
    .p_filesz = 0x10,
    .p_memsz = 0x14,
};

static const struct elf_class elf64 = {
    .word = 8,
    .e_len = 64,
    .e_phoff = 0x20,
    .e_phentsize = 0x36,
    .e_phnum = 0x38,
    .p_len = 56,
    .p_offset = 0x08,
    .p_vaddr = 0x10,
    .p_paddr = 0x18,
    .p_filesz = 0x20,
    .p_memsz = 0x28,
};

/* The program header table as the file header describes it. */
struct elf_table {
    const struct elf_class *cls;
    uint64_t off;
    uint32_t entry_len;
    uint32_t count;
};

bool elf_is(const uint8_t *bytes, uint64_t len)
{
    return len >= 4 && bytes[0] == 0x7F && bytes[1] == 'E' && bytes[2] == 'L' && bytes[3] == 'F';
}

static enum boot_status elf_read_class(const uint8_t *bytes, uint64_t len,
                                       const struct elf_class **cls, uint32_t *bad)
{
    if (len < elf32.e_len) {
        return BOOT_ELF_CUT_HEADER;
    }
    if (!elf_is(bytes, len) || bytes[EI_DATA] != ELFDATA2LSB || bytes[EI_VERSION] != EV_CURRENT) {
        *bad = bytes[EI_DATA];
        return BOOT_ELF_BAD_FORMAT;
    }
    if (bytes[EI_CLASS] == ELFCLASS32) {
        *cls = &elf32;
    } else if (bytes[EI_CLASS] == ELFCLASS64) {
        *cls = &elf64;
    } else {
        *bad = bytes[EI_CLASS];
        return BOOT_ELF_BAD_FORMAT;
    }
    return len < (*cls)->e_len ? BOOT_ELF_CUT_HEADER : BOOT_OK;
}

static enum boot_status elf_read_header(struct elf *e, const uint8_t *bytes, uint64_t len,
                                        struct elf_table *t, uint32_t *bad)
{
    const enum boot_status status = elf_read_class(bytes, len, &t->cls, bad);
    if (status != BOOT_OK) {
        return status;
    }
    const uint16_t type = le16(&bytes[ELF_E_TYPE]);
    if (type != ET_EXEC) {
        *bad = type;
        return BOOT_ELF_BAD_TYPE;
    }
    const uint16_t machine = le16(&bytes[ELF_E_MACHINE]);
    if (machine != EM_386 && machine != EM_X86_64) {
        *bad = machine;
        return BOOT_ELF_BAD_MACHINE;
    }
    e->entry = le_load(&bytes[ELF_E_ENTRY], t->cls->word);
    t->off = le_load(&bytes[t->cls->e_phoff], t->cls->word);
    t->entry_len = le16(&bytes[t->cls->e_phentsize]);
    t->count = le16(&bytes[t->cls->e_phnum]);
    if (t->count == 0) {
        return BOOT_ELF_NO_SEGMENTS;
    }
    if (t->entry_len < t->cls->p_len ||
        !range_within(t->off, (uint64_t)t->entry_len * t->count, 0, len)) {
        return BOOT_ELF_BAD_TABLE;
    }
    return BOOT_OK;
}

static enum boot_status elf_check_segment(const struct elf_segment *s, uint64_t len)
{
    if (s->file_len > s->mem_len) {
        return BOOT_ELF_SEGMENT_SIZES;
    }
    if (s->file_len != 0 && !range_within(s->offset, s->file_len, 0, len)) {
        return BOOT_ELF_SEGMENT_CUT;
    }
    if (s->paddr > UINT64_MAX - s->mem_len) {
        return BOOT_ELF_SEGMENT_HIGH;
    }
    return BOOT_OK;
}

enum boot_status elf_read(struct elf *e, const uint8_t *bytes, uint64_t len, uint32_t *bad)
{
    struct elf_table t;
    enum boot_status status = elf_read_header(e, bytes, len, &t, bad);
    e->segments = 0;
    if (status != BOOT_OK) {
        return status;
    }
    const struct elf_class *c = t.cls;
    for (uint32_t i = 0; i < t.count; i++) { /* bound: 65535: e_phnum has 16 bits */
        const uint8_t *p = &bytes[t.off + (uint64_t)i * t.entry_len];
        const struct elf_segment s = {
            .offset = le_load(&p[c->p_offset], c->word),
            .file_len = le_load(&p[c->p_filesz], c->word),
            .mem_len = le_load(&p[c->p_memsz], c->word),
            .paddr = le_load(&p[c->p_paddr], c->word),
            .vaddr = le_load(&p[c->p_vaddr], c->word),
        };
        if (le32(p) != PT_LOAD || (s.mem_len == 0 && s.file_len == 0)) {
            continue;
        }
        status = e->segments == ELF_SEGMENTS_MAX ? BOOT_ELF_TOO_MANY_SEGMENTS
                                                 : elf_check_segment(&s, len);
        if (status != BOOT_OK) {
            *bad = i;
            return status;
        }
        e->segment[e->segments] = s;
        e->segments++;
    }
    return e->segments == 0 ? BOOT_ELF_NO_SEGMENTS : BOOT_OK;
}

bool elf_entry_paddr(const struct elf *e, uint64_t *paddr)
{
    for (uint32_t i = 0; i < e->segments; i++) { /* bound: ELF_SEGMENTS_MAX */
        const struct elf_segment *s = &e->segment[i];
        if (e->entry >= s->vaddr && e->entry - s->vaddr < s->file_len) {
            *paddr = s->paddr + (e->entry - s->vaddr);
            return true;
        }
    }
    for (uint32_t i = 0; i < e->segments; i++) { /* bound: ELF_SEGMENTS_MAX */
        const struct elf_segment *s = &e->segment[i];
        if (e->entry >= s->paddr && e->entry - s->paddr < s->file_len) {
            *paddr = e->entry;
            return true;
        }
    }
    return false;
}
