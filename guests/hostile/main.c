/* SPDX-License-Identifier: BSD-2-Clause
 * hostile: throws random traffic at its virtual machine monitor, from a seed, for so many exits, and
 * then ends itself in one of the ways that a guest may end.
 *
 *   seed=N    the first seed; with restarts=${restarts} each start takes the next
 *   seeds=N   after so many it powers off
 *   again     ... and before that, takes the first seed once more
 *   exits=N   accesses to ports, devices and MSRs, for each seed
 *   profile=N one of the mixes below; otherwise the seed chooses
 *   from=N    shots before this one are drawn, but not fired: to replay an end
 *   end=N     how it ends, one of enum end_kind; otherwise the seed chooses
 *   trace     every shot is told before it is fired */
#include "boot.h"
#include "kinds.h"

#include "emit.h"
#include "print.h"
#include "random.h"
#include "serial.h"
#include "x86.h"

#define KINDS        16u
#define PROFILES     6u
#define CALM_EVERY   256u
#define QUIET_EVERY  16u
#define TELL_PARTS   4u /* progress is told so many times a seed */
#define PM1A_CONTROL 0x604u
#define SLEEP_OFF    ((5u << 10) | (1u << 13))

struct kind {
    const char *name;
    struct shot *(*draw)(void);
    uint8_t weight[PROFILES];
};

static const char *const profile_names[PROFILES] = {"mixed",     "devices",    "ports",
                                                    "processor", "interrupts", "instructions"};

static const struct kind kinds[KINDS] = {
    {"port", kind_port, {10, 3, 40, 2, 3, 2}},
    {"string", kind_port_string, {5, 1, 20, 1, 1, 1}},
    {"device", kind_device, {10, 30, 2, 2, 5, 2}},
    {"memory", kind_memory, {10, 30, 2, 2, 2, 4}},
    {"memory3", kind_memory_user, {6, 20, 1, 1, 1, 8}},
    {"msr", kind_msr, {10, 1, 1, 60, 3, 1}},
    {"cpuid", kind_cpuid, {1, 0, 0, 3, 0, 0}},
    {"control", kind_control, {3, 0, 0, 12, 1, 1}},
    {"descriptor", kind_descriptor, {3, 0, 0, 8, 2, 1}},
    {"int", kind_interrupt, {2, 0, 0, 2, 8, 1}},
    {"ipi", kind_ipi, {4, 1, 0, 1, 20, 1}},
    {"timer", kind_timer, {4, 1, 3, 1, 20, 1}},
    {"halt", kind_halt, {2, 0, 1, 1, 12, 1}},
    {"flags", kind_flags, {2, 0, 0, 2, 8, 1}},
    {"special", kind_special, {3, 0, 0, 8, 1, 4}},
    {"code", kind_code, {3, 0, 0, 2, 1, 20}},
};

static struct boot_info boot;
static uint64_t seed;
static uint64_t wanted = 500000;
static uint64_t from;
static uint32_t profile;
static uint64_t fired[KINDS];

/* The UART is as the last shot left it. */
static void console_begin(void)
{
    serial_init();
    print("\n");
}

static uint64_t option(const char *name, uint64_t otherwise)
{
    (void)boot_option_u64(&boot, name, &otherwise);
    return otherwise;
}

static uint32_t choose_kind(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < KINDS; i++) {
        sum += kinds[i].weight[profile];
    }
    uint32_t at = random_below(sum);
    uint32_t k = 0;
    while (at >= kinds[k].weight[profile]) { /* bound: KINDS, for at is less than the sum */
        at -= kinds[k].weight[profile];
        k++;
    }
    return k;
}

static void tell_counts(void)
{
    const struct machine_counts *c = machine_counts();
    uint64_t exceptions = 0;
    for (uint32_t i = 0; i < VECTOR_EXCEPTIONS; i++) {
        exceptions += c->exceptions[i];
    }
    print("hostile: shots:");
    for (uint32_t i = 0; i < KINDS; i++) {
        print(" %s %lu", kinds[i].name, fired[i]);
    }
    print("\nhostile: exceptions %lu:", exceptions);
    for (uint32_t i = 0; i < VECTOR_EXCEPTIONS; i++) {
        if (c->exceptions[i] != 0) {
            print(" %s %lu", trap_name(i), c->exceptions[i]);
        }
    }
    print("; interrupts %lu, NMIs %lu, ended by the watchdog %lu\n", c->interrupts, c->nmis,
          c->watchdog);
}

static void fire(uint64_t shot, uint32_t k, const struct shot *s)
{
    if (boot_option(&boot, "trace") != 0) {
        console_begin();
        print("hostile: shot %lu %s\n", shot, kinds[k].name);
        serial_flush();
    }
    machine_fire(s);
    fired[k]++;
    if (shot % CALM_EVERY == 0) {
        machine_calm();
    } else if (shot % QUIET_EVERY == 0) {
        machine_quiet();
    }
}

/* One seed: returns how many shots it was. */
static uint64_t run_seed(void)
{
    uint64_t exits = 0;
    uint64_t told = 0;
    uint64_t shot = 0;
    while (exits < wanted) { /* bound: a shot has an exit, now and then */
        random_start(seed, shot);
        uint32_t k = choose_kind();
        const struct shot *s = kinds[k].draw();
        exits += s->exits;
        if (shot >= from) {
            fire(shot, k, s);
        }
        shot++;
        if (exits * TELL_PARTS / wanted > told) {
            told = exits * TELL_PARTS / wanted;
            console_begin();
            print("hostile: seed %lu: %lu of %lu exits, shot %lu\n", seed, exits, wanted, shot);
            if (!machine_text_intact()) {
                print("hostile: lost: it wrote over itself\n");
                machine_die();
            }
        }
    }
    print("hostile: seed %lu done, %lu exits, %lu shots, digest %016lx\n", seed, exits, shot,
          emit_digest());
    return shot;
}

static void power_off(uint64_t seeds)
{
    print("hostile: all %lu seeds done\n", seeds);
    serial_flush();
    outw(PM1A_CONTROL, SLEEP_OFF);
    cpu_stop();
}

void guest_main(uint32_t magic, uint32_t mbi)
{
    (void)magic; /* boot.S has looked */
    boot_read(&boot, mbi);
    serial_init();
    uint64_t restarts = option("restarts", 0);
    uint64_t seeds = option("seeds", 1);
    bool again = boot_option(&boot, "again") != 0;
    if (restarts >= seeds + (again ? 1u : 0u)) {
        power_off(seeds);
    }
    seed = option("seed", 1) + restarts % seeds;
    wanted = option("exits", wanted);
    from = option("from", 0);
    profile = (uint32_t)(option("profile", seed) % PROFILES);
    print("hostile: seed=%lu exits=%lu profile=%u (%s)\n", seed, wanted, profile,
          profile_names[profile]);
    random_start(seed, UINT64_MAX);
    aim_init(&boot);
    machine_init();
    (void)run_seed();
    tell_counts();
    enum end_kind end =
        (enum end_kind)(option("end", (seed / PROFILES + seed) % ENDS_CHOSEN) % ENDS);
    print("hostile: seed %lu ends: %s\n", seed, end_name(end));
    serial_flush();
    end_now(end);
}
