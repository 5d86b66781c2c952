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

$(LINUX_GUEST)/initrd.cpio.gz: guests/linux/initrd.list guests/linux/init guests/linux/inittab \
		$(LINUX_GUEST)/mkinitrd $(LINUX_GUEST)/vmlinuz
	$(Q)$(LINUX_GUEST)/mkinitrd $< $(LINUX_GUEST) >$(@:.gz=)
	$(Q)gzip -9nf $(@:.gz=)
