#include <algorithm>

#include "ops/support/infer.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

// x, min, max: each limit is one number, or one per element.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Shape& shape = context.shape(0);
  for (int i = 1; i < 3; ++i) {
    const Shape& limit = context.shape(i);
    const DType dtype = context.spec(i).dtype;
    Require(dtype == InputType(context) || dtype == DType::kInvalid, ErrorCode::kBadFile,
            "ClipByValue of ", Name(InputType(context)), " by a limit of ", Name(dtype));
    const bool fits = !limit.IsFullyKnown() || limit.num_elements() == 1 || !shape.IsFullyKnown() ||
                      limit == shape;
    Require(fits, ErrorCode::kBadFile, "ClipByValue of ", shape.ToString(), " by a limit of ",
            limit.ToString());
  }
  return {{InputType(context), shape}};
}

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  Dispatch<float, double, int32_t, int64_t>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    const auto x = inputs[0].data<T>(), low = inputs[1].data<T>(), high = inputs[2].data<T>();
    const auto out = outputs[0].mutable_data<T>();
    for (size_t i = 0; i < x.size(); ++i) {
      const T least = low[low.size() == 1 ? 0 : i], most = high[high.size() == 1 ? 0 : i];
      out[i] = std::min(std::max(x[i], least), most);
    }
  });
}

}  // namespace

void register_clip(OpRegistry& ops) {
  ops.Add({.name = "ClipByValue",
           .summary = "Numbers limited to a range",
           .infer = Infer,
           .evaluate = Evaluate,
           .is_elementwise = true});
}

}  // namespace adze
