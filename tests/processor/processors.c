/* SPDX-License-Identifier: BSD-2-Clause
 * The processors, and the list of explained differences: each with its reason. */
#include "processors.h"

#include <cpuid.h>
#include <string.h>

#include "base/le.h"
#include "cpu/walk.h"
#include "kvm.h"
#include "native.h"

static bool native_at(enum place place, uint32_t cpl)
{
    return native_can(place) && cpl == 3;
}

/* Real mode has no rings, and the places without paging none that a page could tell apart. */
static bool kvm_at(enum place place, uint32_t cpl)
{
    return place != PLACE_REAL || cpl == 0;
}

/* The same fault in all but the bit of the error code that says "write". */
static bool only_write_bit(const struct outcome *model, const struct outcome *real)
{
    return model->end == END_FAULT && real->end == END_FAULT && model->vector == 14 &&
           real->vector == 14 && model->rip == real->rip && model->cr2 == real->cr2 &&
           model->error == (real->error | 2u);
}

static bool same_fault(const struct outcome *a, const struct outcome *b)
{
    return a->end == END_FAULT && b->end == END_FAULT && a->rip == b->rip &&
           a->vector == b->vector && (a->vector != 14 || a->cr2 == b->cr2);
}

/* ... and nothing but memory differs: what was stored before it came. */
static bool stored_before(const struct outcome *a, const struct outcome *b)
{
    return same_fault(a, b) && a->error == b->error && memcmp(a->gpr, b->gpr, sizeof(a->gpr)) == 0;
}

/* PUSHA, POPA, ENTER: several slots. */
static bool has_slots(const struct form *f)
{
    return f->kind == FORM_STACK && ((f->opcode & 0xFEu) == 0x60 || f->opcode == 0xC8);
}

static bool pushes_far(const struct form *f)
{
    return (f->flags & FORM_FAR) != 0 && (f->flags & (FORM_PUSHES | FORM_WRITES)) != 0;
}

static bool pops_far(const struct form *f)
{
    return (f->flags & FORM_FAR) != 0 && f->kind == FORM_STACK && (f->flags & FORM_READS) != 0;
}

/* The last bytes are ModRM of that kind, a displacement, and an immediate. */
static bool is_rip_relative(const struct vector *v, uint32_t immediate)
{
    return v->place == PLACE_64 && v->len > 6u + immediate &&
           (v->code[v->len - 5u - immediate] & 0xC7u) == 5u &&
           v->code[v->len - 6u - immediate] == v->form->opcode;
}

/* QEMU 7.2, where it is not what the manuals say and real processors do. */
static const char *qemu_excuse(const struct vector *v, const struct outcome *model,
                               const struct outcome *real)
{
    const struct form *f = v->form;
    bool is_16 = v->place == PLACE_REAL || v->place == PLACE_16 || v->place == PLACE_COMPAT_16;
    if ((f->flags & FORM_RMW) == FORM_RMW && only_write_bit(model, real)) {
        return "QEMU reads first, then writes: the error code says read where processors say write";
    }
    if (f->map == 1 && (f->opcode & 0xFEu) == 0xF6 && f->digit == 1 &&
        (real->vector == 6 || real->end == END_LOST)) {
        return "QEMU has no TEST at F6 /1 and F7 /1; processors have";
    }
    if (model->end == END_FAULT && real->end == END_FAULT && model->vector == 12 &&
        real->vector == 13 && v->place == PLACE_64) {
        return "QEMU raises #GP for what is not canonical through SS; processors raise #SS";
    }
    if (is_16 && f->map == 0x38 && (f->opcode & 0xFEu) == 0xF0) {
        return "QEMU takes CRC32 and MOVBE without the prefix 66 for 32 bits in 16-bit code, too";
    }
    if (f->map == 0x38 && f->opcode == 0xF6 && !(f->flags & FORM_VEX)) {
        return "QEMU loses flags in ADCX and ADOX";
    }
    if (f->map == 0x0F && (f->opcode == 0xA4 || f->opcode == 0xAC) && is_rip_relative(v, 1)) {
        return "QEMU forgets the immediate of SHLD and SHRD when it computes RIP-relative addresses";
    }
    if (f->map == 0x0F && (f->opcode & 0xFEu) == 0xBC && f->prefix == 0 && v->size == 4 &&
        (model->rflags & real->rflags & RFLAGS_ZF) != 0) {
        return "BSF and BSR of 0: the upper half of a 32-bit destination is the processor's freedom";
    }
    if ((f->flags & FORM_ALIGNED) != 0 && model->end == END_FAULT && model->vector == 13 &&
        (v->operand & (v->size - 1u)) != 0) {
        return "QEMU does not check the alignment of vector operands";
    }
    if ((f->flags & FORM_XMM) != 0 && stored_before(model, real)) {
        return "QEMU stores 16 bytes in two parts, of which the first stays when the second faults";
    }
    return NULL;
}

