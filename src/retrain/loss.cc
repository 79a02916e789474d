#include "retrain/loss.h"

#include "adze/error.h"

namespace adze {

LossKind LossByName(const std::string& name) {
  if (name == "cross-entropy") return LossKind::kCrossEntropy;
  if (name == "mse") return LossKind::kMse;
  if (name == "distill") return LossKind::kDistill;
  throw Error(ErrorCode::kInvalidArgument,
              "there is no loss '" + name + "'; there are cross-entropy, mse and distill");
}

at::Tensor CrossEntropyLoss(const at::Tensor& outputs, const at::Tensor& classes) {
  const int64_t count = outputs.size(-1), rows = outputs.numel() / count;
  Require(rows == classes.numel(), ErrorCode::kInvalidArgument,
          "cross-entropy takes class scores [N, classes]; there are ", rows, " rows of scores for ",
          classes.numel(), " samples; use --loss distill, or choose the output with --outputs");
  const at::Tensor log = at::log_softmax(outputs.reshape({rows, count}), 1);
  return -log.gather(1, classes.reshape({rows, 1})).mean();
}

at::Tensor MseLoss(const at::Tensor& outputs, const at::Tensor& targets) {
  return at::square(outputs - targets).mean();
}

at::Tensor DistillLoss(const at::Tensor& outputs, const at::Tensor& teacher, bool is_classifier) {
  if (!is_classifier) {
    return MseLoss(outputs, teacher) / at::square(teacher).mean().clamp_min(1e-12);
  }
  const at::Tensor wanted = at::log_softmax(teacher, -1), found = at::log_softmax(outputs, -1);
  return (wanted.exp() * (wanted - found)).sum(-1).mean();
}

}  // namespace adze
