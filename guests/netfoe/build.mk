# SPDX-License-Identifier: BSD-2-Clause
# netfoe: a network driver that means no good. The random numbers are those of guests/hostile.

guests: $(B)/guests/netfoe.elf

NETFOE_OBJ := $(patsubst guests/%.c,$(B)/guests/%.o,$(wildcard guests/netfoe/*.c)) \
    $(B)/guests/hostile/random.o
NETFOE_DEPS := $(GUEST_DEPS) guests/netfoe/build.mk

$(B)/guests/netfoe/boot.o: guests/common/boot.S $(NETFOE_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

$(B)/guests/netfoe/%.o: guests/netfoe/%.c $(NETFOE_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_KERNEL) -Iguests/hostile -c $< -o $@

$(B)/guests/netfoe.elf: guests/testguest/testguest.lds $(B)/guests/netfoe/boot.o $(NETFOE_OBJ) \
		$(GUEST_COMMON_OBJ)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T $< -o $@ $(filter %.o,$^)
