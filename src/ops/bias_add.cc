#include "adze/op.h"
#include "ops/support/channels.h"
#include "ops/support/image.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

// NHWC means "channels last" and NCHW "channels at 1" here, for any rank from 2.
int ChannelAxis(const Node& node, const Shape& shape) {
  return LayoutOf(node).channels_first ? 1 : shape.rank() - 1;
}

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  Shape shape = context.shape(0);
  const Shape bias = ShapeOfRank(context, 1, 1);
  if (shape.known_rank()) {
    Require(shape.rank() >= 2, ErrorCode::kBadFile, node.op(), " to a tensor of shape ",
            shape.ToString(), "; the rank must be at least 2");
    int64_t& channels = shape[ChannelAxis(node, shape)];
    channels = SameDim(node, "channels", channels, bias[0]);
  }
  return {{FloatType(context, {0, 1}), shape}};
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  if (inputs[0].num_elements() == 0) return;
  const float* in = inputs[0].data<float>().data();
  const float* bias = inputs[1].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ForElements(ChannelsAt(shape, ChannelAxis(node, shape)),
              [=](int64_t i, int64_t c) { out[i] = in[i] + bias[c]; });
}

}  // namespace

void register_bias_add(OpRegistry& ops) {
  ops.Add({.name = "BiasAdd",
           .summary = "Adds one number per channel",
           .infer = Infer,
           .evaluate = InFloat(Evaluate),
           .keeps_rows = RowsOfInput<0>});
}

}  // namespace adze
