#include "quant/simd.h"

namespace adze {

Simd BestSimd() {
#if defined(__x86_64__)
  static const Simd best = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      return Simd::kAvx512;
    }
    return __builtin_cpu_supports("avx2") ? Simd::kAvx2 : Simd::kNone;
  }();
  return best;
#else
  return Simd::kNone;
#endif
}

}  // namespace adze
