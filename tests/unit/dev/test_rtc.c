/* SPDX-License-Identifier: BSD-2-Clause
 * The real-time clock: calendar, setting, alarm, periodic ticks and their backlog. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dev/rtc_alarm.h"
#include "base/date.h"
#include "dev/rtc_state.h"

#define S     1000000000ull
/* 2026-11-22 18:08:27 UTC, a Sunday */
#define EPOCH 1795370907ull

struct fixture {
    struct rtc r;
    vm_ns_t now;
    bool irq;
    uint32_t rises;
};

static void irq(void *owner, uint32_t pin, bool active)
{
    struct fixture *f = owner;
    assert_int_equal(pin, 8);
    assert_true(active != f->irq);
    f->irq = active;
    f->rises += active ? 1u : 0u;
}

static void start_at(struct fixture *f, uint64_t epoch_s, enum tick_policy policy)
{
    struct rtc_wiring w = {
        .irq = {.set = irq, .owner = f, .pin = 8}, .epoch_s = epoch_s, .policy = policy};
    memset(f, 0, sizeof(*f));
    rtc_init(&f->r, &w);
    rtc_reset(&f->r, 0);
    assert_true(rtc_valid(&f->r));
}

static void start(struct fixture *f)
{
    start_at(f, EPOCH, TICK_CATCH_UP);
}

static void put(struct fixture *f, uint32_t index, uint32_t val)
{
    rtc_ops.write(&f->r, (struct bus_access){.size = 1, .off = 0}, index, f->now);
    rtc_ops.write(&f->r, (struct bus_access){.size = 1, .off = 1}, val, f->now);
    assert_true(rtc_valid(&f->r));
}

static uint32_t get(struct fixture *f, uint32_t index)
{
    rtc_ops.write(&f->r, (struct bus_access){.size = 1, .off = 0}, index, f->now);
    uint64_t val = rtc_ops.read(&f->r, (struct bus_access){.size = 1, .off = 1}, f->now);
    assert_true(rtc_valid(&f->r));
    return (uint32_t)val;
}

static void tick(struct fixture *f, vm_ns_t now)
{
    f->now = now;
    rtc_ops.tick(&f->r, now);
    assert_true(rtc_valid(&f->r));
}

static void expect_date(struct fixture *f, const char *text)
{
    static const uint8_t index[] = {RTC_CENTURY, RTC_YEAR,    RTC_MONTH,   RTC_DAY,
                                    RTC_HOURS,   RTC_MINUTES, RTC_SECONDS, RTC_WEEKDAY};
    char is[17];
    for (size_t i = 0; i < 8; i++) {
        uint32_t byte = get(f, index[i]);
        is[2 * i] = "0123456789abcdef"[byte >> 4];
        is[2 * i + 1] = "0123456789abcdef"[byte & 15u];
    }
    is[16] = '\0';
    assert_string_equal(is, text); /* century year month day hour minute second weekday */
}

