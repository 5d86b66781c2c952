/* SPDX-License-Identifier: BSD-2-Clause */
#include "schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

#define NAMES_MAX  24u  /* keys of a group, or words of a list */
#define GROUPS_MAX 256u /* groups of one file: 8 VMs with 23 below each, 4 switches with 8 */

static unsigned line_of(const config_setting_t *s)
{
    return config_setting_source_line(s);
}

static const char *type_name(const config_setting_t *s)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_STRING:
        return "a string";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "a number";
    case CONFIG_TYPE_FLOAT:
        return "a number with a fraction";
    case CONFIG_TYPE_BOOL:
        return "a boolean";
    case CONFIG_TYPE_GROUP:
        return "a group { }";
    case CONFIG_TYPE_ARRAY:
        return "an array [ ]";
    case CONFIG_TYPE_LIST:
        return "a list ( )";
    default:
        return "something else";
    }
}

static const char *wanted_form(const struct key *key)
{
    static const char *const forms[] = {
        [KEY_TEXT] = "a string in \"quotes\"",
        [KEY_WORD] = "a string in \"quotes\"",
        [KEY_WORDS] = "an array of strings: [ \"one\", \"two\" ]",
        [KEY_TEXTS] = "an array of strings: [ \"one\", \"two\" ]",
        [KEY_BOOL] = "true or false",
        [KEY_NUMBER] = "a number: 4096, 0x1000 or \"4K\"",
        [KEY_SIZE] = "a number: 4096, 0x1000 or \"4K\"",
        [KEY_GROUP] = "a group: { ... }",
        [KEY_GROUPS] = "a list of groups: ( { ... }, { ... } )",
    };
    return forms[key->type];
}

static void wrong_type(struct say *say, const struct key *key, const config_setting_t *s)
{
    say_error(say, line_of(s), "\"%s\" is %s; it must be %s", key->name, type_name(s),
              wanted_form(key));
}

/* --- Numbers ---------------------------------------------------------------------------------- */

static enum number_result setting_number(const config_setting_t *s, uint64_t *value)
{
    if (config_setting_type(s) == CONFIG_TYPE_STRING) {
        return number_parse(config_setting_get_string(s), value);
    }
    if (config_setting_type(s) != CONFIG_TYPE_INT && config_setting_type(s) != CONFIG_TYPE_INT64) {
        return NUMBER_SYNTAX;
    }
    long long n = config_setting_get_int64(s);
    if (n < 0) {
        return NUMBER_NEGATIVE;
    }
    *value = (uint64_t)n;
    return NUMBER_OK;
}

static void check_number(struct say *say, const struct key *key, const config_setting_t *s)
{
    int type = config_setting_type(s);
    if (type != CONFIG_TYPE_STRING && type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        wrong_type(say, key, s);
        return;
    }
    uint64_t value = 0;
    switch (setting_number(s, &value)) {
    case NUMBER_SYNTAX:
        say_error(
            say, line_of(s),
            "\"%s\" is \"%s\", which is no number; write 4096, \"0x1000\", \"4K\", \"256M\" or "
            "\"1G\"",
            key->name, config_setting_get_string(s));
        return;
    case NUMBER_NEGATIVE:
        if (!say_has_error(say, line_of(s))) { /* else a number too big, which turned negative */
            say_error(say, line_of(s), "\"%s\" is negative; write a number from 0 up", key->name);
        }
        return;
    case NUMBER_TOO_BIG:
        say_error(say, line_of(s), "\"%s\" is \"%s\", which is more than 64 bits; write less",
                  key->name, config_setting_get_string(s));
        return;
    case NUMBER_OK:
    default:
        break;
    }
    if (say_has_error(say, line_of(s))) {
        return; /* libconfig may have cut it */
    }
    if (value > key->max) {
        say_error(say, line_of(s),
                  "\"%s\" is %" PRIu64 " (0x%" PRIx64 "); at most %" PRIu64 " is possible",
                  key->name, value, value, key->max);
    } else if (value == 0 && key->type == KEY_SIZE) {
        say_error(say, line_of(s), "\"%s\" is 0; write what it should be, or remove it", key->name);
    }
}

/* --- Texts and words -------------------------------------------------------------------------- */

