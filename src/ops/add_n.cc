#include "ops/support/elementwise.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  std::vector<TensorSpec> specs = InferSame(context);
  for (const TensorSpec& input : context.inputs) {
    specs[0].shape = MergeShapes(specs[0].shape, input.shape);
    Require(input.dtype == specs[0].dtype || input.dtype == DType::kInvalid, ErrorCode::kBadFile,
            "AddN of ", Name(specs[0].dtype), " and ", Name(input.dtype));
  }
  return specs;
}

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  Dispatch<float, double>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    T* out = outputs[0].mutable_data<T>().data();
    ParallelFor(outputs[0].num_elements(), kGrain, [&](int64_t begin, int64_t end) {
      std::copy_n(inputs[0].data<T>().data() + begin, end - begin, out + begin);
      for (const Tensor& input : inputs.subspan(1)) {
        const T* x = input.data<T>().data();
        for (int64_t i = begin; i < end; ++i) out[i] += x[i];
      }
    });
  });
}

}  // namespace

void register_add_n(OpRegistry& ops) {
  ops.Add({.name = "AddN",
           .summary = "Sum of several tensors",
           .infer = Infer,
           .evaluate = Evaluate,
           .is_elementwise = true});
}

}  // namespace adze
