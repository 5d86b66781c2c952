/* SPDX-License-Identifier: BSD-2-Clause
 * Vector registers by way of the guest's own vCPU. The vCPU is played: it looks at what entry would look at,
 * and executes what is in the page, instruction by instruction as the decoder reads it. */
#include "fake_vmcs.h"

#include "base/le.h"
#include "cpu/decode.h"

#define VM86_AR 0xF3u
#define MOVES   16u
#define WRITTEN 0x8501u /* registers 0, 8, 10, 15 */

static struct fake f;
static uint8_t page[4096];
static uint64_t vec[VEC_COUNT][VEC_WORDS]; /* the guest's, where the kernel keeps them */
static bool lent;
static uint32_t loans;
static uint32_t ends; /* of no loan: translations are to be forgotten */
static uint32_t entries;
static bool with_avx;
static uint64_t mmx[MMX_COUNT];

static void lend(void *host, bool on)
{
    assert_ptr_equal(host, &f);
    assert_false(lent && on);
    ends += !lent && !on;
    lent = on;
    loans += on;
}

static void is_enterable(void)
{
    const uint64_t cr4 = f.field[VMCS_CR4];
    assert_int_equal(f.field[VMCS_ENTRY_CONTROLS] & ENTRY_IA32E, ENTRY_IA32E);
    assert_int_equal(f.field[VMCS_EFER], EFER_LME | EFER_LMA);
    assert_int_equal(f.field[VMCS_CR0] & (CR0_PE | CR0_PG | CR0_NE), CR0_PE | CR0_PG | CR0_NE);
    assert_int_equal(f.field[VMCS_CR0] & (CR0_TS | CR0_EM | CR0_CD | CR0_NW), 0);
    assert_int_equal(cr4 & (CR4_PAE | CR4_OSFXSR | CR4_PCIDE), CR4_PAE | CR4_OSFXSR);
    assert_int_equal((cr4 & CR4_OSXSAVE) != 0, with_avx);
    assert_int_equal(f.field[VMCS_CR3], VMX_LENT_GPA);
    assert_int_equal(f.field[VMCS_RFLAGS], RFLAGS_FIXED);
    assert_int_equal(f.field[VMCS_INTERRUPTIBILITY] & ~(uint64_t)BLOCKED_NMI, 0);
    assert_int_equal(f.field[VMCS_PENDING_DEBUG], 0);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_CS)], 0xA09B);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_SS)] & SEG_AR_DPL, 0);
    assert_int_equal(f.field[VMCS_SEG_AR(SEG_TR)] & 0xFF, 0x8B);
    for (uint32_t seg = SEG_CS; seg <= SEG_SS; seg++) {
        assert_int_equal(f.field[VMCS_SEG_LIMIT(seg)], UINT32_MAX);
        assert_int_equal(f.field[VMCS_SEG_BASE(seg)], 0);
    }
}

/* Four levels that all lead to the page. */
static void finds_itself_at_linear_address_0(void)
{
    uint64_t entry = le_load(page, 8);
    assert_int_equal(entry & ~0xFFFull, VMX_LENT_GPA);
    assert_int_equal(entry & 0xFFF, 0x63); /* not PS */
}

static void move(uint8_t *at, uint64_t *reg, bool to_memory)
{
    if (to_memory) {
        le_store(at, 8, *reg);
    } else {
        *reg = le_load(at, 8);
    }
}

/* One move by absolute address, as the processor would do it. Returns 0 at the end. */
static uint32_t execute(uint64_t rip)
{
    static const uint8_t vmcall[] = {0x0F, 0x01, 0xC1};
    struct insn insn;
    if (memcmp(page + rip, vmcall, sizeof(vmcall)) == 0) {
        return 0;
    }
    assert_int_equal(decode(page + rip, DECODE_BYTES_MAX, DECODE_64, &insn), DECODE_DONE);
    bool is_mmx = insn.reg_kind == INSN_MMX;
    assert_int_equal(insn.op, INSN_VMOV);
    assert_int_equal(insn.mem_size, is_mmx ? 8 : with_avx ? 32 : 16);
    assert_int_equal(insn.base, INSN_NO_REG);
    assert_int_equal(insn.index, INSN_NO_REG);
    assert_true(insn.disp >= 0x800 && insn.disp + insn.mem_size <= sizeof(page));
    for (uint32_t i = 0; i < insn.mem_size / 8u; i++) {
        move(page + insn.disp + 8u * i, is_mmx ? &mmx[insn.reg] : &vec[insn.reg][i],
             (insn.access & INSN_WRITE) != 0);
    }
    return insn.len;
}

