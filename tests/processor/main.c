/* SPDX-License-Identifier: BSD-2-Clause
 * processor [native] [--seed N] [--count N] [--first N] [--form NAME] [--place NAME] [--cpl N] [--show N]
 * Holds the emulator against a processor, and prints what differs. Status 1: something does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "campaign.h"
#include "native.h"

static bool native_at(enum place place, uint32_t cpl)
{
    return native_can(place) && cpl == 3;
}

static const struct processor native_processor = {
    .name = "native",
    .limits = {.native = true, .segments = true, .avx = true},
    .stop = {0xF4, 0xCC, 0xCC, 0xCC},
    .can = native_at,
    .adjust = native_adjust,
    .run = native_run,
};

static int find_place(const char *name)
{
    for (int i = 0; i < (int)PLACES; i++) {
        if (strcmp(place_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    static struct campaign c = {.count = 20, .place = -1, .cpl = -1, .show = 10};
    const char *why = "";
    c.seed = 1;
    c.processor = &native_processor;
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long long n = strtoull(argv[i + 1], NULL, 0);
        if (strcmp(argv[i], "--seed") == 0) {
            c.seed = n;
        } else if (strcmp(argv[i], "--count") == 0) {
            c.count = (uint32_t)n;
        } else if (strcmp(argv[i], "--first") == 0) {
            c.first = (uint32_t)n;
        } else if (strcmp(argv[i], "--form") == 0) {
            c.form = argv[i + 1];
        } else if (strcmp(argv[i], "--place") == 0) {
            c.place = find_place(argv[i + 1]);
        } else if (strcmp(argv[i], "--cpl") == 0) {
            c.cpl = (int)n;
        } else if (strcmp(argv[i], "--show") == 0) {
            c.show = (uint32_t)n;
        }
    }
    if (!native_begin(&why)) {
        printf("native: %s\n", why);
        return 2;
    }
    campaign_run(&c);
    return campaign_report(&c) != 0;
}