/* What LAR leaves undefined: bits 19 to 16 of its result. */
static bool only_limit_bits(const struct outcome *model, const struct outcome *real)
{
    uint64_t others = 0;
    for (uint32_t i = 0; i < GPR_COUNT; i++) {
        others |= (model->gpr[i] ^ real->gpr[i]) & ~0xF0000ull;
    }
    return model->end == END_DONE && real->end == END_DONE && others == 0 &&
           ((model->rflags ^ real->rflags) & RFLAGS_ZF) == 0;
}

/* The same for what reads descriptors and tells of tables. */
static const char *qemu_system_excuse(const struct vector *v, const struct outcome *model,
                                      const struct outcome *real)
{
    const struct form *f = v->form;
    bool looks = f->map == 0x0F && (f->opcode & 0xFEu) == 0x02;
    bool table = f->map == 0x0F && f->opcode == 0x01;
    if (f->size == SIZE_F && v->op_size == 8) {
        return "LSS, LFS and LGS with REX.W: AMD's have no offset of eight bytes, Intel's do";
    }
    if (looks && v->place >= PLACE_COMPAT_16 && (model->rflags & RFLAGS_ZF) == 0 &&
        (real->rflags & RFLAGS_ZF) != 0) {
        return "QEMU shows 16-bit TSSs and gates and task gates by LAR and LSL in IA-32e mode, too";
    }
    if (looks && only_limit_bits(model, real)) {
        return "LAR: bits 19 to 16 are undefined; QEMU clears them, processors leave the limit's";
    }
    if (f->map == 1 && f->opcode == 0x63 && real->end == END_FAULT && real->vector == 14 &&
        (real->error & 2u) != 0) {
        return "QEMU writes ARPL's operand in any case; processors if the level is raised";
    }
    bool let = real->end == END_DONE && model->end == END_FAULT && model->vector == 13;
    if (let && f->map == 0x0F && f->opcode == 0 && f->digit == 3) {
        return model->error == 0 ? "QEMU lets LTR take a null selector"
                                 : "QEMU lets LTR take a 16-bit TSS in IA-32e mode";
    }
    if (let && model->error == 0 && v->place == PLACE_64 && real->seg[SEG_SS].selector < 4) {
        return "QEMU lets SS take a null selector of any level, but in ring 3";
    }
    if (table && (f->digit & 6u) == 0 && stored_before(model, real)) {
        return "QEMU stores SGDT's and SIDT's limit before it finds that the base faults";
    }
    if (table && (f->digit & 6u) == 2 && v->place == PLACE_64 && let) {
        return "QEMU lets LGDT and LIDT take a base that is not canonical";
    }
    if (table && (f->digit & 6u) == 2 && v->place == PLACE_64 &&
        memchr(v->code, 0x66, v->len) != NULL) {
        return "QEMU cuts the base of LGDT and LIDT to 24 bits with the prefix 66 in 64-bit code, too";
    }
    return NULL;
}