static uint32_t enter(void *host, uint64_t rip, uint32_t primary)
{
    assert_ptr_equal(host, &f);
    assert_true(lent);
    assert_int_equal(primary & (PRIMARY_IRQ_WINDOW | PRIMARY_NMI_WINDOW), 0);
    is_enterable();
    finds_itself_at_linear_address_0();
    entries++;
    uint32_t len;
    do { /* bound: the page, which is zero behind it */
        len = execute(rip);
        rip += len;
    } while (len != 0);
    for (uint32_t i = 0; i < 4; i++) {
        f.field[VMCS_PDPTE(i)] = 0x5555; /* undefined after an exit without PAE paging */
    }
    return REASON_VMCALL;
}

static void boot(bool long_mode, bool avx)
{
    (void)fake_boot(&f, long_mode);
    f.v.port.page = page;
    f.v.port.lend = lend;
    f.v.port.enter = enter;
    f.v.limits.avx = avx;
    with_avx = avx;
    lent = false;
    loans = 0;
    entries = 0;
    memset(page, 0xEE, sizeof(page));
    for (uint32_t n = 0; n < VEC_COUNT; n++) {
        for (uint32_t i = 0; i < VEC_WORDS; i++) {
            vec[n][i] = 0x1111111111111111ull * n + i;
        }
    }
    struct vmx_exit_info i = fake_exit(&f, REASON_EPT_VIOLATION, 0, 4);
    struct vm_exit x;
    vmx_exit(&f.v, &i, &x);
}

/* Fetches and stores, and finds every field of the guest as it was. */
static void round_trip(void)
{
    static uint64_t before[FAKE_FIELDS];
    struct vcpu_regs regs = {.vec_written = UINT32_MAX};
    uint32_t words = with_avx ? 4 : 2;
    memcpy(before, f.field, sizeof(before));
    vmx_regs_fetch(&f.v, 0, REGS_VEC, &regs);
    for (uint32_t n = 0; n < VEC_COUNT; n++) {
        for (uint32_t i = 0; i < VEC_WORDS; i++) {
            assert_int_equal(regs.vec[n][i], i < words ? 0x1111111111111111ull * n + i : 0);
            regs.vec[n][i] ^= 0xA5A5;
        }
    }
    assert_int_equal(regs.vec_written & 0xFFFF, 0);
    regs.vec_written = (regs.vec_written & ~0xFFFFu) | WRITTEN;
    vmx_regs_store(&f.v, REGS_VEC, &regs);
    for (uint32_t n = 0; n < VEC_COUNT; n++) {
        for (uint32_t i = 0; i < VEC_WORDS; i++) {
            uint64_t was = 0x1111111111111111ull * n + i;
            bool is_new = i < words && (WRITTEN >> n & 1u) != 0;
            assert_int_equal(vec[n][i], is_new ? was ^ 0xA5A5 : was);
        }
    }
    assert_memory_equal(before, f.field, sizeof(before));
    assert_int_equal(entries, 2);
    assert_int_equal(loans, 2);
    assert_false(lent);
    assert_int_equal(f.gpr_writes, 0);
}

static void sixteen_registers_come_and_go(void **state)
{
    (void)state;
    boot(true, false);
    round_trip();
}

static void with_avx_they_have_32_bytes(void **state)
{
    (void)state;
    boot(true, true);
    round_trip();
}

static void a_guest_without_paging_is_put_back_where_it_was(void **state)
{
    (void)state;
    boot(false, false);
    f.field[VMCS_CR0] |= CR0_TS | CR0_EM;
    round_trip();
}

static void so_is_one_in_virtual_8086_mode_with_pae_paging(void **state)
{
    (void)state;
    boot(false, false);
    f.field[VMCS_RFLAGS] = RFLAGS_FIXED | RFLAGS_VM | RFLAGS_IF;
    f.field[VMCS_CR4] |= CR4_PAE | CR4_PCIDE;
    for (uint32_t seg = SEG_ES; seg <= SEG_GS; seg++) {
        f.field[VMCS_SEG_AR(seg)] = VM86_AR;
        f.field[VMCS_SEG_LIMIT(seg)] = 0xFFFF;
        f.field[VMCS_SEG_BASE(seg)] = 0x12340;
    }
    f.field[VMCS_SEG_AR(SEG_TR)] = 0x83;
    for (uint32_t i = 0; i < 4; i++) {
        f.field[VMCS_PDPTE(i)] = 0x1000u * i + 1u;
    }
    round_trip();
}

