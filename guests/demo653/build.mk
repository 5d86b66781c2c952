# SPDX-License-Identifier: BSD-2-Clause
# demo653: one kernel, three partitions. A partition is one object file that needs nothing from
# outside; its sections get its name, and demo653.lds puts each into an address space of its own.

guests: $(B)/guests/demo653.elf

DEMO653_PARTS  := flight display maint
DEMO653_KERNEL := $(filter-out part_%,$(notdir $(basename $(wildcard guests/demo653/*.c))))
DEMO653_OBJ := $(DEMO653_KERNEL:%=$(B)/guests/demo653/%.o) \
    $(DEMO653_PARTS:%=$(B)/guests/demo653/part_%.o)
DEMO653_DEPS := $(GUEST_DEPS) guests/demo653/build.mk

$(B)/guests/demo653/boot.o: guests/common/boot.S $(DEMO653_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -DBOOT_ADDRESS_FIELDS -c $< -o $@

$(B)/guests/demo653/part_%.o: guests/demo653/part_%.c $(DEMO653_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -fno-tree-loop-distribute-patterns -c $< -o $@
	@if nm -u $@ | grep .; then echo "$<: a partition must not need the symbols above" >&2; exit 1; fi
	$(Q)objcopy --prefix-alloc-sections=.$* $@

$(B)/guests/demo653/%.o: guests/demo653/%.c $(DEMO653_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_KERNEL) -c $< -o $@

# The second command: file offset minus physical address must be the same for all that is loaded.
$(B)/guests/demo653.elf: guests/demo653/demo653.lds $(B)/guests/demo653/boot.o $(DEMO653_OBJ) \
		$(GUEST_COMMON_OBJ)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T $< -o $@ $(filter %.o,$^)
	@readelf -lW $@ | awk '$$1 == "LOAD" && $$5 !~ /^0x0+$$/ { print $$2, $$4 }' | \
	    { d=; while read -r off pa; do n=$$((off - pa)); \
	      if [ -n "$$d" ] && [ "$$n" != "$$d" ]; then echo "$@: not loadable flat" >&2; exit 1; fi; \
	      d=$$n; done; }
