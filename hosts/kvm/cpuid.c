/* SPDX-License-Identifier: BSD-2-Clause
 * The guest's CPUID on KVM: the kernel's list of what it supports, through the core's policy. KVM
 * answers CPUID itself from the table that it is given here, once, before the first entry. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kvm/vcpu.h"

#define CPUID_ENTRIES_MAX 256u

static struct kvm_cpuid2 *supported_cpuid(int kvm_fd)
{
    size_t bytes = sizeof(struct kvm_cpuid2) + CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2);
    struct kvm_cpuid2 *list = calloc(1, bytes);
    if (list == NULL) {
        return NULL;
    }
    list->nent = CPUID_ENTRIES_MAX;
    if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, list) != 0) {
        free(list);
        return NULL;
    }
    return list;
}

static struct kvm_cpuid_entry2 *entry_for(struct kvm_cpuid2 *list, const struct cpuid_leaf *leaf)
{
    for (uint32_t i = 0; i < list->nent; i++) {
        struct kvm_cpuid_entry2 *e = &list->entries[i];
        if (e->function == leaf->leaf && e->index == leaf->subleaf) {
            return e;
        }
    }
    if (list->nent == CPUID_ENTRIES_MAX) {
        return NULL;
    }
    struct kvm_cpuid_entry2 *e = &list->entries[list->nent];
    list->nent++;
    *e = (struct kvm_cpuid_entry2){.function = leaf->leaf, .index = leaf->subleaf};
    return e;
}

static void entry_set(struct kvm_cpuid_entry2 *e, const struct cpuid_leaf *leaf)
{
    e->eax = leaf->eax;
    e->ebx = leaf->ebx;
    e->ecx = leaf->ecx;
    e->edx = leaf->edx;
}

static bool is_hypervisor_leaf(uint32_t leaf)
{
    return leaf >= 0x40000000u && leaf <= 0x4FFFFFFFu;
}

/* Every leaf through the policy; what KVM says of itself as a hypervisor is dropped. */
static void filter_list(struct kvm_cpuid2 *list, const struct cpuid_policy *policy)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->nent; i++) {
        struct kvm_cpuid_entry2 e = list->entries[i];
        struct cpuid_leaf leaf = {e.function, e.index, e.eax, e.ebx, e.ecx, e.edx};
        if (is_hypervisor_leaf(e.function)) {
            continue;
        }
        cpuid_apply(policy, &leaf);
        entry_set(&e, &leaf);
        list->entries[kept] = e;
        kept++;
    }
    list->nent = kept;
}

static bool add_extra(struct kvm_cpuid2 *list, const struct cpuid_policy *policy)
{
    struct cpuid_leaf extra[CPUID_EXTRA];
    uint32_t count = cpuid_extra(policy, extra, CPUID_EXTRA);
    for (uint32_t i = 0; i < count; i++) {
        struct kvm_cpuid_entry2 *e = entry_for(list, &extra[i]);
        if (e == NULL) {
            errno = E2BIG;
            return false;
        }
        entry_set(e, &extra[i]);
    }
    return true;
}

bool kvm_machine_set_cpuid(struct kvm_machine *m, const struct cpuid_policy *policy)
{
    struct kvm_cpuid2 *list = supported_cpuid(m->kvm_fd);
    if (list == NULL) {
        return false;
    }
    filter_list(list, policy);
    bool ok = add_extra(list, policy) && ioctl(m->vcpu_fd, KVM_SET_CPUID2, list) == 0;
    free(list);
    return ok;
}
