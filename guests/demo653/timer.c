/* SPDX-License-Identifier: BSD-2-Clause
 * See timer.h. The period in TSC ticks is kept as a fraction, period_num / period_den, so that no
 * rounding adds up: due times and expected counts are each computed from the start. */
#include "timer.h"

#include "config.h"
#include "lapic.h"
#include "print.h"
#include "x86.h"

#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define START_ATTEMPTS           64u
#define LOST_WAIT_MS             50u /* how long a late tick may still be on its way */

enum timer_mode {
    TIMER_PERIODIC,
    TIMER_ONESHOT,
    TIMER_DEADLINE,
};

static const char *const mode_names[] = {"periodic", "oneshot", "deadline"};
static const uint32_t mode_lvt[] = {LAPIC_LVT_PERIODIC, 0, LAPIC_LVT_DEADLINE};

static enum timer_mode mode;
static uint32_t tick_us;
static uint64_t tsc_khz;
static uint64_t apic_khz;
static uint32_t count;      /* periodic: APIC counts of a period */
static uint64_t period_num; /* period in TSC ticks, as a fraction */
static uint64_t period_den;
static uint64_t zero;        /* TSC when the timer was started    */
static bool stale;           /* one interrupt to come is no tick  */
static uint64_t start_delay; /* TSC ticks from zero to when the timer surely ran */
static struct timer_state state;

static bool choose_mode(const struct boot_info *boot)
{
    const char *asked = boot_option(boot, "lapic");
    if (asked == (const char *)0 || boot_option_is(boot, "lapic", "periodic")) {
        mode = TIMER_PERIODIC;
    } else if (boot_option_is(boot, "lapic", "oneshot")) {
        mode = TIMER_ONESHOT;
    } else if (boot_option_is(boot, "lapic", "deadline")) {
        mode = TIMER_DEADLINE;
        if ((cpuid(1, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) == 0) {
            print("demo653: lapic=deadline: this processor has no TSC-deadline timer; say "
                  "lapic=periodic or lapic=oneshot\n");
            return false;
        }
    } else {
        print("demo653: lapic= must be periodic, oneshot or deadline\n");
        return false;
    }
    return true;
}

static bool choose_period(const struct boot_info *boot)
{
    uint64_t us = TICK_US_DEFAULT;
    (void)boot_option_u64(boot, "tick_us", &us);
    if (us < TICK_US_MIN || us > WINDOW_UNIT_US || WINDOW_UNIT_US % us != 0) {
        print("demo653: tick_us=%lu: must divide %u and be at least %u\n", us, WINDOW_UNIT_US,
              TICK_US_MIN);
        return false;
    }
    tick_us = (uint32_t)us;
    if (mode != TIMER_PERIODIC) {
        period_num = us * tsc_khz;
        period_den = 1000u;
        return true;
    }
    uint64_t counts = us * apic_khz / 1000u;
    if (counts == 0 || counts > UINT32_MAX) {
        print("demo653: tick_us=%lu does not fit the APIC timer at %lu kHz\n", us, apic_khz);
        return false;
    }
    count = (uint32_t)counts;
    period_num = counts * tsc_khz;
    period_den = apic_khz;
    return true;
}

bool timer_init(const struct boot_info *boot, const struct clock *clock)
{
    tsc_khz = clock->tsc_khz;
    apic_khz = clock->apic_khz;
    return choose_mode(boot) && choose_period(boot);
}

void timer_print(void)
{
    print("timer: lapic %s, %u us a tick", mode_names[mode], tick_us);
    if (mode == TIMER_PERIODIC) {
        print(", %u counts", count);
        if ((uint64_t)tick_us * apic_khz % 1000u != 0) {
            print(" (rounded down)");
        }
    }
    print("\n");
}

static uint64_t due(uint64_t n)
{
    return zero + mul_div_up(n, period_num, period_den);
}

/* One-shot: so many counts that it cannot fire early; at least one, which fires at once. */
static void arm(uint64_t tick)
{
    uint64_t at = due(tick);
    if (mode == TIMER_DEADLINE) {
        wrmsr(MSR_TSC_DEADLINE, at);
    } else if (mode == TIMER_ONESHOT) {
        uint64_t now = rdtsc();
        uint64_t counts = at > now ? mul_div_up(at - now, apic_khz, tsc_khz) : 0;
        counts = counts == 0 ? 1u : counts;
        lapic_write(LAPIC_TIMER_INITIAL, counts > UINT32_MAX ? UINT32_MAX : (uint32_t)counts);
    }
}

/* The timer counts while masked; if all went fast, no tick is over when it is unmasked. A tick that an
 * earlier attempt left in the LAPIC is none of this one's. */
static bool start_periodic(void)
{
    uint64_t period = period_num / period_den;
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | LAPIC_LVT_PERIODIC | VECTOR_TIMER);
    stale = (lapic_read(LAPIC_IRR + VECTOR_TIMER / 32u * 16u) >> VECTOR_TIMER % 32u & 1u) != 0;
    zero = rdtsc();
    lapic_write(LAPIC_TIMER_INITIAL, count);
    start_delay = rdtsc() - zero;
    if (start_delay > period / 8u) {
        return false;
    }
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | VECTOR_TIMER);
    return rdtsc() - zero <= period / 2u;
}

void timer_start(void)
{
    lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_1);
    if (mode == TIMER_PERIODIC) {
        uint32_t attempts = 1;
        while (!start_periodic() && attempts < START_ATTEMPTS) {
            attempts++;
        }
        lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | VECTOR_TIMER); /* whatever it took */
        print("timer: started at attempt %u, every tick may look up to %lu us late\n", attempts,
              start_delay * 1000u / tsc_khz);
        return;
    }
    lapic_write(LAPIC_LVT_TIMER, mode_lvt[mode] | VECTOR_TIMER);
    __asm__ volatile("mfence" : : : "memory"); /* LVT before the MSR: [SDM] 10.5.4.1 */
    zero = rdtsc();
    arm(1);
}

static int64_t behind_at(uint64_t tsc)
{
    return (int64_t)mul_div(tsc - zero, period_den, period_num) - (int64_t)state.ticks;
}

bool timer_tick(void)
{
    uint64_t now = rdtsc();
    if (stale) {
        stale = false;
        lapic_eoi();
        return false;
    }
    uint64_t was_due = due(++state.ticks);
    if (now > was_due) {
        uint64_t by = now - was_due;
        uint64_t us = by * 1000u / tsc_khz;
        state.worst_us = us > state.worst_us ? us : state.worst_us;
        if (by > period_num / period_den) {
            state.late++;
        }
    }
    state.behind = behind_at(now);
    lapic_eoi();
    arm(state.ticks + 1u);
    return true;
}

uint32_t timer_tick_us(void)
{
    return tick_us;
}

struct timer_state timer_state(void)
{
    return state;
}

int64_t timer_lost(void)
{
    int64_t lost = INT64_MAX;
    uint64_t now = rdtsc();
    uint64_t end = now + (uint64_t)LOST_WAIT_MS * tsc_khz;
    while (lost > 0 && now < end) {
        cpu_sti();
        cpu_pause(); /* one instruction after STI is still in its shadow */
        cpu_pause();
        cpu_cli();
        now = rdtsc();
        int64_t sample = behind_at(now);
        lost = sample < lost ? sample : lost;
    }
    return lost;
}
