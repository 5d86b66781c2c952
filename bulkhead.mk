# SPDX-License-Identifier: BSD-2-Clause
# Source lists and flags of Bulkhead, for its own Makefile and for another system's.
# Set BULKHEAD to the top of this tree, then include this file.

BULKHEAD ?= .

# The core, in the order of its layers: a layer may include only itself and those before it.
BULKHEAD_LAYERS := base system vm cpu dev boot board
BULKHEAD_CORE_SRC := $(foreach l,$(BULKHEAD_LAYERS),$(sort $(wildcard $(BULKHEAD)/src/$(l)/*.c)))

BULKHEAD_WARN := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wcast-qual -Wshadow \
    -Wvla -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition -Wswitch-default \
    -Werror

# Freestanding: the compiler's own headers and src/base/string.h are all there is.
BULKHEAD_CORE_CFLAGS = -std=c11 -ffreestanding -nostdinc \
    -isystem $(shell $(CC) -print-file-name=include) -I$(BULKHEAD)/src -fno-common $(BULKHEAD_WARN)
