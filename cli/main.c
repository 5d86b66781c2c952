/* SPDX-License-Identifier: BSD-2-Clause
 * bulkhead: the command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "cpu_manual.h"
#include "kvm/component.h"
#include "machine.h"
#include "run.h"
#include "schema.h"
#include "words.h"

#define VERSION "0.1.0"

static const char usage[] =
    "Bulkhead runs a certified RTOS beside Linux: virtual machines from one system file.\n"
    "\n"
    "usage: bulkhead COMMAND ...\n"
    "\n"
    "  check FILE            is this system sound? print it as it would run, or what is wrong\n"
    "  run FILE              run it, on KVM or on a simulated machine\n"
    "  pack FILE -o IMAGE    write it as one frozen image\n"
    "  help [COMMAND]        print this, or more about a command\n"
    "  help system-file      every key of a system file\n"
    "  help cpu              the processor that guests see, feature by feature\n"
    "\n"
    "      --help, --version\n"
    "\n"
    "Begin with: bulkhead check systems/flightdeck.conf\n";

static int help_main(int argc, char **argv);

static int version_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("bulkhead " VERSION);
    return 0;
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"check", check_main},     {"run", run_main},           {"pack", pack_main},
    {"help", help_main},       {"--help", help_main},       {"-h", help_main},
    {"version", version_main}, {"--version", version_main}, {"-V", version_main},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) { /* bound: COMMANDS */
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    static const char *const names[] = {"check", "run", "pack", "help"};
    size_t nearest = word_nearest(name, names, 4);
    if (nearest != SIZE_MAX) {
        fprintf(stderr, "bulkhead: unknown command \"%s\"; did you mean \"%s\"?\n", name,
                names[nearest]);
    } else {
        fprintf(stderr, "bulkhead: unknown command \"%s\"; see `bulkhead --help`\n", name);
    }
    return 2;
}

static int help_main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stdout);
        return 0;
    }
    if (strcmp(argv[1], "system-file") == 0) {
        schema_print(stdout);
        return 0;
    }
    if (strcmp(argv[1], "cpu") == 0) {
        cpu_manual_print(stdout);
        return 0;
    }
    const struct command *command = find_command(argv[1]);
    if (command == NULL) {
        return unknown_command(argv[1]);
    }
    if (command->run == help_main || command->run == version_main) {
        fputs(usage, stdout);
        return 0;
    }
    char option[] = "--help";
    char name[64];
    snprintf(name, sizeof(name), "bulkhead %s", command->name);
    char *asked[] = {name, option, NULL};
    return command->run(2, asked);
}

int main(int argc, char **argv)
{
    /* Not for people: as the only program of a simulated machine, and as a component of a system.
     * Being process 1 is not enough: so is a person's command in a container. */
    if (argc > 0 && strcmp(argv[0], MACHINE_INIT_PATH) == 0 && getpid() == 1) {
        return machine_init_main();
    }
    if (argc < 2) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(argv[1], "--component") == 0) {
        return component_main(argc, argv);
    }
    const struct command *command = find_command(argv[1]);
    if (command == NULL) {
        return unknown_command(argv[1]);
    }
    char name[64]; /* what getopt calls itself in its messages */
    snprintf(name, sizeof(name), "bulkhead %s", command->name);
    argv[1] = name;
    int status = command->run(argc - 1, argv + 1);
    if (fflush(stdout) != 0) { /* a full disk or a closed pipe must not look like success */
        perror("bulkhead: cannot write the output");
        return status == 0 ? 1 : status;
    }
    return status;
}
