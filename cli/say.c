/* SPDX-License-Identifier: BSD-2-Clause */
#include "say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void say_begin(struct say *say, const char *file)
{
    memset(say, 0, sizeof(*say));
    say->file = file;
}

static void say_keep(struct say *say, unsigned line, bool error, char *text)
{
    if (error) {
        say->errors++;
    } else {
        say->warnings++;
    }
    if (say->kept == SAY_MAX) {
        free(text);
        return;
    }
    /* In the order of lines; of one line, in the order they came. */
    size_t at = say->kept;
    while (at > 0 && say->message[at - 1].line > line) { /* bound: SAY_MAX */
        say->message[at] = say->message[at - 1];
        at--;
    }
    say->message[at] = (struct say_message){.line = line, .error = error, .text = text};
    say->kept++;
}

static char *say_format(const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) {
        return NULL; /* out of memory: the line and its kind are still said */
    }
    return text;
}

void say_error(struct say *say, unsigned line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_keep(say, line, true, say_format(format, args));
    va_end(args);
}

void say_warning(struct say *say, unsigned line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_keep(say, line, false, say_format(format, args));
    va_end(args);
}

bool say_has_error(const struct say *say, unsigned line)
{
    for (size_t i = 0; i < say->kept; i++) { /* bound: SAY_MAX */
        if (say->message[i].error && say->message[i].line == line) {
            return true;
        }
    }
    return false;
}

int say_end(struct say *say, FILE *out)
{
    for (size_t i = 0; i < say->kept; i++) { /* bound: SAY_MAX */
        const struct say_message *m = &say->message[i];
        fprintf(out, "%s:", say->file);
        if (m->line != 0) {
            fprintf(out, "%u:", m->line);
        }
        fprintf(out, " %s: %s\n", m->error ? "error" : "warning",
                m->text != NULL ? m->text : "out of memory; free some and try again");
        free(m->text);
    }
    size_t all = say->errors + say->warnings;
    if (all > say->kept) {
        fprintf(out, "%s: %zu more; mend these first\n", say->file, all - say->kept);
    }
    int status = say->errors == 0 ? 0 : 2;
    say->kept = 0;
    return status;
}
