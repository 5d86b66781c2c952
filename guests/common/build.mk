# SPDX-License-Identifier: BSD-2-Clause
# What every guest of ours is built with: start code, tables, serial text. No C library.

.PHONY: guests
guests: ## build our guests, and fetch the kernel of the Linux guest

GUEST_COMMON := boot.c serial.c print.c memory.c tables.c trap.S
GUEST_CFLAGS := -std=c11 -ffreestanding -nostdlib -fno-pic -no-pie -mno-red-zone -mcmodel=small \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fno-common -fcf-protection=none \
    -Iguests/common $(BULKHEAD_WARN) -O2 -g -MMD -MP
GUEST_KERNEL := -mgeneral-regs-only
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
    -Wl,-z,noexecstack

GUEST_COMMON_OBJ := $(patsubst %,$(B)/guests/common/%.o,$(basename $(GUEST_COMMON)))
GUEST_DEPS := Makefile bulkhead.mk guests/common/build.mk

$(B)/guests/common/%.o: guests/common/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_KERNEL) -c $< -o $@

$(B)/guests/common/%.o: guests/common/%.S $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@
