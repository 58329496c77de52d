#pragma once

// The instruction sets that kernels are compiled for, one of which is chosen at
// run time: on x86 AVX-512 (Highway's AVX3), AVX2 with FMA, and plain scalar
// code; on Arm NEON. Every further set costs compile time and gains nothing
// here. Include it before any header of Highway.
#include <hwy/detect_targets.h>

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS                                               \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | \
   HWY_SVE2_128)
