/* SPDX-License-Identifier: BSD-2-Clause
 * Network cards on a board, in every shell: random register traffic, PCI configuration with it, the
 * moves that drivers make, and an io half that obeys, interrupts, or writes anything into its channel.
 * After each step the card's invariants hold, and the bus's windows are sorted and disjoint. */
#include "base/arith.h"
#include "board.h"
#include "virtio/channel.h"

#define STEPS_MAX 400u
#define CARD_AT   0xFE000000ull
#define PCI_SLOT  3u

struct shells {
    struct system_vm system;
    struct channel channel[SYSTEM_NICS_MAX];
    struct vm *vm;
    uint64_t tsc;
};

static void kicked(void *host, uint32_t nic)
{
    (void)host;
    FUZZ_CHECK(nic < SYSTEM_NICS_MAX);
}

static void new_cards(struct fuzz_in *in, struct shells *f, uint64_t *storage)
{
    const uint8_t how = fuzz_u8(in);
    const uint8_t shells = fuzz_u8(in);
    f->system = (struct system_vm){
        .devices = (how & 2u) != 0 ? SYSTEM_DEV_ALL : SYSTEM_DEV_PIC | SYSTEM_DEV_PCI,
        .nics = 1u + (how & 1u),
    };
    struct vm_wiring w = {.system = &f->system, .tsc_khz = 1000000, .kick = kicked, .host = f};
    for (uint32_t i = 0; i < f->system.nics; i++) {
        f->system.nic[i] = (struct system_nic){
            .at = CARD_AT + i * SYSTEM_NIC_BYTES,
            .shell = 1u + (shells >> (4u * i) & 15u) % 6u,
            .irq = (how & 4u) != 0 ? 11u : 20u + i,
            .offers = fuzz_u8(in) & SYSTEM_NIC_OFFERS_ALL,
            .queue_size = 8u << (how >> 5) % 6u,
            .mtu = 1500,
            .mac = {2},
            .pci_device = (uint16_t)(PCI_SLOT + i),
        };
        memset(&f->channel[i], 0, sizeof(f->channel[i]));
        w.channel[i] = (how & 8u) != 0 ? NULL : &f->channel[i];
    }
    f->tsc = 0;
    f->vm = vm_init(storage, VM_STORAGE_BYTES, &w, 0);
    FUZZ_CHECK(f->vm != NULL);
}

static void check_bus(const struct bus *b)
{
    FUZZ_CHECK(b->slots + b->off <= BUS_WINDOWS_MAX);
    for (uint32_t i = 1; i < b->slots; i++) {
        const struct bus_window *x = &b->slot[i - 1u].win;
        const struct bus_window *y = &b->slot[i].win;
        FUZZ_CHECK(x->space < y->space || x->base + x->len <= y->base);
    }
    for (uint32_t i = b->slots; i < b->slots + b->off; i++) {
        FUZZ_CHECK(b->slot[i].win.base == BUS_OFF);
    }
}

static void check_cards(const struct shells *f)
{
    struct vm_doorbell bells[VM_DOORBELLS_MAX];
    for (uint32_t i = 0; i < f->system.nics; i++) {
        const struct vm_nic *n = &f->vm->nic[i];
        FUZZ_CHECK(vdev_valid(&n->dev));
        FUZZ_CHECK(vnet_valid(&n->net));
        FUZZ_CHECK(vpci_valid(&n->pci));
        FUZZ_CHECK(msix_valid(&n->msix));
    }
    FUZZ_CHECK(vm_doorbells(f->vm, bells) <= VM_DOORBELLS_MAX);
    check_bus(&f->vm->bus);
    fuzz_board_check(f->vm);
}

/* Anywhere in a card's window, its fixed registers most of the time. */
static void access_card(struct fuzz_in *in, struct shells *f, uint8_t how)
{
    const uint32_t nic = (how >> 1 & 1u) % f->system.nics;
    const uint32_t shell = f->system.nic[nic].shell;
    const uint64_t at = f->vm->nic[nic].at;
    const enum bus_space space = shell == SYSTEM_SHELL_PCI_LEGACY ? BUS_PIO : BUS_MMIO;
    const uint32_t size = (how & 4u) != 0 ? 4u : 1u + (how >> 3) % 8u;
    uint64_t off = fuzz_u8(in);
    off = (how & 0xC0u) == 0xC0u ? fuzz_u16(in) & 0x7FFFu : off;
    if (at == BUS_OFF) {
        return;
    }
    if ((how & 1u) != 0) {
        bus_write(&f->vm->bus, space, at + off, size, fuzz_take(in, size), f->vm->now);
    } else {
        const uint64_t val = bus_read(&f->vm->bus, space, at + off, size, f->vm->now);
        FUZZ_CHECK(size == 8u || val >> (8u * size) == 0);
    }
}

