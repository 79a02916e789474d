#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

using ConstArray = Eigen::Map<const Eigen::ArrayXf>;
using Array = Eigen::Map<Eigen::ArrayXf>;

// Levels are numbered 0 .. 2^num_bits - 1, from 1 with narrow_range.
struct Levels {
  float lowest, highest;
};
Levels LevelsOf(const Node& node) {
  const int64_t num_bits = node.attr<int64_t>("num_bits", 8);
  Require(num_bits >= 2 && num_bits <= 16, ErrorCode::kBadFile, node.op(), " has num_bits ",
          num_bits, "; 2 to 16 are possible");
  return {node.attr<bool>("narrow_range", false) ? 1.0f : 0.0f,
          static_cast<float>((int64_t{1} << num_bits) - 1)};
}

// TensorFlow's nudging: the range is moved so that 0 is one of its levels.
struct Range {
  float min, max, scale;
};
Range Nudge(float min, float max, Levels levels) {
  const float scale = (max - min) / (levels.highest - levels.lowest);
  const float zero_point =
      std::round(std::clamp(levels.lowest - min / scale, levels.lowest, levels.highest));
  return {(levels.lowest - zero_point) * scale, (levels.highest - zero_point) * scale, scale};
}

// min and max are attributes.
void EvaluateArgs(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Range range =
      Nudge(node.attr<float>("min", -6), node.attr<float>("max", 6), LevelsOf(node));
  const float inverse = 1.0f / range.scale;
  const float* in = inputs[0].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ParallelFor(inputs[0].num_elements(), 16384, [&](int64_t begin, int64_t end) {
    const ConstArray x(in + begin, end - begin);
    Array(out + begin, end - begin) =
        ((x.min(range.max).max(range.min) - range.min) * inverse + 0.5f).floor() * range.scale +
        range.min;
  });
}

// min and max are inputs of one element.
void EvaluateVars(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const float min = inputs[1].data<float>()[0], max = inputs[2].data<float>()[0];
  const float* in = inputs[0].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  const Levels levels = LevelsOf(node);
  if (min == 0 && max == 0) {
    std::fill_n(out, outputs[0].num_elements(), 0.0f);
    return;
  }
  const Range range = Nudge(min, max, levels);
  ParallelFor(inputs[0].num_elements(), 16384, [&](int64_t begin, int64_t end) {
    const ConstArray x(in + begin, end - begin);
    Array(out + begin, end - begin) =
        ((x.min(range.max).max(range.min) - range.min) / range.scale + 0.5f).floor() * range.scale +
        range.min;
  });
}

// min and max are vectors over the last axis.
void EvaluatePerChannel(const Node& node, std::span<const Tensor> inputs,
                        std::span<Tensor> outputs) {
  if (inputs[0].num_elements() == 0) return;
  const int64_t channels = inputs[1].num_elements();
  Eigen::ArrayXf low(channels), high(channels), scale(channels);
  for (int64_t c = 0; c < channels; ++c) {
    const float min = inputs[1].data<float>()[c], max = inputs[2].data<float>()[c];
    // Any scale makes zeros of a range that is only 0.
    const Range range = min == 0 && max == 0 ? Range{0, 0, 1} : Nudge(min, max, LevelsOf(node));
    low[c] = range.min;
    high[c] = range.max;
    scale[c] = range.scale;
  }
  const float* in = inputs[0].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ParallelFor(inputs[0].num_elements() / channels, 1 + 16384 / channels,
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row) {
                  const ConstArray x(in + row * channels, channels);
                  Array(out + row * channels, channels) =
                      ((x.min(high).max(low) - low) / scale + 0.5f).floor() * scale + low;
                }
              });
}

std::vector<TensorSpec> InferArgs(const ShapeContext& context) {
  const Node& node = context.node;
  LevelsOf(node);
  Require(node.attr<float>("min", -6) < node.attr<float>("max", 6), ErrorCode::kBadFile, node.op(),
          " needs min below max");
  return {{FloatType(context), context.shape(0)}};
}

std::vector<TensorSpec> InferVars(const ShapeContext& context) {
  LevelsOf(context.node);
  for (int i : {1, 2}) ShapeOfRank(context, i, 0);
  return {{FloatType(context, {0, 1, 2}), context.shape(0)}};
}

std::vector<TensorSpec> InferPerChannel(const ShapeContext& context) {
  const Node& node = context.node;
  LevelsOf(node);
  Shape shape = context.shape(0);
  const int64_t channels =
      SameDim(node, "channels", ShapeOfRank(context, 1, 1)[0], ShapeOfRank(context, 2, 1)[0]);
  if (shape.known_rank()) {
    Require(shape.rank() >= 1, ErrorCode::kBadFile, node.op(), " of a scalar");
    int64_t& last = shape[shape.rank() - 1];
    last = SameDim(node, "channels", last, channels);
  }
  return {{FloatType(context, {0, 1, 2}), shape}};
}

}  // namespace

void register_fake_quant(OpRegistry& ops) {
  ops.Add({.name = "FakeQuantWithMinMaxArgs",
           .summary = "Rounds to the levels of a range given as attributes",
           .infer = InferArgs,
           .evaluate = InFloat(EvaluateArgs),
           .is_elementwise = true});
  ops.Add({.name = "FakeQuantWithMinMaxVars",
           .summary = "Rounds to the levels of a range",
           .infer = InferVars,
           .evaluate = InFloat(EvaluateVars),
           .is_elementwise = true});
  ops.Add({.name = "FakeQuantWithMinMaxVarsPerChannel",
           .summary = "Rounds to the levels of a range per channel",
           .infer = InferPerChannel,
           .evaluate = InFloat(EvaluatePerChannel),
           .keeps_rows = RowsOfInput<0>});
}

}  // namespace adze
