/* SPDX-License-Identifier: BSD-2-Clause
 * See fpu.h. */
#include "fpu.h"

#include "memory.h"
#include "print.h"
#include "x86.h"

#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_1_ECX_AVX   (1u << 28)

#define XCR0_X87 1u
#define XCR0_SSE 2u
#define XCR0_AVX 4u

#define AREA_FCW       0u /* bytes into the legacy region, both forms */
#define AREA_MXCSR     24u
#define FCW_INITIAL    0x037Fu
#define MXCSR_INITIAL  0x1F80u
#define XSAVE_MIN_AREA 576u

static bool use_xsave;
static bool xcr0_held = true;
static uint64_t xcr0;
static uint32_t area_bytes;

void fpu_init(void)
{
    write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
    write_cr4(read_cr4() | CR4_FXSR | CR4_XMM);
    struct cpuid features = cpuid(1, 0);
    area_bytes = 512;
    if ((features.ecx & CPUID_1_ECX_XSAVE) == 0) {
        return;
    }
    write_cr4(read_cr4() | CR4_OSXSAVE);
    uint32_t offered = cpuid(0xD, 0).eax;
    xcr0 = XCR0_X87 | XCR0_SSE;
    if ((features.ecx & CPUID_1_ECX_AVX) != 0 && (offered & XCR0_AVX) != 0) {
        xcr0 |= XCR0_AVX;
    }
    xsetbv(xcr0);
    struct cpuid size = cpuid(0xD, 0); /* for what XCR0 now enables */
    /* In a virtual machine CPUID was an exit. A monitor that missed the XSETBV has put back what it
     * believes in by now, and XSAVE would silently leave registers out. */
    xcr0_held = xgetbv() == xcr0;
    if (xcr0_held && size.ebx >= XSAVE_MIN_AREA && size.ebx <= FPU_STATE_BYTES) {
        use_xsave = true;
        area_bytes = size.ebx;
    }
}

void fpu_reset(struct fpu_state *s)
{
    const uint16_t fcw = FCW_INITIAL;
    const uint32_t mxcsr = MXCSR_INITIAL;
    memset(s, 0, sizeof *s);
    memcpy(&s->area[AREA_FCW], &fcw, sizeof fcw);
    memcpy(&s->area[AREA_MXCSR], &mxcsr, sizeof mxcsr);
}

void fpu_save(struct fpu_state *s)
{
    if (use_xsave) {
        __asm__ volatile("xsave64 %0" : "=m"(*s) : "a"((uint32_t)xcr0), "d"(0) : "memory");
    } else {
        __asm__ volatile("fxsave64 %0" : "=m"(*s) : : "memory");
    }
}

void fpu_restore(const struct fpu_state *s)
{
    if (use_xsave) {
        __asm__ volatile("xrstor64 %0" : : "m"(*s), "a"((uint32_t)xcr0), "d"(0) : "memory");
    } else {
        __asm__ volatile("fxrstor64 %0" : : "m"(*s) : "memory");
    }
}

bool fpu_has_avx(void)
{
    return use_xsave && (xcr0 & XCR0_AVX) != 0;
}

void fpu_print(void)
{
    if (use_xsave) {
        print("xsave: xcr0=%lx (x87 sse%s), %u bytes a process\n", xcr0,
              fpu_has_avx() ? " avx" : "", area_bytes);
    } else if (!xcr0_held) {
        print("xsave: offered, but XCR0 does not keep what is written (%lx, now %lx); "
              "fxsave is used\n",
              xcr0, xgetbv());
    } else {
        print("xsave: not offered, fxsave is used, %u bytes a process\n", area_bytes);
    }
}
