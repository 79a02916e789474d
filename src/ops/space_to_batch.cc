#include <cstring>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"

namespace adze {
namespace {

// One axis that is cut into blocks. `before` and `after` are paddings or crops.
struct BlockAxis {
  int64_t block, before, after;
};

std::vector<BlockAxis> ReadAxes(const Node& node, const Tensor& blocks, const Tensor& edges) {
  auto is_integer = [](const Tensor& tensor) {
    return tensor.dtype() == DType::kInt32 || tensor.dtype() == DType::kInt64;
  };
  Require(blocks.shape().rank() == 1 && is_integer(blocks), ErrorCode::kBadFile, node.op(),
          " has a block_shape that is not a vector of integers");
  const int64_t count = blocks.num_elements();
  Require(edges.shape() == Shape{count, 2} && is_integer(edges), ErrorCode::kBadFile, node.op(),
          " needs paddings or crops of shape [", count, ", 2], not ", edges.shape().ToString());
  const std::vector<int64_t> sizes = ToInt64s(blocks), margins = ToInt64s(edges);
  constexpr int64_t kMost = (int64_t{1} << 31) - 1;
  std::vector<BlockAxis> axes(count);
  for (int64_t i = 0; i < count; ++i) {
    axes[i] = {sizes[i], margins[2 * i], margins[2 * i + 1]};
    for (const auto& [value, least] :
         {std::pair{axes[i].block, 1}, {axes[i].before, 0}, {axes[i].after, 0}}) {
      Require(value >= least && value < kMost, ErrorCode::kBadFile, node.op(), " cuts axis ", i + 1,
              " into blocks of ", axes[i].block, " with edges ", axes[i].before, " and ",
              axes[i].after);
    }
  }
  return axes;
}

int64_t BlockVolume(const Node& node, const std::vector<BlockAxis>& axes) {
  int64_t volume = 1;
  for (const BlockAxis& axis : axes) volume = DimProduct(node, volume, axis.block);
  return volume;
}

// The output's shape; `batch` and `axis` compute one dimension from a known one.
template <typename Batch, typename Axis>
std::vector<TensorSpec> Infer(const ShapeContext& context, Batch batch, Axis axis_size) {
  const Node& node = context.node;
  const DType dtype = FixedSizeType(context);
  Shape shape = context.shape(0);
  const Tensor *blocks = context.constant(1), *edges = context.constant(2);
  if (!shape.known_rank()) return {{dtype, shape}};
  if (!blocks || !edges) {
    return {{dtype, Shape(std::vector<int64_t>(shape.rank(), Shape::kUnknown))}};
  }
  const std::vector<BlockAxis> axes = ReadAxes(node, *blocks, *edges);
  Require(static_cast<int>(axes.size()) < shape.rank(), ErrorCode::kBadFile, node.op(), " cuts ",
          axes.size(), " axes of a tensor of shape ", shape.ToString());
  if (shape[0] != Shape::kUnknown) shape[0] = batch(shape[0], BlockVolume(node, axes));
  for (size_t i = 0; i < axes.size(); ++i) {
    if (int64_t& size = shape[i + 1]; size != Shape::kUnknown) size = axis_size(size, axes[i]);
  }
  return {{dtype, shape}};
}

std::vector<TensorSpec> InferSpaceToBatch(const ShapeContext& context) {
  const Node& node = context.node;
  return Infer(
      context, [&](int64_t batch, int64_t volume) { return DimProduct(node, batch, volume); },
      [&](int64_t size, const BlockAxis& axis) {
        int64_t padded = 0;
        Require(!__builtin_add_overflow(size, axis.before + axis.after, &padded) &&
                    padded % axis.block == 0,
                ErrorCode::kBadFile, node.op(), " cannot cut ", size, " + ", axis.before, " + ",
                axis.after, " into blocks of ", axis.block);
        return padded / axis.block;
      });
}

std::vector<TensorSpec> InferBatchToSpace(const ShapeContext& context) {
  const Node& node = context.node;
  return Infer(
      context,
      [&](int64_t batch, int64_t volume) {
        Require(batch % volume == 0, ErrorCode::kBadFile, node.op(), " needs a batch divisible by ",
                volume, ", not ", batch);
        return batch / volume;
      },
      [&](int64_t size, const BlockAxis& axis) {
        const int64_t cropped = DimProduct(node, size, axis.block) - axis.before - axis.after;
        Require(cropped >= 0, ErrorCode::kBadFile, node.op(), " crops more than there is");
        return cropped;
      });
}

// Space position p of an axis, padded to p + before, is position (p + before) / block of the batch
// entry numbered by (p + before) % block, whose number is the most significant part of the batch.
// Calls copy(bytes into space, bytes into batch, bytes) for every position.
template <typename Copy>
void ForPositions(const std::vector<BlockAxis>& axes, const Tensor& space, const Tensor& batch,
                  Copy copy) {
  if (space.num_elements() == 0) return;
  const Shape &wide = space.shape(), &deep = batch.shape();
  const int last = static_cast<int>(axes.size());
  int64_t positions = wide[0];
  for (int i = 1; i <= last; ++i) positions *= wide[i];
  const int64_t run = static_cast<int64_t>(space.num_bytes()) / positions;
  ParallelFor(positions, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t position = begin; position < end; ++position) {
      int64_t rest = position, within = 0, within_stride = 1, entry = 0, entry_stride = wide[0];
      for (int i = last; i >= 1; --i) {
        const BlockAxis& axis = axes[i - 1];
        const int64_t padded = rest % wide[i] + axis.before;
        rest /= wide[i];
        within += padded / axis.block * within_stride;
        within_stride *= deep[i];
        entry += padded % axis.block * entry_stride;
        entry_stride *= axis.block;
      }
      copy(position * run, ((entry + rest) * within_stride + within) * run, run);
    }
  });
}

void EvaluateSpaceToBatch(const Node& node, std::span<const Tensor> inputs,
                          std::span<Tensor> outputs) {
  const char* in = static_cast<const char*>(inputs[0].raw());
  char* out = static_cast<char*>(outputs[0].mutable_raw());
  std::memset(out, 0, outputs[0].num_bytes());
  ForPositions(ReadAxes(node, inputs[1], inputs[2]), inputs[0], outputs[0],
               [=](int64_t space, int64_t batch, int64_t run) {
                 std::memcpy(out + batch, in + space, run);
               });
}

void EvaluateBatchToSpace(const Node& node, std::span<const Tensor> inputs,
                          std::span<Tensor> outputs) {
  const char* in = static_cast<const char*>(inputs[0].raw());
  char* out = static_cast<char*>(outputs[0].mutable_raw());
  ForPositions(ReadAxes(node, inputs[1], inputs[2]), outputs[0], inputs[0],
               [=](int64_t space, int64_t batch, int64_t run) {
                 std::memcpy(out + space, in + batch, run);
               });
}

}  // namespace

void register_space_to_batch(OpRegistry& ops) {
  ops.Add({.name = "SpaceToBatchND",
           .summary = "Pads, then moves the positions within blocks into the batch",
           .infer = InferSpaceToBatch,
           .evaluate = EvaluateSpaceToBatch});
  ops.Add({.name = "BatchToSpaceND",
           .summary = "Moves parts of the batch into blocks of positions, then crops",
           .infer = InferBatchToSpace,
           .evaluate = EvaluateBatchToSpace,
           .moves_data_only = true});
}

}  // namespace adze
