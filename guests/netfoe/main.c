/* SPDX-License-Identifier: BSD-2-Clause
 * netfoe: a network driver that means no good. What it does is a function of the seed.
 *
 *   card0=WHERE, card1=WHERE   "pci:SLOT", "mmio@ADDRESS" or "block@ADDRESS"
 *   seed=N      the first seed; with restarts=${restarts} each start takes the next
 *   seeds=N     after so many it says so, and goes on with the next
 *   attacks=N   for each seed; then it resets its machine */
#include "attack.h"
#include "boot.h"
#include "card.h"
#include "lapic.h"
#include "print.h"
#include "random.h"
#include "serial.h"
#include "trap.h"
#include "x86.h"

#define CARDS      2u
#define NAP_COUNT  4000000u /* after each attack: others share the processor */
#define NAP_VECTOR 0xF0u
#define PORT_RESET 0xCF9u
#define RESET_NOW  6u

static struct boot_info boot;
static struct card cards[CARDS];
static uint64_t done[ATTACKS];

static uint64_t option(const char *name, uint64_t otherwise)
{
    (void)boot_option_u64(&boot, name, &otherwise);
    return otherwise;
}

static _Noreturn void start_again(void)
{
    serial_flush();
    outb(PORT_RESET, RESET_NOW);
    cpu_stop();
}

/* Messages may bring any vector, and NMIs. An exception is of its own making: a frame that it let the
 * card write over itself. */
struct trap_frame *trap(struct trap_frame *f)
{
    if (f->vector < VECTOR_EXCEPTIONS && f->vector != VECTOR_NMI) {
        print("netfoe: %s: it wrote over itself\n", trap_name(f->vector));
        start_again();
    }
    if (f->vector != VECTOR_NMI) {
        lapic_write(LAPIC_EOI, 0);
    }
    return f;
}

/* Until the timer, or any message. */
static void nap(void)
{
    lapic_write(LAPIC_TIMER_INITIAL, NAP_COUNT);
    cpu_sti_hlt();
    cpu_cli();
}

static uint32_t find_cards(void)
{
    static const char *const names[CARDS] = {"card0", "card1"};
    uint32_t count = 0;
    for (uint32_t i = 0; i < CARDS; i++) {
        const char *where = boot_option(&boot, names[i]);
        if (where != 0 && card_find(&cards[count], where)) {
            print("netfoe: %s is a %s\n", names[i], card_shell(&cards[count]));
            count++;
        }
    }
    return count;
}

static void run_seed(uint64_t seed, uint64_t attacks, uint32_t count)
{
    uint64_t digest = 0;
    for (uint64_t i = 0; i < attacks; i++) {
        random_start(seed, i);
        done[attack(cards, count)]++;
        digest = (digest << 5 | digest >> 59) ^ random_state();
        nap();
    }
    serial_init();
    print("netfoe: seed %lu done, %lu attacks, digest %016lx:", seed, attacks, digest);
    for (uint32_t i = 0; i < ATTACKS; i++) {
        print(" %s %lu", attack_name(i), done[i]);
    }
    print("\n");
}

void guest_main(uint32_t magic, uint32_t mbi)
{
    (void)magic; /* boot.S has looked */
    boot_read(&boot, mbi);
    serial_init();
    tables_init(VECTOR_NONE);
    uint64_t restarts = option("restarts", 0);
    uint64_t seeds = option("seeds", 1);
    if (restarts >= seeds) {
        print("netfoe: all %lu seeds done\n", seeds);
    }
    uint64_t seed = option("seed", 1) + restarts;
    uint64_t attacks = option("attacks", 2000);
    print("netfoe: seed=%lu attacks=%lu\n", seed, attacks);
    uint32_t count = find_cards();
    if (count == 0) {
        print("netfoe: no card\n");
        cpu_stop();
    }
    lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | 0xFFu);
    lapic_write(LAPIC_LVT_TIMER, NAP_VECTOR);
    run_seed(seed, attacks, count);
    start_again();
}
