#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/quantizable.h"
#include "ops/support/rows.h"
#include "ops/support/unfold.h"

namespace adze {
namespace {

// filter [H, W, C, M]: channel c of the image makes channels c * M .. c * M + M - 1.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  const Shape image = ShapeOfRank(context, 0, 4), filter = ShapeOfRank(context, 1, 4);
  const Window window = WindowOver(node, image, filter[0], filter[1]);
  const int64_t channels = SameDim(node, "channels", image[window.layout.channel()], filter[2]);
  return {{FloatType(context, {0, 1}),
           ImageShape(window.layout, image[0], window.height.output, window.width.output,
                      DimProduct(node, channels, filter[3]))}};
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape &image = inputs[0].shape(), &filter = inputs[1].shape();
  const auto [layout, h, w] = WindowOver(node, InLayoutOf(node, image), filter[0], filter[1]);
  const int64_t channels = image[3], multiplier = filter[3], out_channels = channels * multiplier;
  const float* in = inputs[0].data<float>().data();
  const float* weights = inputs[1].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  if (outputs[0].num_elements() == 0) return;

  auto rows = [&, &h = h, &w = w](int64_t begin, int64_t end) {
    std::vector<double> sums(out_channels);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t batch = row / h.output, oh = row % h.output;
      for (int64_t ow = 0; ow < w.output; ++ow) {
        std::fill(sums.begin(), sums.end(), 0);
        for (int64_t kh = 0; kh < h.kernel; ++kh) {
          const int64_t ih = oh * h.stride - h.pad_before + kh * h.dilation;
          if (ih < 0 || ih >= h.input) continue;
          for (int64_t kw = 0; kw < w.kernel; ++kw) {
            const int64_t iw = ow * w.stride - w.pad_before + kw * w.dilation;
            if (iw < 0 || iw >= w.input) continue;
            const float* pixel = in + ((batch * h.input + ih) * w.input + iw) * channels;
            const float* weight = weights + (kh * w.kernel + kw) * out_channels;
            for (int64_t o = 0; o < out_channels; ++o) {
              sums[o] += static_cast<double>(pixel[o / multiplier]) * weight[o];
            }
          }
        }
        std::copy(sums.begin(), sums.end(), out + (row * w.output + ow) * out_channels);
      }
    }
  };
  ParallelFor(image[0] * h.output, 1, rows);
}

}  // namespace

void register_depthwise_conv2d(OpRegistry& ops) {
  ops.Add({.name = "DepthwiseConv2dNative",
           .summary = "Convolution of each channel with filters of its own [H, W, C, M]",
           .infer = Infer,
           .evaluate = InFloat(InChannelsLast({0}, Evaluate)),
           .keeps_rows = RowsOfInput<0>,
           .quant = QuantTraits{.weight_input = 1,
                                .channel_axes = {2, 3},
                                .input_channel_axes = {2},
                                .per_channel = true,
                                .unfold = UnfoldImage,
                                .refuse = RefuseDilation}});
}

}  // namespace adze
