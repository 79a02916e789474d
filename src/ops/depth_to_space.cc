#include <cstring>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

int64_t BlockSize(const Node& node) {
  const int64_t block = node.attr<int64_t>("block_size");
  Require(block >= 2 && block <= 32768, ErrorCode::kBadFile, node.op(), " has block_size ", block);
  return block;
}

int64_t Divide(const Node& node, const char* what, int64_t size, int64_t divisor) {
  if (size == Shape::kUnknown) return size;
  Require(size % divisor == 0, ErrorCode::kBadFile, node.op(), " needs ", what, " divisible by ",
          divisor, ", not ", size);
  return size / divisor;
}

std::vector<TensorSpec> InferDepthToSpace(const ShapeContext& context) {
  const Node& node = context.node;
  const int64_t block = BlockSize(node);
  const ImageLayout layout = LayoutOf(node);
  Shape shape = ShapeOfRank(context, 0, 4);
  shape[layout.channel()] = Divide(node, "channels", shape[layout.channel()], block * block);
  for (int axis : {layout.height(), layout.width()}) {
    shape[axis] = DimProduct(node, shape[axis], block);
  }
  return {{FixedSizeType(context), shape}};
}

std::vector<TensorSpec> InferSpaceToDepth(const ShapeContext& context) {
  const Node& node = context.node;
  const int64_t block = BlockSize(node);
  const ImageLayout layout = LayoutOf(node);
  Shape shape = ShapeOfRank(context, 0, 4);
  shape[layout.channel()] = DimProduct(node, shape[layout.channel()], block * block);
  for (int axis : {layout.height(), layout.width()}) {
    shape[axis] = Divide(node, "a size", shape[axis], block);
  }
  return {{FixedSizeType(context), shape}};
}

// NHWC, with [N, H, W, B, B, C] the deep image and [N, H, B, W, B, C] the wide one: the last two
// axes stay together. Calls copy(offset in deep, offset in wide, bytes).
template <typename Copy>
void ForRuns(const Tensor& deep, int64_t block, Copy copy) {
  if (deep.num_elements() == 0) return;
  const Shape& shape = deep.shape();
  const int64_t run = shape[3] / block * static_cast<int64_t>(SizeOf(deep.dtype()));
  const int64_t width = shape[2];
  ParallelFor(shape[0] * shape[1], 1 + 4096 / (width * block), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t b = 0; b < block; ++b) {
        for (int64_t w = 0; w < width; ++w) {
          copy(((row * width + w) * block + b) * run, ((row * block + b) * width + w) * run, run);
        }
      }
    }
  });
}

void EvaluateDepthToSpace(const Node& node, std::span<const Tensor> inputs,
                          std::span<Tensor> outputs) {
  const char* in = static_cast<const char*>(inputs[0].raw());
  char* out = static_cast<char*>(outputs[0].mutable_raw());
  ForRuns(inputs[0], BlockSize(node), [=](int64_t deep, int64_t wide, int64_t run) {
    std::memcpy(out + wide, in + deep, run);
  });
}

void EvaluateSpaceToDepth(const Node& node, std::span<const Tensor> inputs,
                          std::span<Tensor> outputs) {
  const char* in = static_cast<const char*>(inputs[0].raw());
  char* out = static_cast<char*>(outputs[0].mutable_raw());
  ForRuns(outputs[0], BlockSize(node), [=](int64_t deep, int64_t wide, int64_t run) {
    std::memcpy(out + deep, in + wide, run);
  });
}

}  // namespace

void register_depth_to_space(OpRegistry& ops) {
  ops.Add({.name = "DepthToSpace",
           .summary = "Moves channels into blocks of pixels",
           .infer = InferDepthToSpace,
           .evaluate = InChannelsLast({0}, EvaluateDepthToSpace),
           .keeps_rows = RowsOfInput<0>,
           .moves_data_only = true});
  ops.Add({.name = "SpaceToDepth",
           .summary = "Moves blocks of pixels into channels",
           .infer = InferSpaceToDepth,
           .evaluate = InChannelsLast({0}, EvaluateSpaceToDepth),
           .keeps_rows = RowsOfInput<0>,
           .moves_data_only = true});
}

}  // namespace adze
