#include <numeric>

#include "engine/torch/torch_op.h"

namespace adze {
namespace {

// For ops whose every output element is an element of operand `data`, or 0: where they come from
// follows from running the op's own `evaluate` on the numbers 1, 2, 3, ... in place of the data.
template <int kData>
std::vector<at::Tensor> Move(const TorchCall& call) {
  const at::Tensor& x = call.input(kData);
  Require(x.numel() < std::numeric_limits<int32_t>::max(), ErrorCode::kUnsupported, call.node.op(),
          " of ", x.numel(), " elements");
  Tensor numbers(DType::kInt32, ShapeOf(x));
  std::iota(numbers.mutable_data<int32_t>().begin(), numbers.mutable_data<int32_t>().end(), 1);
  std::vector<Tensor> inputs;
  for (int i = 0; i < call.num_inputs(); ++i) {
    inputs.push_back(i == kData ? numbers : call.inputs[i].plain());
  }
  const at::Tensor elements = at::cat({at::zeros({1}, x.options()), x.reshape({-1})});
  std::vector<at::Tensor> results;
  for (const Tensor& output : EvaluateNode(call.node, inputs)) {
    const at::Tensor from = ToTorch(output).reshape({-1}).to(call.device);
    results.push_back(elements.index_select(0, from).reshape(output.shape().dims()));
  }
  return results;
}

}  // namespace

// Ops that move elements in ways of their own.
void register_moved_elements(TorchOpRegistry& ops) {
  for (const char* name : {"StridedSlice", "Slice", "MirrorPad", "SpaceToBatchND", "SpaceToBatch",
                           "BatchToSpaceND", "BatchToSpace", "DepthToSpace", "SpaceToDepth", "Tile",
                           "ReverseV2", "ResizeNearestNeighbor", "BroadcastTo"}) {
    ops.Add(name, Move<0>);
  }
}

}  // namespace adze
