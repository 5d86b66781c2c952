# SPDX-License-Identifier: BSD-2-Clause
# Guests that nobody here wrote, unmodified, from Debian's packages. They are large, so they are not
# part of `make guests`: the system tests that boot them (foreign-*) are skipped without them.

FOREIGN_GUESTS := $(B)/guests/foreign

.PHONY: foreign-guests
foreign-guests: $(FOREIGN_GUESTS)/versions guests ## fetch the foreign guests for the system tests (275 MB)

# The list of packages appears last, so it stands for all of them.
$(FOREIGN_GUESTS)/versions: guests/foreign/prepare
	@rm -f $@
	$(Q)guests/foreign/prepare $(FOREIGN_GUESTS)
