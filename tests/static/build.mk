# SPDX-License-Identifier: BSD-2-Clause
# What the architecture promises, held against the code.

.PHONY: static
static: $(B)/libflat.a $(B)/clang-core.ok $(B)/bulkhead ## static checks: layers, symbols, sizes, format, cppcheck
	@CC='$(CC)' tests/static/check $(B)

.PHONY: manual
manual: $(B)/bulkhead ## write docs/manual/cpu.md anew, from the core's own lists
	$< help cpu > docs/manual/cpu.md

# The core must also compile freestanding with clang.
$(B)/clang-core.ok: $(BULKHEAD_CORE_SRC) $(wildcard src/*/*.h)
	$(call say,clang,src)
	$(Q)for f in $(BULKHEAD_CORE_SRC); do \
	    $(CLANG) -std=c11 -ffreestanding -nostdinc \
	        -isystem $$($(CLANG) -print-resource-dir)/include -I$(BULKHEAD)/src \
	        $(BULKHEAD_WARN) -O2 -fsyntax-only $$f || exit 1; \
	done
	@touch $@

# The core as a bare target links it, without position-independent code: what its symbols and
# sections are is the core's own doing then, not the linker's.
$(B)/flat/%.o: src/%.c $(wildcard src/*/*.h) bulkhead.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(BULKHEAD_CORE_CFLAGS) -O2 -fno-pic -fno-stack-protector -c $< -o $@

$(B)/libflat.a: $(BULKHEAD_CORE_SRC:./src/%.c=$(B)/flat/%.o)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^
