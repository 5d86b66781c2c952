/* SPDX-License-Identifier: BSD-2-Clause
 * A plugin for QEMU's TCG: counts how often each address of the simulated machine is executed, and
 * writes "ADDRESS COUNT" lines to the file named in BENCH_PROFILE. See bench/profile.
 *
 * QEMU's header for plugins is in no Debian package; these are its declarations, as far as used.
 * Spec: QEMU 7.2, docs/devel/tcg-plugins.rst (API version 1). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS      (1u << 22) /* a power of two, several times the addresses of a whole machine */
#define SLOT_SHIFT 42
#define HASH       0x9E3779B97F4A7C15ull
#define ADD_U64    0 /* QEMU_PLUGIN_INLINE_ADD_U64 */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void translated_fn(uint64_t id, struct qemu_plugin_tb *tb);
typedef void at_exit_fn(uint64_t id, void *user);

extern int qemu_plugin_version;
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated_fn *fn);
void qemu_plugin_register_atexit_cb(uint64_t id, at_exit_fn *fn, void *user);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int what, void *at,
                                                uint64_t by);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

int qemu_plugin_version = 1;

struct slot {
    uint64_t address;
    uint64_t count;
};

static struct slot *slots;

/* Never full: see SLOTS. */
static struct slot *slot_of(uint64_t address)
{
    uint64_t i = (address * HASH) >> SLOT_SHIFT;
    while (slots[i].address != 0 && slots[i].address != address) {
        i = (i + 1u) % SLOTS;
    }
    slots[i].address = address;
    return &slots[i];
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    (void)id;
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct slot *s = slot_of(qemu_plugin_insn_vaddr(insn));
        qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &s->count, 1);
    }
}

static void write_counts(uint64_t id, void *user)
{
    const char *path = getenv("BENCH_PROFILE");
    FILE *f = path != NULL ? fopen(path, "we") : NULL;
    (void)id;
    (void)user;
    if (f == NULL) {
        perror("BENCH_PROFILE");
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].count != 0) {
            (void)fprintf(f, "%016llx %llu\n", (unsigned long long)slots[i].address,
                          (unsigned long long)slots[i].count);
        }
    }
    (void)fclose(f);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    slots = calloc(SLOTS, sizeof(slots[0]));
    if (slots == NULL) {
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, write_counts, NULL);
    return 0;
}
