#pragma once

#include <random>

#include "adze/tensor.h"

namespace adze {

// Normally distributed float32.
inline Tensor RandomTensor(Shape shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Tensor tensor(DType::kFloat, std::move(shape));
  for (float& x : tensor.mutable_data<float>()) x = normal(random);
  return tensor;
}

}  // namespace adze
