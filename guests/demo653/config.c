/* SPDX-License-Identifier: BSD-2-Clause
 * The static schedule and the static partitions, in one place to be read (and reviewed) at once. */
#include "config.h"

#include <stddef.h>

/* From demo653.lds. */
extern const uint8_t flight_load[];
extern const uint8_t flight_start[];
extern const uint8_t flight_data[];
extern const uint8_t flight_end[];
extern const uint8_t display_load[];
extern const uint8_t display_start[];
extern const uint8_t display_data[];
extern const uint8_t display_end[];
extern const uint8_t maint_load[];
extern const uint8_t maint_start[];
extern const uint8_t maint_data[];
extern const uint8_t maint_end[];

/* Entry points: partition addresses, never called from here. */
void flight_control(void);
void flight_background(void);
void display_refresh(void);
void display_background(void);
void maint_test(void);

/* Major frame of 100 ms. Flight gets 5 ms every 25 ms, the two others 15 ms every 50 ms, and a
 * fifth is spare: the kernel prints there, or halts. */
const struct window config_windows[WINDOWS] = {
    {1, 0}, {3, 1}, {1, NO_PARTITION}, {1, 0}, {3, 2}, {1, NO_PARTITION},
    {1, 0}, {3, 1}, {1, NO_PARTITION}, {1, 0}, {3, 2}, {1, NO_PARTITION},
};

const struct partition_config config_partitions[PARTITIONS] = {
    {
        .name = "flight",
        .load = flight_load,
        .start = (uint64_t)(uintptr_t)flight_start,
        .data = (uint64_t)(uintptr_t)flight_data,
        .end = (uint64_t)(uintptr_t)flight_end,
        .process = {{"control", flight_control, 25000}, {"background", flight_background, 0}},
    },
    {
        .name = "display",
        .load = display_load,
        .start = (uint64_t)(uintptr_t)display_start,
        .data = (uint64_t)(uintptr_t)display_data,
        .end = (uint64_t)(uintptr_t)display_end,
        .process = {{"refresh", display_refresh, 50000}, {"background", display_background, 0}},
    },
    {
        .name = "maint",
        .load = maint_load,
        .start = (uint64_t)(uintptr_t)maint_start,
        .data = (uint64_t)(uintptr_t)maint_data,
        .end = (uint64_t)(uintptr_t)maint_end,
        .process = {{"self-test", maint_test, 50000}, {NULL, NULL, 0}},
    },
};

uint32_t config_partition_at(uint32_t frame_us)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < WINDOWS; i++) {
        end += config_windows[i].units * WINDOW_UNIT_US;
        if (frame_us < end) {
            return config_windows[i].partition;
        }
    }
    return NO_PARTITION;
}
