# SPDX-License-Identifier: BSD-2-Clause
# The only build of Bulkhead. `make help` lists everything a person would type.

BULKHEAD := .
B        := build
CC       := gcc
CLANG    := clang

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# `make V=1` shows the commands.
ifeq ($(V),1)
say = @:
Q   :=
else
say = @printf '  %-6s %s\n' '$(1)' '$(2)'
Q   := @
endif

include bulkhead.mk

.PHONY: all help clean
all: $(B)/bulkhead ## build the bulkhead command (the default)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

clean: ## remove everything that was built
	rm -rf $(B)

# --- The core and the bulkhead command ---------------------------------------------------------
HOSTED_CFLAGS := -std=c11 -D_GNU_SOURCE -Isrc -Ihosts -Icli $(BULKHEAD_WARN)
OPT           := -O2 -g

CORE_OBJ := $(BULKHEAD_CORE_SRC:./src/%.c=$(B)/core/%.o)
CLI_SRC  := $(sort $(wildcard hosts/kvm/*.c hosts/sel4/plan/*.c cli/*.c))
CLI_OBJ  := $(CLI_SRC:%.c=$(B)/cmd/%.o)

$(B)/core/%.o: src/%.c Makefile bulkhead.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BULKHEAD_CORE_CFLAGS) $(OPT) -MMD -MP -c $< -o $@

$(B)/libcore.a: $(CORE_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(B)/cmd/%.o: %.c Makefile bulkhead.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HOSTED_CFLAGS) $(OPT) -MMD -MP -c $< -o $@

$(B)/bulkhead: $(CLI_OBJ) $(B)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ -lconfig

# --- Unit tests: each tests/unit/LAYER/test_X.c is one program, under ASan and UBSan, twice ------
SAN       := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_SRC  := $(sort $(wildcard tests/unit/*/test_*.c))
# The simulated host, and whatever else unit tests share.
UNIT_HELP := $(sort $(wildcard hosts/sim/*.c hosts/sel4/say.c hosts/sel4/vmx/*.c hosts/sel4/net/*.c))
# Vectors and processors that the emulator is held against; the program of that name has them, too.
UNIT_ORACLE := $(filter-out tests/processor/main.c,$(sort $(wildcard tests/processor/*.c)))
# Parts of the command that unit tests may link; never its main().
UNIT_CMD  := $(filter-out cli/main.c,$(CLI_SRC))

define unit_variant
$(B)/$(1)/core/%.o: src/%.c Makefile bulkhead.mk
	@mkdir -p $$(@D)
	$$(call say,$(1),$$<)
	$(Q)$(2) -std=c11 -Isrc -fno-common $(BULKHEAD_WARN) $(SAN) -MMD -MP -c $$< -o $$@

$(B)/$(1)/%.o: %.c Makefile bulkhead.mk
	@mkdir -p $$(@D)
	$$(call say,$(1),$$<)
	$(Q)$(2) $(HOSTED_CFLAGS) $(SAN) -MMD -MP -c $$< -o $$@

$(B)/$(1)/libtest.a: $(BULKHEAD_CORE_SRC:./src/%.c=$(B)/$(1)/core/%.o) \
		$(UNIT_HELP:%.c=$(B)/$(1)/%.o) $(UNIT_ORACLE:%.c=$(B)/$(1)/%.o) \
		$(UNIT_CMD:%.c=$(B)/$(1)/%.o)
	$$(call say,AR,$$@)
	$(Q)rm -f $$@
	$(Q)ar rcs $$@ $$^

$(B)/$(1)/tests/unit/%: $(B)/$(1)/tests/unit/%.o $(B)/$(1)/libtest.a
	$$(call say,LD,$$@)
	$(Q)$(2) $(SAN) -o $$@ $$^ -lcmocka -lconfig

UNIT_BIN += $(UNIT_SRC:%.c=$(B)/$(1)/%)
endef
$(eval $(call unit_variant,gcc,$(CC)))
$(eval $(call unit_variant,clang,$(CLANG)))

.PHONY: unit
.SECONDARY:
unit: $(UNIT_BIN) ## build and run the unit tests (gcc and clang, sanitized)
	@tests/unit/run $(UNIT_BIN)

.PHONY: format format-check
FORMATTED := $(wildcard src/*/*.[ch] hosts/*/*.[ch] hosts/*/*/*.[ch] cli/*.[ch] guests/*/*.[ch] bench/*.[ch] \
    tests/*/*.[ch] tests/*/*/*.[ch])
format: ## format the C sources
	clang-format -i $(FORMATTED)
format-check: ## check the format of the C sources
	@if clang-format --dry-run -Werror $(FORMATTED); then echo "format: 1 passed, 0 failed"; \
	else echo "format: 0 passed, 1 failed; make format"; exit 1; fi

# --- What a person types first ------------------------------------------------------------------
# Each installs what it needs and is missing, then calls make again with everything in place.
JOBS := $(shell nproc 2>/dev/null || echo 1)
.PHONY: demo run test demo-fly
demo: ## install what is missing, build, and fly the demo: an RTOS beside Linux
	@tools/packages build demo
	@$(MAKE) --no-print-directory -j$(JOBS) all guests
	@$(MAKE) --no-print-directory demo-fly

demo-fly:
	@tools/demo

run: ## the same, interactive and unbounded (Ctrl-A ? for help, Ctrl-C ends it)
	@tools/packages build demo
	@$(MAKE) --no-print-directory -j$(JOBS) all guests
	@$(B)/bulkhead run systems/flightdeck.conf

STAGES ?= format-check static unit oracle models fuzz-smoke check-files bench-smoke system
test: ## install what is missing, then run all tests
	@tools/packages build demo test
	@mkdir -p $(B)
	@echo "== build (the output is in $(B)/build.log)"
	@$(MAKE) --no-print-directory -j$(JOBS) all guests $(UNIT_BIN) $(FUZZ_BIN) $(ORACLE) > $(B)/build.log 2>&1 || \
	    { cat $(B)/build.log; exit 1; }
ifneq ($(filter system,$(STAGES)),)
	@guests/foreign/prepare $(B)/guests/foreign || \
	    echo "The system tests of these guests will be skipped; everything else is tested."
endif
	@B=$(B) MAKE='$(MAKE)' tests/all $(STAGES)

# Parts that bring their own rules: guests, system tests, static checks.
-include $(wildcard guests/*/build.mk tests/*/build.mk) bench/build.mk hosts/sel4/build.mk

-include $(shell find $(B) -name '*.d' 2>/dev/null)