static void dates_agree_with_the_calendar(void **state)
{
    (void)state;
    static const struct {
        uint64_t unix_s;
        uint32_t year, month, day, weekday;
    } cases[] = {
        {0, 1970, 1, 1, 4},
        {951782400, 2000, 2, 29, 2},
        {951868800, 2000, 3, 1, 3},
        {1795305600, 2026, 11, 22, 0},
        {1709164800, 2024, 2, 29, 4},
        {4107456000ull, 2100, 2, 28, 0},
        {4107542400ull, 2100, 3, 1, 1},
        {253402214400ull, 9999, 12, 31, 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct date d;
        date_at(DATE_UNIX_EPOCH_S + cases[i].unix_s, &d);
        assert_int_equal(d.year, cases[i].year);
        assert_int_equal(d.month, cases[i].month);
        assert_int_equal(d.day, cases[i].day);
        assert_int_equal(d.weekday, cases[i].weekday);
        assert_int_equal(date_seconds(&d), DATE_UNIX_EPOCH_S + cases[i].unix_s);
    }
}

static void each_day_of_800_years_follows_the_one_before(void **state)
{
    (void)state;
    static const uint8_t length[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct date want = {.year = 0, .month = 1, .day = 1};
    uint64_t at = date_seconds(&want);
    for (uint32_t n = 0; n < 2u * 146097u; n++, at += DATE_S_PER_DAY) {
        struct date d;
        date_at(at + n % DATE_S_PER_DAY, &d);
        assert_int_equal(d.year, want.year);
        assert_int_equal(d.month, want.month);
        assert_int_equal(d.day, want.day);
        assert_int_equal(d.hour * 3600u + d.minute * 60u + d.second, n % DATE_S_PER_DAY);
        assert_int_equal(date_seconds(&want), at);
        bool leap = want.year % 4u == 0 && (want.year % 100u != 0 || want.year % 400u == 0);
        uint32_t days = length[want.month - 1u] + (want.month == 2 && leap ? 1u : 0u);
        if (++want.day > days) {
            want.day = 1;
            want.month++;
        }
        if (want.month > 12u) {
            want.month = 1;
            want.year++;
        }
    }
}

static void the_alarm_count_agrees_with_looking_at_each_second(void **state)
{
    (void)state;
    static const uint8_t bytes[][3] = {{255, 255, 255}, {255, 255, 30}, {255, 17, 255},
                                       {5, 255, 255},   {5, 17, 30},    {255, 17, 30},
                                       {5, 255, 30},    {23, 59, 59},   {0, 0, 0}};
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        struct rtc_alarm a = {
            .hour = rtc_alarm_part(bytes[i][0], bytes[i][0], 24),
            .minute = rtc_alarm_part(bytes[i][1], bytes[i][1], 60),
            .second = rtc_alarm_part(bytes[i][2], bytes[i][2], 60),
        };
        uint64_t count = rtc_alarm_count(&a, 3 * DATE_S_PER_DAY - 1u);
        for (uint64_t t = 3 * DATE_S_PER_DAY; t < 4 * DATE_S_PER_DAY; t++) {
            uint32_t time = (uint32_t)(t % DATE_S_PER_DAY);
            bool hit = (a.hour.any || time / 3600u == bytes[i][0]) &&
                       (a.minute.any || time / 60u % 60u == bytes[i][1]) &&
                       (a.second.any || time % 60u == bytes[i][2]);
            if (hit) {
                assert_int_equal(rtc_alarm_nth(&a, count), t);
                count++;
            }
            assert_int_equal(rtc_alarm_count(&a, t), count);
        }
    }
    struct rtc_alarm never = {.hour = rtc_alarm_part(0x24, 24, 24),
                              .minute = rtc_alarm_part(0xFF, 0, 60),
                              .second = rtc_alarm_part(0xFF, 0, 60)};
    assert_int_equal(rtc_alarm_per_day(&never), 0);
    assert_int_equal(rtc_alarm_count(&never, UINT32_MAX), 0);
}

static void the_clock_starts_at_the_hosts_time_and_runs(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    expect_date(&f, "2026112218082701");
    f.now = S - 1;
    expect_date(&f, "2026112218082701");
    f.now = S;
    expect_date(&f, "2026112218082801");
    f.now = 6 * 3600 * S;
    expect_date(&f, "2026112300082702");
    assert_int_equal(get(&f, RTC_D), 0x80);
    assert_int_equal(get(&f, RTC_A), 0x26);
    assert_int_equal(get(&f, RTC_B), 0x02);
}

static void the_last_moment_of_guest_time_is_a_date_too(void **state)
{
    (void)state;
    struct fixture f;
    start_at(&f, UINT64_MAX, TICK_CATCH_UP);
    expect_date(&f, "9999123123595906");
    f.now = UINT64_MAX - 1;
    (void)get(&f, RTC_C);
    assert_int_equal(get(&f, RTC_CENTURY), 0x05); /* year 10584 */
    put(&f, RTC_B, 0x72);
    assert_true(rtc_ops.deadline(&f.r) == VM_NS_NEVER);
}

static void formats_are_as_register_b_says(void **state)
{
    (void)state;
    static const struct {
        uint64_t hour;
        uint8_t bcd12, bin12, bcd24, bin24;
    } cases[] = {{0, 0x12, 12, 0x00, 0},     {1, 0x01, 1, 0x01, 1},
                 {11, 0x11, 11, 0x11, 11},   {12, 0x92, 0x8C, 0x12, 12},
                 {13, 0x81, 0x81, 0x13, 13}, {23, 0x91, 0x8B, 0x23, 23}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        start_at(&f, cases[i].hour * 3600u + 59, TICK_CATCH_UP);
        assert_int_equal(get(&f, RTC_HOURS), cases[i].bcd24);
        put(&f, RTC_B, RTC_B_24H | RTC_B_DM);
        assert_int_equal(get(&f, RTC_HOURS), cases[i].bin24);
        assert_int_equal(get(&f, RTC_SECONDS), 59);
        put(&f, RTC_B, RTC_B_DM);
        assert_int_equal(get(&f, RTC_HOURS), cases[i].bin12);
        put(&f, RTC_HOURS, cases[i].bin12); /* what is written is what is read */
        assert_int_equal(get(&f, RTC_HOURS), cases[i].bin12);
        put(&f, RTC_B, 0);
        assert_int_equal(get(&f, RTC_HOURS), cases[i].bcd12);
        put(&f, RTC_HOURS, cases[i].bcd12);
        put(&f, RTC_B, RTC_B_24H);
        assert_int_equal(get(&f, RTC_HOURS), cases[i].bcd24);
    }
}

/* 1999-12-31 23:59:58, a Friday, in the order that Linux writes. */
static void set_party_time(struct fixture *f)
{
    put(f, RTC_YEAR, 0x99);
    put(f, RTC_MONTH, 0x12);
    put(f, RTC_DAY, 0x31);
    put(f, RTC_HOURS, 0x23);
    put(f, RTC_MINUTES, 0x59);
    put(f, RTC_SECONDS, 0x58);
    put(f, RTC_CENTURY, 0x19);
    put(f, RTC_WEEKDAY, 0x06);
}

static void a_guest_sets_the_time_under_set(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.now = 10 * S + S / 4;
    put(&f, RTC_B, 0x82);
    set_party_time(&f);
    f.now += 100 * S;
    expect_date(&f, "1999123123595806"); /* stands still */
    assert_int_equal(get(&f, RTC_A), 0x26);
    put(&f, RTC_B, 0x02); /* the divider ran on: the next second is 0.75 s away */
    f.now += S * 3 / 4 - 1;
    expect_date(&f, "1999123123595806");
    f.now += 1;
    expect_date(&f, "1999123123595906");
    f.now += S;
    expect_date(&f, "2000010100000007");
}

static void holding_the_divider_restarts_the_second(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.now = 10 * S + S / 4;
    put(&f, RTC_B, 0x82);
    put(&f, RTC_A, 0x76);
    set_party_time(&f);
    put(&f, RTC_B, 0x02);
    f.now += 3600 * S;
    expect_date(&f, "1999123123595806"); /* still held */
    assert_true(rtc_ops.deadline(&f.r) == VM_NS_NEVER);
    put(&f, RTC_A, 0x26);
    f.now += S / 2 - 1;
    expect_date(&f, "1999123123595806");
    f.now += 1;
    expect_date(&f, "1999123123595906");
    f.now += S;
    expect_date(&f, "2000010100000007");
}

static void held_and_released_without_set_the_clock_goes_on_where_it_stood(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.now = 5 * S;
    put(&f, RTC_A, 0x00);
    f.now = 500 * S;
    expect_date(&f, "2026112218083201");
    put(&f, RTC_A, 0x20);
    expect_date(&f, "2026112218083201");
    f.now += S / 2;
    expect_date(&f, "2026112218083301");
}

static void a_byte_written_while_running_changes_that_byte(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.now = S / 2;
    put(&f, RTC_MINUTES, 0x30);
    expect_date(&f, "2026112218302701");
    put(&f, RTC_CENTURY, 0x19);
    expect_date(&f, "1926112218302701"); /* the weekday is counted, not computed */
    f.now = S;
    expect_date(&f, "1926112218302801");
    f.now = 86400ull * S;
    expect_date(&f, "1926112318302702");
    put(&f, RTC_YEAR, 0x28);
    put(&f, RTC_MONTH, 0x02);
    put(&f, RTC_DAY, 0x29);
    put(&f, RTC_HOURS, 0x07);
    put(&f, RTC_WEEKDAY, 0x07);
    expect_date(&f, "1928022907302707");
    f.now += 86400ull * S;
    expect_date(&f, "1928030107302701");
}

static void nonsense_dates_become_dates_and_never_harm(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, RTC_B, 0x82);
    set_party_time(&f);
    put(&f, RTC_YEAR, 0x01);
    put(&f, RTC_MONTH, 0x02);
    put(&f, RTC_DAY, 0x31); /* 31 February 1901 */
    put(&f, RTC_SECONDS, 0x00);
    put(&f, RTC_WEEKDAY, 0x00);
    put(&f, RTC_B, 0x02);
    expect_date(&f, "1901030323590001"); /* a Sunday, and the shift is none */
    put(&f, RTC_B, 0x82);
    put(&f, RTC_MONTH, 0x00);
    put(&f, RTC_DAY, 0x00);
    put(&f, RTC_B, 0x02);
    expect_date(&f, "1901010123590001"); /* month 0 and day 0 are the first */
    for (uint32_t byte = 0; byte < 256; byte++) {
        put(&f, RTC_B, (byte & 0x06u) | 0x80u);
        for (uint32_t i = 0; i <= RTC_YEAR; i++) {
            put(&f, i, byte);
        }
        put(&f, RTC_CENTURY, byte);
        put(&f, RTC_B, (byte & 0x06u) | 0x30u);
        f.now += 86400ull * S;
        tick(&f, f.now);
        assert_true(get(&f, RTC_MONTH) != 0);
        (void)get(&f, RTC_C);
    }
}