static void shadows_and_a_pending_step_wait(void **state)
{
    (void)state;
    boot(true, false);
    f.field[VMCS_RFLAGS] = RFLAGS_FIXED | RFLAGS_TF;
    f.field[VMCS_INTERRUPTIBILITY] = BLOCKED_MOV_SS | BLOCKED_NMI;
    f.field[VMCS_PENDING_DEBUG] = 0x4000;
    round_trip();
}

static void mmx_registers_come_and_go_by_themselves(void **state)
{
    (void)state;
    boot(true, true);
    struct vcpu_regs regs;
    for (uint32_t n = 0; n < MMX_COUNT; n++) {
        mmx[n] = 0x0102030405060708ull * n;
    }
    memset(&regs, 0x77, sizeof(regs));
    vmx_regs_fetch(&f.v, 0, REGS_MMX, &regs);
    for (uint32_t n = 0; n < MMX_COUNT; n++) {
        assert_int_equal(regs.mmx[n], 0x0102030405060708ull * n);
        regs.mmx[n] = ~regs.mmx[n];
    }
    assert_int_equal(regs.vec[0][0], 0x7777777777777777ull);
    regs.vec_written |= BIT32(VEC_MMX + 5u) | 2u;
    vmx_regs_store(&f.v, REGS_MMX, &regs);
    for (uint32_t n = 0; n < MMX_COUNT; n++) {
        uint64_t was = 0x0102030405060708ull * n;
        assert_int_equal(mmx[n], n == 5 ? ~was : was);
    }
    assert_int_equal(vec[1][0], 0x1111111111111111ull);
    assert_int_equal(entries, 2);
}

static void the_page_holds_nothing_but_what_is_moved(void **state)
{
    (void)state;
    boot(true, true);
    struct vcpu_regs regs = {.vec_written = 0};
    vmx_regs_fetch(&f.v, 0, REGS_VEC, &regs);
    for (uint32_t at = 0; at < sizeof(page); at++) {
        bool ours = at < 8 || (at >= 0x10 && at < 0x10 + 9 * MOVES + 3) ||
                    (at >= 0x800 && at < 0x800 + MOVES * 32);
        assert_true(ours || page[at] == 0);
    }
}

/* With VPIDs, nothing else has the processor forget what it knows of another address space. */
static void the_end_of_a_loan_forgets_translations(void **state)
{
    (void)state;
    static const struct {
        uint64_t cr0, cr3, cr4; /* flipped */
        bool forgets;
    } rows[] = {
        {0, 0, 0, false},      {CR0_TS, 0, CR4_DE, false}, {CR0_PG, 0, 0, true},
        {0, 0x1000, 0, true},  {0, 0, CR4_PGE, true},      {0, 0, CR4_PAE, true},
        {0, 0, CR4_PSE, true}, {0, 0, CR4_SMEP, true},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct vcpu_regs regs;
        boot(false, false);
        ends = 0;
        vmx_regs_fetch(&f.v, 0, REGS_ALL, &regs);
        regs.cr0 ^= rows[n].cr0;
        regs.cr3 ^= rows[n].cr3;
        regs.cr4 ^= rows[n].cr4;
        vmx_regs_store(&f.v, REGS_ALL, &regs);
        assert_int_equal(ends, rows[n].forgets);
        f.v.port.page = NULL; /* nothing can be lent: it has to go without */
        regs.cr3 ^= 0x2000;
        vmx_regs_store(&f.v, REGS_ALL, &regs);
        assert_int_equal(ends, rows[n].forgets);
        assert_int_equal(loans + entries, 0);
    }
}

/* A VM that is started again finds another guest's translations in its vCPU. */
static void a_new_guest_begins_without_translations(void **state)
{
    (void)state;
    struct vcpu_regs regs;
    boot(false, false);
    const struct vmx_port port = f.v.port;
    const struct vmx_limits limits = f.v.limits;
    regs = f.v.seen;
    ends = 0;
    assert_null(vmx_start(&f.v, &port, &limits));
    vmx_regs_store(&f.v, REGS_ALL, &regs);
    assert_int_equal(ends, 1);
    vmx_regs_store(&f.v, REGS_ALL, &regs);
    assert_int_equal(ends, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_guest_begins_without_translations),
        cmocka_unit_test(the_end_of_a_loan_forgets_translations),
        cmocka_unit_test(sixteen_registers_come_and_go),
        cmocka_unit_test(with_avx_they_have_32_bytes),
        cmocka_unit_test(a_guest_without_paging_is_put_back_where_it_was),
        cmocka_unit_test(so_is_one_in_virtual_8086_mode_with_pae_paging),
        cmocka_unit_test(shadows_and_a_pending_step_wait),
        cmocka_unit_test(mmx_registers_come_and_go_by_themselves),
        cmocka_unit_test(the_page_holds_nothing_but_what_is_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
