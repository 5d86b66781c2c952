# SPDX-License-Identifier: BSD-2-Clause
# The Linux guest: Debian's cloud kernel, unmodified, and an initramfs of busybox and our init.
# The simulated machine uses the same kernel, and the modules beside it.

LINUX_GUEST := $(B)/guests/linux

.PHONY: guests
guests: $(LINUX_GUEST)/vmlinuz $(LINUX_GUEST)/initrd.cpio.gz

# The kernel appears last, so it stands for the busybox and the modules too.
$(LINUX_GUEST)/vmlinuz: guests/linux/prepare
	@rm -f $@
	$(Q)guests/linux/prepare $(LINUX_GUEST)

$(LINUX_GUEST)/mkinitrd: guests/linux/mkinitrd.c cli/cpio.c cli/cpio.h
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HOSTED_CFLAGS) $(OPT) -o $@ $(filter %.c,$^)

# Static, since it is the only program beside busybox.
NETTOOL_SRC := $(wildcard guests/linux/nettool*.c)
$(LINUX_GUEST)/nettool: $(NETTOOL_SRC) $(wildcard guests/linux/nettool*.h) Makefile bulkhead.mk
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(BULKHEAD_WARN) -Os -static -s -o $@ $(NETTOOL_SRC)

# What initrd.list says, and the modules for network cards, in the order in which to load them.
$(LINUX_GUEST)/initrd-all.list: guests/linux/initrd.list $(LINUX_GUEST)/vmlinuz
	$(Q)cat $< >$@
	$(Q)while read -r module; do \
	    echo "file lib/modules/$$module 644 @modules/$$module"; \
	done <$(LINUX_GUEST)/modules/guest >>$@

LINUX_GUEST_FILES := $(addprefix guests/linux/,init inittab net dhcp)
$(LINUX_GUEST)/initrd.cpio.gz: $(LINUX_GUEST)/initrd-all.list $(LINUX_GUEST_FILES) \
		$(LINUX_GUEST)/nettool $(LINUX_GUEST)/mkinitrd
	$(Q)$(LINUX_GUEST)/mkinitrd $< $(LINUX_GUEST) >$(@:.gz=)
	$(Q)gzip -9nf $(@:.gz=)

# The same with stress-ng on top: a Linux that is as bad a neighbour as it can be. Not a part of
# `guests`, because nothing but the load tests needs it.
.PHONY: load-guest
load-guest: $(LINUX_GUEST)/load.cpio $(LINUX_GUEST)/vmlinuz

$(LINUX_GUEST)/load.list: guests/linux/prepare-load
	@rm -f $@
	$(Q)guests/linux/prepare-load $(LINUX_GUEST)

$(LINUX_GUEST)/load-all.list: guests/linux/load.list $(LINUX_GUEST)/load.list
	$(Q)cat $^ >$@

# Archives may follow each other: the kernel unpacks one after the other. This one is not compressed,
# since it is unpacked again and again where computing is slow.
$(LINUX_GUEST)/load.cpio: $(LINUX_GUEST)/load-all.list guests/linux/load $(LINUX_GUEST)/mkinitrd \
		$(LINUX_GUEST)/initrd.cpio.gz
	$(Q)$(LINUX_GUEST)/mkinitrd $< $(LINUX_GUEST) >$@
	$(Q)cat $(LINUX_GUEST)/initrd.cpio.gz >>$@
