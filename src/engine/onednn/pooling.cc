// MaxPool, AvgPool, and Mean over rows and columns, in NHWC.
#include "adze/window.h"
#include "engine/onednn/image_window.h"
#include "engine/onednn/primitive.h"

namespace adze {
namespace {

using namespace onednn;

std::unique_ptr<Kernel> MakeKernel(const KernelRequest& request, dnnl::algorithm algorithm,
                                   const Shape& result, const ImageWindow& window) {
  const auto attributes = MakeAttributes(request);
  if (!attributes) return nullptr;
  const dnnl::memory::desc source = ImageDesc(request.inputs[0].shape);
  const dnnl::memory::desc destination = ImageDesc(result);
  const auto descriptor = TryMake([&] {
    const dnnl::pooling_forward::desc desc(dnnl::prop_kind::forward_inference, algorithm, source,
                                           destination, window.strides, window.kernel,
                                           window.pad_before, window.pad_after);
    return dnnl::pooling_forward::primitive_desc(desc, *attributes, CpuEngine());
  });
  if (!descriptor) return nullptr;
  return std::make_unique<PrimitiveKernel>(
      dnnl::pooling_forward(*descriptor),
      PrimitiveKernel::Args{
          .source = source, .destination = destination, .scratch = descriptor->scratchpad_desc()});
}

std::unique_ptr<Kernel> CompilePool(const KernelRequest& request, dnnl::algorithm algorithm) {
  if (request.constants[0] || !IsFloatImage(request.inputs[0]) ||
      !IsFloatImage(request.outputs[0]) || LayoutOf(request.node).channels_first) {
    return nullptr;
  }
  const Window window =
      PoolWindowOver(request.node, PaddedShape(request.inputs[0].shape, request.pad));
  for (int i = 0; i < 2; ++i) {
    const int64_t kernel = i == 0 ? window.height.kernel : window.width.kernel;
    // A window over padding alone has no maximum.
    if (request.pad.before[i] >= kernel || request.pad.after[i] >= kernel) return nullptr;
  }
  return MakeKernel(request, algorithm, request.outputs[0].shape,
                    MakeImageWindow(window, request.pad));
}

std::unique_ptr<Kernel> CompileMean(const KernelRequest& request) {
  if (request.constants[0] || !request.constants[1] || !IsFloatImage(request.inputs[0])) {
    return nullptr;
  }
  std::vector<int64_t> axes = ToInt64s(*request.constants[1]);
  for (int64_t& axis : axes) axis = NormalizeAxis(axis, 4);
  std::sort(axes.begin(), axes.end());
  if (axes != std::vector<int64_t>{1, 2}) return nullptr;
  const Shape& image = request.inputs[0].shape;
  return MakeKernel(request, dnnl::algorithm::pooling_avg_exclude_padding,
                    {image[0], 1, 1, image[3]},
                    {.kernel = {image[1], image[2]},
                     .strides = {1, 1},
                     .pad_before = {0, 0},
                     .pad_after = {0, 0}});
}

}  // namespace

void register_pooling(KernelRegistry& kernels) {
  using dnnl::algorithm;
  kernels.Add({.op = "MaxPool", .takes_pad = true, .compile = [](const KernelRequest& request) {
                 return CompilePool(request, algorithm::pooling_max);
               }});
  kernels.Add({.op = "AvgPool", .compile = [](const KernelRequest& request) {
                 return CompilePool(request, algorithm::pooling_avg_exclude_padding);
               }});
  kernels.Add({.op = "Mean", .compile = CompileMean});
}

}  // namespace adze
