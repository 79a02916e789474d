#include <cmath>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  Require(context.node.attr<int64_t>("depth_radius", 5) >= 0, ErrorCode::kBadFile,
          context.node.op(), " has a negative depth_radius");
  return {{FloatType(context), ShapeOfRank(context, 0, 4)}};
}

// x^-beta; the two exponents that nets use without pow.
float Power(float x, float beta) {
  if (beta == 0.5f) return 1.0f / std::sqrt(x);
  if (beta == 0.75f) return 1.0f / (std::sqrt(x) * std::sqrt(std::sqrt(x)));
  return std::pow(x, -beta);
}

// y[c] = x[c] / (bias + alpha * sum of x[i]^2 over |i - c| <= depth_radius)^beta
void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (inputs[0].num_elements() == 0) return;
  const int64_t channels = inputs[0].shape()[3];
  const int64_t radius = std::min(node.attr<int64_t>("depth_radius", 5), channels);
  const float bias = node.attr<float>("bias", 1.0f), alpha = node.attr<float>("alpha", 1.0f);
  const float beta = node.attr<float>("beta", 0.5f);
  const float* in = inputs[0].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  const int64_t pixels = inputs[0].num_elements() / channels;
  ParallelFor(pixels, 1 + 4096 / channels, [&](int64_t begin, int64_t end) {
    // Squares between margins of zeros, so that each distance is one loop over all channels.
    std::vector<float> squares(channels + 2 * radius, 0.0f), sums(channels);
    for (int64_t pixel = begin; pixel < end; ++pixel) {
      const float* x = in + pixel * channels;
      float* y = out + pixel * channels;
      for (int64_t c = 0; c < channels; ++c) squares[radius + c] = x[c] * x[c];
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (int64_t shift = 0; shift <= 2 * radius; ++shift) {
        for (int64_t c = 0; c < channels; ++c) sums[c] += squares[shift + c];
      }
      for (int64_t c = 0; c < channels; ++c) y[c] = x[c] * Power(bias + alpha * sums[c], beta);
    }
  });
}

}  // namespace

void register_lrn(OpRegistry& ops) {
  ops.Add({.name = "LRN",
           .summary = "Local response normalization across channels",
           .infer = Infer,
           .evaluate = InFloat(Evaluate),
           .keeps_rows = RowsOfInput<0>});
}

}  // namespace adze
