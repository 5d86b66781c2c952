# SPDX-License-Identifier: BSD-2-Clause
# Guests booted for real. One case alone: tests/system/run.sh CASE

.PHONY: system
system: $(B)/bulkhead guests ## boot the guests for real and look at what they did
	@tests/system/run.sh
