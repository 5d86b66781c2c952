# SPDX-License-Identifier: BSD-2-Clause
# `make check-sel4 SEL4_PREFIX=...`: the cases in this directory, or those in CASES=..., or (SHORT=1) those
# that are over in three minutes.
.PHONY: check-sel4
check-sel4: $(B)/bulkhead $(B)/bench/exits.elf ## fly the cases of tests/sel4 under stock seL4 in Bochs: SEL4_PREFIX=... [CASES="..."] [SHORT=1]
	@B=$(B) MAKE='$(MAKE)' SHORT='$(SHORT)' tests/sel4/run.sh '$(SEL4_PREFIX)' $(CASES)

# `make sel4 SEL4_BREAK="..."`: an ISO with deliberate defects, see break.c. Without it nothing of this exists.
ifneq ($(SEL4_BREAK),)
SEL4_ISO       ?= $(B)/sel4-not-for-flight.iso
SEL4_ELF       := $(B)/sel4/not-for-flight.elf
SEL4_ROOT      := $(B)/sel4/not-for-flight-root.elf
SEL4_TEST_OBJ  := $(B)/sel4/tests/sel4/break.o
SEL4_TEST_LINK := -Wl,--wrap=sys_vm_enter,--wrap=sys_wait,--wrap=clock_find
ifneq ($(filter cr2,$(SEL4_BREAK)),)
SEL4_TEST_LINK += -Wl,--wrap=helper_swap_cr2
endif
ifneq ($(filter keeps,$(SEL4_BREAK)),)
SEL4_TEST_LINK += -Wl,--wrap=sys_delete
endif

$(B)/sel4/break_list.h: tests/sel4/break.awk FORCE
	@mkdir -p $(@D)
	$(Q)printf '%s\n' $(SEL4_BREAK) | awk -f $< > $@

$(SEL4_TEST_OBJ): $(B)/sel4/break_list.h
$(SEL4_TEST_OBJ): SEL4_CFLAGS += -I$(B)/sel4
endif
