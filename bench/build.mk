# SPDX-License-Identifier: BSD-2-Clause
# The bench: what is measured against whom is in bench/README.md.

BENCH := $(B)/bench
BENCH_OBJ := $(BENCH)/boot.o $(BENCH)/first.o $(BENCH)/exits.o
BENCH_DEPS := $(GUEST_DEPS) bench/build.mk

$(BENCH)/boot.o: guests/common/boot.S $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

$(BENCH)/first.o: bench/first.S $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

$(BENCH)/exits.o: bench/exits.c $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_KERNEL) -c $< -o $@

# As ELF32, because QEMU's Multiboot loader knows no other.
$(BENCH)/exits.elf: bench/exits.lds $(BENCH_OBJ) $(GUEST_COMMON_OBJ)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T $< -o $@.64 $(filter %.o,$^)
	$(Q)objcopy --strip-debug -O elf32-i386 $@.64 $@

# Static: it runs in the simulated machine beside whatever libraries QEMU brings.
$(BENCH)/meter: bench/meter.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HOSTED_CFLAGS) $(OPT) -static -o $@ $<

# Counted by callgrind: bench/instructions.
$(BENCH)/instructions: bench/instructions.c $(UNIT_HELP) $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HOSTED_CFLAGS) -g $(OPT) -o $@ $(filter %.c %.a,$^) -lZydis

# Archives concatenate, each on a boundary of four bytes.
$(BENCH)/initrd: $(LINUX_GUEST)/initrd.cpio.gz bench/linux-initrd.list bench/linux-init bench/linux-net \
		$(LINUX_GUEST)/mkinitrd
	@mkdir -p $(@D)
	$(Q)$(LINUX_GUEST)/mkinitrd bench/linux-initrd.list $(LINUX_GUEST) >$@.more
	$(Q)cat $(LINUX_GUEST)/initrd.cpio.gz >$@.part
	$(Q)truncate -s %4 $@.part
	$(Q)cat $@.more >>$@.part
	$(Q)mv $@.part $@

BENCH_FILES := $(B)/bulkhead $(BENCH)/exits.elf $(BENCH)/meter $(BENCH)/initrd

.PHONY: bench bench-files bench-smoke bench-sel4
bench-files: $(BENCH_FILES) guests

bench: ## install what is missing, then measure Bulkhead beside QEMU's microvm (docs/performance.md)
	@tools/packages build demo bench
	@$(MAKE) --no-print-directory -j$(JOBS) bench-files $(BENCH)/instructions
	@bench/instructions $(B)
	@bench/run $(B)
	@bench/run $(B) --pairs

bench-smoke: bench-files ## what an exit costs, in counted instructions, held against bounds
	@bench/run $(B) --smoke

bench-sel4: ## what an exit costs under stock seL4, in counted instructions: SEL4_PREFIX=...
	@$(MAKE) --no-print-directory check-sel4 CASES=exits
	@cat $(B)/sel4-check/exits/table.md
