/* SPDX-License-Identifier: BSD-2-Clause
 * Deliberate defects, for the cases of this directory: `make sel4 SEL4_BREAK="..."` links this file into the
 * program, and nothing else does. The host's own objects are the same, byte for byte, as without: the linker
 * leads a few of their calls through the functions here (--wrap), which is all that this file can touch.
 *
 *   vmm.linux@3000        3 s after its first start that component reads an address that it does not have
 *   io.linux@3000:trap    ... or meets an undefined instruction, as a failed assertion does
 *   cr2                   the keeper leaves CR2 as it is when it switches between VMs
 *   keeps                 init cannot delete any of its capabilities
 *
 * A component is named by its program (vmm, io, switch, native) and the name in the system file. What
 * happens to it is real: the processor faults in its thread. One that was started again has no defect. */
#include "base/arith.h"
#include "sel4/init.h"
#include "sel4/keeper.h"

#define NOWHERE 0xBAD0BAD0000ull

struct defect {
    enum part_role role;
    const char *name;
    uint32_t after_ms;
    bool trap; /* an undefined instruction; otherwise a read of NOWHERE */
};

static const struct defect defects[] = {
#include "break_list.h" /* made from SEL4_BREAK */
};
#define DEFECTS (sizeof(defects) / sizeof(defects[0]))

/* Each component has a .bss of its own, so this is about itself. */
static struct {
    bool looked;
    bool trap;
    uint64_t due; /* TSC; UINT64_MAX: never */
} self;

bool __real_sys_vm_enter(struct sys_vcpu_exit *x);
bool __wrap_sys_vm_enter(struct sys_vcpu_exit *x);
uint64_t __real_sys_wait(uint64_t notification);
uint64_t __wrap_sys_wait(uint64_t notification);
void __real_clock_find(struct init *in);
void __wrap_clock_find(struct init *in);
uint64_t __wrap_helper_swap_cr2(uint64_t value, uint64_t *badges);
int __wrap_sys_delete(uint64_t slot);

static bool same(const char *a, const char *b)
{
    uint32_t i = 0;
    while (a[i] != 0 && a[i] == b[i]) { /* bound: a's length */
        i++;
    }
    return a[i] == b[i];
}

static const char *name_of(const struct part_args *args)
{
    switch (args->role) {
    case PART_VMM:
    case PART_IO:
        return args->system->vm[args->index].name;
    case PART_SWITCH:
        return args->system->switch_[args->index].name;
    case PART_NATIVE:
        return args->system->sel4.native[args->index].name;
    default:
        return "";
    }
}

static void look(void)
{
    const struct part_args *args = (const struct part_args *)PART_ARGS;
    self.looked = true;
    self.due = UINT64_MAX;
    for (uint32_t i = 0; i < DEFECTS && args->restarts == 0; i++) { /* bound: DEFECTS */
        const struct defect *d = &defects[i];
        if (d->name != NULL && (uint32_t)d->role == args->role && same(d->name, name_of(args))) {
            self.due = sys_tsc() + (uint64_t)d->after_ms * args->tsc_khz;
            self.trap = d->trap;
        }
    }
}

static void break_if_due(void)
{
    if (!self.looked) {
        look();
    }
    if (sys_tsc() < self.due) {
        return;
    }
    if (self.trap) {
        __builtin_trap();
    }
    (void)*(const volatile uint8_t *)NOWHERE;
}

bool __wrap_sys_vm_enter(struct sys_vcpu_exit *x)
{
    break_if_due();
    return __real_sys_vm_enter(x);
}

/* A component that sleeps breaks when it is woken. */
uint64_t __wrap_sys_wait(uint64_t notification)
{
    break_if_due();
    uint64_t badge = __real_sys_wait(notification);
    break_if_due();
    return badge;
}

/* "cr2" alone leads to this one. */
uint64_t __wrap_helper_swap_cr2(uint64_t value, uint64_t *badges)
{
    (void)badges;
    return value;
}

/* "keeps" alone leads to this one. */
int __wrap_sys_delete(uint64_t slot)
{
    (void)slot;
    return 1;
}

/* One of the first things that init does. */
void __wrap_clock_find(struct init *in)
{
    say(in->world.out, "bulkhead: NOT FOR FLIGHT: built with deliberate defects: %s\r\n",
        BREAK_TEXT);
    __real_clock_find(in);
}
