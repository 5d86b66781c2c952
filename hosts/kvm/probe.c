/* SPDX-License-Identifier: BSD-2-Clause
 * The probe: runs a snippet that only a working KVM gets through in time.
 *
 * Long mode, because a kernel that emulates ring 0 in software often manages real mode; an SSE move,
 * because such emulators do not know it; a loop, because they are some thousand times too slow.
 * Spec: Linux, Documentation/virt/kvm/api.rst. */
#include "kvm/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "kvm/aside.h"

#define PROBE_RAM_BYTES 0x200000u
#define PROBE_PML4      0x1000u
#define PROBE_PDPT      0x2000u
#define PROBE_PD        0x3000u
#define PROBE_CODE      0x8000u
#define PROBE_PORT      0xF4u
#define PROBE_VALUE     0x12345678u
#define PROBE_TSS       0xFFFBD000u /* three pages Intel hosts may want; nobody uses them */
#define PROBE_CPUIDS    256u

/* On KVM_RUN alone: the first KVM_CREATE_VM may take longer than that by itself. */
#define PROBE_LIMIT_US  90000
#define PROBE_REPEAT_US 5000

static const char probe_code[] = "\xB8\x78\x56\x34\x12" /* mov    $PROBE_VALUE, %eax */
                                 "\x66\x48\x0F\x6E\xC0" /* movq   %rax, %xmm0        */
                                 "\x66\x0F\xFE\xC0"     /* paddd  %xmm0, %xmm0       */
                                 "\x66\x0F\x7E\xC0"     /* movd   %xmm0, %eax        */
                                 "\xB9\x40\x0D\x03\x00" /* mov    $200000, %ecx      */
                                 "\xFF\xC9"             /* 1: dec %ecx               */
                                 "\x75\xFC"             /* jnz    1b                 */
                                 "\xE7\xF4"             /* out    %eax, $PROBE_PORT  */
                                 "\xF4";                /* hlt                       */

struct probe {
    int dev, vm, vcpu;
    uint8_t *ram;
    struct kvm_run *run;
    size_t run_bytes;
    char *why;
    size_t why_size;
};

/* For the signal handler alone. */
static struct kvm_run *volatile probe_running;

static void probe_on_alarm(int signal_number)
{
    (void)signal_number;
    if (probe_running != NULL) {
        /* Also stops a KVM_RUN that has not begun yet. */
        *(volatile uint8_t *)&probe_running->immediate_exit = 1;
    }
}

static bool probe_says(const struct probe *p, const char *what, int error)
{
    if (error != 0) {
        (void)snprintf(p->why, p->why_size, "%s (%s)", what, strerror(error));
    } else {
        (void)snprintf(p->why, p->why_size, "%s", what);
    }
    return false;
}

