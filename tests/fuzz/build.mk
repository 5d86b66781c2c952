# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets: each tests/fuzz/fuzz_X.c is one libFuzzer program, under ASan and UBSan.

FUZZ_SECONDS ?= 600
FUZZ_SAN     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_INSTR   := $(FUZZ_SAN) -fsanitize=fuzzer-no-link
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN     := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)

$(B)/fuzz/core/%.o: src/%.c Makefile bulkhead.mk tests/fuzz/build.mk
	@mkdir -p $(@D)
	$(call say,fuzz,$<)
	$(Q)$(CLANG) -std=c11 -Isrc -fno-common $(BULKHEAD_WARN) $(FUZZ_INSTR) -MMD -MP -c $< -o $@

$(B)/fuzz/%.o: %.c Makefile bulkhead.mk tests/fuzz/build.mk
	@mkdir -p $(@D)
	$(call say,fuzz,$<)
	$(Q)$(CLANG) $(HOSTED_CFLAGS) -Itests/fuzz $(FUZZ_INSTR) -MMD -MP -c $< -o $@

# The checksum of an image is most of the work of checking it, and has no branches to explore.
$(B)/fuzz/core/base/crc32.o: FUZZ_INSTR := $(FUZZ_SAN) -O2

$(B)/fuzz/libtest.a: $(BULKHEAD_CORE_SRC:./src/%.c=$(B)/fuzz/core/%.o) \
		$(UNIT_HELP:%.c=$(B)/fuzz/%.o) $(UNIT_CMD:%.c=$(B)/fuzz/%.o)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(B)/fuzz/fuzz_%: $(B)/fuzz/tests/fuzz/fuzz_%.o $(B)/fuzz/libtest.a
	$(call say,LD,$@)
	$(Q)$(CLANG) $(FUZZ_SAN) -fsanitize=fuzzer -o $@ $^ -lconfig

.PHONY: fuzz fuzz-smoke
fuzz: $(FUZZ_BIN) ## fuzz every target for FUZZ_SECONDS (600) each; corpora stay in build/fuzz
	@tests/fuzz/run $(B)/fuzz seconds $(FUZZ_SECONDS) $(FUZZ_BIN)

fuzz-smoke: $(FUZZ_BIN) ## the same for a fixed number of fixed inputs: about a minute
	@tests/fuzz/run $(B)/fuzz smoke 0 $(FUZZ_BIN)
