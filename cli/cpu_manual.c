/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu_manual.h"

#include <stdint.h>

#include "cpu/cr.h"
#include "cpu/msr_list.h"
#include "kvm/cpu_words.h"
#include "schema.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char head[] =
    "# The processor that guests see\n"
    "\n"
    "Made from the code's own tables by `make manual`; `bulkhead help cpu` prints the same. Do not edit it.\n"
    "Why it is so, and how it works: [docs/design/cpu-policy.md](../design/cpu-policy.md).\n"
    "\n"
    "A guest's processor is the host's, seen through these tables: what they do not name is never\n"
    "offered, and a register that they do not name gives #GP. Which columns hold follows from the vendor\n"
    "of the host's processor: AMD for AMD and Hygon, Intel for all others.\n"
    "\n"
    "| in a column | means |\n"
    "|---|---|\n"
    "| passed | as the host has it |\n"
    "| KVM | as the host has it on KVM, whose kernel switches the state behind it; never on a raw host (seL4) |\n"
    "| core | decided by Bulkhead: emulated, or following the guest's own state |\n"
    "| masked | never offered |\n"
    "\n";

static const char models_head[] =
    "## Models\n"
    "\n"
    "`cpu_model` of a VM in the [system file](system-file.md); `cpu_features` switches single features on\n"
    "(`\"+aes\"`: demanded, or the VM does not start) and off (`\"-avx\"`: not offered; what needs it goes too).\n"
    "Off means hidden: the processor still executes most such instructions.\n"
    "\n"
    "A named model is the same on every host, but for the vendor's name, whose rules for SYSCALL and SYSENTER\n"
    "no monitor can change: family 15, model 107, stepping 1, at most 39 physical address bits, no cache\n"
    "descriptions, exactly its features, and what the core provides but the TSC-deadline timer (ask for\n"
    "it with `\"+tsc_deadline_timer\"`). Where the host lacks one of them, the VM does not start, and says which.\n"
    "\n"
    "| model | has |\n"
    "|---|---|\n";

static const char cr_text[] =
    "## Control and debug registers\n"
    "\n"
    "On KVM the kernel and the processor keep these rules by the CPUID that the guest has; on a raw host the\n"
    "core does. A write that breaks one is #GP(0) and changes nothing.\n"
    "\n"
    "| register | rule |\n"
    "|---|---|\n"
    "| CR0 | PG needs PE; NW needs CD; bits 63 to 32 must be 0; other reserved bits do not take; ET is 1. Setting PG with EFER.LME needs CR4.PAE and a CS without L, and sets EFER.LMA; clearing PG clears LMA, and is refused in 64-bit code and with CR4.PCIDE. CD and NW are kept: caching is the host's |\n"
    "| CR3 | no bit beyond the physical width; bit 63 with CR4.PCIDE only, and not kept. PAE paging loads the four page-directory pointers, whose reserved bits are checked |\n"
    "| CR4 | only bits of the next table whose feature is offered; PAE cannot be cleared in long mode; PCIDE can be set in long mode only, with CR3 bits 11 to 0 clear |\n"
    "| CR8 | 0 to 15; the same register as the local APIC's TPR |\n"
    "| LMSW, CLTS | PE can be set, not cleared |\n"
    "| EFER | see the MSRs |\n"
    "| XCR0 | bit 0 always; AVX needs SSE; the three AVX-512 bits come together and need AVX; only offered bits. Only register 0 exists |\n"
    "| DR0-DR3 | any value. On a raw host they are kept but never reach the processor: no breakpoint hits |\n"
    "| DR4, DR5 | DR6, DR7; #UD with CR4.DE |\n"
    "| DR6, DR7 | bits 63 to 32 must be 0; fixed bits do not take; DR7.GD makes the next access #DB |\n"
    "\n";

static const char insn_text[] =
    "## Instructions\n"
    "\n"
    "| instruction | what happens |\n"
    "|---|---|\n"
    "| WBINVD, INVD | nothing to do: guest RAM is coherent, and no device sees caches. INVD discards nothing |\n"
    "| MONITOR, MWAIT | #UD on a raw host; KVM emulates them as no-operations. HLT idles |\n"
    "| RDPMC | #GP(0): there are no counters |\n"
    "| RDTSC | the guest's TSC, which never stops |\n"
    "| RDTSCP, RDPID | where offered, with the guest's own TSC_AUX; on a raw host #UD |\n"
    "| VMCALL, VMMCALL | #UD on a raw host: there are no hypercalls. KVM answers its own, which touch only this VM |\n"
    "| VMX, SVM, SMX, SGX instructions | #UD |\n"
    "\n";

