# SPDX-License-Identifier: BSD-2-Clause
# `make check-sel4 SEL4_PREFIX=...`: the cases in this directory, or those in CASES=...
.PHONY: check-sel4
check-sel4: $(B)/bulkhead ## fly the cases of tests/sel4 under stock seL4 in Bochs: SEL4_PREFIX=... [CASES="..."]
	@B=$(B) MAKE='$(MAKE)' tests/sel4/run.sh '$(SEL4_PREFIX)' $(CASES)