static void access_config(struct fuzz_in *in, struct shells *f, uint8_t how)
{
    const uint32_t reg = fuzz_u8(in);
    const uint32_t dev = PCI_SLOT + (how & 1u);
    const uint32_t size = 1u << (how >> 1) % 3u;
    struct bus *bus = &f->vm->bus;
    bus_write(bus, BUS_PIO, 0xCF8, 4, 0x80000000u | dev << 11 | (reg & 0xFCu), f->vm->now);
    if ((how & 8u) != 0) {
        bus_write(bus, BUS_PIO, 0xCFC + (reg & 3u), size, fuzz_take(in, size), f->vm->now);
    } else {
        (void)bus_read(bus, BUS_PIO, 0xCFC + (reg & 3u), size, f->vm->now);
    }
}

/* What single mutations would hardly find: a driver comes up, in the way of its shell. */
static void come_up(struct fuzz_in *in, struct shells *f, uint8_t how)
{
    const uint32_t nic = (how & 1u) % f->system.nics;
    const uint32_t shell = f->system.nic[nic].shell;
    const uint64_t at = f->vm->nic[nic].at;
    const enum bus_space space = shell == SYSTEM_SHELL_PCI_LEGACY ? BUS_PIO : BUS_MMIO;
    const uint32_t pfn = fuzz_u8(in);
    const struct fuzz_store legacy[] = {
        {0x12, 1, 3}, {0x04, 4, fuzz_u32(in)}, {0x0E, 2, 0}, {0x08, 4, pfn},
        {0x0E, 2, 1}, {0x08, 4, pfn + 8},      {0x12, 1, 7}};
    const struct fuzz_store modern[] = {{0x14, 1, 3},  {0x08, 4, 1}, {0x0C, 4, 1},
                                        {0x14, 1, 11}, {0x16, 2, 0}, {0x20, 4, pfn << 12},
                                        {0x1C, 2, 1},  {0x14, 1, 15}};
    const struct fuzz_store mmio[] = {{0x70, 4, 3},    {0x24, 4, 1},  {0x20, 4, 1},
                                      {0x28, 4, 4096}, {0x70, 4, 11}, {0x30, 4, 0},
                                      {0x40, 4, pfn},  {0x44, 4, 1},  {0x70, 4, 15}};
    const struct fuzz_store *all = legacy;
    uint32_t count = sizeof(legacy) / sizeof(legacy[0]);
    if (shell == SYSTEM_SHELL_PCI_MODERN) {
        all = modern;
        count = sizeof(modern) / sizeof(modern[0]);
    } else if (shell == SYSTEM_SHELL_MMIO || shell == SYSTEM_SHELL_MMIO_LEGACY) {
        all = mmio;
        count = sizeof(mmio) / sizeof(mmio[0]);
    }
    for (uint32_t i = 0; i < count && at != BUS_OFF; i++) {
        bus_write(&f->vm->bus, space, at + all[i].addr, all[i].size, all[i].val, f->vm->now);
    }
}

/* The io half, sound or not. */
static void io_half(struct fuzz_in *in, struct shells *f, uint8_t how)
{
    struct channel *ch = &f->channel[how & 1u];
    struct channel_setup setup;
    enum channel_state state;
    uint32_t request;
    if ((how & 0x30u) == 0x30u) {
        uint8_t *bytes = (uint8_t *)ch;
        bytes[fuzz_u16(in) % sizeof(*ch)] = fuzz_u8(in);
    } else if ((how & 2u) != 0) {
        channel_raise(ch, fuzz_u32(in));
    } else if (channel_asked(ch, &request, &state, &setup)) {
        channel_stop_at(ch, 0, how);
        channel_obey(ch, request);
    }
}

static void entry(struct shells *f)
{
    struct vm_plan plan;
    f->tsc += 1000;
    vm_entry(f->vm, 0, f->tsc, &plan);
    bool settled = true;
    for (uint32_t i = 0; i < f->system.nics; i++) {
        settled = settled && (f->vm->w.channel[i] == NULL || channel_settled(&f->channel[i]));
    }
    FUZZ_CHECK(settled || plan.go != VM_GO_RUN);
    FUZZ_CHECK(plan.go == VM_GO_RUN || plan.inject == VM_INJECT_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t storage[VM_STORAGE_BYTES / 8u];
    static struct shells f;
    struct fuzz_in in = {data, size};
    new_cards(&in, &f, storage);
    check_cards(&f);
    for (uint32_t i = 0; i < STEPS_MAX && in.left != 0; i++) {
        const uint8_t what = fuzz_u8(&in);
        const uint8_t how = fuzz_u8(&in);
        if (what % 8u < 3u) {
            access_card(&in, &f, how);
        } else if (what % 8u == 3u) {
            access_config(&in, &f, how);
        } else if (what % 8u == 4u) {
            io_half(&in, &f, how);
        } else if (what % 8u == 5u) {
            come_up(&in, &f, how);
        } else if (what % 8u == 6u) {
            vm_set_link(f.vm, how % f.system.nics, (how & 4u) != 0, f.tsc);
        } else if ((what & 0xF8u) != 0xF8u) {
            entry(&f);
        } else {
            board_reset(f.vm);
        }
        check_cards(&f);
    }
    return 0;
}
