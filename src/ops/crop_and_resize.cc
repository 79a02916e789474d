#include <algorithm>
#include <cmath>

#include "ops/support/image.h"
#include "ops/support/infer.h"

namespace adze {
namespace {

// image [N, H, W, C], boxes [B, 4], box_index [B], size [2] to [B, size[0], size[1], C].
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Shape image = ShapeOfRank(context, 0, 4), boxes = ShapeOfRank(context, 1, 2);
  Shape shape{boxes[0], Shape::kUnknown, Shape::kUnknown, image[3]};
  Require(boxes[1] == 4 || boxes[1] == Shape::kUnknown, ErrorCode::kBadFile,
          "CropAndResize boxes of shape ", boxes.ToString());
  const DType dtype = context.spec(1).dtype;
  Require(dtype == DType::kFloat || dtype == DType::kInvalid, ErrorCode::kBadFile,
          "CropAndResize with boxes of ", Name(dtype));
  ShapeOfRank(context, 2, 1);
  if (const auto size = KnownInts(context, 3)) {
    Require(size->size() == 2 && size->at(0) > 0 && size->at(1) > 0, ErrorCode::kBadFile,
            "CropAndResize to a size that is not two numbers above 0");
    shape[1] = size->at(0);
    shape[2] = size->at(1);
  }
  return {{DType::kFloat, shape}};
}

// Where the `i`th of `count` points between two fractions of the image lies.
float PointAt(float from, float to, int64_t length, int64_t i, int64_t count) {
  const auto last = static_cast<float>(length - 1);
  if (count == 1) return 0.5f * (from + to) * last;
  return from * last + static_cast<float>(i) * ((to - from) * last / static_cast<float>(count - 1));
}

bool IsInside(float at, int64_t length) { return at >= 0 && at <= static_cast<float>(length - 1); }

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const std::string method = node.attr<std::string>("method", "bilinear");
  Require(method == "bilinear" || method == "nearest", ErrorCode::kBadFile, "CropAndResize by '",
          method, "'");
  const Tensor image = Cast(inputs[0], DType::kFloat);
  const Shape &from = image.shape(), &to = outputs[0].shape();
  const int64_t height = from[1], width = from[2], channels = from[3];
  const float outside = node.attr<float>("extrapolation_value", 0);
  const std::span<const float> boxes = inputs[1].data<float>();
  const std::vector<int64_t> index = ToInt64s(inputs[2]);
  Require(static_cast<int64_t>(index.size()) == to[0], ErrorCode::kBadFile, "CropAndResize of ",
          to[0], " boxes from ", index.size(), " images");
  const float* in = image.data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  for (int64_t b = 0; b < to[0]; ++b) {
    Require(index[b] >= 0 && index[b] < from[0], ErrorCode::kBadFile, "CropAndResize of image ",
            index[b], " of ", from[0]);
    const float *box = &boxes[4 * b], *source = in + index[b] * height * width * channels;
    for (int64_t i = 0; i < to[1] * to[2]; ++i, out += channels) {
      const float y = PointAt(box[0], box[2], height, i / to[2], to[1]);
      const float x = PointAt(box[1], box[3], width, i % to[2], to[2]);
      if (!IsInside(y, height) || !IsInside(x, width)) {
        std::fill_n(out, channels, outside);
        continue;
      }
      const auto pixel = [&](float row, float column) {
        return source +
               (static_cast<int64_t>(row) * width + static_cast<int64_t>(column)) * channels;
      };
      if (method == "nearest") {
        std::copy_n(pixel(std::round(y), std::round(x)), channels, out);
        continue;
      }
      const float top = std::floor(y), left = std::floor(x), dy = y - top, dx = x - left;
      const float *tl = pixel(top, left), *tr = pixel(top, std::ceil(x)),
                  *bl = pixel(std::ceil(y), left), *br = pixel(std::ceil(y), std::ceil(x));
      for (int64_t c = 0; c < channels; ++c) {
        const float above = tl[c] + (tr[c] - tl[c]) * dx, below = bl[c] + (br[c] - bl[c]) * dx;
        out[c] = above + (below - above) * dy;
      }
    }
  }
}

}  // namespace

void register_crop_and_resize(OpRegistry& ops) {
  ops.Add({.name = "CropAndResize",
           .summary = "Boxes of images, resized to one size",
           .infer = Infer,
           .evaluate = Evaluate});
}

}  // namespace adze
