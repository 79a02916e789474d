#include <algorithm>

#include "ops/support/image.h"
#include "ops/support/infer.h"
#include "ops/support/suppression.h"

namespace adze {
namespace {

// CombinedNonMaxSuppression(boxes [B, N, Q, 4], scores [B, N, C], most per class, most, overlap,
// score threshold): suppression in each class of each image, then the best of all classes. Q is 1,
// or C where each class has boxes of its own.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  const Shape boxes = ShapeOfRank(context, 0, 4), scores = ShapeOfRank(context, 1, 3);
  const int64_t batch = SameDim(node, "images", boxes[0], scores[0]);
  SameDim(node, "boxes", boxes[1], scores[1]);
  Require(boxes[3] < 0 || boxes[3] == 4, ErrorCode::kBadFile, node.op(), " of boxes of ", boxes[3],
          " numbers where 4 are needed");
  Require(boxes[2] < 0 || boxes[2] == 1 || scores[2] < 0 || boxes[2] == scores[2],
          ErrorCode::kBadFile, node.op(), " of ", boxes[2], " boxes for ", scores[2], " classes");
  const std::optional<int64_t> per_class = KnownInt(context, 2), most = KnownInt(context, 3);
  Require(per_class.value_or(1) > 0 && most.value_or(1) > 0, ErrorCode::kBadFile, node.op(),
          " to no boxes");
  int64_t count = most.value_or(Shape::kUnknown);
  if (node.attr<bool>("pad_per_class", false)) {
    const bool known = per_class && most && scores[2] >= 0;
    count = known ? std::min(*most, CheckedMul(*per_class, scores[2])) : Shape::kUnknown;
  }
  return {{DType::kFloat, Shape{batch, count, 4}},
          {DType::kFloat, Shape{batch, count}},
          {DType::kFloat, Shape{batch, count}},
          {DType::kInt32, Shape{batch}}};
}

struct Found {
  KeptBox box;
  int64_t label;
};

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape &boxes = inputs[0].shape(), &scores = inputs[1].shape();
  const int64_t count = boxes[1], sets = boxes[2], classes = scores[2];
  const int64_t room = outputs[1].shape()[1];
  const SuppressionOptions options{.most = OneInt(inputs[2], "number of boxes per class"),
                                   .overlap_threshold = OneFloat(inputs[4], "overlap threshold"),
                                   .score_threshold = OneFloat(inputs[5], "score threshold")};
  const Tensor float_boxes = Cast(inputs[0], DType::kFloat);
  const Tensor float_scores = Cast(inputs[1], DType::kFloat);
  const bool clips = node.attr<bool>("clip_boxes", true);
  for (int i = 0; i < 3; ++i) outputs[i] = Tensor::Zeros(DType::kFloat, outputs[i].shape());
  for (int64_t image = 0; image < boxes[0]; ++image) {
    const float* all = float_boxes.data<float>().data() + image * count * sets * 4;
    const float* chances = float_scores.data<float>().data() + image * count * classes;
    std::vector<Found> found;
    for (int64_t label = 0; label < classes; ++label) {
      const float* own = all + (sets > 1 ? label * 4 : 0);
      for (const KeptBox& box :
           SuppressOverlaps(own, sets * 4, chances + label, classes, count, options)) {
        found.push_back({box, label});
      }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.box.score > b.box.score; });
    const int64_t valid = std::min<int64_t>(room, static_cast<int64_t>(found.size()));
    for (int64_t i = 0; i < valid; ++i) {
      const auto& [box, label] = found[i];
      const float* corner = all + (box.index * sets + (sets > 1 ? label : 0)) * 4;
      const int64_t at = image * room + i;
      for (int k = 0; k < 4; ++k) {
        outputs[0].mutable_data<float>()[at * 4 + k] =
            clips ? std::clamp(corner[k], 0.0f, 1.0f) : corner[k];
      }
      outputs[1].mutable_data<float>()[at] = box.score;
      outputs[2].mutable_data<float>()[at] = static_cast<float>(label);
    }
    outputs[3].mutable_data<int32_t>()[image] = static_cast<int32_t>(valid);
  }
}

// Boxes and scores both have a row an image.
bool KeepsRows(const RowContext& context) {
  for (int i = 0; i < static_cast<int>(context.inputs.size()); ++i) {
    if (i < 2 ? !context.rows[i] : !context.constants[i]) return false;
  }
  return true;
}

}  // namespace

void register_combined_non_max_suppression(OpRegistry& ops) {
  ops.Add({.name = "CombinedNonMaxSuppression",
           .summary = "The best boxes of all classes, without those that overlap in a class",
           .infer = Infer,
           .evaluate = Evaluate,
           .keeps_rows = KeepsRows,
           .output_names = {"nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"}});
}

}  // namespace adze
