/* SPDX-License-Identifier: BSD-2-Clause
 * What only seL4 reads: its faults in sentences, and what `bulkhead check` shows of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "draft.h"
#include "draft_sel4.h"
#include "schema.h"
#include "words.h"

#define AGAIN "make it again with `bulkhead pack`"

/* --- Faults ------------------------------------------------------------------------------------ */

struct place {
    const struct system_image *image;
    const struct draft_lines *lines; /* or NULL */
    const struct system_fault *fault;
};

static void print_backing(FILE *out, const struct system_image *image, uint32_t vm, uint32_t index)
{
    uint64_t at = image->sel4.backing[vm % SYSTEM_VMS_MAX][index % SYSTEM_RANGES_MAX];
    uint64_t size = image->vm[vm % SYSTEM_VMS_MAX].range[index % SYSTEM_RANGES_MAX].size;
    fprintf(out, "0x%" PRIx64 "-0x%" PRIx64, at, at + (size == 0 ? 0 : size - 1));
}

static const char *vm_name(const struct system_image *image, uint32_t vm)
{
    return image->vm[vm % SYSTEM_VMS_MAX].name;
}

static void print_overlap(FILE *out, const struct place *p)
{
    const struct system_fault *f = p->fault;
    fputs("its backing ", out);
    print_backing(out, p->image, f->vm, f->index);
    fputs(" overlaps ", out);
    print_backing(out, p->image, f->other_vm, f->other_index);
    fprintf(out, " of VM \"%.*s\"", (int)SYSTEM_NAME_MAX, vm_name(p->image, f->other_vm));
    if (p->lines != NULL) {
        fprintf(
            out, " (line %u)",
            p->lines->vm[f->other_vm % SYSTEM_VMS_MAX].range[f->other_index % SYSTEM_RANGES_MAX]);
    }
    fputs("; move one", out);
}

static void print_align(FILE *out, const struct place *p)
{
    uint32_t vm = p->fault->vm % SYSTEM_VMS_MAX;
    uint32_t index = p->fault->index % SYSTEM_RANGES_MAX;
    uint64_t base = p->image->vm[vm].range[index].base % SYSTEM_LARGE_BYTES;
    uint64_t at = p->image->sel4.backing[vm][index];
    uint64_t near = at - at % SYSTEM_LARGE_BYTES + base;
    fprintf(out,
            "its backing at 0x%" PRIx64 " and its base 0x%" PRIx64
            " are not equally far from a multiple of 2 MiB, so that no large frame fits; choose, "
            "for example, 0x%" PRIx64,
            at, p->image->vm[vm].range[index].base, near);
}

static void print_windows(FILE *out, const struct place *p)
{
    const struct system_budget *b = &p->image->sel4.vmm[p->fault->vm % SYSTEM_VMS_MAX];
    fprintf(
        out,
        "its windows in \"schedule\" are less than %u of each %u us; lengthen them, add one, or "
        "lower \"budget_us\"",
        b->budget_us, b->period_us);
}