static void update_in_progress_shows_for_the_last_244_us_only(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_int_equal(get(&f, RTC_A), 0x26);
    f.now = S - 244141;
    assert_int_equal(get(&f, RTC_A), 0x26);
    f.now = S - 244140;
    assert_int_equal(get(&f, RTC_A), 0xA6);
    f.now = S - 1;
    assert_int_equal(get(&f, RTC_A), 0xA6);
    f.now = S;
    assert_int_equal(get(&f, RTC_A), 0x26);
    put(&f, RTC_B, 0x82);
    f.now = 2 * S - 1;
    assert_int_equal(get(&f, RTC_A), 0x26);
    put(&f, RTC_A, 0xFF); /* the bit itself is read-only */
    assert_int_equal(get(&f, RTC_A), 0x7F);
}

static void the_update_interrupt_comes_at_each_second(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.now = S / 3;
    put(&f, RTC_B, 0x12);
    assert_int_equal(rtc_ops.deadline(&f.r), S);
    tick(&f, S - 1);
    assert_false(f.irq);
    tick(&f, S);
    assert_true(f.irq);
    assert_true(rtc_ops.deadline(&f.r) == VM_NS_NEVER);
    tick(&f, 5 * S); /* updates are not owed */
    assert_int_equal(get(&f, RTC_C) & 0xB0u, 0x90);
    assert_false(f.irq);
    assert_int_equal(get(&f, RTC_C), 0);
    assert_int_equal(rtc_ops.deadline(&f.r), 6 * S);
    put(&f, RTC_B, 0x92); /* SET takes UIE down */
    assert_int_equal(get(&f, RTC_B), 0x82);
    assert_true(rtc_ops.deadline(&f.r) == VM_NS_NEVER);
}

