/* SPDX-License-Identifier: BSD-2-Clause
 * Puts a guest's files into its memory: which loader, and what its answers mean. */
#include "boot/boot.h"

#include <stddef.h>

#include "boot/bzimage.h"
#include "boot/multiboot.h"

static const char *const texts[BOOT_STATUSES] = {
    [BOOT_OK] = "The guest is loaded.",
    [BOOT_BAD_PROTOCOL] = "The boot protocol is unknown: use \"linux\" or \"multiboot\".",
    [BOOT_NO_KERNEL] = "The kernel file is empty: name a kernel.",
    [BOOT_KERNEL_NOT_RAM] = "The kernel has a segment where the VM has no RAM: give it a memory "
                            "range that covers this address and the segment's size.",
    [BOOT_KERNEL_OVERLAPS_ITSELF] = "Two segments of the kernel share physical addresses: correct "
                                    "its linker script.",
    [BOOT_KERNEL_NO_ROOM] = "The kernel does not fit into the VM's RAM at this address or above: "
                            "give the VM more memory.",
    [BOOT_INITRD_NO_ROOM] = "No free RAM that the kernel can reach is large enough for the initrd: "
                            "give the VM more memory.",
    [BOOT_MODULE_NO_ROOM] = "No free RAM below 4 GiB is large enough for this module: give the VM "
                            "more memory.",
    [BOOT_LOADER_NO_ROOM] = "The kernel and its modules leave no RAM below 4 GiB for boot "
                            "information: give the VM more memory.",
    [BOOT_ACPI_NO_ROOM] = "There is no free RAM below 4 GiB for the ACPI tables: give the VM more "
                          "memory, or take \"acpi\" out of its devices.",
    [BOOT_LOAD_AT_NOT_RAM] = "Not all of the memory that load_at asks for is RAM: choose another "
                             "address, or add a memory range.",
    [BOOT_LOAD_AT_TAKEN] = "The memory that load_at asks for holds the kernel or another file: "
                           "choose another address.",
    [BOOT_LOAD_AT_TOO_HIGH] = "load_at is beyond what the boot protocol or this kernel can reach: "
                              "choose a lower address.",
    [BOOT_LOAD_AT_TOO_LOW] = "load_at is too low: a Linux kernel goes to 1 MiB or above, an initrd "
                             "above 0.",
    [BOOT_LOAD_AT_MISALIGNED] = "load_at does not have the alignment that the kernel asks for: "
                                "choose a multiple of it.",
    [BOOT_LOAD_AT_FIXED] = "The kernel file fixes its own address: leave load_at out.",
    [BOOT_TEXT_UNKNOWN_NAME] = "A ${...} in the text is unknown: there are ${tsc_khz}, "
                               "${apic_khz} and ${restarts}.",
    [BOOT_TEXT_UNTERMINATED] = "A ${ in the text has no closing brace: add it.",
    [BOOT_TEXT_TOO_LONG] = "The text is longer, when expanded, than the kernel takes: shorten it.",
    [BOOT_LINUX_CUT_HEADER] =
        "The file is too short to hold a Linux kernel's header: it is cut, or "
        "not a bzImage.",
    [BOOT_LINUX_NO_MAGIC] = "The file is not a Linux bzImage: name a vmlinuz or bzImage file, or "
                            "use another protocol.",
    [BOOT_LINUX_IS_ELF] = "The file is an ELF file (an unpacked vmlinux?), not a bzImage: name the "
                          "vmlinuz, or use protocol \"multiboot\" for a Multiboot kernel.",
    [BOOT_LINUX_TOO_OLD] = "The kernel's boot protocol is older than 2.06: use a Linux of 2.6.22 "
                           "or later.",
    [BOOT_LINUX_NOT_HIGH] = "The kernel is a zImage, to be loaded low: build a bzImage.",
    [BOOT_LINUX_NO_CODE] = "The kernel file has no protected-mode part: it is cut, or not a Linux "
                           "kernel.",
    [BOOT_LINUX_CUT] = "The kernel file is shorter than its header says: copy it again.",
    [BOOT_LINUX_BAD_ALIGNMENT] = "The kernel's header asks for an alignment that is no power of "
                                 "two from 16 to 1 GiB: the file is damaged.",
    [BOOT_LINUX_BAD_ADDRESS] = "The kernel's header prefers an address below 1 MiB or above 4 GiB: "
                               "the file is damaged.",
    [BOOT_MB_NO_HEADER] = "There is no Multiboot header in the file's first 8192 bytes: name a "
                          "Multiboot 1 kernel, and keep its header at the front when linking.",
    [BOOT_MB_BAD_CHECKSUM] = "The file has a Multiboot header, but its checksum is wrong: magic, "
                             "flags and checksum must add up to 0.",
    [BOOT_MB_HEADER_CUT] = "The Multiboot header's address fields do not lie within the file's "
                           "first 8192 bytes: move the header to the front.",
    [BOOT_MB_UNKNOWN_FLAGS] = "The Multiboot header demands features that do not exist here (flag "
                              "bits 3 to 15): build the kernel without them.",
    [BOOT_MB_NO_ADDRESSES] = "The kernel is no ELF file and its Multiboot header has no address "
                             "fields (flag bit 16): add them.",
    [BOOT_MB_BAD_HEADER_ADDR] = "The Multiboot header's load_addr is above its header_addr, or "
                                "lies before the file's first byte: correct the fields.",
    [BOOT_MB_BAD_LOAD_END] = "The Multiboot header's load_end_addr is not above its load_addr: "
                             "correct it, or use 0 for \"to the end of the file\".",
    [BOOT_MB_CUT] = "The kernel file is shorter than its Multiboot header says: copy it again.",
    [BOOT_MB_BAD_BSS_END] = "The Multiboot header's bss_end_addr is below the end of what is "
                            "loaded: correct it, or use 0 for \"no bss\".",
    [BOOT_MB_BAD_ENTRY] = "The Multiboot header's entry_addr is not within what is loaded: correct "
                          "it.",
    [BOOT_ELF_CUT_HEADER] = "The ELF file ends within its header: copy it again.",
    [BOOT_ELF_BAD_FORMAT] = "The ELF file is neither ELF32 nor ELF64 in little-endian order: build "
                            "the kernel for x86.",
    [BOOT_ELF_BAD_MACHINE] = "The ELF file is for another processor: build the kernel for x86.",
    [BOOT_ELF_BAD_TYPE] = "The ELF file is not an executable (an object, library or PIE?): link it "
                          "to a fixed address.",
    [BOOT_ELF_BAD_TABLE] = "The ELF file's program header table does not lie within the file: copy "
                           "it again.",
    [BOOT_ELF_TOO_MANY_SEGMENTS] = "The ELF file has more than 24 loadable segments: link it with "
                                   "fewer.",
    [BOOT_ELF_NO_SEGMENTS] = "The ELF file has no loadable segment: link it as an executable.",
    [BOOT_ELF_SEGMENT_CUT] = "A segment's bytes do not lie within the ELF file: copy it again.",
    [BOOT_ELF_SEGMENT_SIZES] = "A segment of the ELF file has more bytes in the file than in "
                               "memory: the file is damaged.",
    [BOOT_ELF_SEGMENT_HIGH] = "A segment of the kernel reaches beyond 4 GiB of physical addresses: "
                              "link it lower (p_paddr).",
    [BOOT_ELF_BAD_ENTRY] = "The ELF file's entry point lies in no segment's bytes, neither as a "
                           "virtual nor as a physical address: correct the ENTRY of its linker "
                           "script.",
};

enum boot_status boot_load(const struct boot_input *in, struct vcpu_regs *regs,
                           struct boot_result *out)
{
    struct boot_job job;
    job_init(&job, in, out);
    if (in->kernel.len == 0) {
        return job_fail(&job, BOOT_NO_KERNEL, BOOT_PART_KERNEL, 0);
    }
    if (in->vm->protocol == SYSTEM_BOOT_LINUX) {
        return bzimage_load(&job, regs);
    }
    if (in->vm->protocol == SYSTEM_BOOT_MULTIBOOT) {
        return multiboot_load(&job, regs);
    }
    return job_fail(&job, BOOT_BAD_PROTOCOL, BOOT_PART_KERNEL, 0);
}

const char *boot_status_text(enum boot_status status)
{
    const uint32_t n = (uint32_t)status;
    return n < BOOT_STATUSES && texts[n] != NULL ? texts[n] : "The loader gave an unknown answer.";
}
