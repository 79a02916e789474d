#include <cstring>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/infer.h"
#include "ops/support/permute.h"

namespace adze {
namespace {

// 1 if the edge itself is not repeated (REFLECT), 0 if it is (SYMMETRIC).
int64_t EdgeOffset(const Node& node) {
  const std::string& mode = node.attr<std::string>("mode");
  Require(mode == "REFLECT" || mode == "SYMMETRIC", ErrorCode::kBadFile, node.op(), " mode '", mode,
          "' is neither REFLECT nor SYMMETRIC");
  return mode == "REFLECT";
}

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  const int64_t offset = EdgeOffset(node);
  const DType dtype = FixedSizeType(context);
  Shape shape = context.shape(0);
  const Tensor* pads = context.constant(1);
  if (!shape.known_rank()) return {{dtype, shape}};
  if (!pads) return {{dtype, Shape(std::vector<int64_t>(shape.rank(), Shape::kUnknown))}};
  Require(pads->shape() == Shape{shape.rank(), 2} &&
              (pads->dtype() == DType::kInt32 || pads->dtype() == DType::kInt64),
          ErrorCode::kBadFile, node.op(), " needs integer paddings of shape [", shape.rank(),
          ", 2], not ", pads->shape().ToString());
  const std::vector<int64_t> edges = ToInt64s(*pads);
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == Shape::kUnknown) continue;
    for (int64_t edge : {edges[2 * i], edges[2 * i + 1]}) {
      Require(edge >= 0 && edge <= std::max<int64_t>(shape[i] - offset, 0), ErrorCode::kBadFile,
              node.op(), " pads axis ", i, " of shape ", context.shape(0).ToString(), " by ", edge);
    }
    shape[i] += edges[2 * i] + edges[2 * i + 1];
  }
  return {{dtype, shape}};
}

// Where position `at` of a padded axis comes from.
int64_t Source(int64_t at, int64_t before, int64_t size, int64_t offset) {
  const int64_t position = at - before;
  if (position < 0) return offset - 1 - position;
  return position < size ? position : 2 * size - 1 - offset - position;
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (outputs[0].num_elements() == 0) return;
  const Shape &from = inputs[0].shape(), &to = outputs[0].shape();
  const int64_t offset = EdgeOffset(node);
  const std::vector<int64_t> edges = ToInt64s(inputs[1]);
  // Trailing axes without padding move as one run.
  int rank = from.rank();
  int64_t run = static_cast<int64_t>(SizeOf(inputs[0].dtype()));
  for (; rank > 0 && from[rank - 1] == to[rank - 1]; --rank) run *= from[rank - 1];
  const char* in = static_cast<const char*>(inputs[0].raw());
  char* out = static_cast<char*>(outputs[0].mutable_raw());
  ParallelFor(static_cast<int64_t>(outputs[0].num_bytes()) / run, 1024,
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                  int64_t rest = i, source = 0, stride = 1;
                  for (int axis = rank - 1; axis >= 0; --axis) {
                    source += stride * Source(rest % to[axis], edges[2 * axis], from[axis], offset);
                    rest /= to[axis];
                    stride *= from[axis];
                  }
                  std::memcpy(out + i * run, in + source * run, run);
                }
              });
}

bool KeepsRows(const RowContext& context) {
  const auto paddings = KnownInts(context, 1);
  return context.OnlyRowsAre(0) && paddings->size() >= 2 && (*paddings)[0] == 0 &&
         (*paddings)[1] == 0;
}

}  // namespace

void register_mirror_pad(OpRegistry& ops) {
  ops.Add({.name = "MirrorPad",
           .summary = "Pads with mirrored elements",
           .infer = Infer,
           .evaluate = Evaluate,
           .keeps_rows = KeepsRows,
           .permute_axes = PermutePaddings<1>,
           .moves_data_only = true});
}

}  // namespace adze