static void flags_rise_without_enables_and_interrupt_when_enabled(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    tick(&f, 3 * S);
    assert_false(f.irq);
    put(&f, RTC_B, 0x12);
    assert_true(f.irq);
    assert_int_equal(get(&f, RTC_C), 0xD0);
    assert_false(f.irq);
    put(&f, RTC_C, 0xFF); /* read-only */
    put(&f, RTC_D, 0x00);
    assert_int_equal(get(&f, RTC_C), 0);
    assert_int_equal(get(&f, RTC_D), 0x80);
}

static void the_alarm_matches_at_its_time_each_day(void **state)
{
    (void)state;
    struct fixture f;
    start(&f); /* 18:08:27 */
    put(&f, RTC_HOURS_ALARM, 0x18);
    put(&f, RTC_MINUTES_ALARM, 0x10);
    put(&f, RTC_SECONDS_ALARM, 0x05);
    put(&f, RTC_B, 0x22);
    assert_int_equal(rtc_ops.deadline(&f.r), 98 * S);
    tick(&f, 98 * S - 1);
    assert_false(f.irq);
    tick(&f, 98 * S);
    assert_true(f.irq);
    assert_int_equal(get(&f, RTC_C) & 0xA0u, 0xA0);
    assert_int_equal(rtc_ops.deadline(&f.r), (98 + 86400ull) * S);
    put(&f, RTC_MINUTES_ALARM, 0x61); /* no such minute */
    assert_true(rtc_ops.deadline(&f.r) == VM_NS_NEVER);
    tick(&f, 1000000 * S);
    assert_false(f.irq);
}