/* Sentences without anything to fill in. */
static const struct {
    enum system_fault_code code;
    const char *text;
} plain[] = {
    {SYSTEM_BAD_VALUE, "its entry is not one that this bulkhead knows; " AGAIN},
    {SYSTEM_BACKING_WRAPS,
     "its backing ends beyond 64 TiB (2^46), where no machine has memory; choose a lower \"at\""},
    {SYSTEM_BACKING_LOW,
     "its backing begins below 16 MiB, where the kernel and the root task are; choose \"at\" from "
     "0x1000000 up"},
    {SYSTEM_BACKING_DEVICE,
     "its backing covers 0xfec00000-0xffffffff, where every PC has interrupt controllers, timers "
     "and firmware; choose another \"at\""},
    {SYSTEM_BUDGET_RANGE,
     "a budget is 10 us at least and not more than its period, a period from 100 to 10000000 us; "
     "choose others, or leave both out"},
    {SYSTEM_WINDOW_RANGE, "a window is from 100 to 10000000 us; choose another \"window_us\""},
    {SYSTEM_FRAME_LONG,
     "all windows of its CPU together are more than 10 s; shorten them, or leave some out"},
    {SYSTEM_NATIVE_NAME,
     "a name is made of letters, digits, '-' and '_', at least one; choose another"},
    {SYSTEM_NATIVE_SAME_NAME, "a VM or another native component has this name; rename one"},
    {SYSTEM_NATIVE_MAC,
     "its \"mac\" is not the address of a single station; make the first byte even, for example 52"},
    {SYSTEM_NATIVE_SAME_MAC,
     "a card or another native component on this switch has its \"mac\"; change one"},
    {SYSTEM_NATIVE_ADDRESS,
     "its \"address\" is not one that a station can have; choose one of the guests' network"},
    {SYSTEM_NATIVE_PORTS, "its switch has no port left (17 at most); plug it in elsewhere"},
};

static void print_sentence(FILE *out, const struct place *p)
{
    if (p->fault->code == SYSTEM_BACKING_OVERLAP) {
        print_overlap(out, p);
        return;
    }
    if (p->fault->code == SYSTEM_BACKING_ALIGN) {
        print_align(out, p);
        return;
    }
    if (p->fault->code == SYSTEM_BUDGET_WINDOWS) {
        print_windows(out, p);
        return;
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (plain[i].code == p->fault->code) {
            fputs(plain[i].text, out);
            return;
        }
    }
    fputs("the checker refuses it", out);
}

/* Whose fault it is, and its line. */
static unsigned print_owner(FILE *out, const struct place *p)
{
    const struct system_fault *f = p->fault;
    const struct draft_lines *l = p->lines;
    const int most = (int)SYSTEM_NAME_MAX;
    uint32_t vm = f->vm % SYSTEM_VMS_MAX;
    if (f->field == SYSTEM_FIELD_WINDOW) {
        uint32_t n = f->index % SYSTEM_WINDOWS_MAX;
        fprintf(out, "window %u: ", f->index);
        return l == NULL ? 0 : l->sel4.window[n];
    }
    if (f->field == SYSTEM_FIELD_NATIVE) {
        uint32_t n = f->index % SYSTEM_NATIVES_MAX;
        fprintf(out, "native \"%.*s\": ", most, p->image->sel4.native[n].name);
        return l == NULL ? 0 : l->sel4.native[n];
    }
    if (f->field == SYSTEM_FIELD_SWITCH) {
        uint32_t n = f->index % SYSTEM_SWITCHES_MAX;
        fprintf(out, "switch \"%.*s\": ", most, p->image->switch_[n].name);
        return l == NULL ? 0 : l->sel4.switch_[n];
    }
    fprintf(out, "VM \"%.*s\": ", most, vm_name(p->image, vm));
    if (l == NULL) {
        return 0;
    }
    if (f->field == SYSTEM_FIELD_RANGE) {
        return l->vm[vm].range[f->index % SYSTEM_RANGES_MAX];
    }
    return f->index == 0 ? l->sel4.vmm[vm] : l->sel4.io[vm];
}

bool fault_say_sel4(struct say *say, const struct system_image *image,
                    const struct draft_lines *lines, const struct system_fault *fault)
{
    if (fault->code < SYSTEM_BACKING_ALIGN && fault->field < SYSTEM_FIELD_BUDGET) {
        return false;
    }
    if (lines != NULL && fault->field == SYSTEM_FIELD_RANGE &&
        draft_is_bad(&lines->vm[fault->vm % SYSTEM_VMS_MAX], SYSTEM_FIELD_RANGE)) {
        return true; /* an echo */
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        say_error(say, 0, "out of memory; free some and try again");
        return true;
    }
    const struct place p = {.image = image, .lines = lines, .fault = fault};
    unsigned line = print_owner(out, &p);
    print_sentence(out, &p);
    fclose(out);
    say_error(say, line, "%s", text);
    free(text);
    return true;
}

