/* SPDX-License-Identifier: BSD-2-Clause
 * The clocks of the machine: its HPET, how fast the TSC counts, measured with it, and what date it is. */
#include "base/arith.h"
#include "base/date.h"
#include "base/string.h"
#include "sel4/hpet.h"
#include "sel4/init.h"
#include "sel4/plan/cmos.h"
#include "vm/time.h"

#define MEASURE_NS (20u * VM_NS_PER_MS)
#define FS_PER_NS  1000000u
#define PINS       24u /* of the first I/O APIC */

/* --- HPET and TSC -------------------------------------------------------------------------------- */

/* The TSC's kHz, from MEASURE_NS of the HPET's counter. */
static uint32_t measure(uint64_t base)
{
    uint64_t ticks = u64_scale(MEASURE_NS, FS_PER_NS, hpet_period_fs(base));
    hpet_write(base, HPET_CONFIG, hpet_read(base, HPET_CONFIG) | HPET_CONFIG_ON);
    uint64_t from = hpet_read(base, HPET_COUNT);
    uint64_t tsc = sys_tsc();
    uint64_t count = from;
    while (count - from < ticks) { /* bound: MEASURE_NS */
        count = hpet_read(base, HPET_COUNT);
    }
    tsc = sys_tsc() - tsc;
    uint64_t ns = u64_scale(count - from, hpet_period_fs(base), FS_PER_NS);
    return (uint32_t)(tsc * FS_PER_NS / ns);
}

/* The highest input that some comparator can reach: low ones are the ISA devices'. */
static bool choose_pin(struct init *in, uint64_t base)
{
    uint32_t timers = (uint32_t)((hpet_read(base, HPET_CAP) & HPET_CAP_TIMERS) >> 8) + 1u;
    for (uint32_t pin = PINS; pin > 0; pin--) {
        for (uint32_t t = 0; t < timers; t++) { /* bound: 32 */
            if ((hpet_read(base, HPET_TIMER(t)) >> 32 & (1ull << (pin - 1u))) != 0) {
                in->hpet_pin = pin - 1u;
                in->hpet_timer = t;
                return true;
            }
        }
    }
    return false;
}

void clock_find(struct init *in)
{
    struct world *w = &in->world;
    part_topic(in, THING(THING_HPET, 0, 0));
    in->hpet = world_device(w, HPET_PHYSICAL);
    part_topic(in, THING_NONE);
    if (in->hpet == 0) {
        world_stop(w, "no HPET where PCs have it: the kernel gives no device memory there",
                   HPET_PHYSICAL);
    }
    uint64_t base = init_map(in, in->hpet, SYS_READ | SYS_WRITE, true);
    if (!hpet_present(base) || !choose_pin(in, base)) {
        world_stop(w, "no usable HPET where PCs have it; switch it on in the firmware",
                   hpet_read(base, HPET_CAP));
    }
    in->tsc_khz = measure(base);
    init_unmap(in, in->hpet); /* from here on the keeper's */
    say(w->out,
        "bulkhead: TSC %u kHz (kernel: %u MHz), HPET comparator %u to I/O APIC input %u\r\n",
        in->tsc_khz, w->boot.tsc_mhz, in->hpet_timer, in->hpet_pin);
}

/* --- The date ------------------------------------------------------------------------------------ */

#define LOOKS 100000u /* at a clock that is being advanced; a clock that is not there always is */
#define TRIES 8u

static uint8_t cmos_read(uint64_t ports, uint8_t reg)
{
    sys_out8(ports, CMOS_INDEX, reg);
    return sys_in8(ports, CMOS_DATA);
}

static void read_registers(uint64_t ports, struct cmos_clock *c)
{
    for (uint32_t i = 0; i < LOOKS && (cmos_read(ports, CMOS_A) & CMOS_A_UIP) != 0; i++) {
    }
    c->second = cmos_read(ports, CMOS_SECOND);
    c->minute = cmos_read(ports, CMOS_MINUTE);
    c->hour = cmos_read(ports, CMOS_HOUR);
    c->day = cmos_read(ports, CMOS_DAY);
    c->month = cmos_read(ports, CMOS_MONTH);
    c->year = cmos_read(ports, CMOS_YEAR);
    c->century = cmos_read(ports, CMOS_CENTURY);
    c->b = cmos_read(ports, CMOS_B);
}

/* Twice the same: it was not advanced meanwhile. */
static uint64_t read_date(uint64_t ports)
{
    struct cmos_clock c[2];
    read_registers(ports, &c[0]);
    for (uint32_t i = 1; i <= TRIES; i++) {
        read_registers(ports, &c[i % 2u]);
        if (memcmp(&c[0], &c[1], sizeof(c[0])) == 0) {
            return cmos_unix_s(&c[0]);
        }
    }
    return 0;
}

void clock_date(struct init *in)
{
    struct world *w = &in->world;
    struct date d;
    uint64_t ports = world_slot(w);
    rights_made(&w->rights, ports);
    uint64_t now = 0;
    if (sys_issue_ports(CMOS_INDEX, CMOS_DATA, ports) == 0) {
        now = read_date(ports);
        (void)sys_delete(ports);
    }
    if (now == 0) {
        say(w->out, "bulkhead: no date in the machine's clock: guests begin in 1970\r\n");
        return;
    }
    date_at(DATE_UNIX_EPOCH_S + now, &d);
    in->epoch_s = now - sys_tsc() / (in->tsc_khz * 1000ull);
    say(w->out, "bulkhead: it is %u-%u-%u, %u:%u:%u by the machine's clock\r\n", d.year, d.month,
        d.day, d.hour, d.minute, d.second);
}