static void the_alarm_does_not_care_where_it_is_told_not_to(void **state)
{
    (void)state;
    struct fixture f;
    start(&f); /* 18:08:27 */
    put(&f, RTC_HOURS_ALARM, 0xFF);
    put(&f, RTC_MINUTES_ALARM, 0xC0);
    put(&f, RTC_SECONDS_ALARM, 0x26);
    put(&f, RTC_B, 0x22);
    assert_int_equal(rtc_ops.deadline(&f.r), 59 * S);
    put(&f, RTC_SECONDS_ALARM, 0xFF);
    assert_int_equal(rtc_ops.deadline(&f.r), S);
    tick(&f, S);
    assert_true(f.irq);
    (void)get(&f, RTC_C);
    assert_int_equal(rtc_ops.deadline(&f.r), 2 * S);
}

static void the_alarm_follows_the_twelve_hour_format_and_a_new_date(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, RTC_B, 0x80);
    set_party_time(&f);
    put(&f, RTC_HOURS, 0x91);       /* 11 PM */
    put(&f, RTC_HOURS_ALARM, 0x12); /* 12 AM */
    put(&f, RTC_MINUTES_ALARM, 0x00);
    put(&f, RTC_SECONDS_ALARM, 0x00);
    put(&f, RTC_B, 0x20);
    assert_int_equal(rtc_ops.deadline(&f.r), 2 * S);
    tick(&f, 2 * S);
    assert_true(f.irq);
}

static void each_rate_has_its_period(void **state)
{
    (void)state;
    static const uint32_t hz[16] = {0,   256, 128, 8192, 4096, 2048, 1024, 512,
                                    256, 128, 64,  32,   16,   8,    4,    2};
    for (uint32_t rs = 0; rs < 16; rs++) {
        struct fixture f;
        struct tick_counts t;
        start(&f);
        put(&f, RTC_A, 0x20 | rs);
        put(&f, RTC_B, 0x42);
        if (hz[rs] == 0) {
            assert_true(rtc_ops.deadline(&f.r) == VM_NS_NEVER);
        } else {
            assert_int_equal(rtc_ops.deadline(&f.r), (S + hz[rs] - 1) / hz[rs]);
        }
        tick(&f, 100 * S);
        rtc_ticks(&f.r, &t);
        assert_int_equal(t.due, 100u * hz[rs]);
    }
}