/* The same for far transfers. */
static const char *qemu_far_excuse(const struct vector *v, const struct outcome *model,
                                   const struct outcome *real)
{
    bool limit = model->end == END_FAULT && model->vector == 13 && model->error == 0;
    bool faults = model->end == END_FAULT && real->end == END_FAULT && model->rip == real->rip;
    if ((v->form->flags & FORM_FAR) == 0) {
        return NULL;
    }
    if (limit && faults && real->vector == 13 && real->error != 0) {
        return "QEMU's #GP of a target beyond its limit names the selector, and CALL has pushed before";
    }
    if ((v->form->flags & FORM_GATE) != 0 && faults && model->error == real->error &&
        ((model->vector == 11 && real->vector == 13) ||
         (model->vector == 13 && real->vector == 11 && v->place >= PLACE_COMPAT_16))) {
        return "QEMU raises #GP for absent code behind a gate, and looks for presence before the type's rest";
    }
    if ((v->form->flags & FORM_GATE) != 0 && model->end == END_DONE && real->end == END_DONE &&
        ((model->seg[SEG_CS].selector ^ real->seg[SEG_CS].selector) & ~3u) == 0 &&
        model->seg[SEG_CS].selector != real->seg[SEG_CS].selector) {
        return "QEMU gives CS of conforming code behind a gate the segment's level, not the current one";
    }
    if (pushes_far(v->form) && stored_before(model, real)) {
        return "a far CALL that faults has pushed before: what lies below the stack is nobody's";
    }
    if ((v->form->flags & FORM_GATE) != 0 && faults && model->vector == 12 && real->vector == 10 &&
        model->error == real->error) {
        return "QEMU raises #TS for an absent stack of an inner level; processors raise #SS";
    }
    if (model->end == END_DONE && (model->seg[SEG_CS].ar & SEG_AR_L) != 0 &&
        real->end == END_FAULT && real->rip == v->regs.rip && real->vector == 13 &&
        real->error == (model->seg[SEG_CS].selector & ~3u)) {
        return "QEMU's CALL looks at the limit of 64-bit code, too";
    }
    const uint8_t *code = v->patch[PATCH_FAR].bytes;
    if (v->place >= PLACE_COMPAT_16 && (code[6] & 0x60u) == 0x60u && model->vector == 13 &&
        model->end == END_FAULT && model->error != 0) {
        return "QEMU lets far transfers take code with both L and D";
    }
    if (pops_far(v->form) && faults && model->vector == 12 && real->vector == 11 &&
        model->error == real->error) {
        return "QEMU raises #NP for the absent stack of a return; processors raise #SS";
    }
    bool has_stack = pops_far(v->form) || pushes_far(v->form);
    if (has_stack && same_fault(model, real) && model->vector == 14 &&
        model->error == (real->error | WALK_USER)) {
        return "QEMU uses the stack of far transfers as if for itself: U is missing in the error code";
    }
    if (limit && real->rip != v->regs.rip) {
        return "QEMU goes to targets that are not canonical, and returns beyond the limit";
    }
    return NULL;
}

static const char *kvm_excuse(const struct vector *v, const struct outcome *model,
                              const struct outcome *real)
{
    if (has_slots(v->form) && same_fault(model, real)) {
        return "PUSHA, POPA and ENTER that fault half way: what was done before is the processor's freedom";
    }
    if (has_slots(v->form) && model->end == END_FAULT && real->end == END_FAULT &&
        model->rip == real->rip && model->vector == real->vector) {
        return "QEMU pushes the slots of PUSHA from the lowest on; processors from the highest";
    }
    const char *why = qemu_far_excuse(v, model, real);
    why = why != NULL ? why : qemu_system_excuse(v, model, real);
    return why != NULL ? why : qemu_excuse(v, model, real);
}

static bool is_amd(void)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    (void)__get_cpuid(0, &a, &b, &c, &d);
    return c == signature_AMD_ecx;
}

static const char *native_excuse(const struct vector *v, const struct outcome *model,
                                 const struct outcome *real)
{
    bool fault = model->end == END_FAULT && real->end == END_FAULT && model->rip == real->rip;
    if (fault && model->vector == 14 && real->vector == 17) {
        return "of a page fault and an alignment check either may come first (SDM vol. 3A, 6.9)";
    }
    if (fault && (v->form->flags & FORM_ALIGNED) != 0 && model->vector == 12 &&
        real->vector == 13) {
        return "of a limit and an alignment of vectors either may come first (SDM vol. 3A, 6.9)";
    }
    if (has_slots(v->form) && same_fault(model, real)) {
        return "PUSHA, POPA and ENTER that fault half way: what was done before is the processor's freedom";
    }
    if (pushes_far(v->form) && stored_before(model, real)) {
        return "a far CALL that faults has pushed before: what lies below the stack is nobody's";
    }
    if (pops_far(v->form) && fault && (real->vector == 12 || real->vector == 14) &&
        real->error == (real->vector == 12 ? 0 : 4)) {
        return "far RET and IRET read their slots in the processor's own order, and all before they look at them";
    }
    if (pops_far(v->form) && fault && real->vector == 13 && real->error == 0 &&
        model->error == (le_load(v->patch[0].bytes + 4u * v->op_size, 2) & ~3u)) {
        return "IRET: of the target's limit and the stack's segment either may be looked at first";
    }
    if (v->form->size == SIZE_F && v->op_size == 8 && is_amd()) {
        return "LSS, LFS and LGS with REX.W: AMD's have no offset of eight bytes, Intel's do";
    }
    return NULL;
}

const struct processor processor_native = {
    .name = "native",
    .limits = {.native = true, .segments = true, .avx = true},
    .stop = {0xF4, 0xCC, 0xCC, 0xCC},
    .can = native_at,
    .adjust = native_adjust,
    .run = native_run,
    .excuse = native_excuse,
};

const struct processor processor_kvm = {
    .name = "kvm",
    .limits = {.frames = true},
    .stop = {0xF4, 0xCC, 0xCC, 0xCC},
    .can = kvm_at,
    .run = kvm_run_vector,
    .excuse = kvm_excuse,
};
