#pragma once

#include <cstdint>
#include <vector>

#include "adze/graph.h"
#include "adze/tensor.h"

namespace adze {

// How many output positions (over batch, height and width; rows of a MatMul) a layer with a
// constant weight has on this data.
int64_t OutputPositions(const Node& layer, const Tensor& data);

// `most` of `count` positions (or all), one from each of as many equal pieces.
std::vector<int64_t> ChoosePositions(int64_t count, int64_t most, uint64_t seed);

}  // namespace adze
