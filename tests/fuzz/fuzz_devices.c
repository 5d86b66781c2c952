/* SPDX-License-Identifier: BSD-2-Clause
 * Every device's registers on one board, through the bus, with time moved at random. After each step
 * every device's invariant holds, no tick is unaccounted for, and after a tick the next deadline lies
 * in the future. */
#include "board.h"

#define STEPS_MAX 400u
#define TIME_MAX  (1ull << 60) /* guest ns: 36 years */

static struct vm *new_board(struct fuzz_in *in, struct system_vm *system, uint64_t *storage)
{
    const uint8_t how = fuzz_u8(in);
    const uint32_t devices = (how & 2u) != 0 ? fuzz_u16(in) & SYSTEM_DEV_ALL : SYSTEM_DEV_ALL;
    *system = (struct system_vm){.devices = devices, .tick_policy = how & 1u};
    fuzz_board_serials(system);
    const struct vm_wiring w = {
        .system = system,
        .tsc_khz = 1000000, /* one TSC tick is one ns */
        .epoch_s = 1767225600 + ((how & 4u) != 0 ? fuzz_u32(in) : 0),
        .tsc_deadline = true,
    };
    return vm_init(storage, VM_STORAGE_BYTES, &w, 0);
}

static void access_bus(struct fuzz_in *in, struct vm *vm, uint8_t how)
{
    enum bus_space space;
    const uint64_t addr = fuzz_board_address(in, vm, &space);
    const uint32_t size = (how & 8u) != 0 ? 1u + (how >> 4) % 8u : 1u << ((how >> 4) & 3u);
    if ((how & 1u) != 0) {
        const uint64_t val = fuzz_take(in, size);
        bus_write(&vm->bus, space, addr, size, val, vm->now);
    } else {
        const uint64_t val = bus_read(&vm->bus, space, addr, size, vm->now);
        FUZZ_CHECK(size == 8u || val >> (8u * size) == 0);
    }
}

static void move_time(struct fuzz_in *in, struct vm *vm)
{
    const uint64_t deadline = bus_deadline(&vm->bus);
    const uint8_t how = fuzz_u8(in);
    uint64_t to = vm->now + fuzz_span(in, 50);
    if ((how & 1u) != 0 && deadline != VM_NS_NEVER && deadline > vm->now) {
        to = deadline - ((how & 2u) != 0 ? 1u : 0u);
    }
    board_set_time(vm, to < TIME_MAX ? to : vm->now);
    bus_tick(&vm->bus, vm->now);
    FUZZ_CHECK(bus_deadline(&vm->bus) > vm->now);
}

/* The processor's side: acknowledge, task priority, the TSC deadline, the base MSR. */
static void processor(struct fuzz_in *in, struct vm *vm)
{
    const uint8_t how = fuzz_u8(in);
    if ((how & 7u) == 0 && board_has(vm, SYSTEM_DEV_PIC)) {
        (void)pic_ack(&vm->pic);
    } else if (!board_has(vm, SYSTEM_DEV_LAPIC)) {
        return;
    } else if ((how & 7u) == 1) {
        const int pending = lapic_pending(&vm->lapic);
        const uint8_t vector = lapic_ack(&vm->lapic);
        FUZZ_CHECK(pending < 0 || vector == pending);
    } else if ((how & 7u) == 2) {
        lapic_set_cr8(&vm->lapic, how >> 4);
        FUZZ_CHECK(lapic_cr8(&vm->lapic) == how >> 4);
    } else if ((how & 7u) == 3) {
        lapic_set_tsc_deadline(&vm->lapic, vm->tsc + fuzz_span(in, 63) - (how >> 3), vm->now);
    } else if ((how & 7u) == 4) {
        (void)lapic_set_base_msr(&vm->lapic, LAPIC_BASE | (uint64_t)fuzz_u16(in), vm->now);
    } else if ((how & 7u) == 5) {
        lapic_boot_virtual_wire(&vm->lapic);
    } else {
        (void)lapic_take_nmi(&vm->lapic);
    }
}

static void receive(struct fuzz_in *in, struct vm *vm)
{
    uint8_t bytes[32];
    const uint8_t how = fuzz_u8(in);
    const uint32_t len = how >> 3;
    memset(bytes, how, sizeof(bytes));
    const uint32_t space = uart_rx_space(&vm->uart[how & 3u]);
    const uint32_t took = uart_receive(&vm->uart[how & 3u], bytes, len, vm->now);
    FUZZ_CHECK(took <= len && took <= space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t storage[VM_STORAGE_BYTES / 8u];
    static struct system_vm system;
    struct fuzz_in in = {data, size};
    struct vm *vm = new_board(&in, &system, storage);
    fuzz_board_check(vm);
    for (uint32_t i = 0; i < STEPS_MAX && in.left != 0; i++) {
        const uint8_t how = fuzz_u8(&in);
        if ((how & 6u) != 6u) {
            access_bus(&in, vm, how);
        } else if ((how & 8u) != 0) {
            move_time(&in, vm);
        } else if ((how & 0x10u) != 0) {
            processor(&in, vm);
        } else if ((how & 0x20u) != 0) {
            receive(&in, vm);
        } else if ((how & 0xC0u) != 0) {
            fuzz_board_idiom(&in, vm);
        } else {
            board_reset(vm);
        }
        fuzz_board_check(vm);
    }
    return 0;
}