static void check_text(struct say *say, const struct key *key, const config_setting_t *s)
{
    if (config_setting_type(s) != CONFIG_TYPE_STRING) {
        wrong_type(say, key, s);
        return;
    }
    size_t length = strlen(config_setting_get_string(s));
    if (length > key->max) {
        say_error(say, line_of(s),
                  "\"%s\" has %zu bytes; at most %" PRIu64 " are possible, shorten it", key->name,
                  length, key->max);
    }
}

static const struct word *word_find(const struct word_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) { /* bound: a table's length */
        if (strcmp(list->word[i].name, name) == 0) {
            return &list->word[i];
        }
    }
    return NULL;
}

struct names {
    const char *name[NAMES_MAX];
    size_t count;
};

/* "INTRO; did you mean "kernel"?", or what there is to choose from. */
static void say_unknown(struct say *say, unsigned line, const char *intro, const char *word,
                        const struct names *names)
{
    size_t nearest = word_nearest(word, names->name, names->count);
    if (nearest != SIZE_MAX) {
        say_error(say, line, "%s; did you mean \"%s\"?", intro, names->name[nearest]);
        return;
    }
    char *choice = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&choice, &size);
    if (out == NULL) {
        say_error(say, line, "%s", intro);
        return;
    }
    for (size_t i = 0; i < names->count; i++) { /* bound: NAMES_MAX */
        const char *gap = i == 0 ? "" : i + 1 == names->count ? " or " : ", ";
        fprintf(out, "%s\"%s\"", gap, names->name[i]);
    }
    fclose(out);
    say_error(say, line, "%s; there is %s", intro, choice);
    free(choice);
}

static struct names names_of_words(const struct word_list *list)
{
    struct names names = {.count = 0};
    for (size_t i = 0; i < list->count && i < NAMES_MAX; i++) { /* bound: NAMES_MAX */
        names.name[names.count++] = list->word[i].name;
    }
    return names;
}

static struct names names_of_keys(const struct key_list *list)
{
    struct names names = {.count = 0};
    for (size_t i = 0; i < list->count && i < NAMES_MAX; i++) { /* bound: NAMES_MAX */
        names.name[names.count++] = list->key[i].name;
    }
    return names;
}

static void check_word(struct say *say, const struct key *key, const config_setting_t *s)
{
    if (config_setting_type(s) != CONFIG_TYPE_STRING) {
        wrong_type(say, key, s);
        return;
    }
    const char *name = config_setting_get_string(s);
    if (word_find(key->words, name) != NULL) {
        return;
    }
    /* Timers are devices too: people look for either in the other list. */
    if (key->words == &schema_timers && word_find(&schema_devices, name) != NULL) {
        say_error(say, line_of(s), "\"%s\" is no timer; move it to devices = [ ... ]", name);
        return;
    }
    if (key->words == &schema_devices && word_find(&schema_timers, name) != NULL) {
        say_error(say, line_of(s), "\"%s\" is a timer; move it to timers = [ ... ]", name);
        return;
    }
    char intro[160];
    snprintf(intro, sizeof(intro), "unknown %s \"%.64s\"", key->words->what, name);
    struct names names = names_of_words(key->words);
    say_unknown(say, line_of(s), intro, name, &names);
}

static bool named_before(const config_setting_t *array, unsigned index, const char *name)
{
    for (unsigned i = 0; i < index; i++) { /* bound: the array's length */
        const char *other = config_setting_get_string_elem(array, (int)i);
        if (other != NULL && strcmp(other, name) == 0) {
            return true;
        }
    }
    return false;
}

/* How many elements there are; 0, and it is said, if it is no array. */
static unsigned array_length(struct say *say, const struct key *key, const config_setting_t *s)
{
    int type = config_setting_type(s);
    if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
        wrong_type(say, key, s);
        return 0;
    }
    return (unsigned)config_setting_length(s);
}

static void check_words(struct say *say, const struct key *key, const config_setting_t *s)
{
    unsigned count = array_length(say, key, s);
    for (unsigned i = 0; i < count; i++) { /* bound: the array's length */
        const config_setting_t *e = config_setting_get_elem(s, i);
        check_word(say, key, e);
        const char *name = config_setting_get_string(e);
        if (name != NULL && named_before(s, i, name)) {
            say_error(say, line_of(e), "%s \"%.64s\" is named twice; name it once",
                      key->words->what, name);
        }
    }
}

