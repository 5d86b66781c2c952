# SPDX-License-Identifier: BSD-2-Clause
# testguest: one image, the test chosen on its command line. As ELF64, and the same as ELF32 for
# loaders that know no other.

guests: $(B)/guests/testguest.elf $(B)/guests/testguest32.elf

TESTGUEST_OBJ := $(patsubst guests/%.c,$(B)/guests/%.o,$(wildcard guests/testguest/*.c))
TESTGUEST_DEPS := $(GUEST_DEPS) guests/testguest/build.mk

$(B)/guests/testguest/boot.o: guests/common/boot.S $(TESTGUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

$(B)/guests/testguest/%.o: guests/testguest/%.c $(TESTGUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_KERNEL) -c $< -o $@

$(B)/guests/testguest.elf: guests/testguest/testguest.lds $(B)/guests/testguest/boot.o \
		$(TESTGUEST_OBJ) $(GUEST_COMMON_OBJ)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T $< -o $@ $(filter %.o,$^)

$(B)/guests/testguest32.elf: $(B)/guests/testguest.elf
	$(Q)objcopy --strip-debug -O elf32-i386 $< $@
