#pragma once

#include <ATen/ATen.h>

#include <string>

namespace adze {

// The mean over a batch of outputs [N, ...]; `outputs` are logits where a Softmax is behind them.
enum class LossKind { kCrossEntropy, kMse, kDistill };
// "cross-entropy", "mse", "distill"; kInvalidArgument lists them.
LossKind LossByName(const std::string& name);

// Cross entropy of the classes (int64, [N]), which must be within the scores. kInvalidArgument if
// the outputs are no class scores.
at::Tensor CrossEntropyLoss(const at::Tensor& outputs, const at::Tensor& classes);
// The mean squared difference.
at::Tensor MseLoss(const at::Tensor& outputs, const at::Tensor& targets);
// How far the student's classes are from the teacher's: the Kullback-Leibler divergence of their
// softmax over the last axis, where both are logits of a classifier; else MseLoss, relative to the
// teacher's mean square.
at::Tensor DistillLoss(const at::Tensor& outputs, const at::Tensor& teacher, bool is_classifier);

}  // namespace adze
