# SPDX-License-Identifier: BSD-2-Clause
# Guests booted for real. One case alone: tests/system/run.sh CASE

.PHONY: system load
system: $(B)/bulkhead $(B)/processor/processor guests load-guest ## boot the guests for real and look at what they did
	@tests/system/run.sh

HOSTILE_SEEDS ?= 20
HOSTILE_EXITS ?= 150000
.PHONY: hostile
hostile: $(B)/bulkhead guests ## HOSTILE_SEEDS (20) random attacks on the monitor, an hour or two
	@HOSTILE_SEEDS=$(HOSTILE_SEEDS) HOSTILE_EXITS=$(HOSTILE_EXITS) tests/system/run.sh hostile
	@cat $(B)/system/hostile/run.count
.PHONY: net-hostile
net-hostile: $(B)/bulkhead guests ## NET_HOSTILE_SEEDS (20) random attacks on network cards of every shell
	@NET_HOSTILE_SEEDS=$${NET_HOSTILE_SEEDS:-20} NET_HOSTILE_ATTACKS=$${NET_HOSTILE_ATTACKS:-1000} \
	    tests/system/run.sh net-hostile
	@cat $(B)/system/net-hostile/run.count

# The system test of that name, for as long as is asked for.
LOAD_SECONDS ?= 600
LOAD_TICK_US ?= 1000
LOAD_REBOOT ?= 10
load: $(B)/bulkhead guests load-guest ## the RTOS beside a Linux at full load (LOAD_SECONDS=600)
	@LOAD_SECONDS=$(LOAD_SECONDS) LOAD_TICK_US=$(LOAD_TICK_US) LOAD_REBOOT=$(LOAD_REBOOT) BULKHEAD_SHADOW=0 \
	    tests/system/run.sh load
	@cat $(B)/system/load/numbers

.PHONY: net-reset
net-reset: $(B)/bulkhead guests ## a card that is reset a thousand times under traffic (NET_RESETS=1000)
	@NET_RESETS=$${NET_RESETS:-1000} tests/system/run.sh net-reset
	@cat $(B)/system/net-reset/numbers

.PHONY: net-frames
net-frames: $(B)/bulkhead guests ## a million frames between two Linux guests, and Linux and RTOS (NET_FRAMES=1000000)
	@NET_FRAMES=$${NET_FRAMES:-1000000} tests/system/run.sh net-frames net-echo
