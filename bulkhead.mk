# SPDX-License-Identifier: BSD-2-Clause
# Source lists and flags of Bulkhead, for its own Makefile and for another system's.
# Set BULKHEAD to the top of this tree, then include this file.

BULKHEAD ?= .

# The core, file by file, in the order of its layers: a layer may include only itself and those before
# it. What is not named here does not fly (`make static` finds strays).
BULKHEAD_SRC_base := crc32 date
BULKHEAD_SRC_system := check check_net check_sel4
BULKHEAD_SRC_vm := bus gmem regs
BULKHEAD_SRC_cpu := cpuid cpuid_answer cr decode decode_any decode_classes decode_find decode_groups \
    decode_map_0f decode_map_1 decode_operands decode_vex dr emulate msr walk xcr
# The emulator's parts.
BULKHEAD_SRC_cpu += emulate_alu emulate_far emulate_gate emulate_insn emulate_iret emulate_mem \
    emulate_memo emulate_regs emulate_return emulate_rmw emulate_segment emulate_stack \
    emulate_string emulate_system emulate_target emulate_vector emulate_wide task task_load
BULKHEAD_SRC_dev := debugexit hpet ioapic lapic lapic_intr lapic_timer msix pci pic pit pmtimer power \
    rtc rtc_alarm uart
BULKHEAD_SRC_net := offload plan ring switch
BULKHEAD_SRC_virtio := channel device mmio net net_io pci_function pci_legacy pci_modern queue
BULKHEAD_SRC_boot := acpi acpi_dsdt aml boot bzimage cmdline e820 elf entry job multiboot \
    multiboot_kernel place
BULKHEAD_SRC_board := exits exits_cpu exits_emulate vm wire wire_net

BULKHEAD_LAYERS := base system vm cpu dev net virtio boot board
BULKHEAD_CORE_SRC := $(foreach l,$(BULKHEAD_LAYERS),$(foreach \
    f,$(BULKHEAD_SRC_$(l)),$(BULKHEAD)/src/$(l)/$(f).c))

BULKHEAD_WARN := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wcast-qual -Wshadow \
    -Wvla -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition -Wswitch-default \
    -Werror

# Freestanding: the compiler's own headers and src/base/string.h are all there is.
BULKHEAD_CORE_CFLAGS = -std=c11 -ffreestanding -nostdinc \
    -isystem $(shell $(CC) -print-file-name=include) -I$(BULKHEAD)/src -fno-common $(BULKHEAD_WARN)
