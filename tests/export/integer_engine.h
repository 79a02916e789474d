#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "adze/integer.h"
#include "adze/session.h"
#include "engine/integer/instructions.h"
#include "export/five_layers.h"

namespace adze {

#if defined(__x86_64__)
namespace integer {
extern const Instructions kVnniInLoops;  // avx512_in_loops.h
}
#endif

// Those of this machine, and AVX512-VNNI wherever it is not among them.
inline std::vector<const integer::Instructions*> EveryInstructions() {
  std::vector<const integer::Instructions*> all;
  for (const auto& instructions : integer::AvailableInstructions()) all.push_back(&instructions);
#if defined(__x86_64__)
  if (std::string("vnni") != all[0]->key) all.push_back(&integer::kVnniInLoops);
#endif
  return all;
}

inline Tensor RandomData(Shape shape, uint32_t seed, float low = -1, float high = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  Tensor tensor(DType::kFloat, std::move(shape));
  for (float& x : tensor.mutable_data<float>()) x = uniform(random);
  return tensor;
}

inline Shape WithBatch(Shape shape, int64_t batch) {
  shape[0] = batch;
  return shape;
}

// Runs the graph in both engines, with each set of instructions; all layers must run on integers.
inline void ExpectEqualToSimulation(const Graph& quantized, const Tensor& x, int threads = 1) {
  Session simulation(quantized, {}, nullptr, {.num_threads = threads});
  const std::vector<Tensor> expected = simulation.Run({{"x", x}});
  const IntegerGraph lowered = LowerToIntegers(quantized);
  for (const LoweredLayer& layer : lowered.layers) EXPECT_EQ(layer.reason, "") << layer.name;
  for (const integer::Instructions* instructions : EveryInstructions()) {
    integer::UseInstructions(instructions);
    SCOPED_TRACE(IntegerInstructions());
    Session integers(lowered.graph, {}, nullptr, {.num_threads = threads});
    for (int again = 0; again < 2; ++again) {
      const std::vector<Tensor> found = integers.Run({{"x", x}});
      ASSERT_EQ(found.size(), expected.size());
      for (size_t k = 0; k < found.size(); ++k) {
        ASSERT_EQ(found[k].shape(), expected[k].shape());
        const auto a = found[k].data<float>(), b = expected[k].data<float>();
        for (size_t e = 0; e < a.size(); ++e) {
          ASSERT_EQ(a[e], b[e]) << "output " << k << ", element " << e << ", run " << again;
        }
      }
    }
  }
  integer::UseInstructions(nullptr);
}

inline std::vector<float> SomeScales(int64_t count) {
  std::vector<float> scales(count);
  for (int64_t i = 0; i < count; ++i) scales[i] = (0.8f + 0.05f * static_cast<float>(i % 9)) / 127;
  return scales;
}

inline LayerRecord LayerWith(const std::string& name, float scale, int32_t zero_point,
                             int64_t channels, int bits = 8) {
  LayerRecord layer{.name = name, .activation = Asymmetric(scale, zero_point, bits)};
  if (channels > 0) layer.weight = Symmetric(SomeScales(channels));
  return layer;
}

}  // namespace adze
