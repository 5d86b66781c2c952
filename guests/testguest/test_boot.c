/* SPDX-License-Identifier: BSD-2-Clause
 * modules: what the loader brought along, and whether it lies where nothing else does. */
#include "testguest.h"

#include "print.h"

extern const uint8_t image_start[];
extern const uint8_t image_end[];

struct verdict test_modules(void)
{
    uint64_t first = (uint64_t)(uintptr_t)image_start;
    uint64_t last = (uint64_t)(uintptr_t)image_end;
    print("modules: loader \"%s\"\n", boot.loader);
    EXPECT(boot_is_ram(&boot, first, last - first), "the image is not in RAM by the memory map");
    if (boot.modules == 0) {
        return SKIP("no modules");
    }
    for (uint32_t i = 0; i < boot.modules; i++) {
        const struct boot_module *m = &boot.module[i];
        uint32_t bytes = m->end - m->start;
        print("modules: %u \"%s\" at %08x, %u bytes, crc32 %08x\n", i, m->text, m->start, bytes,
              boot_crc32((const void *)(uintptr_t)m->start, bytes));
        EXPECT(m->end >= m->start, "a module ends before it starts");
        EXPECT(bytes == 0 || m->start >= last || m->end <= first, "a module lies in the image");
        EXPECT(boot_is_ram(&boot, m->start, bytes), "a module is not in RAM by the memory map");
        EXPECT((m->start & 0xFFFu) == 0, "a module is not page-aligned, though asked for");
        for (uint32_t k = 0; k < i; k++) {
            EXPECT(m->start >= boot.module[k].end || m->end <= boot.module[k].start,
                   "two modules overlap");
        }
    }
    return PASS;
}
