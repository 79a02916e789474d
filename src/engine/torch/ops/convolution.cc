#include "adze/window.h"
#include "engine/torch/support/image.h"
#include "engine/torch/support/vector_jacobian.h"

namespace adze {
namespace {

// HWCM as the weight of a convolution in C groups, [C * M, 1, H, W].
at::Tensor DepthwiseWeight(const at::Tensor& weight) {
  return weight.permute({2, 3, 0, 1})
      .reshape({weight.size(2) * weight.size(3), 1, weight.size(0), weight.size(1)});
}

at::Tensor Convolve(const TorchCall& call, const at::Tensor& image, const at::Tensor& weight,
                    bool depthwise) {
  const Window window = WindowOver(call.node, ShapeOf(image), weight.size(0), weight.size(1));
  const PaddedImage padded =
      PadSymmetrically(ChannelsSecond(call.node, image.to(call.product_type)), window, 0);
  const at::Tensor kernel = depthwise ? DepthwiseWeight(weight) : weight.permute({3, 2, 0, 1});
  const int64_t groups = padded.image.size(1) / kernel.size(1);
  const at::Tensor y = at::conv2d(padded.image, kernel.to(call.product_type), {}, Strides(window),
                                  padded.padding, Dilations(window), groups);
  return InLayoutOf(call.node, y).to(at::kFloat);
}

at::Tensor Conv2D(const TorchCall& call) {
  return Convolve(call, call.input(0), call.input(1), false);
}
at::Tensor Depthwise(const TorchCall& call) {
  return Convolve(call, call.input(0), call.input(1), true);
}

// sizes, weight (HWIO of the convolution whose gradient this is), dy.
at::Tensor TransposedConvolution(const TorchCall& call) {
  const at::Tensor &weight = call.input(1), &dy = call.input(2);
  const std::vector<int64_t> sizes = call.ints(0);
  std::vector<int64_t> image = ShapeOf(dy).dims();
  Require(sizes.size() == 4 || sizes.size() == 2, ErrorCode::kBadFile, "Conv2DBackpropInput of ",
          sizes.size(), " sizes");
  const Shape shape = sizes.size() == 4 ? Shape(sizes)
                                        : ImageShape(LayoutOf(call.node), dy.size(0), sizes[0],
                                                     sizes[1], weight.size(2));
  // A frozen graph may name a batch of one.
  Shape full = shape;
  full[0] = dy.size(0);
  const Window window = WindowOver(call.node, full, weight.size(0), weight.size(1));
  const auto rounded = [&](const at::Tensor& x) { return x.to(call.product_type); };
  // On the processor LibTorch 1.13 takes a transposed convolution in bfloat16 for a forward one.
  const auto operand = [&](const at::Tensor& x) {
    return call.device.is_cpu() ? rounded(x).to(at::kFloat) : rounded(x);
  };
  const at::Tensor whole =
      rounded(at::conv_transpose2d(operand(ChannelsSecond(call.node, dy)),
                                   operand(weight.permute({3, 2, 0, 1})), {}, Strides(window), 0, 0,
                                   /*groups=*/1, Dilations(window)))
          .to(at::kFloat);
  const auto crop = [](const WindowAxis& axis, int64_t size) {
    return std::pair(-axis.pad_before, axis.pad_before + axis.input - size);
  };
  const auto [top, bottom] = crop(window.height, whole.size(2));
  const auto [left, right] = crop(window.width, whole.size(3));
  if (top == 0 && bottom == 0 && left == 0 && right == 0) return InLayoutOf(call.node, whole);
  return InLayoutOf(call.node, at::constant_pad_nd(whole, {left, right, top, bottom}));
}

// image, sizes of the weight, dy.
template <bool kDepthwise>
at::Tensor WeightGradient(const TorchCall& call) {
  const at::Tensor &image = call.input(0), &dy = call.input(2);
  const at::Tensor weight = at::zeros(call.ints(1), image.options());
  return VectorJacobian({weight}, dy, [&](const std::vector<at::Tensor>& in) {
    return Convolve(call, image, in[0], kDepthwise);
  })[0];
}

at::Tensor DepthwiseInputGradient(const TorchCall& call) {
  const at::Tensor &weight = call.input(1), &dy = call.input(2);
  const at::Tensor image = at::zeros(call.ints(0), dy.options());
  return VectorJacobian({image}, dy, [&](const std::vector<at::Tensor>& in) {
    return Convolve(call, in[0], weight, true);
  })[0];
}

}  // namespace

void register_convolution(TorchOpRegistry& ops) {
  ops.AddOne("Conv2D", Conv2D);
  ops.AddOne("DepthwiseConv2dNative", Depthwise);
  ops.AddOne("Conv2DBackpropInput", TransposedConvolution);
  ops.AddOne("Conv2DBackpropFilter", WeightGradient<false>);
  ops.AddOne("DepthwiseConv2dNativeBackpropFilter", WeightGradient<true>);
  ops.AddOne("DepthwiseConv2dNativeBackpropInput", DepthwiseInputGradient);
}

}  // namespace adze