static void catching_up_owes_one_tick_per_read_of_register_c(void **state)
{
    (void)state;
    struct fixture f;
    struct tick_counts t;
    start(&f);
    put(&f, RTC_A, 0x2F); /* 2 Hz */
    put(&f, RTC_B, 0x42);
    tick(&f, 3 * S); /* six ticks, late */
    assert_true(f.irq);
    rtc_ticks(&f.r, &t);
    assert_int_equal(t.due, 6);
    assert_int_equal(t.delivered, 1);
    assert_int_equal(t.backlog, 5);
    for (uint32_t n = 1; n <= 6; n++) {
        assert_true(f.irq);
        assert_int_equal(f.rises, n);
        assert_int_equal(get(&f, RTC_C) & 0xC0u, 0xC0);
    }
    assert_false(f.irq);
    assert_int_equal(get(&f, RTC_C), 0);
    rtc_ticks(&f.r, &t);
    assert_int_equal(t.delivered, 6);
    assert_int_equal(t.backlog, 0);
    assert_int_equal(t.merged, 0);
    assert_int_equal(rtc_ops.deadline(&f.r), 3 * S + S / 2);
}

static void coalescing_merges_what_came_while_one_was_pending(void **state)
{
    (void)state;
    struct fixture f;
    struct tick_counts t;
    start_at(&f, EPOCH, TICK_COALESCE);
    put(&f, RTC_A, 0x2F);
    put(&f, RTC_B, 0x42);
    tick(&f, 3 * S);
    assert_int_equal(get(&f, RTC_C) & 0xC0u, 0xC0);
    assert_false(f.irq);
    rtc_ticks(&f.r, &t);
    assert_int_equal(t.due, 6);
    assert_int_equal(t.delivered, 1);
    assert_int_equal(t.backlog, 0);
    assert_int_equal(t.merged, 5);
}

static void a_tick_does_not_hide_the_other_flags(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    put(&f, RTC_HOURS_ALARM, 0xFF);
    put(&f, RTC_MINUTES_ALARM, 0xFF);
    put(&f, RTC_SECONDS_ALARM, 0xFF);
    put(&f, RTC_A, 0x2F);
    tick(&f, S);
    assert_int_equal(get(&f, RTC_C), 0x70);
    tick(&f, S + S / 4);
    put(&f, RTC_B, 0x72); /* now a tick at 1.5 s, and all three at 2 s */
    tick(&f, S + S / 2);
    assert_int_equal(get(&f, RTC_C), 0xC0);
    tick(&f, 2 * S);
    assert_int_equal(get(&f, RTC_C), 0xF0);
    put(&f, RTC_B, 0x02);
    tick(&f, 3 * S);
    put(&f, RTC_B, 0x42); /* enabled with all flags up */
    assert_int_equal(get(&f, RTC_C), 0xF0);
}

static void reprogramming_gives_up_the_backlog(void **state)
{
    (void)state;
    static const struct {
        uint32_t index, val;
    } ways[] = {{RTC_A, 0x26}, {RTC_A, 0x7F}, {RTC_B, 0x02}};
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        struct tick_counts t;
        start(&f);
        put(&f, RTC_A, 0x2F);
        put(&f, RTC_B, 0x42);
        tick(&f, 3 * S);
        put(&f, RTC_A, 0x2F); /* the same again is no change */
        rtc_ticks(&f.r, &t);
        assert_int_equal(t.backlog, 5);
        put(&f, ways[i].index, ways[i].val);
        rtc_ticks(&f.r, &t);
        assert_int_equal(t.backlog, 0);
        assert_int_equal(t.merged, 5);
        (void)get(&f, RTC_C);
        assert_false(f.irq);
    }
}

static void a_pending_flag_counts_once_however_often_it_is_enabled(void **state)
{
    (void)state;
    struct fixture f;
    struct tick_counts t;
    start(&f);
    put(&f, RTC_A, 0x2F);
    tick(&f, 3 * S); /* not enabled: nobody is owed */
    rtc_ticks(&f.r, &t);
    assert_int_equal(t.due, 0);
    for (uint32_t n = 0; n < 3; n++) {
        put(&f, RTC_B, 0x42);
        assert_true(f.irq);
        put(&f, RTC_B, 0x02);
        assert_false(f.irq);
    }
    rtc_ticks(&f.r, &t);
    assert_int_equal(t.due, 1);
    assert_int_equal(t.delivered, 1);
}

