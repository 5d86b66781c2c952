/* SPDX-License-Identifier: BSD-2-Clause
 * Creating a VM on /dev/kvm: no KVM_CREATE_IRQCHIP and no KVM_CREATE_PIT2, because the core's own
 * models serve; MSRs that belong to the core are let out; the guest's TSC starts near zero. */
#include "kvm/vcpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include "base/arith.h"
#include "cpu/msr.h"

/* Four pages that KVM wants for itself on Intel processors without unrestricted guest: where no guest
 * RAM is, below the BIOS. Linux Documentation/virt/kvm/api.rst, KVM_SET_TSS_ADDR. */
#define KVM_OWN_TOP   0xFFFBC000ull
#define KVM_OWN_BYTES 0x4000ull
#define KVM_OWN_STEP  0x100000ull
#define KVM_OWN_TRIES 256u

#define TSC_JUMP (1ull << 42) /* some 20 minutes without a look: worth asking KVM for the offset */

static bool failed(char *why, size_t size, const char *what, const char *remedy)
{
    (void)snprintf(why, size, "%s: %s; %s", what, strerror(errno), remedy);
    return false;
}

/* KVM_CREATE_VM may be interrupted by signals meant for somebody else. */
static int create_vm(int kvm_fd)
{
    int fd = -1;
    do {
        fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static bool map_memory(const struct kvm_machine *m, const struct gmem *mem)
{
    for (uint32_t i = 0; i < mem->count; i++) {
        struct kvm_userspace_memory_region r = {
            .slot = i,
            .guest_phys_addr = mem->region[i].base,
            .memory_size = mem->region[i].size,
            .userspace_addr = (uint64_t)(uintptr_t)mem->region[i].host,
        };
        if (ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &r) != 0) {
            return false;
        }
    }
    return true;
}

static bool overlaps_ram(const struct gmem *mem, uint64_t gpa)
{
    for (uint32_t i = 0; i < mem->count; i++) {
        if (range_overlaps(gpa, KVM_OWN_BYTES, mem->region[i].base, mem->region[i].size)) {
            return true;
        }
    }
    return false;
}

/* Gives KVM its own pages: one for the identity map, three for the TSS. */
static bool place_own_pages(int vm_fd, const struct gmem *mem)
{
    uint64_t at = KVM_OWN_TOP;
    for (uint32_t i = 0; i < KVM_OWN_TRIES && overlaps_ram(mem, at); i++) {
        at -= KVM_OWN_STEP;
    }
    return ioctl(vm_fd, KVM_SET_TSS_ADDR, (unsigned long)(at + 0x1000u)) == 0 &&
           ioctl(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &at) == 0;
}

/* IA32_APIC_BASE and IA32_TSC_DEADLINE belong to our local APIC; MSRs unknown to KVM to our policy,
 * and HWCR too, whose bit 24 tells Linux that an invariant TSC is one. KVM reads it as 0.
 * Machine check banks, of which KVM has 32, and the microcode revision are to be what the policy says.
 * A write to the TSC would move it under KVM's hands only, and no deadline would be right again. */
static bool let_msrs_out(int vm_fd)
{
    static uint8_t deny[16] = {0}; /* bit clear: the access comes out. KVM reads whole longs */
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_X86_USER_SPACE_MSR,
        .args = {KVM_MSR_EXIT_REASON_FILTER | KVM_MSR_EXIT_REASON_UNKNOWN},
    };
    struct kvm_msr_filter filter = {
        .flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
        .ranges =
            {
                {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                 .nmsrs = 1,
                 .base = MSR_APIC_BASE,
                 .bitmap = deny},
                {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                 .nmsrs = 1,
                 .base = MSR_TSC_DEADLINE,
                 .bitmap = deny},
                {.flags = KVM_MSR_FILTER_WRITE, .nmsrs = 1, .base = MSR_TSC, .bitmap = deny},
                {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                 .nmsrs = 1,
                 .base = MSR_AMD_HWCR,
                 .bitmap = deny},
                {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                 .nmsrs = 1,
                 .base = MSR_BIOS_SIGN_ID,
                 .bitmap = deny},
                {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                 .nmsrs = 3, /* to MCG_CTL */
                 .base = MSR_MCG_CAP,
                 .bitmap = deny},
                {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                 .nmsrs = 128,
                 .base = MSR_MC_BANKS,
                 .bitmap = deny},
            },
    };
    return ioctl(vm_fd, KVM_ENABLE_CAP, &cap) == 0 &&
           ioctl(vm_fd, KVM_X86_SET_MSR_FILTER, &filter) == 0;
}

/* Instructions that CPUID does not offer are to fault as on hardware: RDPMC, because there are no
 * counters, MONITOR and MWAIT. Kernels that cannot be told so let them pass, without harm. */
