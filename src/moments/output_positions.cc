#include "moments/output_positions.h"

#include <algorithm>

#include "adze/op.h"

namespace adze {

int64_t OutputPositions(const Node& layer, const Tensor& data) {
  const QuantTraits& traits = *layer.def()->quant;
  if (traits.positions) return traits.positions(layer, data.shape());
  const Tensor& weight = layer.input(*traits.weight_input).node->const_value();
  std::vector<TensorSpec> inputs(layer.num_inputs());
  inputs[traits.data_input] = {data.dtype(), data.shape()};
  inputs[*traits.weight_input] = {weight.dtype(), weight.shape()};
  const std::vector<const Tensor*> constants(layer.num_inputs());
  const Shape output = layer.def()->infer({layer, inputs, constants}).at(0).shape;
  return output.num_elements() / output[output.rank() - 1];
}

std::vector<int64_t> ChoosePositions(int64_t count, int64_t most, uint64_t seed) {
  const int64_t chosen = std::min(count, most);
  std::vector<int64_t> positions(chosen);
  uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u;
  for (int64_t i = 0; i < chosen; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const int64_t begin = count * i / chosen, end = count * (i + 1) / chosen;
    positions[i] = begin + static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(end - begin));
  }
  return positions;
}

}  // namespace adze
