#include "engine/torch/support/image.h"
#include "engine/torch/support/vector_jacobian.h"

namespace adze {
namespace {

at::Tensor MaxPool(const Node& node, const at::Tensor& image) {
  const Window window = PoolWindowOver(node, ShapeOf(image));
  PaddedImage padded = PadSymmetrically(ChannelsSecond(node, image), window,
                                        -std::numeric_limits<float>::infinity());
  // Torch pads by at most half of the window.
  if (2 * padded.padding[0] > window.height.kernel || 2 * padded.padding[1] > window.width.kernel) {
    padded = {Pad(ChannelsSecond(node, image), window, -std::numeric_limits<float>::infinity()),
              {0, 0}};
  }
  return InLayoutOf(node,
                    at::max_pool2d(padded.image, Kernel(window), Strides(window), padded.padding));
}

// Positions outside of the image do not count.
at::Tensor AvgPool(const Node& node, const at::Tensor& image) {
  const Window window = PoolWindowOver(node, ShapeOf(image));
  const at::Tensor nchw = ChannelsSecond(node, image);
  const at::Tensor padded = Pad(nchw, window, 0);
  if (padded.is_same(nchw)) {
    return InLayoutOf(node, at::avg_pool2d(nchw, Kernel(window), Strides(window)));
  }
  const auto sum = [&](const at::Tensor& x) {
    return at::avg_pool2d(x, Kernel(window), Strides(window), 0, false, true, 1);
  };
  const at::Tensor ones = at::ones({1, 1, nchw.size(2), nchw.size(3)}, nchw.options());
  return InLayoutOf(node, sum(padded) / sum(Pad(ones, window, 0)));
}

// The image's shape, dy.
at::Tensor AvgPoolGrad(const TorchCall& call) {
  const at::Tensor& dy = call.input(1);
  return VectorJacobian({at::zeros(call.ints(0), dy.options())}, dy,
                        [&](const auto& in) { return AvgPool(call.node, in[0]); })[0];
}

// image, its pooled form, dy.
at::Tensor MaxPoolGrad(const TorchCall& call) {
  return VectorJacobian({call.input(0)}, call.input(2),
                        [&](const auto& in) { return MaxPool(call.node, in[0]); })[0];
}

}  // namespace

void register_pooling(TorchOpRegistry& ops) {
  ops.AddOne("MaxPool", [](const TorchCall& call) { return MaxPool(call.node, call.input(0)); });
  ops.AddOne("AvgPool", [](const TorchCall& call) { return AvgPool(call.node, call.input(0)); });
  ops.AddOne("MaxPoolGrad", MaxPoolGrad);
  ops.AddOne("AvgPoolGrad", AvgPoolGrad);
}

}  // namespace adze
