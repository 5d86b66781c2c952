/* SPDX-License-Identifier: BSD-2-Clause
 * Counters that KVM keeps of a vCPU, found by name in its binary statistics.
 * Source: Linux Documentation/virt/kvm/api.rst, 4.133 (KVM_GET_STATS_FD). */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "kvm/vcpu.h"

static const struct {
    const char *name;
    size_t at;
} stats_wanted[] = {
    {"exits", offsetof(struct report_kvm, exits)},
    {"io_exits", offsetof(struct report_kvm, io_exits)},
    {"mmio_exits", offsetof(struct report_kvm, mmio_exits)},
    {"halt_exits", offsetof(struct report_kvm, halt_exits)},
    {"irq_window_exits", offsetof(struct report_kvm, irq_window_exits)},
    {"signal_exits", offsetof(struct report_kvm, signal_exits)},
    {"pf_fixed", offsetof(struct report_kvm, page_faults)},
    {"insn_emulation", offsetof(struct report_kvm, insn_emulation)},
};

static void stats_take(int fd, const struct kvm_stats_header *h, const struct kvm_stats_desc *d,
                       struct report_kvm *out)
{
    for (size_t i = 0; i < sizeof(stats_wanted) / sizeof(stats_wanted[0]); i++) {
        uint64_t value = 0;
        if (strncmp(d->name, stats_wanted[i].name, h->name_size) == 0 &&
            pread(fd, &value, sizeof(value), h->data_offset + d->offset) == sizeof(value)) {
            memcpy((char *)out + stats_wanted[i].at, &value, sizeof(value));
        }
    }
}

/* One descriptor with its name: no kernel's names are longer. */
union stats_desc {
    struct kvm_stats_desc desc;
    char bytes[sizeof(struct kvm_stats_desc) + 128];
};

void kvm_read_stats(const struct kvm_machine *m, struct report_kvm *out)
{
    struct kvm_stats_header h;
    union stats_desc d;
    memset(out, 0, sizeof(*out));
    if (m->stats_fd < 0 || pread(m->stats_fd, &h, sizeof(h), 0) != sizeof(h)) {
        return;
    }
    size_t one = sizeof(struct kvm_stats_desc) + h.name_size;
    for (uint32_t i = 0; one <= sizeof(d) && i < h.num_desc; i++) {
        if (pread(m->stats_fd, &d, one, h.desc_offset + (off_t)(i * one)) == (ssize_t)one) {
            stats_take(m->stats_fd, &h, &d.desc, out);
        }
    }
}
