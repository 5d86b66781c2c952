/* SPDX-License-Identifier: BSD-2-Clause
 * Does a guest's write to IA32_TSC_DEADLINE come out to us? KVM's fast path for WRMSR may swallow it
 * before any MSR filter is asked, and then the timer would never fire. So it is tried: a VM of one
 * page writes the MSR in real mode. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu/msr.h"
#include "kvm/aside.h"
#include "kvm/vcpu.h"

#define PAGE_BYTES 4096u

/* mov ecx, 0x6e0; xor edx, edx; mov eax, 1; wrmsr; hlt -- in 16-bit code */
static const uint8_t probe_code[] = {
    0x66, 0xB9, 0xE0, 0x06, 0x00, 0x00, 0x66, 0x31, 0xD2,
    0x66, 0xB8, 0x01, 0x00, 0x00, 0x00, 0x0F, 0x30, 0xF4,
};

static bool probe_run(const struct kvm_machine *m)
{
    struct kvm_sregs s;
    struct kvm_regs r = {.rip = 0, .rflags = RFLAGS_FIXED};
    if (ioctl(m->vcpu_fd, KVM_GET_SREGS, &s) != 0) {
        return false;
    }
    s.cs.base = 0;
    s.cs.selector = 0;
    if (ioctl(m->vcpu_fd, KVM_SET_SREGS, &s) != 0 || ioctl(m->vcpu_fd, KVM_SET_REGS, &r) != 0) {
        return false;
    }
    int result = 0;
    do {
        result = ioctl(m->vcpu_fd, KVM_RUN, NULL);
    } while (result < 0 && errno == EINTR);
    return result == 0 && m->run->exit_reason == KVM_EXIT_X86_WRMSR &&
           m->run->msr.index == MSR_TSC_DEADLINE && m->run->msr.data == 1;
}

/* KVM takes such writes for known only where CPUID offers them. */
static bool give_cpuid(struct kvm_machine *m)
{
    const struct cpuid_policy policy = {
        .tsc_khz = 1000000, .lapic = true, .tsc_deadline = true, .host_switches = true};
    const struct cpuid_source source = {.read = kvm_cpuid_read, .host = m};
    uint32_t missing[CPUID_WORDS];
    struct cpuid_cpu cpu;
    return kvm_cpuid_open(m) && cpuid_build(&cpu, &policy, &source, missing) &&
           kvm_machine_set_cpuid(m, &cpu);
}

static void probe_aside(struct aside_answer *answer)
{
    struct gmem mem = {0};
    struct kvm_machine m = KVM_MACHINE_CLOSED;
    uint8_t *page =
        mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return;
    }
    memcpy(page, probe_code, sizeof(probe_code));
    answer->yes = gmem_add(&mem, 0, PAGE_BYTES, page) &&
                  kvm_machine_open(&m, &mem, answer->why, sizeof(answer->why)) && give_cpuid(&m) &&
                  probe_run(&m);
    /* Everything is closed when this process ends: after it has told. */
}

int kvm_tsc_deadline_ask(void)
{
    return aside_ask(probe_aside);
}

bool kvm_tsc_deadline_exits(int question)
{
    struct aside_answer answer;
    (void)aside_take(question, &answer);
    return answer.yes;
}
