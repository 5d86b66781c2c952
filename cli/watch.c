/* SPDX-License-Identifier: BSD-2-Clause
 * Texts on consoles: reading the options, and the matching. */
#include "watch.h"

#include <stdio.h>
#include <string.h>

#include "kvm/link.h"

#define WATCH_SAID 512u /* room for one complaint */

static const char *const watch_option[] = {
    [WATCH_UNTIL] = "--until",
    [WATCH_TYPE] = "--type",
    [WATCH_KILL] = "--kill",
};
static const char *const watch_form[] = {
    [WATCH_UNTIL] = "'VM:TEXT'",
    [WATCH_TYPE] = "'VM:TEXT=>INPUT'",
    [WATCH_KILL] = "'VM:TEXT=>VICTIM'",
};

uint16_t watch_find_vm(const struct system_image *image, const char *name, size_t name_len)
{
    for (uint16_t i = 0; i < image->vms; i++) {
        if (strlen(image->vm[i].name) == name_len &&
            memcmp(image->vm[i].name, name, name_len) == 0) {
            return i;
        }
    }
    return (uint16_t)image->vms;
}

/* "rtos, linux": what a person could have meant. */
static void watch_list_names(const struct system_image *image, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < image->vms && at < size; i++) {
        int n = snprintf(out + at, size - at, "%s%s", i == 0 ? "" : ", ", image->vm[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
}

static bool watch_take_vm(const struct system_image *image, const char *name, size_t len,
                          uint16_t *vm, char said[WATCH_SAID])
{
    char names[SYSTEM_VMS_MAX * (SYSTEM_NAME_MAX + 2)];
    *vm = watch_find_vm(image, name, len);
    if (*vm < image->vms) {
        return true;
    }
    watch_list_names(image, names, sizeof(names));
    snprintf(said, WATCH_SAID, "there is no VM \"%.*s\": the system file has %s",
             (int)(len > 64 ? 64 : len), name, names);
    return false;
}

/* INPUT with \n, \t, \r, \e and \\ resolved, and a newline. False: an unknown escape. */
static bool watch_take_input(struct watch *w, const char *in)
{
    static const char from[] = "ntre\\";
    static const char to[] = "\n\t\r\033\\";
    size_t at = 0;
    for (; *in != '\0'; in++) { /* bound: the caller checked the length */
        char c = *in;
        if (c == '\\') {
            in++;
            const char *hit = *in != '\0' ? strchr(from, *in) : NULL;
            if (hit == NULL) {
                return false;
            }
            c = to[hit - from];
        }
        w->input[at++] = c;
    }
    w->input[at++] = '\n';
    w->input_len = (uint16_t)at;
    return true;
}

/* retry[i]: the length of the longest proper prefix of text that text[0..i] also ends with. */
static void watch_prepare(struct watch *w)
{
    uint16_t k = 0;
    w->retry[0] = 0;
    for (uint16_t i = 1; i < w->text_len; i++) {
        while (k > 0 && w->text[i] != w->text[k]) { /* bound: k shrinks */
            k = w->retry[k - 1];
        }
        if (w->text[i] == w->text[k]) {
            k++;
        }
        w->retry[i] = k;
    }
}

/* The switch of that name; true only if the victim can be found there. */
static bool watch_take_switch(struct watch *w, const char *name, size_t len,
                              const struct system_image *image, char said[WATCH_SAID])
{
    for (uint16_t i = 0; i < image->switches; i++) {
        const struct system_switch *s = &image->switch_[i];
        if (strlen(s->name) == len && memcmp(s->name, name, len) == 0) {
            w->victim = i;
            if (w->part == LINK_VICTIM_UPLINK && s->uplink == SYSTEM_UPLINK_NONE) {
                snprintf(said, WATCH_SAID, "switch \"%s\" has no uplink", s->name);
                return false;
            }
            return true;
        }
    }
    snprintf(said, WATCH_SAID, "there is no switch \"%.*s\"", (int)(len > 64 ? 64 : len), name);
    return false;
}

/* VM, VM.io, SWITCH.switch or SWITCH.uplink: names have no dots. */
static bool watch_take_victim(struct watch *w, const char *rest, const struct system_image *image,
                              char said[WATCH_SAID])
{
    static const char *const parts[LINK_VICTIMS] = {"", ".io", ".switch", ".uplink"};
    const char *dot = strchr(rest, '.');
    size_t len = dot != NULL ? (size_t)(dot - rest) : strlen(rest);
    for (w->part = 0; w->part < LINK_VICTIMS; w->part++) { /* bound: LINK_VICTIMS */
        if (strcmp(rest + len, parts[w->part]) == 0) {
            break;
        }
    }
    memcpy(w->input, rest, strlen(rest) + 1);
    if (w->part >= LINK_VICTIM_SWITCH) {
        if (w->part == LINK_VICTIMS) {
            snprintf(said, WATCH_SAID,
                     "a victim is VM, VM.io, SWITCH.switch or SWITCH.uplink, with their names");
            return false;
        }
        return watch_take_switch(w, rest, len, image, said);
    }
    if (!watch_take_vm(image, rest, len, &w->victim, said)) {
        return false;
    }
    if (w->part == LINK_VICTIM_IO && image->vm[w->victim].nics == 0) {
        snprintf(said, WATCH_SAID, "VM \"%.*s\" has no network cards, so it has no io", (int)len,
                 rest);
        return false;
    }
    return true;
}

/* What stands after "=>". */
static bool watch_take_action(struct watch *w, const char *rest, const struct system_image *image,
                              char said[WATCH_SAID])
{
    size_t len = strlen(rest);
    if (len > WATCH_TEXT_MAX) {
        snprintf(said, WATCH_SAID, "what follows => is longer than %u bytes", WATCH_TEXT_MAX);
        return false;
    }
    if (w->kind == WATCH_KILL) {
        return watch_take_victim(w, rest, image, said);
    }
    if (!watch_take_input(w, rest)) {
        snprintf(said, WATCH_SAID,
                 "after a backslash, INPUT knows n, t, r, e and another backslash");
        return false;
    }
    return true;
}

static bool watch_parse(struct watch *w, const char *spec, const struct system_image *image,
                        char said[WATCH_SAID])
{
    const char *colon = strchr(spec, ':');
    if (colon == NULL) {
        snprintf(said, WATCH_SAID, "a colon must part the VM's name from the text");
        return false;
    }
    const char *text = colon + 1;
    const char *arrow = w->kind == WATCH_UNTIL ? NULL : strstr(text, "=>");
    if (w->kind != WATCH_UNTIL && arrow == NULL) {
        snprintf(said, WATCH_SAID, "there is no => after the text");
        return false;
    }
    size_t len = arrow != NULL ? (size_t)(arrow - text) : strlen(text);
    if (len == 0 || len > WATCH_TEXT_MAX) {
        snprintf(said, WATCH_SAID, "the text must have 1 to %u bytes, and has %zu", WATCH_TEXT_MAX,
                 len);
        return false;
    }
    if (!watch_take_vm(image, spec, (size_t)(colon - spec), &w->vm, said)) {
        return false;
    }
    memcpy(w->text, text, len);
    w->text_len = (uint16_t)len;
    watch_prepare(w);
    return arrow == NULL || watch_take_action(w, arrow + 2, image, said);
}

bool watch_add(struct watch_list *list, enum watch_kind kind, const char *spec,
               const struct system_image *image, char *why, size_t why_size)
{
    char said[WATCH_SAID] = "";
    if (list->count == WATCHES_MAX) {
        snprintf(why, why_size, "more than %u of --until, --type and --kill", WATCHES_MAX);
        return false;
    }
    struct watch *w = &list->item[list->count];
    memset(w, 0, sizeof(*w));
    w->kind = kind;
    if (!watch_parse(w, spec, image, said)) {
        snprintf(why, why_size, "%s %s: %s; write %s %s", watch_option[kind], spec, said,
                 watch_option[kind], watch_form[kind]);
        return false;
    }
    list->count++;
    return true;
}

/* True if the text's last byte was among the data. */
static bool watch_match(struct watch *w, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        while (w->matched > 0 && (char)data[i] != w->text[w->matched]) { /* bound: it shrinks */
            w->matched = w->retry[w->matched - 1];
        }
        if ((char)data[i] == w->text[w->matched]) {
            w->matched++;
        }
        if (w->matched == w->text_len) {
            return true;
        }
    }
    return false;
}

void watch_feed(struct watch_list *list, uint16_t vm, const uint8_t *data, size_t len,
                uint64_t now_ns, void (*fired)(void *ctx, const struct watch *w), void *ctx)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct watch *w = &list->item[i];
        if (!w->met && w->vm == vm && watch_match(w, data, len)) {
            w->met = true;
            w->met_ns = now_ns;
            fired(ctx, w);
        }
    }
}

uint32_t watch_count(const struct watch_list *list, enum watch_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        n += list->item[i].kind == kind ? 1u : 0u;
    }
    return n;
}

uint32_t watch_met(const struct watch_list *list, enum watch_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->item[i].kind == kind && list->item[i].met) {
            n++;
        }
    }
    return n;
}
