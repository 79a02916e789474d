#include "engine/torch/torch_op.h"

namespace adze {
namespace {

// Scores and the probabilities that are wanted, to the loss of each row and its gradient.
std::vector<at::Tensor> CrossEntropy(const at::Tensor& scores, const at::Tensor& wanted) {
  const at::Tensor log = at::log_softmax(scores, -1);
  return {-(wanted * log).sum(-1), log.exp() - wanted};
}

}  // namespace

// Over the last axis.
void register_softmax(TorchOpRegistry& ops) {
  ops.AddOne("Softmax", [](const TorchCall& call) { return at::softmax(call.input(0), -1); });
  ops.AddOne("LogSoftmax",
             [](const TorchCall& call) { return at::log_softmax(call.input(0), -1); });
  ops.Add("SoftmaxCrossEntropyWithLogits",
          [](const TorchCall& call) { return CrossEntropy(call.input(0), call.input(1)); });
  ops.Add("SparseSoftmaxCrossEntropyWithLogits", [](const TorchCall& call) {
    const at::Tensor& scores = call.input(0);
    return CrossEntropy(
        scores, at::one_hot(call.input(1).to(at::kLong), scores.size(-1)).to(scores.scalar_type()));
  });
}

}  // namespace adze
