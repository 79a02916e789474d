#include "ops/support/copy.h"
#include "ops/support/infer.h"

namespace adze {

void register_cast(OpRegistry& ops) {
  ops.Add(
      {.name = "Cast",
       .summary = "Elements converted to another type",
       .infer =
           [](const ShapeContext& context) {
             return std::vector<TensorSpec>{{context.node.attr<DType>("DstT"), context.shape(0)}};
           },
       .evaluate =
           [](const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
             CopyElements(Cast(inputs[0], outputs[0].dtype()), outputs[0]);
           },
       .is_elementwise = true});
}

}  // namespace adze