static void take_extras_away(int vm_fd)
{
    struct kvm_enable_cap pmu = {.cap = KVM_CAP_PMU_CAPABILITY, .args = {KVM_PMU_CAP_DISABLE}};
    struct kvm_enable_cap quirks = {.cap = KVM_CAP_DISABLE_QUIRKS2,
                                    .args = {KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS}};
    (void)ioctl(vm_fd, KVM_ENABLE_CAP, &pmu);
    (void)ioctl(vm_fd, KVM_ENABLE_CAP, &quirks);
}

bool kvm_machine_show_lapic(struct kvm_machine *m, bool on)
{
    struct kvm_sregs s;
    if (ioctl(m->vcpu_fd, KVM_GET_SREGS, &s) != 0) {
        return false;
    }
    s.apic_base = on ? s.apic_base | MSR_APIC_BASE_EN : s.apic_base & ~MSR_APIC_BASE_EN;
    return ioctl(m->vcpu_fd, KVM_SET_SREGS, &s) == 0;
}

bool kvm_machine_start_tsc(struct kvm_machine *m)
{
    uint64_t offset = 0u - __rdtsc();
    struct kvm_device_attr attr = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uint64_t)(uintptr_t)&offset,
    };
    m->tsc_offset = offset;
    m->tsc_last = 0;
    return ioctl(m->vcpu_fd, KVM_SET_DEVICE_ATTR, &attr) == 0;
}

/* KVM's paravirtual MSRs (kvmclock, steal time, asynchronous page faults) answer even a guest whose
 * CPUID does not name them, unless told so. Their absence is no reason to refuse an old kernel. */
static void hide_paravirtual_msrs(int vcpu_fd)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = {1}};
    (void)ioctl(vcpu_fd, KVM_ENABLE_CAP, &cap);
}

static bool open_vcpu(struct kvm_machine *m)
{
    int size = ioctl(m->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    m->vcpu_fd = ioctl(m->vm_fd, KVM_CREATE_VCPU, 0);
    if (size < (int)sizeof(struct kvm_run) || m->vcpu_fd < 0) {
        return false;
    }
    void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu_fd, 0);
    if (run == MAP_FAILED) {
        return false;
    }
    hide_paravirtual_msrs(m->vcpu_fd);
    m->run = run;
    m->run_bytes = (size_t)size;
    int khz = ioctl(m->vcpu_fd, KVM_GET_TSC_KHZ, 0);
    m->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
    return khz > 0;
}

void kvm_machine_close(struct kvm_machine *m)
{
    const int fds[] = {m->stats_fd, m->vcpu_fd, m->vm_fd, m->kvm_fd};
    free(m->supported);
    if (m->run != NULL) {
        (void)munmap(m->run, m->run_bytes);
    }
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    *m = KVM_MACHINE_CLOSED;
}

bool kvm_machine_open(struct kvm_machine *m, const struct gmem *mem, char *why, size_t why_size)
{
    const char *newer = "a Linux kernel of 5.16 or later is needed";
    *m = KVM_MACHINE_CLOSED;
    m->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (m->kvm_fd < 0) {
        return failed(why, why_size, "cannot open /dev/kvm",
                      "join group kvm, or use --machine simulated");
    }
    m->vm_fd = create_vm(m->kvm_fd);
    if (m->vm_fd < 0) {
        return failed(why, why_size, "KVM cannot create a VM", "is another hypervisor active?");
    }
    if (!place_own_pages(m->vm_fd, mem)) {
        return failed(why, why_size, "KVM refuses its own pages",
                      "leave some addresses below 4 GiB without RAM");
    }
    if (!map_memory(m, mem)) {
        return failed(why, why_size, "KVM refuses a range of guest RAM",
                      "look at the VM's memory ranges");
    }
    if (!let_msrs_out(m->vm_fd)) {
        return failed(why, why_size, "KVM cannot filter MSRs", newer);
    }
    take_extras_away(m->vm_fd); /* before there is a vCPU */
    if (!open_vcpu(m)) {
        return failed(why, why_size, "KVM cannot create a vCPU", "is the host out of memory?");
    }
    m->stats_fd = ioctl(m->vcpu_fd, KVM_GET_STATS_FD, NULL);
    return true;
}

/* The TSC went back or jumped far. After a suspend that reset the host's TSC, KVM has given the guest
 * another offset, so that it goes on where it was. */
static uint64_t tsc_after_jump(struct kvm_machine *m)
{
    uint64_t offset = 0;
    struct kvm_device_attr attr = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uint64_t)(uintptr_t)&offset,
    };
    if (ioctl(m->vcpu_fd, KVM_GET_DEVICE_ATTR, &attr) == 0) {
        m->tsc_offset = offset;
    }
    uint64_t tsc = __rdtsc() + m->tsc_offset;
    bool back = tsc - m->tsc_last > INT64_MAX;
    return back ? m->tsc_last : tsc;
}

uint64_t kvm_guest_tsc(struct kvm_machine *m)
{
    uint64_t tsc = __rdtsc() + m->tsc_offset;
    if (tsc - m->tsc_last > TSC_JUMP) { /* also backwards */
        tsc = tsc_after_jump(m);
    }
    m->tsc_last = tsc;
    return tsc;
}
