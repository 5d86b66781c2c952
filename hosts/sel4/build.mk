# SPDX-License-Identifier: BSD-2-Clause
# The seL4 host: `make sel4 SEL4_PREFIX=...` builds one bootable ISO of a system file, SYSTEM=...

SEL4_SRC := $(sort $(wildcard hosts/sel4/*.c hosts/sel4/vmx/*.c hosts/sel4/plan/*.c hosts/sel4/net/*.c))
SEL4_OBJ := $(SEL4_SRC:%.c=$(B)/sel4/%.o) $(B)/sel4/hosts/sel4/start.o
SYSTEM    ?= systems/flightdeck.conf
SEL4_ISO  ?= $(B)/sel4.iso
SEL4_ELF  ?= $(B)/sel4/bulkhead.elf
SEL4_ROOT ?= $(B)/sel4/root.elf

SEL4_CFLAGS = -std=c11 -O2 -g -ffreestanding -nostdinc -fno-pie -fno-stack-protector -fno-common \
    -fno-strict-aliasing -isystem $(shell $(CC) -print-file-name=include) -Isrc -Ihosts $(BULKHEAD_WARN)
SEL4_HEADERS := $(SEL4_PREFIX)/libsel4/include

# Looked at before anything is built; written anew, and what stands on it built anew, if it names another one.
$(B)/sel4/prefix: FORCE
	@tools/packages sel4
	@tools/sel4-prefix '$(SEL4_PREFIX)'
	@mkdir -p $(@D)
	@echo '$(SEL4_PREFIX)' | cmp -s - $@ || echo '$(SEL4_PREFIX)' > $@

# Only this file sees the kernel's headers; they are not ours to warn about.
$(B)/sel4/hosts/sel4/sys.o: hosts/sel4/sys.c hosts/sel4/sys.h hosts/sel4/build.mk $(B)/sel4/prefix
	@mkdir -p $(@D)
	$(call say,SEL4,$<)
	$(Q)$(CC) $(SEL4_CFLAGS) -std=gnu11 -Wno-pedantic -isystem $(SEL4_HEADERS) -c $< -o $@

$(B)/sel4/%.o: %.c hosts/sel4/build.mk | $(B)/sel4/prefix
	@mkdir -p $(@D)
	$(call say,SEL4,$<)
	$(Q)$(CC) $(SEL4_CFLAGS) -MMD -MP -c $< -o $@

$(B)/sel4/hosts/sel4/start.o: hosts/sel4/start.S
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $@

# The frozen system goes into the program as a section: the kernel loads one module only.
$(B)/sel4/system.img: $(SYSTEM) $(B)/bulkhead guests | $(B)/sel4/prefix
	@mkdir -p $(@D)
	$(Q)$(B)/bulkhead pack $(SYSTEM) -o $@

$(B)/sel4/system.o: $(B)/sel4/system.img
	$(Q)cd $(@D) && objcopy -I binary -O elf64-x86-64 -B i386:x86-64 \
	    --rename-section .data=.system,alloc,load,readonly,data,contents $(<F) $(@F)

# SEL4_TEST_OBJ is empty, but for ISOs with deliberate defects: tests/sel4/build.mk.
$(SEL4_ELF): hosts/sel4/sel4.lds $(SEL4_OBJ) $(SEL4_TEST_OBJ) $(B)/sel4/system.o $(B)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
	    -T $< $(SEL4_TEST_LINK) -o $@ $(filter %.o,$^) $(B)/libcore.a

# GRUB may put a small module into a gap of the kernel's image, where the kernel does not expect it.
$(SEL4_ROOT): $(SEL4_ELF)
	$(Q)objcopy --strip-debug $< $@
	$(Q)truncate -s '>4M' $@

$(SEL4_ISO): $(SEL4_ROOT) $(B)/sel4/prefix
	$(Q)rm -rf $(B)/sel4/iso
	$(Q)mkdir -p $(B)/sel4/iso/boot/grub
	$(Q)cp $(SEL4_PREFIX)/bin/kernel.elf $(B)/sel4/iso/boot/kernel.elf
	$(Q)cp $< $(B)/sel4/iso/boot/bulkhead.elf
	$(Q)printf 'set timeout=0\nmenuentry bulkhead {\n multiboot2 /boot/kernel.elf\n module2 /boot/bulkhead.elf\n}\n' \
	    > $(B)/sel4/iso/boot/grub/grub.cfg
	$(call say,ISO,$@)
	$(Q)grub-mkrescue -o $@ $(B)/sel4/iso > $(B)/sel4/iso.log 2>&1

.PHONY: sel4 FORCE
sel4: $(SEL4_ISO) ## build a bootable ISO for stock seL4: SEL4_PREFIX=... [SYSTEM=file.conf]
