#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

std::vector<TensorSpec> Checked(const ShapeContext& context, Shape shape) {
  const DType condition = context.spec(0).dtype;
  Require(condition == DType::kBool || condition == DType::kInvalid, ErrorCode::kBadFile,
          context.node.op(), " condition is ", Name(condition));
  const DType a = InputType(context, 1), b = InputType(context, 2);
  Require(a == b || a == DType::kInvalid || b == DType::kInvalid, ErrorCode::kBadFile,
          context.node.op(), " of ", Name(a), " and ", Name(b));
  return {{a, std::move(shape)}};
}

// Select: both branches have one shape; the condition has it too, or is a scalar, or chooses rows.
std::vector<TensorSpec> InferSelect(const ShapeContext& context) {
  const Shape shape = MergeShapes(context.shape(1), context.shape(2));
  const Shape& condition = context.shape(0);
  if (shape.known_rank() && condition.known_rank() && condition.rank() != 0) {
    MergeShapes(condition, condition.rank() == 1 && shape.rank() > 1 ? Shape{shape[0]} : shape);
  }
  return Checked(context, shape);
}

std::vector<TensorSpec> InferSelectV2(const ShapeContext& context) {
  return Checked(context, BroadcastShapes(context.shape(0),
                                          BroadcastShapes(context.shape(1), context.shape(2))));
}

// Shape of the condition under NumPy's rules: Select's row condition has its axis in front.
Shape ConditionShape(const Node& node, const Tensor& condition, const Shape& out) {
  Shape shape = condition.shape();
  if (node.op() != "Select" || shape.rank() != 1 || out.rank() <= 1) return shape;
  std::vector<int64_t> dims(out.rank(), 1);
  dims[0] = shape[0];
  return Shape(dims);
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = outputs[0].shape();
  const Shape condition = ConditionShape(node, inputs[0], shape);
  const Walk<4> walk(
      shape.dims(), {BroadcastStrides(condition, shape), BroadcastStrides(inputs[1].shape(), shape),
                     BroadcastStrides(inputs[2].shape(), shape), RowMajorStrides(shape)});
  if (walk.empty()) return;
  const bool* choose = inputs[0].data<bool>().data();
  Dispatch<float, double, int32_t, int64_t, uint8_t, int8_t, bool>(inputs[1].dtype(), [&](auto t) {
    using T = decltype(t);
    const T* a = inputs[1].data<T>().data();
    const T* b = inputs[2].data<T>().data();
    T* out = outputs[0].mutable_data<T>().data();
    walk.ParallelForRows([&](const Walk<4>::Offsets& at) {
      for (int64_t i = 0; i < walk.row_length(); ++i) {
        out[at[3] + i] = choose[at[0] + i * walk.row_stride(0)] ? a[at[1] + i * walk.row_stride(1)]
                                                                : b[at[2] + i * walk.row_stride(2)];
      }
    });
  });
}

}  // namespace

void register_select(OpRegistry& ops) {
  ops.Add({.name = "Select",
           .summary = "Elements of one of two tensors, as a condition says",
           .infer = InferSelect,
           .evaluate = Evaluate});
  ops.Add({.name = "SelectV2",
           .summary = "Select with broadcasting",
           .infer = InferSelectV2,
           .evaluate = Evaluate,
           .is_elementwise = true});
}

}  // namespace adze
