#include <algorithm>
#include <limits>

#include "ops/support/image.h"
#include "ops/support/infer.h"
#include "ops/support/suppression.h"

namespace adze {
namespace {

// NonMaxSuppression(boxes [N, 4], scores [N], most [, overlap [, score threshold [, sigma]]]); the
// first version has the overlap as an attribute.
bool IsPadded(const Node& node) { return node.attr<bool>("pad_to_max_output_size", false); }

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  const Shape boxes = ShapeOfRank(context, 0, 2), scores = ShapeOfRank(context, 1, 1);
  SameDim(node, "boxes", boxes[0], scores[0]);
  Require(boxes[1] < 0 || boxes[1] == 4, ErrorCode::kBadFile, node.op(), " of boxes of ", boxes[1],
          " numbers where 4 are needed");
  const std::optional<int64_t> most = KnownInt(context, 2);
  Require(most.value_or(0) >= 0, ErrorCode::kBadFile, node.op(), " to ", *most, " boxes");
  const Shape kept{IsPadded(node) ? most.value_or(Shape::kUnknown) : Shape::kUnknown};
  std::vector<TensorSpec> specs = {{DType::kInt32, kept}};
  if (node.op() == "NonMaxSuppressionV5") specs.push_back({InputType(context, 1), kept});
  if (node.def()->output_names.size() > 1) specs.push_back({DType::kInt32, Shape{}});
  return specs;
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Tensor boxes = Cast(inputs[0], DType::kFloat), scores = Cast(inputs[1], DType::kFloat);
  const int64_t most = OneInt(inputs[2], "number of boxes");
  SuppressionOptions options{.most = most, .score_threshold = std::numeric_limits<float>::lowest()};
  options.overlap_threshold = inputs.size() > 3 ? OneFloat(inputs[3], "overlap threshold")
                                                : node.attr<float>("iou_threshold", 0.5f);
  if (inputs.size() > 4) options.score_threshold = OneFloat(inputs[4], "score threshold");
  if (inputs.size() > 5) options.soft_sigma = OneFloat(inputs[5], "sigma");
  Require(options.overlap_threshold >= 0 && options.overlap_threshold <= 1, ErrorCode::kBadFile,
          node.op(), " has an overlap threshold of ", options.overlap_threshold,
          "; it must be from 0 to 1");
  const std::vector<KeptBox> kept = SuppressOverlaps(
      boxes.data<float>().data(), 4, scores.data<float>().data(), 1, boxes.shape()[0], options);
  const auto count = static_cast<int64_t>(kept.size());
  const Shape shape{IsPadded(node) ? most : count};
  outputs[0] = Tensor::Zeros(DType::kInt32, shape);
  Tensor kept_scores = Tensor::Zeros(DType::kFloat, shape);
  for (int64_t i = 0; i < count; ++i) {
    outputs[0].mutable_data<int32_t>()[i] = static_cast<int32_t>(kept[i].index);
    kept_scores.mutable_data<float>()[i] = kept[i].score;
  }
  if (outputs.size() > 2) outputs[1] = Cast(kept_scores, inputs[1].dtype());
  if (outputs.size() > 1) {
    outputs.back().mutable_data<int32_t>()[0] = static_cast<int32_t>(count);
  }
}

}  // namespace

void register_non_max_suppression(OpRegistry& ops) {
  const std::vector<std::pair<const char*, std::vector<std::string>>> versions = {
      {"NonMaxSuppression", {"selected_indices"}},
      {"NonMaxSuppressionV2", {"selected_indices"}},
      {"NonMaxSuppressionV3", {"selected_indices"}},
      {"NonMaxSuppressionV4", {"selected_indices", "valid_outputs"}},
      {"NonMaxSuppressionV5", {"selected_indices", "selected_scores", "valid_outputs"}}};
  for (const auto& [name, outputs] : versions) {
    ops.Add({.name = name,
             .summary = "Which of overlapping boxes remain",
             .infer = Infer,
             .evaluate = Evaluate,
             .sizes_outputs = true,
             .output_names = outputs});
  }
}

}  // namespace adze
