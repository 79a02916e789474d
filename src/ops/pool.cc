#include <limits>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/copy.h"
#include "ops/support/image.h"
#include "ops/support/quantizable.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Shape image = ShapeOfRank(context, 0, 4);
  const Window window = PoolWindowOver(context.node, image);
  return {{FloatType(context), ImageShape(window.layout, image[0], window.height.output,
                                          window.width.output, image[window.layout.channel()])}};
}

// Calls pixel(input pixel) for each pixel of the window at every output position, between
// start(output pixel) and finish(output pixel, number of pixels): padding is not part of the pool.
template <typename Start, typename Pixel, typename Finish>
void Pool(const Node& node, const Tensor& image, Tensor& output, Start start, Pixel pixel,
          Finish finish) {
  const Window window = PoolWindowOver(node, InLayoutOf(node, image.shape()));
  const WindowAxis &h = window.height, &w = window.width;
  const int64_t channels = image.shape()[3];
  const float* in = image.data<float>().data();
  float* out = output.mutable_data<float>().data();
  if (output.num_elements() == 0) return;
  ParallelFor(image.shape()[0] * h.output, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t batch = row / h.output;
      const int64_t top = row % h.output * h.stride - h.pad_before;
      for (int64_t ow = 0; ow < w.output; ++ow) {
        const int64_t left = ow * w.stride - w.pad_before;
        float* to = out + (row * w.output + ow) * channels;
        start(to, channels);
        int64_t count = 0;
        for (int64_t ih = std::max<int64_t>(top, 0); ih < std::min(top + h.kernel, h.input); ++ih) {
          for (int64_t iw = std::max<int64_t>(left, 0); iw < std::min(left + w.kernel, w.input);
               ++iw, ++count) {
            pixel(in + ((batch * h.input + ih) * w.input + iw) * channels, to, channels);
          }
        }
        finish(to, channels, count);
      }
    }
  });
}

void EvaluateMax(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  Pool(
      node, inputs[0], outputs[0],
      [](float* to, int64_t n) { std::fill_n(to, n, std::numeric_limits<float>::lowest()); },
      [](const float* from, float* to, int64_t n) {
        // NaN in the window comes out, wherever it is.
        for (int64_t i = 0; i < n; ++i)
          to[i] = from[i] > to[i] || from[i] != from[i] ? from[i] : to[i];
      },
      [](float*, int64_t, int64_t) {});
}

// MaxPoolWithArgmax: also where in the image the first largest value lies.
std::vector<TensorSpec> InferWithArgmax(const ShapeContext& context) {
  const std::vector<TensorSpec> values = Infer(context);
  const DType index = context.node.attr<DType>("Targmax", DType::kInt64);
  Require(index == DType::kInt32 || index == DType::kInt64, ErrorCode::kBadFile, context.node.op(),
          " with indices of ", Name(index));
  return {values[0], {index, values[0].shape}};
}

void EvaluateWithArgmax(const Node& node, std::span<const Tensor> inputs,
                        std::span<Tensor> outputs) {
  const Tensor image = Cast(inputs[0], DType::kFloat);
  const Shape& shape = image.shape();
  const Window window = PoolWindowOver(node, shape);
  const WindowAxis &h = window.height, &w = window.width;
  const int64_t channels = shape[3], size = shape[1] * shape[2] * channels;
  const bool with_batch = node.attr<bool>("include_batch_in_index", false);
  const float* in = image.data<float>().data();
  Tensor largest(DType::kFloat, outputs[0].shape());
  const std::span<float> values = largest.mutable_data<float>();
  std::vector<int64_t> indices(values.size());
  for (int64_t at = 0; at < outputs[0].num_elements(); ++at) {
    const int64_t c = at % channels, ow = at / channels % w.output;
    const int64_t oh = at / channels / w.output % h.output;
    const int64_t first = at / channels / w.output / h.output * size;
    const int64_t top = oh * h.stride - h.pad_before, left = ow * w.stride - w.pad_before;
    values[at] = std::numeric_limits<float>::lowest();
    for (int64_t ih = std::max<int64_t>(top, 0); ih < std::min(top + h.kernel, h.input); ++ih) {
      for (int64_t iw = std::max<int64_t>(left, 0); iw < std::min(left + w.kernel, w.input); ++iw) {
        const int64_t place = (ih * shape[2] + iw) * channels + c;
        if (in[first + place] <= values[at]) continue;
        values[at] = in[first + place];
        indices[at] = with_batch ? first + place : place;
      }
    }
  }
  CopyElements(Cast(largest, outputs[0].dtype()), outputs[0]);
  CopyElements(Cast(Tensor::From<int64_t>(outputs[1].shape(), indices), outputs[1].dtype()),
               outputs[1]);
}

void EvaluateAvg(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  Pool(
      node, inputs[0], outputs[0], [](float* to, int64_t n) { std::fill_n(to, n, 0.0f); },
      [](const float* from, float* to, int64_t n) {
        for (int64_t i = 0; i < n; ++i) to[i] += from[i];
      },
      [](float* to, int64_t n, int64_t count) {
        for (int64_t i = 0; i < n; ++i) to[i] /= static_cast<float>(count);
      });
}

}  // namespace

void register_pool(OpRegistry& ops) {
  ops.Add({.name = "MaxPool",
           .summary = "Largest value under a window",
           .infer = Infer,
           .evaluate = InFloat(InChannelsLast({0}, EvaluateMax)),
           .keeps_rows = RowsOfInput<0>,
           .moves_data_only = true,
           .is_homogeneous = true});
  ops.Add({.name = "MaxPoolWithArgmax",
           .summary = "MaxPool that also tells where the largest values lie",
           .infer = InferWithArgmax,
           .evaluate = EvaluateWithArgmax,
           .output_names = {"output", "argmax"}});
  ops.Add({.name = "AvgPool",
           .summary = "Mean of the values under a window, padding left out",
           .infer = Infer,
           .evaluate = InFloat(InChannelsLast({0}, EvaluateAvg)),
           .keeps_rows = RowsOfInput<0>,
           .is_homogeneous = true,
           .quant = QuantTraits{.refuse = RefuseElementType}});
}

}  // namespace adze
