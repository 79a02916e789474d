#pragma once

namespace adze {

// The vector instructions that the loops over values may use, each more than those before it. What
// they compute does not depend on it.
enum class Simd { kNone, kAvx2, kAvx512 };

// The most that this CPU has.
Simd BestSimd();

}  // namespace adze