static void a_tick_may_be_later_than_anything(void **state)
{
    (void)state;
    struct fixture f;
    struct tick_counts t;
    start(&f);
    put(&f, RTC_A, 0x23); /* 8192 Hz */
    put(&f, RTC_B, 0x72);
    tick(&f, UINT64_MAX - 1);
    rtc_ticks(&f.r, &t);
    assert_int_equal(t.due, UINT64_MAX / S * 8192u + (UINT64_MAX % S) * 8192u / S);
    assert_int_equal(t.backlog, t.due - 1);
    tick(&f, 5); /* time that goes back changes nothing */
    rtc_ticks(&f.r, &t);
    assert_int_equal(t.delivered, 1);
}

static void a_deadline_beyond_the_end_of_time_is_never(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.now = UINT64_MAX - S / 4;
    put(&f, RTC_A, 0x70);
    put(&f, RTC_A, 0x2F); /* the chain starts again, with half a second to go */
    put(&f, RTC_B, 0x12);
    (void)get(&f, RTC_C);
    assert_true(rtc_ops.deadline(&f.r) == VM_NS_NEVER);
}

static void a_saved_clock_goes_on_as_the_original(void **state)
{
    (void)state;
    struct fixture a;
    struct fixture b;
    start(&a);
    put(&a, RTC_A, 0x2D);
    put(&a, RTC_B, 0x72);
    tick(&a, 7 * S + S / 3);
    start_at(&b, 0, TICK_CATCH_UP); /* another host's idea of the date */
    b.r.regs = a.r.regs;
    b.irq = a.irq;
    a.now = b.now = 90061 * S;
    for (uint32_t i = 0; i < 128; i++) {
        assert_int_equal(get(&a, i), get(&b, i));
    }
    assert_memory_equal(&a.r.regs, &b.r.regs, sizeof(a.r.regs));
}

static void reset_keeps_time_and_memory_and_drops_interrupts(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    rtc_set_cmos(&f.r, 0x34, 0x5A);
    put(&f, 0x0F, 0x0A);
    put(&f, RTC_B, 0x7A);
    tick(&f, 9 * S + 1);
    assert_true(f.irq);
    rtc_reset(&f.r, f.now);
    assert_false(f.irq);
    assert_true(rtc_valid(&f.r));
    f.r.regs.cmos[RTC_SECONDS] = 0x99; /* stale, to tell it from the clock */
    assert_int_equal(rtc_ops.read(&f.r, (struct bus_access){.size = 1, .off = 1}, f.now), 0x36);
    assert_int_equal(get(&f, RTC_B), 0x02);
    assert_int_equal(get(&f, RTC_C), 0);
    assert_int_equal(get(&f, 0x34), 0x5A);
    assert_int_equal(get(&f, 0x0F), 0x0A);
    expect_date(&f, "2026112218083601");
}

static void memory_is_plain_and_the_index_has_seven_bits(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    for (uint32_t i = 0; i < 256; i++) {
        assert_int_equal(rtc_is_memory((uint8_t)i), i >= 0x0E && i < 0x80 && i != 0x32);
        if (rtc_is_memory((uint8_t)i)) {
            put(&f, i, i ^ 0x55u);
        }
    }
    for (uint32_t i = 0; i < 128; i++) {
        if (rtc_is_memory((uint8_t)i)) {
            assert_int_equal(get(&f, i | 0x80u), i ^ 0x55u);
            assert_true(rtc_nmi_masked(&f.r));
        }
    }
    (void)get(&f, 0x10);
    assert_false(rtc_nmi_masked(&f.r));
    assert_int_equal(rtc_ops.read(&f.r, (struct bus_access){.size = 1, .off = 0}, 0), 0xFF);
}