/* --- Showing it -------------------------------------------------------------------------------- */

static void show_backing(FILE *out, const struct system_image *image, bool *any)
{
    for (uint32_t v = 0; v < image->vms; v++) {              /* bound: SYSTEM_VMS_MAX    */
        for (uint32_t r = 0; r < image->vm[v].ranges; r++) { /* bound: SYSTEM_RANGES_MAX */
            if (image->sel4.backing[v][r] == 0) {
                continue;
            }
            fprintf(out, "%s  RAM of \"%s\" at 0x%" PRIx64 " is ", *any ? "" : "On seL4\n",
                    image->vm[v].name, image->vm[v].range[r].base);
            print_backing(out, image, v, r);
            fputs(" of the machine\n", out);
            *any = true;
        }
    }
}

static void show_budget(FILE *out, const char *what, const char *name,
                        const struct system_budget *b, bool *any)
{
    if (b->period_us != 0) {
        fprintf(out, "%s  %s \"%s\" runs at most %u of each %u us\n", *any ? "" : "On seL4\n", what,
                name, b->budget_us, b->period_us);
        *any = true;
    }
}

static void show_windows(FILE *out, const struct system_image *image, bool *any)
{
    uint32_t shown = 0; /* bits by CPU's first window */
    const struct system_sel4 *s = &image->sel4;
    for (uint32_t i = 0; i < s->windows; i++) { /* bound: SYSTEM_WINDOWS_MAX */
        uint32_t cpu = system_sel4_cpu(image->vm[s->window[i].vm].cpu);
        uint64_t sum = 0;
        if ((shown & (1u << i)) != 0) {
            continue;
        }
        fprintf(out, "%s  CPU %u:", *any ? "" : "On seL4\n", cpu);
        *any = true;
        for (uint32_t k = i; k < s->windows; k++) { /* bound: SYSTEM_WINDOWS_MAX */
            const struct system_window *w = &s->window[k];
            if (system_sel4_cpu(image->vm[w->vm].cpu) == cpu) {
                fprintf(out, "%s \"%s\" %u us", sum == 0 ? "" : ",", image->vm[w->vm].name,
                        w->window_us);
                sum += w->window_us;
                shown |= 1u << k;
            }
        }
        fprintf(out, "; again each %" PRIu64 " us\n", sum);
    }
}

void show_sel4(FILE *out, const struct system_image *image)
{
    const struct system_sel4 *s = &image->sel4;
    bool any = false;
    show_backing(out, image, &any);
    for (uint32_t v = 0; v < image->vms; v++) { /* bound: SYSTEM_VMS_MAX */
        show_budget(out, "VM", image->vm[v].name, &s->vmm[v], &any);
        show_budget(out, "the io of VM", image->vm[v].name, &s->io[v], &any);
    }
    for (uint32_t i = 0; i < image->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        show_budget(out, "switch", image->switch_[i].name, &s->switch_[i], &any);
    }
    show_windows(out, image, &any);
    for (uint32_t i = 0; i < s->natives; i++) { /* bound: SYSTEM_NATIVES_MAX */
        const struct system_native *n = &s->native[i];
        fprintf(out, "%s  native \"%s\": %s at ", any ? "" : "On seL4\n", n->name,
                schema_word_name(&schema_programs, n->program));
        address_print(out, n->address);
        fprintf(out, ":%u, %02x:%02x:%02x:%02x:%02x:%02x, port %u of switch \"%s\"\n", n->udp_port,
                n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5],
                system_native_port(image, n->switch_, i), image->switch_[n->switch_].name);
        show_budget(out, "native", n->name, &n->time, &any);
        any = true;
    }
    if (any) {
        fputc('\n', out);
    }
}
