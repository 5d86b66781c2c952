/* SPDX-License-Identifier: BSD-2-Clause
 * The guest's CPUID on KVM: the kernel's list of what it supports, through the core's policy. KVM
 * answers CPUID itself from the table that it is given here, once, before the first entry. What depends
 * on the guest's state (OSXSAVE, OSPKE, sizes of the XSAVE area) it keeps up by itself. */
#include <cpuid.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/vcpu.h"
#include "vm/regs.h"

static struct kvm_cpuid_entry2 *entry_for(struct kvm_cpuid2 *list, const struct cpuid_leaf *leaf)
{
    for (uint32_t i = 0; i < list->nent; i++) {
        struct kvm_cpuid_entry2 *e = &list->entries[i];
        if (e->function == leaf->leaf && e->index == leaf->subleaf) {
            return e;
        }
    }
    if (list->nent == KVM_CPUID_ENTRIES) {
        return NULL;
    }
    struct kvm_cpuid_entry2 *e = &list->entries[list->nent];
    list->nent++;
    *e = (struct kvm_cpuid_entry2){.function = leaf->leaf, .index = leaf->subleaf};
    return e;
}

/* KVM does not tell the processor's name, which is no secret: guests print it. */
static void add_name(struct kvm_cpuid2 *list)
{
    for (uint32_t i = 0; i < 3u; i++) {
        struct cpuid_leaf leaf = {.leaf = 0x80000002u + i};
        struct kvm_cpuid_entry2 *e = entry_for(list, &leaf);
        if (e != NULL) {
            (void)__get_cpuid(leaf.leaf, &e->eax, &e->ebx, &e->ecx, &e->edx);
        }
    }
}

bool kvm_cpuid_open(struct kvm_machine *m)
{
    size_t bytes = sizeof(struct kvm_cpuid2) + KVM_CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2);
    struct kvm_cpuid2 *list = calloc(1, bytes);
    if (list == NULL) {
        return false;
    }
    list->nent = KVM_CPUID_ENTRIES;
    if (ioctl(m->kvm_fd, KVM_GET_SUPPORTED_CPUID, list) != 0) {
        free(list);
        return false;
    }
    add_name(list);
    m->supported = list;
    return true;
}

void kvm_cpuid_read(void *host, struct cpuid_leaf *leaf)
{
    const struct kvm_machine *m = host;
    leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = 0;
    for (uint32_t i = 0; m->supported != NULL && i < m->supported->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &m->supported->entries[i];
        bool by_index = (e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0;
        if (e->function == leaf->leaf && (!by_index || e->index == leaf->subleaf)) {
            *leaf = (struct cpuid_leaf){leaf->leaf, leaf->subleaf, e->eax, e->ebx, e->ecx, e->edx};
            return;
        }
    }
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

static bool add_extra(struct kvm_cpuid2 *list, const struct cpuid_cpu *cpu)
{
    struct cpuid_leaf extra[CPUID_EXTRA];
    uint32_t count = cpuid_extra(cpu, extra, CPUID_EXTRA);
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

bool kvm_cpuid_apply(struct kvm_cpuid2 *list, const struct cpuid_cpu *cpu)
{
    /* The table has no place for "in 64-bit code only", and KVM does not look after that bit. */
    const struct cpuid_now reset = {.xcr0 = XCR0_X87, .lapic_on = true, .code_64 = true};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->nent; i++) {
        struct kvm_cpuid_entry2 e = list->entries[i];
        struct cpuid_leaf leaf = {e.function, e.index, e.eax, e.ebx, e.ecx, e.edx};
        if (is_hypervisor_leaf(e.function)) {
            continue;
        }
        cpuid_answer(cpu, &reset, &leaf);
        entry_set(&e, &leaf);
        list->entries[kept] = e;
        kept++;
    }
    list->nent = kept;
    return add_extra(list, cpu);
}

bool kvm_machine_set_cpuid(struct kvm_machine *m, const struct cpuid_cpu *cpu)
{
    return kvm_cpuid_apply(m->supported, cpu) &&
           ioctl(m->vcpu_fd, KVM_SET_CPUID2, m->supported) == 0;
}
