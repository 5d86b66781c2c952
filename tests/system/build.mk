# SPDX-License-Identifier: BSD-2-Clause
# Guests booted for real. One case alone: tests/system/run.sh CASE

.PHONY: system
system: $(B)/bulkhead guests ## boot the guests for real and look at what they did
	@tests/system/run.sh

HOSTILE_SEEDS ?= 20
HOSTILE_EXITS ?= 150000
.PHONY: hostile
hostile: $(B)/bulkhead guests ## HOSTILE_SEEDS (20) random attacks on the monitor, an hour or two
	@HOSTILE_SEEDS=$(HOSTILE_SEEDS) HOSTILE_EXITS=$(HOSTILE_EXITS) tests/system/run.sh hostile
	@cat $(B)/system/hostile/run.count
