#include "ops/support/infer.h"

namespace adze {
namespace {

std::vector<TensorSpec> InferVariable(const ShapeContext& context) {
  return {{context.node.attr<DType>("dtype", DType::kInvalid),
           context.node.attr<Shape>("shape", Shape::UnknownRank())}};
}

std::vector<TensorSpec> InferHandle(const ShapeContext&) { return {{DType::kResource, Shape{}}}; }

std::vector<TensorSpec> InferRead(const ShapeContext& context) {
  return {{context.node.attr<DType>("dtype", DType::kInvalid), Shape::UnknownRank()}};
}

}  // namespace

// Variables have no value here: freezing replaces them (adze/freeze.h).
void register_variable(OpRegistry& ops) {
  for (const char* name : {"VariableV2", "Variable"})
    ops.Add({.name = name,
             .summary = "A variable; freezing makes it a constant",
             .infer = InferVariable});
  ops.Add({.name = "VarHandleOp",
           .summary = "A variable; freezing makes it a constant",
           .infer = InferHandle});
  ops.Add({.name = "ReadVariableOp",
           .summary = "The value of a variable; freezing makes it an Identity",
           .infer = InferRead});
}

}  // namespace adze
