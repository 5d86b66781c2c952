/* SPDX-License-Identifier: BSD-2-Clause
 * bulkhead check: is this system sound, and what does it look like frozen? */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "commands.h"
#include "freeze.h"
#include "sel4/plan/rights.h"
#include "show.h"
#include "words.h"

static const char help[] =
    "usage: bulkhead check [-q | --rights] FILE\n"
    "\n"
    "Reads a system file, or an image that `bulkhead pack` wrote, and prints the system as it would\n"
    "run: memory maps, boot files, devices, ports, interrupts, policies. What is wrong is printed to\n"
    "stderr instead, every error with its line and what to do.\n"
    "\n"
    "  -q, --quiet   print errors and warnings only\n"
    "      --rights  print instead who can reach what under seL4: each component's capabilities, and\n"
    "                what each pair of components shares. The root task prints the same lines\n"
    "  -h, --help    print this\n"
    "\n"
    "Exit status: 0 if the system is sound; 2 if it is not, or for a bad call.\n";

static void print_frozen(const struct system_opened *s, const char *path)
{
    char size[SIZE_TEXT];
    system_show(stdout, s->image);
    if (s->was_frozen) {
        printf("%s: a sound frozen image of %u VM%s, %s, checksum %08x\n", path, s->image->vms,
               s->image->vms == 1 ? "" : "s", size_text(s->image->total_bytes, size),
               s->image->crc);
    } else {
        printf("%s: a sound system of %u VM%s\n", path, s->image->vms,
               s->image->vms == 1 ? "" : "s");
    }
}

static void print_line(void *host, const char *text)
{
    (void)host;
    puts(text);
}

/* On one core: a kernel of several nodes has more keepers. */
static void print_rights(const struct system_opened *s)
{
    static struct rights rights;
    const struct rights_out out = {.line = print_line};
    rights_derive(&rights, s->image, 1);
    rights_print(&rights, s->image, &out);
}

int check_main(int argc, char **argv)
{
    static const struct option options[] = {{"quiet", no_argument, NULL, 'q'},
                                            {"rights", no_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool quiet = false;
    bool rights = false;
    int option = 0;
    while ((option = getopt_long(argc, argv, "qh", options, NULL)) != -1) { /* bound: argc */
        switch (option) {
        case 'q':
            quiet = true;
            break;
        case 'r':
            rights = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default: /* getopt has said what is wrong */
            fputs("try `bulkhead check --help`\n", stderr);
            return 2;
        }
    }
    if (argc - optind != 1) {
        fprintf(stderr, "bulkhead check: %s; usage: bulkhead check [-q | --rights] FILE\n",
                argc == optind ? "no file named" : "one file at a time");
        return 2;
    }
    struct system_opened opened;
    enum freeze_host host = rights ? FREEZE_FOR_ANY_HOST : FREEZE_FOR_THIS_HOST;
    int status = system_open(argv[optind], &opened, stderr, host);
    if (status == 0) {
        if (rights) {
            print_rights(&opened);
        } else if (!quiet) {
            print_frozen(&opened, argv[optind]);
        }
        system_close(&opened);
    }
    return status;
}