static void check_texts(struct say *say, const struct key *key, const config_setting_t *s)
{
    unsigned count = array_length(say, key, s);
    for (unsigned i = 0; i < count; i++) { /* bound: the array's length */
        check_text(say, key, config_setting_get_elem(s, i));
    }
}

/* --- Groups ----------------------------------------------------------------------------------- */

/* Groups yet to be looked at: breadth first, so that nothing recurses. */
struct pending {
    size_t count;
    struct {
        const config_setting_t *setting;
        const struct key_list *list;
    } group[GROUPS_MAX];
};

static void pend(struct pending *p, const config_setting_t *s, const struct key_list *list)
{
    if (p->count < sizeof(p->group) / sizeof(p->group[0])) {
        p->group[p->count].setting = s;
        p->group[p->count].list = list;
        p->count++;
    }
}

static void check_groups(struct say *say, const struct key *key, const config_setting_t *s,
                         struct pending *pending)
{
    if (config_setting_type(s) != CONFIG_TYPE_LIST) {
        wrong_type(say, key, s);
        return;
    }
    unsigned count = (unsigned)config_setting_length(s);
    if (count == 0) {
        say_error(say, line_of(s), "\"%s\" is empty; write %s in it, or remove it", key->name,
                  key->group->what);
    }
    if (count > key->max) {
        say_error(say, line_of(s), "\"%s\" has %u entries; at most %" PRIu64 " are possible",
                  key->name, count, key->max);
    }
    for (unsigned i = 0; i < count && i < key->max; i++) { /* bound: key->max */
        const config_setting_t *e = config_setting_get_elem(s, i);
        if (config_setting_type(e) != CONFIG_TYPE_GROUP) {
            say_error(say, line_of(e), "\"%s\" holds %s; it must be %s", key->name, type_name(e),
                      wanted_form(key));
            continue;
        }
        pend(pending, e, key->group);
    }
}

static void check_setting(struct say *say, const struct key *key, const config_setting_t *s,
                          struct pending *pending)
{
    switch (key->type) {
    case KEY_TEXT:
        check_text(say, key, s);
        break;
    case KEY_WORD:
        check_word(say, key, s);
        break;
    case KEY_WORDS:
        check_words(say, key, s);
        break;
    case KEY_TEXTS:
        check_texts(say, key, s);
        break;
    case KEY_BOOL:
        if (config_setting_type(s) != CONFIG_TYPE_BOOL) {
            wrong_type(say, key, s);
        }
        break;
    case KEY_NUMBER:
    case KEY_SIZE:
        check_number(say, key, s);
        break;
    case KEY_GROUP:
        if (config_setting_type(s) != CONFIG_TYPE_GROUP) {
            wrong_type(say, key, s);
        } else {
            pend(pending, s, key->group);
        }
        break;
    case KEY_GROUPS:
    default:
        check_groups(say, key, s, pending);
        break;
    }
}

static const struct key *key_find(const struct key_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) { /* bound: a table's length */
        if (strcmp(list->key[i].name, name) == 0) {
            return &list->key[i];
        }
    }
    return NULL;
}

static void check_group(struct say *say, const config_setting_t *group, const struct key_list *list,
                        struct pending *pending)
{
    unsigned count = (unsigned)config_setting_length(group);
    for (unsigned i = 0; i < count; i++) { /* bound: the group's length */
        const config_setting_t *s = config_setting_get_elem(group, i);
        const struct key *key = key_find(list, config_setting_name(s));
        if (key != NULL) {
            check_setting(say, key, s, pending);
            continue;
        }
        char intro[200];
        snprintf(intro, sizeof(intro), "unknown key \"%.64s\" in %s", config_setting_name(s),
                 list->what);
        struct names names = names_of_keys(list);
        say_unknown(say, line_of(s), intro, config_setting_name(s), &names);
    }
    for (size_t i = 0; i < list->count; i++) { /* bound: a table's length */
        const struct key *key = &list->key[i];
        if (key->required && config_setting_get_member(group, key->name) == NULL) {
            say_error(say, line_of(group), "%s has no \"%s\" (%s); add it", list->what, key->name,
                      key->doc);
        }
    }
}

