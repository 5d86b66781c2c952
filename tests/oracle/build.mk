# SPDX-License-Identifier: BSD-2-Clause
# The decoder beside Zydis: every opcode, ModRM and prefix set in three modes; about half a minute.

ORACLE     := $(B)/oracle/decode
ORACLE_OBJ := $(patsubst %.c,$(B)/oracle/%.o,$(sort $(wildcard tests/oracle/*.c)))

$(B)/oracle/%.o: %.c Makefile bulkhead.mk tests/oracle/build.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HOSTED_CFLAGS) -Itests/oracle $(OPT) -MMD -MP -c $< -o $@

$(ORACLE): $(ORACLE_OBJ) $(B)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ -lZydis

.PHONY: oracle
oracle: $(ORACLE) ## decode every opcode beside Zydis: no unexplained difference
	@$(ORACLE)
