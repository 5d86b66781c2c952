# SPDX-License-Identifier: BSD-2-Clause
# Guests that nobody here wrote, unmodified, from Debian's packages. They are large, so they are not part
# of `make guests`: `make test` fetches them once, and `make system` runs the cases foreign-* whose
# guests are there.

FOREIGN_GUESTS := $(B)/guests/foreign

# Always asked: it does nothing if all are there, and fetches what is not.
.PHONY: foreign-guests
foreign-guests: guests ## fetch the foreign guests for the system tests, as make test does (275 MB, once)
	@guests/foreign/prepare $(FOREIGN_GUESTS)
