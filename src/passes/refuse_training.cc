#include "adze/error.h"
#include "adze/pass.h"

namespace adze {
namespace {

// Batch norm in training mode normalizes with the batch's own mean and variance: its result depends
// on the other images of the batch, so there is nothing to fold and nothing to calibrate.
bool Run(Graph& graph, PassContext&) {
  for (const Node* node : graph.nodes()) {
    if (!node->op().starts_with("FusedBatchNorm") || node->op().find("Grad") != std::string::npos)
      continue;
    ErrorScope scope("node", node->name());
    // TensorFlow's default, where the attribute is left out, is training.
    Require(!node->attr<bool>("is_training", true), ErrorCode::kUnsupported,
            "this batch norm is in training mode; build the inference graph with "
            "is_training=False (Keras: learning phase 0) and freeze that");
  }
  return false;
}

}  // namespace

void register_refuse_training(PassRegistry& passes) {
  passes.Add(
      {.name = "refuse_training", .summary = "Refuses batch norm in training mode.", .run = Run});
}

}  // namespace adze
