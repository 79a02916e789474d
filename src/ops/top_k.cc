#include <algorithm>
#include <numeric>

#include "ops/support/infer.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

// TopK has k as an attribute, TopKV2 as an operand.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  const std::optional<int64_t> known =
      node.op() == "TopK" ? std::optional(node.attr<int64_t>("k")) : KnownInt(context, 1);
  Require(known.value_or(0) >= 0, ErrorCode::kBadFile, node.op(), " of ", *known, " elements");
  const int64_t k = known.value_or(Shape::kUnknown);
  Shape shape = context.shape(0);
  if (shape.known_rank()) {
    Require(shape.rank() >= 1, ErrorCode::kBadFile, node.op(), " of a scalar");
    int64_t& last = shape[shape.rank() - 1];
    Require(last < 0 || k <= last, ErrorCode::kBadFile, node.op(), " of the ", k, " largest of ",
            last);
    last = k;
  }
  return {{InputType(context), shape}, {DType::kInt32, shape}};
}

// The k largest of each row, largest first; of equal ones the first.
void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (outputs[0].num_elements() == 0) return;
  const Shape &from = inputs[0].shape(), &to = outputs[0].shape();
  const int64_t length = from[from.rank() - 1], k = to[to.rank() - 1];
  Dispatch<float, double, int32_t, int64_t, uint8_t, int8_t>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    std::vector<int32_t> order(length);
    for (int64_t row = 0; row < inputs[0].num_elements() / length; ++row) {
      const T* x = inputs[0].data<T>().data() + row * length;
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [x](int32_t a, int32_t b) {
        return x[a] > x[b] || (!(x[a] < x[b]) && a < b);
      });
      for (int64_t i = 0; i < k; ++i) {
        outputs[0].mutable_data<T>()[row * k + i] = x[order[i]];
        outputs[1].mutable_data<int32_t>()[row * k + i] = order[i];
      }
    }
  });
}

}  // namespace

void register_top_k(OpRegistry& ops) {
  for (const char* name : {"TopK", "TopKV2"}) {
    ops.Add({.name = name,
             .summary = "The largest elements of each row, and where they are",
             .infer = Infer,
             .evaluate = Evaluate,
             .output_names = {"values", "indices"}});
  }
}

}  // namespace adze
