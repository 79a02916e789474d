// Transposed convolution ("deconvolution"): the gradient of Conv2D by its image. Its output is that
// convolution's image and its data input that convolution's output.
#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/permute.h"
#include "ops/support/quantizable.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

// inputs: the output's shape [4], filter [H, W, O, I] (O the channels this op makes), data.
// The batch of the data wins over the one in the shape, which graphs often fix at 1.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  context.spec(0);
  const Shape filter = ShapeOfRank(context, 1, 4), data = ShapeOfRank(context, 2, 4);
  const ImageLayout layout = LayoutOf(node);
  SameDim(node, "input channels", data[layout.channel()], filter[3]);
  Shape image = ImageShape(layout, data[0], Shape::kUnknown, Shape::kUnknown, filter[2]);
  if (const Tensor* sizes = context.constant(0)) {
    Require(sizes->shape() == Shape{4} &&
                (sizes->dtype() == DType::kInt32 || sizes->dtype() == DType::kInt64),
            ErrorCode::kBadFile, node.op(), " takes the output's shape as 4 integers, not as ",
            Name(sizes->dtype()), " ", sizes->shape().ToString());
    const std::vector<int64_t> dims = ToInt64s(*sizes);
    for (int axis : {layout.height(), layout.width()}) {
      Require(dims[axis] >= 0, ErrorCode::kBadFile, node.op(), " is to make an image of size ",
              dims[axis]);
      image[axis] = dims[axis];
    }
    image[layout.channel()] = SameDim(node, "output channels", filter[2], dims[layout.channel()]);
  }
  const Window window = WindowOver(node, image, filter[0], filter[1]);
  SameDim(node, "rows", data[layout.height()], window.height.output);
  SameDim(node, "columns", data[layout.width()], window.width.output);
  return {{FloatType(context, {1, 2}), image}};
}

// Image position i is read by output o of the convolution through tap k where
// i = o * stride - pad_before + k * dilation. -1: by none.
int64_t ReaderOf(const WindowAxis& axis, int64_t i, int64_t k) {
  const int64_t position = i + axis.pad_before - k * axis.dilation;
  if (position < 0 || position % axis.stride != 0) return -1;
  return position / axis.stride < axis.output ? position / axis.stride : -1;
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape &image = outputs[0].shape(), &filter = inputs[1].shape();
  const auto [layout, h, w] = WindowOver(node, InLayoutOf(node, image), filter[0], filter[1]);
  const int64_t out_channels = filter[2], channels = filter[3];
  const float* weights = inputs[1].data<float>().data();
  const float* in = inputs[2].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  if (outputs[0].num_elements() == 0) return;

  auto rows = [&, &h = h, &w = w](int64_t begin, int64_t end) {
    std::vector<double> sums(out_channels);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t batch = row / h.input;
      for (int64_t column = 0; column < w.input; ++column) {
        std::fill(sums.begin(), sums.end(), 0);
        for (int64_t kh = 0; kh < h.kernel; ++kh) {
          const int64_t from_row = ReaderOf(h, row % h.input, kh);
          if (from_row < 0) continue;
          for (int64_t kw = 0; kw < w.kernel; ++kw) {
            const int64_t from_column = ReaderOf(w, column, kw);
            if (from_column < 0) continue;
            const float* pixel =
                in + ((batch * h.output + from_row) * w.output + from_column) * channels;
            const float* weight = weights + (kh * w.kernel + kw) * out_channels * channels;
            for (int64_t o = 0; o < out_channels; ++o, weight += channels) {
              double sum = 0;
              for (int64_t c = 0; c < channels; ++c) {
                sum += static_cast<double>(pixel[c]) * weight[c];
              }
              sums[o] += sum;
            }
          }
        }
        std::copy(sums.begin(), sums.end(), out + (row * w.input + column) * out_channels);
      }
    }
  };
  ParallelFor(image[0] * h.input, 1, rows);
}

// The image that is made of NHWC data: its size is an operand. Where that is computed it is taken
// to be what Keras computes, the least that all of the data fits.
Shape ImageOf(const Node& node, const Shape& data) {
  const Shape& filter = node.input(1).node->const_value().shape();
  if (const auto sizes = ConstInts(node, 0); sizes && sizes->size() == 4) {
    return {data[0], (*sizes)[1], (*sizes)[2], filter[2]};
  }
  const auto strides = node.attr<std::vector<int64_t>>("strides");
  const auto padding = node.attr<std::string>("padding");
  // An empty list is of no kind in the file.
  const auto* given = node.FindAttr<std::vector<int64_t>>("explicit_paddings");
  const std::vector<int64_t> explicit_paddings = given ? *given : std::vector<int64_t>();
  Shape image = {data[0], 0, 0, filter[2]};
  for (int axis : {1, 2}) {
    const int64_t whole = (data[axis] - 1) * strides.at(axis) + filter[axis - 1];
    image[axis] = padding == "SAME" ? data[axis] * strides.at(axis) : whole;
    if (padding == "EXPLICIT") {
      image[axis] -= explicit_paddings.at(2 * axis) + explicit_paddings.at(2 * axis + 1);
    }
  }
  return image;
}

int64_t Positions(const Node& node, const Shape& data) {
  const Shape image = ImageOf(node, data);
  return image[0] * image[1] * image[2];
}

void Unfold(const Node& node, const Tensor& data, std::span<const int64_t> positions,
            std::span<float> out) {
  const Shape& filter = node.input(1).node->const_value().shape();
  const auto [layout, h, w] = WindowOver(node, ImageOf(node, data.shape()), filter[0], filter[1]);
  Check(!layout.channels_first, "images to unfold are NHWC");
  const int64_t channels = filter[3];
  const float* const in = data.data<float>().data();
  float* to = out.data();
  for (int64_t position : positions) {
    const int64_t column = position % w.input, row = position / w.input % h.input;
    const int64_t image = position / w.input / h.input;
    for (int64_t kh = 0; kh < h.kernel; ++kh) {
      const int64_t from_row = ReaderOf(h, row, kh);
      for (int64_t kw = 0; kw < w.kernel; ++kw, to += channels) {
        const int64_t from_column = ReaderOf(w, column, kw);
        if (from_row < 0 || from_column < 0) {
          std::fill_n(to, channels, 0.0f);
        } else {
          std::copy_n(in + ((image * h.output + from_row) * w.output + from_column) * channels,
                      channels, to);
        }
      }
    }
  }
}

// The shape of the result is an operand.
bool PermuteAxes(Graph& graph, Node& node, std::span<const int> axes) {
  const auto shape = ConstInts(node, 0);
  if (!shape || shape->size() != axes.size()) return false;
  std::vector<int64_t> permuted;
  for (int axis : axes) permuted.push_back((*shape)[axis]);
  SetConstInts(graph, node, 0, permuted);
  return true;
}

}  // namespace

void register_conv2d_backprop_input(OpRegistry& ops) {
  ops.Add({.name = "Conv2DBackpropInput",
           .summary = "Transposed convolution with a filter [H, W, O, I]",
           .infer = Infer,
           .evaluate = InFloat(InChannelsLast({2}, Evaluate)),
           .keeps_rows = RowsOfInput<2>,
           .permute_axes = PermuteAxes,
           .quant = QuantTraits{.data_input = 2,
                                .weight_input = 1,
                                .channel_axes = {2},
                                .input_channel_axes = {3},
                                .per_channel = true,
                                .unfold = Unfold,
                                .positions = Positions,
                                .refuse = RefuseDilation}});
}

}  // namespace adze
