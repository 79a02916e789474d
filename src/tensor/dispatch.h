#pragma once

#include "adze/dtype.h"
#include "adze/error.h"

namespace adze {

// Calls f(T()) with the type T out of Ts that `dtype` stands for; kUnsupported if there is none.
//   Dispatch<float, double>(tensor.dtype(), [&](auto t) { using T = decltype(t); ... });
template <typename... Ts, typename F>
void Dispatch(DType dtype, F&& f) {
  const bool found = ((dtype == kDTypeOf<Ts> && (f(Ts()), true)) || ...);
  Require(found, ErrorCode::kUnsupported, "no arithmetic on ", Name(dtype), " elements");
}

}  // namespace adze