void schema_check(const config_setting_t *root, struct say *say)
{
    struct pending pending = {.count = 0};
    pend(&pending, root, &schema_file);
    for (size_t i = 0; i < pending.count; i++) { /* bound: the room in pending */
        check_group(say, pending.group[i].setting, pending.group[i].list, &pending);
    }
}

/* --- Reading ---------------------------------------------------------------------------------- */

config_setting_t *schema_get(const config_setting_t *group, const char *name)
{
    return group == NULL ? NULL : config_setting_get_member(group, name);
}

const char *schema_text(const config_setting_t *group, const char *name)
{
    const config_setting_t *s = schema_get(group, name);
    return s == NULL ? NULL : config_setting_get_string(s);
}

bool schema_number(const config_setting_t *group, const char *name, uint64_t max, uint64_t *value)
{
    const config_setting_t *s = schema_get(group, name);
    uint64_t number = 0;
    if (s == NULL || setting_number(s, &number) != NUMBER_OK || number > max) {
        return false;
    }
    *value = number;
    return true;
}

bool schema_word(const config_setting_t *group, const char *name, const struct word_list *words,
                 uint32_t *value)
{
    const char *text = schema_text(group, name);
    const struct word *word = text == NULL ? NULL : word_find(words, text);
    if (word == NULL) {
        return false;
    }
    *value = word->value;
    return true;
}

uint32_t schema_words(const config_setting_t *group, const char *name,
                      const struct word_list *words)
{
    const config_setting_t *s = schema_get(group, name);
    uint32_t bits = 0;
    int count = s == NULL || config_setting_is_aggregate(s) == 0 ? 0 : config_setting_length(s);
    for (int i = 0; i < count; i++) { /* bound: the array's length */
        const char *text = config_setting_get_string_elem(s, i);
        const struct word *word = text == NULL ? NULL : word_find(words, text);
        bits |= word == NULL ? 0 : word->value;
    }
    return bits;
}

const char *schema_word_name(const struct word_list *words, uint32_t value)
{
    for (size_t i = 0; i < words->count; i++) { /* bound: a table's length */
        if (words->word[i].value == value) {
            return words->word[i].name;
        }
    }
    return "?";
}

/* --- The reference ---------------------------------------------------------------------------- */

static void print_words(FILE *out, const struct word_list *list)
{
    for (size_t i = 0; i < list->count; i++) { /* bound: a table's length */
        fprintf(out, "  %-16s   \"%s\": %s\n", "", list->word[i].name, list->word[i].doc);
    }
}

static void print_list(FILE *out, const struct key_list *list)
{
    static const char *const types[] = {
        [KEY_TEXT] = "string",           [KEY_WORD] = "word",
        [KEY_WORDS] = "array of words",  [KEY_TEXTS] = "array of strings",
        [KEY_BOOL] = "boolean",          [KEY_NUMBER] = "number",
        [KEY_SIZE] = "number",           [KEY_GROUP] = "group",
        [KEY_GROUPS] = "list of groups",
    };
    fprintf(out, "\nKeys of %s\n", list->what);
    for (size_t i = 0; i < list->count; i++) { /* bound: a table's length */
        const struct key *key = &list->key[i];
        fprintf(out, "  %-16s %s\n", key->name, key->doc);
        fprintf(out, "  %-16s (%s", "", types[key->type]);
        if (key->required) {
            fputs(", required)\n", out);
        } else {
            fprintf(out, "; without it: %s)\n", key->fallback);
        }
        if (key->words != NULL) {
            print_words(out, key->words);
        }
    }
}

void schema_print(FILE *out)
{
    const struct key_list *list[NAMES_MAX] = {&schema_file};
    size_t count = 1;
    fputs("A system file is written in libconfig's syntax: key = value; and # for comments.\n"
          "Numbers are 4096, 0x1000, or strings: \"0x40000000\", \"64K\", \"256M\", \"1G\".\n",
          out);
    for (size_t i = 0; i < count; i++) { /* bound: NAMES_MAX */
        print_list(out, list[i]);
        for (size_t k = 0; k < list[i]->count; k++) { /* bound: a table's length */
            if (list[i]->key[k].group != NULL && count < NAMES_MAX) {
                list[count++] = list[i]->key[k].group;
            }
        }
    }
}
