#include <cmath>
#include <functional>

#include "ops/support/broadcast.h"

namespace adze {
namespace {

template <typename... Ts, typename F>
OpDef PredicateOp(std::string name, F f) {
  return {
      .name = std::move(name),
      .summary = "Elementwise truth",
      .infer = [](const ShapeContext& context) { return InferBroadcast(context, DType::kBool); },
      .evaluate =
          [f](const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
            Dispatch<Ts...>(inputs[0].dtype(), [&](auto t) {
              Broadcast<decltype(t), bool>(inputs[0], inputs[1], outputs[0], f);
            });
          },
      .is_elementwise = true};
}

template <typename F>
OpDef OrderOp(std::string name, F f) {
  return PredicateOp<float, double, int32_t, int64_t, uint8_t, int8_t>(std::move(name), f);
}

template <typename F>
OpDef EqualityOp(std::string name, F f) {
  return PredicateOp<float, double, int32_t, int64_t, uint8_t, int8_t, bool>(std::move(name), f);
}

void EvaluateNot(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const auto from = inputs[0].data<bool>();
  std::transform(from.begin(), from.end(), outputs[0].mutable_data<bool>().begin(),
                 std::logical_not<>());
}

std::vector<TensorSpec> InferNot(const ShapeContext& context) {
  const DType dtype = InputType(context);
  Require(dtype == DType::kBool || dtype == DType::kInvalid, ErrorCode::kBadFile, "LogicalNot of ",
          Name(dtype));
  return {{DType::kBool, context.shape(0)}};
}

// Whether each number is of a kind.
template <typename F>
OpDef ClassOp(std::string name, F f) {
  return {.name = std::move(name),
          .summary = "Elementwise truth",
          .infer =
              [](const ShapeContext& context) {
                return std::vector<TensorSpec>{{DType::kBool, context.shape(0)}};
              },
          .evaluate =
              [f](const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
                Dispatch<float, double>(inputs[0].dtype(), [&](auto t) {
                  const auto from = inputs[0].data<decltype(t)>();
                  std::transform(from.begin(), from.end(), outputs[0].mutable_data<bool>().begin(),
                                 f);
                });
              }};
}

}  // namespace

void register_comparison(OpRegistry& ops) {
  ops.Add(OrderOp("Less", std::less<>()));
  ops.Add(OrderOp("LessEqual", std::less_equal<>()));
  ops.Add(OrderOp("Greater", std::greater<>()));
  ops.Add(OrderOp("GreaterEqual", std::greater_equal<>()));
  ops.Add(EqualityOp("Equal", std::equal_to<>()));
  ops.Add(EqualityOp("NotEqual", std::not_equal_to<>()));
  ops.Add(PredicateOp<bool>("LogicalAnd", std::logical_and<>()));
  ops.Add(PredicateOp<bool>("LogicalOr", std::logical_or<>()));
  ops.Add(ClassOp("IsNan", [](auto x) { return std::isnan(x); }));
  ops.Add(ClassOp("IsInf", [](auto x) { return std::isinf(x); }));
  ops.Add(ClassOp("IsFinite", [](auto x) { return std::isfinite(x); }));
  ops.Add({.name = "LogicalNot",
           .summary = "Elementwise negation of truth",
           .infer = InferNot,
           .evaluate = EvaluateNot});
}

}  // namespace adze
