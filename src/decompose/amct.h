#pragma once

#include "adze/decompose.h"
#include "decompose/spatial.h"

namespace adze {

// A kernel decomposed in AMCT's way, with the rank of its rule.
struct AmctDecomposition {
  SpatialMode mode;
  int64_t evbmf_rank = 0, rank = 0;
  double error = 0;  // |W - W'| / |W|
  std::vector<Factor> factors;
};
// Memory that this takes at most.
int64_t AmctBytes(const Shape& kernel);
AmctDecomposition DecomposeAsAmct(const Shape& kernel, std::span<const float> weight);

}  // namespace adze
