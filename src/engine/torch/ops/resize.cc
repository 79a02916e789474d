#include <cmath>

#include "engine/torch/torch_op.h"

namespace adze {
namespace {

struct Taps {
  at::Tensor lower, upper, weight;  // of upper
};

// Which two positions along an axis an output position lies between.
Taps LinearTaps(const Node& node, int64_t in, int64_t out, const at::Tensor& image) {
  const bool corners = node.attr<bool>("align_corners", false) && out > 1;
  const float scale = corners ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                              : static_cast<float>(in) / static_cast<float>(out);
  const bool half = node.attr<bool>("half_pixel_centers", false);
  std::vector<int64_t> lower(out), upper(out);
  std::vector<float> weight(out);
  for (int64_t i = 0; i < out; ++i) {
    const float at =
        half ? (static_cast<float>(i) + 0.5f) * scale - 0.5f : static_cast<float>(i) * scale;
    lower[i] = std::clamp<int64_t>(static_cast<int64_t>(std::floor(at)), 0, in - 1);
    upper[i] = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(at)), 0, in - 1);
    weight[i] = at - std::floor(at);
  }
  const auto to_device = [&](auto& values, at::ScalarType type) {
    return at::from_blob(values.data(), {out}, type).clone().to(image.device());
  };
  return {to_device(lower, at::kLong), to_device(upper, at::kLong), to_device(weight, at::kFloat)};
}

at::Tensor Interpolate(const at::Tensor& image, int64_t axis, const Taps& taps) {
  std::vector<int64_t> dims(image.dim(), 1);
  dims[axis] = taps.weight.size(0);
  const at::Tensor from = image.index_select(axis, taps.lower);
  return from + (image.index_select(axis, taps.upper) - from) * taps.weight.reshape(dims);
}

at::Tensor ResizeBilinear(const TorchCall& call) {
  const at::Tensor image = call.input(0).to(at::kFloat);
  const std::vector<int64_t>& to = call.output_shape();
  const at::Tensor wide = Interpolate(image, 2, LinearTaps(call.node, image.size(2), to[2], image));
  return Interpolate(wide, 1, LinearTaps(call.node, image.size(1), to[1], image));
}

}  // namespace

void register_resize(TorchOpRegistry& ops) { ops.AddOne("ResizeBilinear", ResizeBilinear); }

}  // namespace adze
