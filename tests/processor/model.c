/* SPDX-License-Identifier: BSD-2-Clause
 * Our emulator as a processor: it is told of an access to device memory, as a host that decodes nothing
 * would tell it, until the instruction is over. */
#include <string.h>

#include "base/le.h"
#include "cpu/emulate.h"
#include "outcome.h"

#define TURNS 64u /* exits for one instruction: strings have up to 6 elements, in parts */

struct model {
    uint8_t *ram;
    const struct vector *v;
    bool stray;
};

static uint64_t model_read(void *owner, gpa_t gpa, uint32_t size)
{
    struct model *m = owner;
    if (size == 0 || size > 8 || !vector_on_device(gpa) || !vector_on_device(gpa + size - 1)) {
        m->stray = true;
        return UINT64_MAX;
    }
    return le_load(m->ram + gpa, size);
}

static void model_write(void *owner, gpa_t gpa, uint32_t size, uint64_t val)
{
    struct model *m = owner;
    if (size == 0 || size > 8 || !vector_on_device(gpa) || !vector_on_device(gpa + size - 1)) {
        m->stray = true;
        return;
    }
    le_store(m->ram + gpa, size, val);
}

static void model_fetch(void *host, uint32_t vcpu, uint32_t groups, struct vcpu_regs *regs)
{
    const struct model *m = host;
    (void)vcpu;
    (void)groups;
    *regs = m->v->regs;
}

static void model_memory(struct gmem *g, uint8_t *ram)
{
    (void)gmem_add(g, 0, WORLD_DATA, ram);
    (void)gmem_add(g, DEVICE_END, WORLD_BYTES - DEVICE_END, ram + DEVICE_END);
}

static void model_ended(struct outcome *out, enum emulate_result result,
                        const struct emulate_report *report)
{
    static const char *const why[] = {
        [EMULATE_DONE] = "never ended",
        [EMULATE_AGAIN] = "wants to be entered again and again",
        [EMULATE_NO_VECTOR] = "wants vector registers that it has",
        [EMULATE_NO_CODE] = "no code",
        [EMULATE_ELSEWHERE] = "says that the access was elsewhere",
    };
    out->end = END_LOST;
    if (result == EMULATE_FAULT) {
        out->end = END_FAULT;
        out->vector = report->vector;
        out->error = report->has_code ? report->error_code : 0;
        out->cr2 = report->vector == 14 ? report->cr2 : 0;
    } else if (result == EMULATE_UNSUPPORTED) {
        out->end = END_UNSUPPORTED;
    } else {
        out->why = why[result];
    }
}

/* Stays from vector to vector, as in a VM: code and tables change under it. */
static struct emulate_memo memo;

static void run_once(const struct vector *v, uint8_t *ram, struct outcome *out)
{
    struct model m = {.ram = ram, .v = v};
    struct gmem gmem = {.count = 0};
    struct regs_cache cache = {.valid = 0};
    const struct regs_source source = {.fetch = model_fetch, .host = &m};
    const struct emulate_bus bus = {model_read, model_write, &m};
    const struct emulate_vcpu vcpu = {
        .cache = &cache, .source = &source, .gmem = &gmem, .bus = &bus, .memo = &memo};
    enum emulate_result result = EMULATE_DONE;
    struct emulate_report report;
    memset(out, 0, sizeof(*out));
    model_memory(&gmem, ram);
    cache.regs = v->regs;
    memcpy(cache.regs.vec, v->ymm, sizeof(cache.regs.vec));
    cache.valid = REGS_ALL | REGS_VEC | REGS_MMX | REGS_SEG;
    for (uint32_t i = 0; i < TURNS; i++) {
        result = emulate_mmio(&vcpu, vector_exit(v, cache.regs.gpr), &report);
        if (result == EMULATE_ELSEWHERE) { /* under a mask, its first page may be left out */
            result = emulate_mmio(&vcpu, v->operand + v->size - 1, &report);
        }
        bool more = result == EMULATE_DONE && cache.regs.rip == v->regs.rip && !report.trap;
        if (!more && result != EMULATE_AGAIN) {
            break;
        }
    }
    memcpy(out->gpr, cache.regs.gpr, sizeof(out->gpr));
    memcpy(out->ymm, cache.regs.vec, sizeof(out->ymm));
    memcpy(out->seg, cache.regs.seg, sizeof(out->seg));
    out->gdtr = cache.regs.gdtr;
    out->idtr = cache.regs.idtr;
    out->cr0 = cache.regs.cr0;
    out->rip = cache.regs.rip;
    out->rflags = cache.regs.rflags;
    if (result != EMULATE_DONE || (cache.regs.rip == v->regs.rip && !report.trap)) {
        model_ended(out, result, &report);
    } else if (report.trap) {
        out->end = END_FAULT;
        out->vector = 1;
    }
    if (m.stray) {
        out->end = END_LOST;
        out->why = "accesses a device where none is";
    }
}

/* Twice: what the emulator remembers of the first time must not change anything. */
void model_run(const struct vector *v, uint8_t *ram, struct outcome *out)
{
    static _Alignas(4096) uint8_t before[WORLD_BYTES];
    static _Alignas(4096) uint8_t after[WORLD_BYTES];
    struct outcome first;
    memcpy(before, ram, sizeof(before));
    run_once(v, ram, &first);
    memcpy(after, ram, sizeof(after));
    memcpy(ram, before, sizeof(before));
    run_once(v, ram, out);
    if (memcmp(&first, out, sizeof(first)) != 0 || memcmp(after, ram, sizeof(after)) != 0) {
        out->end = END_LOST;
        out->why = "did otherwise the second time";
    }
}
