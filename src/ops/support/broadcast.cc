#include "ops/support/broadcast.h"

namespace adze {

std::vector<TensorSpec> InferBroadcast(const ShapeContext& context, DType dtype) {
  const DType a = InputType(context, 0), b = InputType(context, 1);
  Require(a == b || a == DType::kInvalid || b == DType::kInvalid, ErrorCode::kBadFile,
          context.node.op(), " of ", Name(a), " and ", Name(b));
  return {
      {dtype == DType::kInvalid ? a : dtype, BroadcastShapes(context.shape(0), context.shape(1))}};
}

}  // namespace adze
