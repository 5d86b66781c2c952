/* SPDX-License-Identifier: BSD-2-Clause
 * The keys of a system file, as data: what the parser accepts, what a mistyped key is compared with,
 * and what `bulkhead help system-file` prints come from these tables and nowhere else. */
#ifndef CLI_SCHEMA_H
#define CLI_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <libconfig.h>

#include "say.h"

#define SCHEMA_CPU_MAX 4095u /* no host has more; a larger number is a slip */

enum key_type {
    KEY_TEXT,   /* a string of at most `max` bytes              */
    KEY_WORD,   /* a string: one of `words`                     */
    KEY_WORDS,  /* an array of strings, each one of `words`     */
    KEY_TEXTS,  /* an array of strings of at most `max` bytes   */
    KEY_BOOL,   /* true or false                                */
    KEY_NUMBER, /* a number, or a string with one; at most `max` */
    KEY_SIZE,   /* the same, and not 0                          */
    KEY_GROUP,  /* { ... } with the keys of `group`             */
    KEY_GROUPS, /* ( { ... }, ... ), at most `max` of them      */
};

struct word {
    const char *name;
    uint32_t value;
    const char *doc;
};

struct word_list {
    const char *what; /* "timer", "boot protocol": for messages */
    const struct word *word;
    size_t count;
};

struct key_list;

struct key {
    const char *name;
    enum key_type type;
    bool required;
    uint64_t max;
    const struct word_list *words;
    const struct key_list *group;
    const char *fallback; /* what holds without it; NULL if it is required */
    const char *doc;
};

struct key_list {
    const char *what; /* "a VM", "the boot group": for messages */
    const struct key *key;
    size_t count;
};

extern const struct key_list schema_file;
extern const struct word_list schema_timers;
extern const struct word_list schema_devices;
extern const struct word_list schema_protocols;
extern const struct word_list schema_tick_policies;
extern const struct word_list schema_on_failures;
extern const struct word_list schema_cpu_models;
extern const struct word_list schema_shells;
extern const struct word_list schema_offers;
extern const struct word_list schema_uplinks;
extern const struct word_list schema_transports;
extern const struct word_list schema_programs;

/* Says everything that is wrong with the form of the file: unknown, missing and doubled keys, wrong
 * types, words nobody knows, numbers out of range. */
void schema_check(const config_setting_t *root, struct say *say);

/* What follows reads settings that schema_check() has seen. A setting that is absent, or that it
 * refused, is not there: NULL, false, 0. */
config_setting_t *schema_get(const config_setting_t *group, const char *name);
const char *schema_text(const config_setting_t *group, const char *name);
bool schema_number(const config_setting_t *group, const char *name, uint64_t max, uint64_t *value);
bool schema_word(const config_setting_t *group, const char *name, const struct word_list *words,
                 uint32_t *value);
uint32_t schema_words(const config_setting_t *group, const char *name,
                      const struct word_list *words);

/* The name of a word's value, or "?". */
const char *schema_word_name(const struct word_list *words, uint32_t value);

/* The reference: every key with type, default and purpose. */
void schema_print(FILE *out);

#endif