static bool probe_open(struct probe *p)
{
    p->dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (p->dev < 0 && errno == ENOENT) {
        return probe_says(p, "/dev/kvm is absent", 0);
    }
    if (p->dev < 0 && (errno == EACCES || errno == EPERM)) {
        return probe_says(p, "/dev/kvm may not be opened: join the group \"kvm\"", 0);
    }
    if (p->dev < 0) {
        return probe_says(p, "/dev/kvm cannot be opened", errno);
    }
    if (ioctl(p->dev, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        return probe_says(p, "/dev/kvm does not speak KVM API version 12", 0);
    }
    if (ioctl(p->dev, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0) {
        return probe_says(p, "/dev/kvm is too old: no immediate_exit", 0);
    }
    return true;
}

static bool probe_make_vm(struct probe *p)
{
    struct kvm_userspace_memory_region region = {.memory_size = PROBE_RAM_BYTES};

    p->vm = ioctl(p->dev, KVM_CREATE_VM, 0);
    if (p->vm < 0) {
        return probe_says(p, "/dev/kvm makes no VM", errno);
    }
    p->ram =
        mmap(NULL, PROBE_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p->ram == MAP_FAILED) {
        return probe_says(p, "no memory for the KVM probe", errno);
    }
    region.userspace_addr = (uintptr_t)p->ram;
    (void)ioctl(p->vm, KVM_SET_TSS_ADDR, (unsigned long)PROBE_TSS); /* only Intel cares */
    if (ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) {
        return probe_says(p, "/dev/kvm takes no memory", errno);
    }
    p->vcpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
    if (p->vcpu < 0) {
        return probe_says(p, "/dev/kvm makes no virtual CPU", errno);
    }
    int bytes = ioctl(p->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (bytes < (int)sizeof(struct kvm_run)) {
        return probe_says(p, "/dev/kvm does not tell the size of struct kvm_run", 0);
    }
    p->run_bytes = (size_t)bytes;
    p->run = mmap(NULL, p->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
    if (p->run == MAP_FAILED) {
        return probe_says(p, "/dev/kvm does not share struct kvm_run", errno);
    }
    return true;
}

static void probe_put64(const struct probe *p, uint32_t at, uint64_t value)
{
    memcpy(p->ram + at, &value, sizeof(value));
}

/* The host's CPUID: without it some kernels refuse long mode's control bits. */
static bool probe_set_cpuid(struct probe *p)
{
    size_t bytes = sizeof(struct kvm_cpuid2) + PROBE_CPUIDS * sizeof(struct kvm_cpuid_entry2);
    struct kvm_cpuid2 *cpuid = calloc(1, bytes);
    bool good;

    if (cpuid == NULL) {
        return probe_says(p, "no memory for the KVM probe", ENOMEM);
    }
    cpuid->nent = PROBE_CPUIDS;
    good = ioctl(p->dev, KVM_GET_SUPPORTED_CPUID, cpuid) == 0 &&
           ioctl(p->vcpu, KVM_SET_CPUID2, cpuid) == 0;
    free(cpuid);
    return good ? true : probe_says(p, "/dev/kvm takes no CPUID", errno);
}

/* 64-bit mode, the first 2 MiB mapped one to one by one large page. */
static bool probe_set_long_mode(struct probe *p)
{
    struct kvm_segment code = {.limit = 0xFFFFFFFFu,
                               .selector = 8,
                               .type = 11, /* execute, read, accessed */
                               .present = 1,
                               .s = 1,
                               .l = 1,
                               .g = 1};
    struct kvm_segment data = code;
    struct kvm_regs regs = {.rip = PROBE_CODE, .rflags = 2};
    struct kvm_sregs sregs;

    memcpy(p->ram + PROBE_CODE, probe_code, sizeof(probe_code));
    probe_put64(p, PROBE_PML4, PROBE_PDPT | 3u);
    probe_put64(p, PROBE_PDPT, PROBE_PD | 3u);
    probe_put64(p, PROBE_PD, 0x83u); /* present, writable, large */
    if (ioctl(p->vcpu, KVM_GET_SREGS, &sregs) != 0) {
        return probe_says(p, "/dev/kvm does not show the registers", errno);
    }
    data.selector = 16;
    data.type = 3; /* read, write, accessed */
    data.l = 0;
    data.db = 1;
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.cr3 = PROBE_PML4;
    sregs.cr4 = 0x620u;      /* PAE, OSFXSR, OSXMMEXCPT */
    sregs.cr0 = 0x80000033u; /* PG, NE, ET, MP, PE      */
    sregs.efer = 0x500u;     /* LMA, LME                */
    if (ioctl(p->vcpu, KVM_SET_SREGS, &sregs) != 0 || ioctl(p->vcpu, KVM_SET_REGS, &regs) != 0) {
        return probe_says(p, "/dev/kvm refuses long mode", errno);
    }
    return true;
}

static bool probe_judge(const struct probe *p, int run_result, int run_error)
{
    const struct kvm_run *run = p->run;
    uint32_t value = 0;

    if (run_result != 0 && (run_error == EINTR || run_error == EAGAIN)) {
        (void)snprintf(p->why, p->why_size,
                       "/dev/kvm is too slow to be real: not through the test in %d ms",
                       PROBE_LIMIT_US / 1000);
        return false;
    }
    if (run_result != 0) {
        return probe_says(p, "/dev/kvm does not run a VM", run_error);
    }
    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
        (void)snprintf(p->why, p->why_size,
                       "/dev/kvm only pretends: it cannot run 64-bit code (internal error %u)",
                       run->internal.suberror);
        return false;
    }
    if (run->exit_reason != KVM_EXIT_IO || run->io.port != PROBE_PORT || run->io.size != 4) {
        (void)snprintf(p->why, p->why_size, "/dev/kvm ran the test wrongly (exit reason %u)",
                       run->exit_reason);
        return false;
    }
    memcpy(&value, (const uint8_t *)run + run->io.data_offset, sizeof(value));
    if (value != 2u * PROBE_VALUE) {
        return probe_says(p, "/dev/kvm computed the test wrongly", 0);
    }
    return true;
}

/* KVM_RUN under the limit. */
static bool probe_run(struct probe *p)
{
    struct sigaction on_alarm = {.sa_handler = probe_on_alarm};
    struct itimerval limit = {.it_value = {.tv_usec = PROBE_LIMIT_US},
                              .it_interval = {.tv_usec = PROBE_REPEAT_US}};
    sigset_t alarm_only;

    (void)sigemptyset(&on_alarm.sa_mask);
    (void)sigemptyset(&alarm_only);
    (void)sigaddset(&alarm_only, SIGALRM);
    probe_running = p->run;
    (void)sigaction(SIGALRM, &on_alarm, NULL);
    (void)sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
    (void)setitimer(ITIMER_REAL, &limit, NULL);

    int result;
    int error;
    do { /* bound: the limit; another signal than the timer's does not end the test */
        result = ioctl(p->vcpu, KVM_RUN, 0);
        error = result != 0 ? errno : 0;
    } while (error == EINTR && *(volatile uint8_t *)&p->run->immediate_exit == 0);
    return probe_judge(p, result, error);
}

static void probe_aside(struct aside_answer *answer)
{
    struct probe p = {.dev = -1,
                      .vm = -1,
                      .vcpu = -1,
                      .ram = MAP_FAILED,
                      .run = MAP_FAILED,
                      .why = answer->why,
                      .why_size = sizeof(answer->why)};
    answer->yes = probe_open(&p) && probe_make_vm(&p) && probe_set_cpuid(&p) &&
                  probe_set_long_mode(&p) && probe_run(&p);
    /* Everything is closed when this process ends: after it has told. */
}

bool kvm_probe(char *why, size_t why_size)
{
    struct aside_answer answer;
    (void)aside_take(aside_ask(probe_aside), &answer);
    if (!answer.yes) {
        (void)snprintf(why, why_size, "%s", answer.why);
    }
    return answer.yes;
}
