// The deploy operations (reference: amct-algorithms, section 11), simulated in float32: tensors
// "of int8" hold centred integers q - offset, so that the layer between sums
// (q_x - offset_d) * q_w exactly and nothing else has to know of offsets.
#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <limits>

#include "adze/op.h"
#include "ops/support/channels.h"
#include "ops/support/image.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

using ConstArray = Eigen::Map<const Eigen::ArrayXf>;
using Array = Eigen::Map<Eigen::ArrayXf>;

std::vector<TensorSpec> InferSame(const ShapeContext& context) {
  return {{DType::kFloat, context.shape(0)}};
}

std::vector<TensorSpec> InferQuant(const ShapeContext& context) {
  const Node& node = context.node;
  const int64_t num_bits = node.attr<int64_t>("quant_bits", 8);
  Require(num_bits >= 2 && num_bits <= 16, ErrorCode::kBadFile, node.op(), " has quant_bits ",
          num_bits, "; 2 to 16 are possible");
  node.attr<float>("scale");
  node.attr<float>("offset");
  return {{FloatType(context), context.shape(0)}};
}

// clip(round(x * scale) + offset) - offset, where scale is 1 / scale_d
void EvaluateQuant(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const float scale = node.attr<float>("scale"), offset = node.attr<float>("offset");
  const float levels = static_cast<float>(int64_t{1} << node.attr<int64_t>("quant_bits", 8));
  const float lowest = -levels / 2, highest = levels / 2 - 1;
  const float* in = inputs[0].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ParallelFor(inputs[0].num_elements(), 16384, [&](int64_t begin, int64_t end) {
    const ConstArray x(in + begin, end - begin);
    Array(out + begin, end - begin) =
        ((x * scale).rint() + offset).max(lowest).min(highest) - offset;
  });
}

std::vector<TensorSpec> InferWeightQuant(const ShapeContext& context) {
  for (int i : {0, 1}) {
    const DType dtype = context.spec(i).dtype;
    Require(dtype == DType::kInt8 || dtype == DType::kInvalid, ErrorCode::kBadFile,
            context.node.op(), " input ", i, " is ", Name(dtype), ", not int8");
  }
  return InferSame(context);
}

// q - offset, the offset broadcast as NumPy does; all zeros need not fit.
void EvaluateWeightQuant(const Node& node, std::span<const Tensor> inputs,
                         std::span<Tensor> outputs) {
  const std::span<const int8_t> in = inputs[0].data<int8_t>(), offsets = inputs[1].data<int8_t>();
  const std::span<float> out = outputs[0].mutable_data<float>();
  std::copy(in.begin(), in.end(), out.begin());
  if (std::all_of(offsets.begin(), offsets.end(), [](int8_t offset) { return offset == 0; })) {
    return;
  }
  const Shape &shape = inputs[0].shape(), &own = inputs[1].shape();
  Require(BroadcastShapes(shape, own) == shape, ErrorCode::kBadFile, node.op(),
          " has offsets of shape ", own.ToString(), " for a weight of shape ", shape.ToString());
  for (size_t i = 0; i < out.size(); ++i) {
    int64_t rest = static_cast<int64_t>(i), at = 0, stride = 1;
    for (int axis = shape.rank() - 1, k = own.rank() - 1; k >= 0; --axis, --k) {
      if (own[k] != 1) at += rest % shape[axis] * stride;
      rest /= shape[axis];
      stride *= own[k];
    }
    out[i] -= offsets[at];
  }
}

int ChannelAxis(const Node& node, const Shape& shape) {
  return LayoutOf(node).channels_first && shape.rank() > 2 ? 1 : shape.rank() - 1;
}

std::vector<TensorSpec> InferDequant(const ShapeContext& context) {
  const Node& node = context.node;
  const Shape& shape = context.shape(0);
  const int64_t scales = ShapeOfRank(context, 1, 1)[0];
  const DType dtype = context.spec(1).dtype;
  Require(dtype == DType::kUint64 || dtype == DType::kInvalid, ErrorCode::kBadFile, node.op(),
          " has deq_scale of ", Name(dtype), ", not uint64");
  LayoutOf(node);
  if (shape.known_rank() && scales != 1) {
    Require(shape.rank() >= 1, ErrorCode::kBadFile, node.op(), " of a scalar");
    SameDim(node, "channels", shape[ChannelAxis(node, shape)], scales);
  }
  return InferSame(context);
}

// x * scale; the scale is the float32 in the low half of deq_scale. With sqrt_mode it is the square
// root of the scale. The attribute ksize needs nothing: AvgPool has divided already.
void EvaluateDequant(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (inputs[0].num_elements() == 0) return;
  const Tensor x = Cast(inputs[0], DType::kFloat);
  const bool is_root = node.attr<bool>("sqrt_mode", false);
  const float lowest =
      node.attr<bool>("relu_flag", false) ? 0 : -std::numeric_limits<float>::infinity();
  std::vector<float> scales;
  for (uint64_t packed : inputs[1].data<uint64_t>()) {
    const float scale = std::bit_cast<float>(static_cast<uint32_t>(packed));
    scales.push_back(is_root ? scale * scale : scale);
  }
  const ChannelView view = scales.size() == 1 ? ChannelView{.inner = x.num_elements()}
                                              : ChannelsAt(x.shape(), ChannelAxis(node, x.shape()));
  ForElements(view, [in = x.data<float>().data(), scale = scales.data(), lowest,
                     out = outputs[0].mutable_data<float>().data()](int64_t i, int64_t c) {
    out[i] = std::max(lowest, in[i] * scale[c]);
  });
}

std::vector<TensorSpec> InferAntiQuant(const ShapeContext& context) {
  context.node.attr<float>("scale");
  return InferSame(context);
}

// x * scale: the offset went in AscendQuant.
void EvaluateAntiQuant(const Node& node, std::span<const Tensor> inputs,
                       std::span<Tensor> outputs) {
  const Tensor x = Cast(inputs[0], DType::kFloat);
  ForElements({.inner = x.num_elements()},
              [in = x.data<float>().data(), scale = node.attr<float>("scale"),
               out = outputs[0].mutable_data<float>().data()](int64_t i, int64_t) {
                out[i] = in[i] * scale;
              });
}

}  // namespace

void register_ascend(OpRegistry& ops) {
  ops.Add({.name = "AscendQuant",
           .summary = "Activations to int8 (simulated: centred integers in float32)",
           .infer = InferQuant,
           .evaluate = InFloat(EvaluateQuant),
           .is_elementwise = true});
  ops.Add({.name = "AscendWeightQuant",
           .summary = "int8 weights less their offset (simulated: in float32)",
           .infer = InferWeightQuant,
           .evaluate = EvaluateWeightQuant});
  ops.Add({.name = "AscendDequant",
           .summary = "int32 sums to float32, by a scale per channel",
           .infer = InferDequant,
           .evaluate = EvaluateDequant,
           .keeps_rows = RowsOfInput<0>});
  ops.Add({.name = "AscendAntiQuant",
           .summary = "int8 to float32",
           .infer = InferAntiQuant,
           .evaluate = EvaluateAntiQuant,
           .is_elementwise = true});
}

}  // namespace adze
