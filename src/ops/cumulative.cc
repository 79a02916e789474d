#include <vector>

#include "ops/support/infer.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  KnownInt(context, 1);  // checks that it is one
  return {{InputType(context), context.shape(0)}};
}

struct Sum {
  static constexpr int kNeutral = 0;
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    } else {
      return a + b;
    }
  }
};

struct Product {
  static constexpr int kNeutral = 1;
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    } else {
      return a * b;
    }
  }
};

// y[i] = x[0] + ... + x[i] along an axis; `exclusive`: without x[i]; `reverse`: from the end.
template <typename Join>
void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  if (inputs[0].num_elements() == 0) return;
  const int axis = NormalizeAxis(ToInt64s(inputs[1]).at(0), shape.rank());
  const int64_t length = shape[axis], stride = RowMajorStrides(shape)[axis];
  const bool exclusive = node.attr<bool>("exclusive", false);
  const bool reverse = node.attr<bool>("reverse", false);
  Dispatch<float, double, int32_t, int64_t>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    const T* x = inputs[0].data<T>().data();
    T* y = outputs[0].mutable_data<T>().data();
    for (int64_t line = 0; line < inputs[0].num_elements() / length; ++line) {
      const int64_t first = line / stride * stride * length + line % stride;
      T so_far = static_cast<T>(Join::kNeutral);
      for (int64_t i = 0; i < length; ++i) {
        const int64_t at = first + (reverse ? length - 1 - i : i) * stride;
        const T joined = Join()(so_far, x[at]);
        y[at] = exclusive ? so_far : joined;
        so_far = joined;
      }
    }
  });
}

}  // namespace

void register_cumulative(OpRegistry& ops) {
  ops.Add({.name = "Cumsum",
           .summary = "Sums of all elements up to each one, along an axis",
           .infer = Infer,
           .evaluate = Evaluate<Sum>});
  ops.Add({.name = "Cumprod",
           .summary = "Products of all elements up to each one, along an axis",
           .infer = Infer,
           .evaluate = Evaluate<Product>});
}

}  // namespace adze
