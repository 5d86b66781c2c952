# SPDX-License-Identifier: BSD-2-Clause
# The emulator held against processors: a program of its own, static, since it runs in a simulated
# machine where nothing else is.

PROCESSOR_SRC := $(sort $(wildcard tests/processor/*.c))
PROCESSOR_OBJ := $(PROCESSOR_SRC:%.c=$(B)/processor/%.o) $(B)/processor/hosts/sim/sim.o

$(B)/processor/%.o: %.c Makefile bulkhead.mk tests/processor/build.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HOSTED_CFLAGS) -Itests/processor $(OPT) -MMD -MP -c $< -o $@

$(B)/processor/processor: $(PROCESSOR_OBJ) $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -static -o $@ $^

PROCESSOR_COUNT ?= 200
PROCESSOR_SEED ?= 1
.PHONY: processor
processor: $(B)/processor/processor $(B)/bulkhead guests ## the emulator against processors, PROCESSOR_COUNT (200) vectors of each form
	@PROCESSOR_COUNT=$(PROCESSOR_COUNT) PROCESSOR_SEED=$(PROCESSOR_SEED) PROCESSOR_LIMIT_S=7200 \
	    tests/system/run.sh processor roads
	@grep -h ': seed ' $(B)/system/processor/output.txt $(B)/system/roads/output.txt