static void any_order_of_accesses_keeps_the_invariant(void **state)
{
    (void)state;
    for (uint32_t policy = 0; policy < 2; policy++) {
        struct fixture f;
        start_at(&f, EPOCH, policy == 0 ? TICK_CATCH_UP : TICK_COALESCE);
        uint32_t seed = 99;
        for (uint32_t i = 0; i < 200000; i++) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t index = (seed >> 12) % 14u;
            f.now += (seed >> 4) & 0xFFFFFFu;
            if ((seed >> 30) == 0) {
                put(&f, index, seed >> 16 & 0xFFu);
            } else if ((seed >> 30) == 1) {
                (void)get(&f, index);
            } else {
                vm_ns_t at = rtc_ops.deadline(&f.r);
                bool before = f.irq;
                tick(&f, f.now);
                assert_true(rtc_ops.deadline(&f.r) > f.now);
                assert_int_equal(f.irq != before, at <= f.now); /* deadlines are exact */
            }
        }
    }
}

static void the_invariant_refuses_what_no_guest_can_bring_about(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.r.regs.index = 128;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.flags = 0x80;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.nmi_mask = 1;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.weekday_shift = 7;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.cmos[RTC_A] = 0xA6;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.div_pos = 1;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.ticks.due = 1;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.ticks.backlog = f.r.regs.ticks.due = 1;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.pf_counted = 1;
    assert_false(rtc_valid(&f.r));
    start(&f);
    f.r.regs.line = 1;
    assert_false(rtc_valid(&f.r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_agree_with_the_calendar),
        cmocka_unit_test(each_day_of_800_years_follows_the_one_before),
        cmocka_unit_test(the_alarm_count_agrees_with_looking_at_each_second),
        cmocka_unit_test(the_clock_starts_at_the_hosts_time_and_runs),
        cmocka_unit_test(the_last_moment_of_guest_time_is_a_date_too),
        cmocka_unit_test(formats_are_as_register_b_says),
        cmocka_unit_test(a_guest_sets_the_time_under_set),
        cmocka_unit_test(holding_the_divider_restarts_the_second),
        cmocka_unit_test(held_and_released_without_set_the_clock_goes_on_where_it_stood),
        cmocka_unit_test(a_byte_written_while_running_changes_that_byte),
        cmocka_unit_test(nonsense_dates_become_dates_and_never_harm),
        cmocka_unit_test(update_in_progress_shows_for_the_last_244_us_only),
        cmocka_unit_test(the_update_interrupt_comes_at_each_second),
        cmocka_unit_test(flags_rise_without_enables_and_interrupt_when_enabled),
        cmocka_unit_test(the_alarm_matches_at_its_time_each_day),
        cmocka_unit_test(the_alarm_does_not_care_where_it_is_told_not_to),
        cmocka_unit_test(the_alarm_follows_the_twelve_hour_format_and_a_new_date),
        cmocka_unit_test(each_rate_has_its_period),
        cmocka_unit_test(catching_up_owes_one_tick_per_read_of_register_c),
        cmocka_unit_test(coalescing_merges_what_came_while_one_was_pending),
        cmocka_unit_test(a_tick_does_not_hide_the_other_flags),
        cmocka_unit_test(reprogramming_gives_up_the_backlog),
        cmocka_unit_test(a_pending_flag_counts_once_however_often_it_is_enabled),
        cmocka_unit_test(a_tick_may_be_later_than_anything),
        cmocka_unit_test(a_deadline_beyond_the_end_of_time_is_never),
        cmocka_unit_test(a_saved_clock_goes_on_as_the_original),
        cmocka_unit_test(reset_keeps_time_and_memory_and_drops_interrupts),
        cmocka_unit_test(memory_is_plain_and_the_index_has_seven_bits),
        cmocka_unit_test(any_order_of_accesses_keeps_the_invariant),
        cmocka_unit_test(the_invariant_refuses_what_no_guest_can_bring_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
