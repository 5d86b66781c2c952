/* SPDX-License-Identifier: BSD-2-Clause
 * What the parts of nettool share. */
#ifndef NETTOOL_H
#define NETTOOL_H

#include <stddef.h>
#include <stdint.h>

/* Prints what cannot be done, and errno's text, and ends the program. */
_Noreturn void cannot(const char *what);

uint64_t now_us(void);

/* The next of a sequence of numbers that looks random and is the same each time. */
uint32_t next_random(uint32_t *state);

/* A number from the command line, or the end of the program. */
unsigned long number_of(const char *text, unsigned long max);

/* Fills `bytes` of a datagram or frame that only `sequence` could have; checks that they are those.
 * @pre bytes >= PATTERN_LEAST */
#define PATTERN_LEAST 12u
void pattern_fill(uint8_t *p, size_t bytes, uint64_t sequence);
/* 0 and *sequence: sound. */
int pattern_check(const uint8_t *p, size_t bytes, uint64_t *sequence);

/* Takes a network card from its driver and gives it back: it works again afterwards, as a new interface
 * of the same name. */
void card_reset(const char *device);

/* What a PCI card with MSI-X has for its driver stays in the card's queues from now on, until it is reset. */
void card_hold(const char *device);

/* The subcommands: argv[0] is their own name. */
int telemetry_main(int argc, char **argv);
int frames_main(int argc, char **argv);
int udp_main(int argc, char **argv);
int tcp_main(int argc, char **argv);
int card_main(int argc, char **argv);

#endif