static const char *action_name(uint32_t action)
{
    static const char *const names[] = {
        [CPUID_MASK] = "masked",
        [CPUID_PASS] = "passed",
        [CPUID_HOST] = "KVM",
        [CPUID_CORE] = "core",
    };
    return names[action & 3u];
}

/* --- CPUID --------------------------------------------------------------------------------------- */

#define WORD(word, leaf, sub, reg) {leaf, sub, #reg},
static const struct {
    uint32_t leaf, sub;
    const char *reg;
} words[CPUID_WORDS] = {CPUID_WORD_LIST(WORD)};

#define SHOW_ASIS                                "passed"
#define SHOW_OURS                                "core"
#define SHOW_BITS                                "by bits"
#define SHOW_ZERO                                "zero"
#define LEAF(first, last, intel, amd, what, why) {first, last, SHOW_##intel, SHOW_##amd, what, why},
static const struct {
    uint32_t first, last;
    const char *intel, *amd, *what, *why;
} leaves[] = {CPUID_LEAVES(LEAF)};

static void print_models(FILE *out)
{
    fputs(models_head, out);
    fputs("| `host` | what the tables let through of the host's processor |\n", out);
    for (uint32_t model = 1; model < SYSTEM_CPU_MODELS; model++) {
        fprintf(out, "| `%s` |", schema_word_name(&schema_cpu_models, model));
        if (model > 1) {
            fprintf(out, " `%s`, and", schema_word_name(&schema_cpu_models, model - 1));
        }
        for (size_t i = 0; i < cpu_word_count; i++) {
            if (cpu_words[i].level == model && cpu_words[i].feature / 32u != CPUID_WD_0_EAX) {
                fprintf(out, " %s", cpu_words[i].name);
            }
        }
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

static void print_features(FILE *out)
{
    for (uint32_t w = 0; w < CPUID_WORDS; w++) {
        const char *gap = words[w].sub != 0 ? "." : "";
        fprintf(out, "### Leaf 0x%X%s", words[w].leaf, gap);
        if (words[w].sub != 0) {
            fprintf(out, "%u", words[w].sub);
        }
        fprintf(out, ", %s\n\n| bit | feature | Intel | AMD | why |\n|---|---|---|---|---|\n",
                words[w].reg);
        for (size_t i = 0; i < cpu_word_count; i++) {
            const struct cpu_word *c = &cpu_words[i];
            if (c->feature / 32u == w) {
                fprintf(out, "| %u | %s | %s | %s | %s |\n", c->feature % 32u, c->name,
                        action_name(c->action[0]), action_name(c->action[1]), c->why);
            }
        }
        fputc('\n', out);
    }
}

static void print_cpuid(FILE *out)
{
    fputs("## CPUID: leaves\n\nAll others are zero.\n\n"
          "| leaf | what | Intel | AMD | how |\n|---|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < COUNT(leaves); i++) {
        fprintf(out, "| 0x%X", leaves[i].first);
        if (leaves[i].last != leaves[i].first) {
            fprintf(out, "-0x%X", leaves[i].last);
        }
        fprintf(out, " | %s | %s | %s | %s |\n", leaves[i].what, leaves[i].intel, leaves[i].amd,
                leaves[i].why);
    }
    fputs("\n## CPUID: features\n\n", out);
    print_features(out);
    fputs("### What needs what\n\nWithout the second the first is not offered.\n\n", out);
#define NEED(feature, needs) fprintf(out, "%s%s→%s", gap, #feature, #needs), gap = ", ";
    const char *gap = "";
    CPUID_NEEDS(NEED)
    fputs(".\n\n", out);
}

/* --- MSRs ---------------------------------------------------------------------------------------- */

#define HOW_FAULT    "read-only"
#define HOW_IGNORE   "without effect"
#define HOW_MASK     "bits"
#define HOW_TYPES    "MTRR types"
#define HOW_PAT      "PAT types"
#define HOW_DEF_TYPE "type, enables"
#define HOW_PAIR     "base or mask"
#define HOW_ANY      "any"
#define HOW_CANON    "canonical"
#define HOW_LOW32    "32 bits"
#define HOW_REGS     "canonical"
#define IS_HAS       "yes"
#define IS_GP        "#GP"
#define MSR_WB8      0x0606060606060606ull
#define NONE         0

#define BANK(name, first, count, intel, amd, write, slot, reset, writable, why) \
    {name, first, count, IS_##intel, IS_##amd, HOW_##write, reset, why},
static const struct {
    const char *name;
    uint32_t first, count;
    const char *intel, *amd, *write;
    uint64_t reset;
    const char *why;
} bank[] = {MSR_BANK(BANK)};

#define VCPU(index, name, feature, write, why) {index, #name, #feature, HOW_##write, why},
static const struct {
    uint32_t index;
    const char *name, *feature, *write, *why;
} vcpu[] = {MSR_VCPU(VCPU)};

#define ELSEWHERE(index, name, who, how) {index, name, who, how},
static const struct {
    uint32_t index;
    const char *name, *who, *how;
} elsewhere[] = {MSR_ELSEWHERE(ELSEWHERE)};

static void print_msrs(FILE *out)
{
    fputs(
        "## MSRs\n\nRegisters that Bulkhead holds. KVM answers some of them itself, by the same rules.\n"
        "MTRRs, PAT and MCG registers go with mtrr, pat and mca: without the feature they give #GP.\n\n"
        "| MSR | name | Intel | AMD | at reset | writes | why |\n|---|---|---|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < COUNT(bank); i++) {
        fprintf(out, "| 0x%X", bank[i].first);
        if (bank[i].count > 1) {
            fprintf(out, "-0x%X", bank[i].first + bank[i].count - 1u);
        }
        fprintf(out, " | %s | %s | %s | 0x%llX | %s | %s |\n", bank[i].name, bank[i].intel,
                bank[i].amd, (unsigned long long)bank[i].reset, bank[i].write, bank[i].why);
    }
    fputs(
        "\nRegisters of the vCPU: KVM keeps them; on a raw host the core checks writes (else #GP) and the "
        "host holds\nthem. Without the feature they give #GP.\n\n"
        "| MSR | name | feature | writes | for |\n|---|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < COUNT(vcpu); i++) {
        fprintf(out, "| 0x%X | %s | %s | %s | %s |\n", vcpu[i].index, vcpu[i].name, vcpu[i].feature,
                vcpu[i].write, vcpu[i].why);
    }
    fputs("\nRegisters that somebody else answers, or nobody.\n\n"
          "| MSR | name | who | how |\n|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < COUNT(elsewhere); i++) {
        fprintf(out, "| 0x%X | %s | %s | %s |\n", elsewhere[i].index, elsewhere[i].name,
                elsewhere[i].who, elsewhere[i].how);
    }
    fputs("\nAll others give #GP, both ways; the summary of a run counts them.\n\n", out);
}

/* --- Control registers --------------------------------------------------------------------------- */

/* The bits that one feature alone brings, asked of the code that decides. */
static void print_cr4(FILE *out)
{
    fputs(cr_text, out);
    fputs("| CR4 bits | by feature |\n|---|---|\n", out);
    for (size_t i = 0; i < cpu_word_count; i++) {
        struct cpuid_cpu cpu = {.phys_bits = 36};
        cpu.word[cpu_words[i].feature / 32u] = 1u << (cpu_words[i].feature % 32u);
        struct cr_limits limits = cr_limits_of(&cpu);
        if (limits.cr4 == 0) {
            continue;
        }
        const char *gap = "| ";
        for (uint32_t bit = 0; bit < 64; bit++) {
            if ((limits.cr4 >> bit & 1u) != 0) {
                fprintf(out, "%s%u", gap, bit);
                gap = ", ";
            }
        }
        fprintf(out, " | %s |\n", cpu_words[i].name);
    }
    fputc('\n', out);
}

void cpu_manual_print(FILE *out)
{
    fputs(head, out);
    print_models(out);
    print_cpuid(out);
    print_msrs(out);
    print_cr4(out);
    fputs(insn_text, out);
}
