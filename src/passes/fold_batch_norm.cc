#include <cmath>

#include "passes/support/linear_layer.h"
#include "passes/support/pattern.h"

namespace adze {
namespace {

// Only the normalized value is read, not the means and variances that batch norm hands on.
bool IsOnlyNormalizing(const Graph& graph, Node& bn) {
  for (int i = 1; i < 6; ++i) {
    if (graph.CountUses(bn.output(i)) > 0) return false;
  }
  return true;
}

std::vector<double> ToDoubles(const Node& constant) {
  const Tensor values = Cast(constant.const_value(), DType::kDouble);
  return {values.data<double>().begin(), values.data<double>().end()};
}

// y = gamma * (layer(x) - mean) / sqrt(variance + epsilon) + beta
//   = layer(x) * s + (beta - mean * s),  s = gamma / sqrt(variance + epsilon)
bool Run(Graph& graph, PassContext& context) {
  const Pattern pattern =
      Op({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"},
         {Any("x"), Const("gamma"), Const("beta"), Const("mean"), Const("variance")});
  return RewriteAll(graph, pattern, [&](const Match& match, Node& bn) {
           if (bn.attr<bool>("is_training", true) || !IsOnlyNormalizing(graph, bn)) return false;
           const auto layer = FindLinearLayer(graph, match.value("x"), context);
           if (!layer || layer->rank != 4 || layer->channels_first != IsChannelsFirst(bn))
             return false;
           const auto gamma = ToDoubles(match["gamma"]), beta = ToDoubles(match["beta"]);
           const auto mean = ToDoubles(match["mean"]), variance = ToDoubles(match["variance"]);
           for (const auto* values : {&gamma, &beta, &mean, &variance}) {
             if (static_cast<int64_t>(values->size()) != layer->channels) return false;
           }
           const double epsilon = bn.attr<float>("epsilon", 1e-4f);
           std::vector<double> scale, shift;
           for (int64_t c = 0; c < layer->channels; ++c) {
             scale.push_back(gamma[c] / std::sqrt(variance[c] + epsilon));
             shift.push_back(beta[c] - mean[c] * scale[c]);
           }
           return FoldAffine(graph, *layer, scale, shift, bn, context);
         }) > 0;
}

}  // namespace

void register_fold_batch_norm(PassRegistry& passes) {
  passes.Add({.name = "fold_batch_norm",
              .summary = "Folds batch norm into the layer in front of it.",
              .run = Run});
}

}  // namespace adze
