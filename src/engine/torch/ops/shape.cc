#include "engine/torch/torch_op.h"

namespace adze {
namespace {

int64_t AxisOf(const TorchCall& call, int operand, int64_t rank) {
  return NormalizeAxis(call.integer(operand), static_cast<int>(rank));
}

std::vector<at::Tensor> Split(const TorchCall& call) {
  const at::Tensor& x = call.input(1);
  const int64_t parts = call.node.attr<int64_t>("num_split", 1);
  const int64_t axis = AxisOf(call, 0, x.dim());
  Require(parts > 0 && x.size(axis) % parts == 0, ErrorCode::kBadFile, "Split of ", x.size(axis),
          " into ", parts);
  return x.split(x.size(axis) / parts, axis);
}

std::vector<at::Tensor> SplitV(const TorchCall& call) {
  const at::Tensor& x = call.input(0);
  const int64_t axis = AxisOf(call, 2, x.dim());
  std::vector<int64_t> sizes = call.ints(1);
  int64_t known = 0;
  for (int64_t size : sizes) known += std::max<int64_t>(size, 0);
  for (int64_t& size : sizes) {
    if (size < 0) size = x.size(axis) - known;
  }
  return x.split_with_sizes(sizes, axis);
}

std::vector<at::Tensor> Operands(const TorchCall& call, int first, int last) {
  std::vector<at::Tensor> operands;
  for (int i = first; i < last; ++i) operands.push_back(call.input(i));
  return operands;
}

at::Tensor Pad(const TorchCall& call) {
  const std::vector<int64_t> edges = call.ints(1);
  std::vector<int64_t> last_axis_first;
  for (size_t i = edges.size(); i >= 2; i -= 2) {
    last_axis_first.push_back(edges[i - 2]);
    last_axis_first.push_back(edges[i - 1]);
  }
  const double value = call.num_inputs() > 2 ? ToFloats(call.inputs[2].plain())[0] : 0.0;
  return at::constant_pad_nd(call.input(0), last_axis_first, value);
}

// Operands, numbers along an axis (0 without operand 2), the axis.
at::Tensor Gather(const TorchCall& call) {
  const at::Tensor& x = call.input(0);
  const int64_t axis = call.num_inputs() > 2 ? AxisOf(call, 2, x.dim()) : 0;
  Require(call.node.attr<int64_t>("batch_dims", 0) == 0, ErrorCode::kUnsupported, call.node.op(),
          " with batch_dims cannot be run on LibTorch");
  const at::Tensor numbers = call.input(1).to(at::kLong).reshape({-1});
  return x.index_select(axis, numbers).reshape(call.output_shape());
}

}  // namespace

// The same elements in another shape or order, next to others, or between zeros.
void register_shape(TorchOpRegistry& ops) {
  for (const char* name : {"Reshape", "Squeeze", "ExpandDims"}) {
    ops.AddOne(name,
               [](const TorchCall& call) { return call.input(0).reshape(call.output_shape()); });
  }
  ops.AddOne("Transpose",
             [](const TorchCall& call) { return call.input(0).permute(call.ints(1)); });
  ops.AddOne("ConcatV2", [](const TorchCall& call) {
    const int axis = call.num_inputs() - 1;
    return at::cat(Operands(call, 0, axis), AxisOf(call, axis, call.input(0).dim()));
  });
  ops.AddOne("Concat", [](const TorchCall& call) {
    return at::cat(Operands(call, 1, call.num_inputs()), call.integer(0));
  });
  ops.AddOne("Pack", [](const TorchCall& call) {
    return at::stack(Operands(call, 0, call.num_inputs()), call.node.attr<int64_t>("axis", 0));
  });
  ops.AddOne("Gather", Gather);
  ops.AddOne("GatherV2", Gather);
  ops.Add("Split", Split);
  ops.Add("SplitV", SplitV);
  ops.Add("Unpack", [](const TorchCall& call) {
    return at::unbind(call.input(0), call.node.attr<int64_t>("axis", 0));
  });
  ops.AddOne("Pad", Pad);
  ops.AddOne("PadV2", Pad);
  ops.AddOne("Select", [](const TorchCall& call) {
    at::Tensor condition = call.input(0);
    const at::Tensor& x = call.input(1);
    // A vector chooses rows.
    if (condition.dim() == 1 && x.dim() > 1) {
      std::vector<int64_t> dims(x.dim(), 1);
      dims[0] = condition.size(0);
      condition = condition.reshape(dims);
    }
    return at::where(condition, x, call.input(2));
  });
  ops.AddOne("SelectV2", [](const TorchCall& call) {
    return at::where(call.input(0), call.input(1), call.input(2));
  });
}

}  // namespace adze
