/* SPDX-License-Identifier: BSD-2-Clause
 * For partitions: fill the vector registers with a pattern, spend time, see that nothing changed.
 * Whatever ran meanwhile (kernel, other partitions, another VM) must have left them alone. */
#ifndef DEMO653_FPU_CHECK_H
#define DEMO653_FPU_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#define FPU_SPIN 2000u

/* Each register gets seed + its number in every lane; the compares are summed up in the mask. */
#define FPU_FILL(n)                           \
    "movd %[seed], %%xmm" #n "\n\t"           \
    "pshufd $0, %%xmm" #n ", %%xmm" #n "\n\t" \
    "addl $1, %[seed]\n\t"
#define FPU_COMPARE(n)                 \
    "subl $1, %[seed]\n\t"             \
    "movd %[seed], %%xmm15\n\t"        \
    "pshufd $0, %%xmm15, %%xmm15\n\t"  \
    "pcmpeqd %%xmm" #n ", %%xmm15\n\t" \
    "pmovmskb %%xmm15, %%eax\n\t"      \
    "andl %%eax, %[mask]\n\t"

/* True if xmm0 to xmm14 survived a spin of FPU_SPIN turns. */
static inline bool fpu_check_sse(uint32_t seed)
{
    uint32_t mask = 0xFFFFu;
    __asm__ volatile(
        FPU_FILL(0) FPU_FILL(1) FPU_FILL(2) FPU_FILL(3) FPU_FILL(4) FPU_FILL(5) FPU_FILL(6)
            FPU_FILL(7) FPU_FILL(8) FPU_FILL(9) FPU_FILL(10) FPU_FILL(11) FPU_FILL(12) FPU_FILL(13)
                FPU_FILL(14) "movl %[spin], %%eax\n"
                             "1:\tsubl $1, %%eax\n\t"
                             "jnz 1b\n\t" FPU_COMPARE(14) FPU_COMPARE(13) FPU_COMPARE(12)
                                 FPU_COMPARE(11) FPU_COMPARE(10) FPU_COMPARE(9) FPU_COMPARE(8)
                                     FPU_COMPARE(7) FPU_COMPARE(6) FPU_COMPARE(5) FPU_COMPARE(4)
                                         FPU_COMPARE(3) FPU_COMPARE(2) FPU_COMPARE(1) FPU_COMPARE(0)
        : [seed] "+r"(seed), [mask] "+r"(mask)
        : [spin] "i"(FPU_SPIN)
        : "eax", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
          "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return mask == 0xFFFFu;
}

/* True if the upper half of ymm5 survived. @pre AVX may be used. */
static inline bool fpu_check_avx(uint32_t seed)
{
    uint32_t found;
    __asm__ volatile("vmovd %[seed], %%xmm5\n\t"
                     "vpshufd $0, %%xmm5, %%xmm5\n\t"
                     "vinsertf128 $1, %%xmm5, %%ymm5, %%ymm5\n\t"
                     "movl %[spin], %%eax\n"
                     "1:\tsubl $1, %%eax\n\t"
                     "jnz 1b\n\t"
                     "vextractf128 $1, %%ymm5, %%xmm6\n\t"
                     "vmovd %%xmm6, %[found]\n\t"
                     "vzeroupper"
                     : [found] "=r"(found)
                     : [seed] "r"(seed), [spin] "i"(FPU_SPIN)
                     : "eax", "cc", "xmm5", "xmm6");
    return found == seed;
}

#endif
