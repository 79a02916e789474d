#include "retrain/fake_quant.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "adze/error.h"
#include "quant/fake_quantize.h"

namespace adze {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::span<const float> Elements(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}
std::span<float> MutableElements(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

// The tensor itself if its elements fill a piece of memory in some order, else a copy that does.
at::Tensor Dense(const at::Tensor& tensor) {
  return tensor.is_non_overlapping_and_dense() ? tensor : tensor.contiguous();
}
// As above, in the same order as `like`, which is dense.
at::Tensor DenseLike(const at::Tensor& tensor, const at::Tensor& like) {
  if (tensor.strides() == like.strides() && tensor.is_non_overlapping_and_dense()) return tensor;
  at::Tensor copy = at::empty_like(like);
  copy.copy_(tensor);
  return copy;
}

QuantParams UlqParams(double clip_min, double clip_max, int num_bits) {
  return ParamsFromRange(static_cast<float>(clip_min), static_cast<float>(clip_max),
                         {.num_bits = num_bits});
}

// What UlqBackward computes on the CPU, from functions of ATen.
variable_list UlqBackwardOnDevice(const at::Tensor& x, const at::Tensor& dy, ClipRange range,
                                  const QuantParams& params) {
  const int bits = params.spec.num_bits;
  const double scale = params.scale[0], offset = params.zero_point[0];
  const at::Tensor above = x > scale * (QuantMax(bits) - offset);
  const at::Tensor below = x < scale * (QuantMin(bits) - offset);
  const at::Tensor t =
      at::where(above, range.clip_max, at::where(below, range.clip_min, x)) / scale;
  const at::Tensor e = (t.round() - t) / static_cast<double>((1 << bits) - 1);
  return {at::where(above.logical_or(below), 0.0, dy), ((below.to(e) - e) * dy).sum().reshape({1}),
          ((e + above.to(e)) * dy).sum().reshape({1})};
}

class Ulq : public torch::autograd::Function<Ulq> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& clip_min, const at::Tensor& clip_max,
                            int64_t num_bits) {
    const at::Tensor x = Dense(input);
    const auto low = clip_min.item<double>(), high = clip_max.item<double>();
    context->save_for_backward({x});
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    context->saved_data["bits"] = num_bits;
    const QuantParams params = UlqParams(low, high, static_cast<int>(num_bits));
    if (!x.is_cpu()) {
      const double offset = params.zero_point[0];
      const double inverse = 1.0f / params.scale[0];
      return (at::clamp((x * inverse).round() + offset, QuantMin(static_cast<int>(num_bits)),
                        QuantMax(static_cast<int>(num_bits))) -
              offset) *
             static_cast<double>(params.scale[0]);
    }
    at::Tensor y = at::empty_like(x);
    FakeQuantizeParallel(Elements(x), params, MutableElements(y));
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const at::Tensor dy = DenseLike(gradients[0], x);
    const auto low = context->saved_data["low"].toDouble();
    const auto high = context->saved_data["high"].toDouble();
    const QuantParams params =
        UlqParams(low, high, static_cast<int>(context->saved_data["bits"].toInt()));
    const ClipRange range{static_cast<float>(low), static_cast<float>(high)};
    variable_list results;
    if (x.is_cpu()) {
      at::Tensor dx = at::empty_like(x);
      const ClipGradient sums =
          UlqBackward(Elements(x), Elements(dy), range, params, MutableElements(dx));
      results = {dx, at::full({1}, sums.clip_min, x.options()),
                 at::full({1}, sums.clip_max, x.options())};
    } else {
      results = UlqBackwardOnDevice(x, dy, range, params);
    }
    results.emplace_back();  // of num_bits
    return results;
  }
};

// How the channels lie in the memory of a dense tensor; nullopt if not side by side.
std::optional<ChannelLayout> LayoutInMemory(const at::Tensor& tensor,
                                            const std::vector<int>& channel_axes) {
  if (channel_axes.empty()) return ChannelLayout{};
  std::vector<int64_t> axes(tensor.dim());
  std::iota(axes.begin(), axes.end(), 0);
  std::stable_sort(axes.begin(), axes.end(),
                   [&](int64_t a, int64_t b) { return tensor.stride(a) > tensor.stride(b); });
  std::erase_if(axes, [&](int64_t axis) { return tensor.size(axis) == 1; });
  std::vector<int64_t> channels;
  for (int axis : channel_axes) {
    if (tensor.size(axis) > 1) channels.push_back(axis);
  }
  ChannelLayout layout;
  if (channels.empty()) return layout;
  const auto found = std::search(axes.begin(), axes.end(), channels.begin(), channels.end());
  if (found == axes.end()) return std::nullopt;
  for (int64_t axis : channels) layout.channels *= tensor.size(axis);
  for (auto axis = found + static_cast<int64_t>(channels.size()); axis != axes.end(); ++axis) {
    layout.inner *= tensor.size(*axis);
  }
  return layout;
}

at::Tensor ArqOnDevice(const at::Tensor& weight, const std::vector<int>& channel_axes,
                       int num_bits) {
  std::vector<int64_t> rest;
  for (int64_t axis = 0; axis < weight.dim(); ++axis) {
    if (std::find(channel_axes.begin(), channel_axes.end(), axis) == channel_axes.end()) {
      rest.push_back(axis);
    }
  }
  const at::Tensor high = weight.amax(rest, true).clamp_min(0);
  const at::Tensor low = -weight.amin(rest, true).clamp_max(0);
  at::Tensor scale = at::where(high < low, low / -QuantMin(num_bits), high / QuantMax(num_bits));
  scale = at::where(scale < 1.192092896e-7, 1.0, scale);
  return at::clamp((weight / scale).round(), QuantMin(num_bits), QuantMax(num_bits)) * scale;
}

class Arq : public torch::autograd::Function<Arq> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& input,
                            const std::vector<int64_t>& axes, int64_t num_bits) {
    const std::vector<int> channel_axes(axes.begin(), axes.end());
    const int bits = static_cast<int>(num_bits);
    if (!input.is_cpu()) return ArqOnDevice(input, channel_axes, bits);
    at::Tensor weight = Dense(input);
    std::optional<ChannelLayout> layout = LayoutInMemory(weight, channel_axes);
    if (!layout) {
      weight = weight.contiguous();
      layout = LayoutInMemory(weight, channel_axes);
    }
    at::Tensor result = at::empty_like(weight);
    FakeQuantizeWeightArq(Elements(weight), *layout, bits, MutableElements(result));
    return result;
  }

  static variable_list backward(AutogradContext*, const variable_list& gradients) {
    return {gradients[0], at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor UlqFakeQuant(const at::Tensor& x, const at::Tensor& clip_min, const at::Tensor& clip_max,
                        int num_bits) {
  return Ulq::apply(x, clip_min, clip_max, static_cast<int64_t>(num_bits));
}

at::Tensor ArqFakeQuant(const at::Tensor& weight, const std::vector<int>& channel_axes,
                        int num_bits) {
  return Arq::apply(weight, std::vector<int64_t>(channel_axes.begin(), channel_axes.end()),
                    static_cast<int64_t>(num_bits));
}

}  // namespace adze
