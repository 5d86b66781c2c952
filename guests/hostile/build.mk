# SPDX-License-Identifier: BSD-2-Clause
# hostile: random traffic from a seed, at whatever monitor runs it.

guests: $(B)/guests/hostile.elf

HOSTILE_OBJ := $(patsubst guests/%.c,$(B)/guests/%.o,$(wildcard guests/hostile/*.c)) \
    $(B)/guests/hostile/launch.o
HOSTILE_DEPS := $(GUEST_DEPS) guests/hostile/build.mk

$(B)/guests/hostile/boot.o: guests/common/boot.S $(HOSTILE_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

$(B)/guests/hostile/launch.o: guests/hostile/launch.S $(HOSTILE_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

$(B)/guests/hostile/%.o: guests/hostile/%.c $(HOSTILE_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_KERNEL) -c $< -o $@

$(B)/guests/hostile.elf: guests/hostile/hostile.lds $(B)/guests/hostile/boot.o $(HOSTILE_OBJ) \
		$(GUEST_COMMON_OBJ)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T $< -o $@ $(filter %.o,$^)
