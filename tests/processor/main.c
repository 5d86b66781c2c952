/* SPDX-License-Identifier: BSD-2-Clause
 * processor native|kvm|roads [--seed N] [--count N] [--first N] [--form NAME] [--place NAME] [--cpl N]
 *                             [--show N]
 * Holds the emulator against a processor, and prints what differs. Status 1: something does; 2: there is
 * no such processor here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "campaign.h"
#include "kvm.h"
#include "kvm_roads.h"
#include "native.h"
#include "processors.h"

static int find_place(const char *name)
{
    for (int i = 0; i < (int)PLACES; i++) {
        if (strcmp(place_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static void option(struct campaign *c, const char *name, const char *value)
{
    unsigned long long n = strtoull(value, NULL, 0);
    if (strcmp(name, "--seed") == 0) {
        c->seed = n;
    } else if (strcmp(name, "--count") == 0) {
        c->count = (uint32_t)n;
    } else if (strcmp(name, "--first") == 0) {
        c->first = (uint32_t)n;
    } else if (strcmp(name, "--form") == 0) {
        c->form = value;
    } else if (strcmp(name, "--place") == 0) {
        c->place = find_place(value);
    } else if (strcmp(name, "--cpl") == 0) {
        c->cpl = (int)n;
    } else if (strcmp(name, "--show") == 0) {
        c->show = (uint32_t)n;
    }
}

int main(int argc, char **argv)
{
    static struct campaign c = {.count = 20, .place = -1, .cpl = -1, .show = 10, .seed = 1};
    const char *why = "";
    bool good;
    if (argc > 1 && strcmp(argv[1], "native") == 0) {
        c.processor = &processor_native;
        good = native_begin(&why);
    } else if (argc > 1 && strcmp(argv[1], "kvm") == 0) {
        c.processor = &processor_kvm;
        good = kvm_begin(NULL, &why);
    } else if (argc > 1 && strcmp(argv[1], "roads") == 0) {
        c.processor = &processor_roads;
        good = kvm_roads_begin(&why);
    } else {
        printf("usage: processor native|kvm|roads [--seed N] [--count N] [--first N]\n"
               "                 [--form NAME] [--place NAME] [--cpl N] [--show N]\n");
        return 2;
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        option(&c, argv[i], argv[i + 1]);
    }
    if (!good) {
        printf("%s: %s\n", c.processor->name, why);
        return 2;
    }
    campaign_run(&c);
    return campaign_report(&c) != 0;
}
