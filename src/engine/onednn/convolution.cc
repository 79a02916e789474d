// Conv2D, DepthwiseConv2dNative and Conv2DBackpropInput with constant filters, in NHWC.
#include "engine/avx512/convolution.h"
#include "engine/avx512/winograd.h"

#include "adze/window.h"
#include "engine/onednn/image_window.h"
#include "engine/onednn/primitive.h"

namespace adze {
namespace {

using namespace onednn;
using dnnl::memory;

// TensorFlow's filter [H, W, I, O] as oneDNN's [G,] O, I, H, W.
memory::desc ConvFilter(const Shape& f, int64_t groups) {
  const int64_t column = f[2] * f[3], row = column * f[1];
  if (groups == 1) return StridedDesc({f[3], f[2], f[0], f[1]}, {1, f[3], row, column});
  const int64_t per_group = f[3] / groups;
  return StridedDesc({groups, per_group, f[2], f[0], f[1]}, {per_group, 1, f[3], row, column});
}

// TensorFlow's [H, W, C, M]: output channel c * M + m comes from input channel c.
memory::desc DepthwiseFilter(const Shape& f) {
  const int64_t column = f[2] * f[3], row = column * f[1];
  return StridedDesc({f[2], f[3], 1, f[0], f[1]}, {f[3], 1, f[3], row, column});
}

// TensorFlow's [H, W, O, I], O being the channels of the result.
memory::desc TransposedFilter(const Shape& f) {
  const int64_t column = f[2] * f[3], row = column * f[1];
  return StridedDesc({f[2], f[3], f[0], f[1]}, {f[3], 1, row, column});
}

memory::desc AnyLayout(const memory::desc& plain) {
  return {plain.dims(), memory::data_type::f32, memory::format_tag::any};
}

bool IsRunnable(const KernelRequest& request, int data) {
  const Tensor* filter = request.constants[1];
  return filter && filter->dtype() == DType::kFloat && filter->shape().rank() == 4 &&
         filter->num_elements() > 0 && IsFloatImage(request.inputs[data]) &&
         IsFloatImage(request.outputs[0]) && !LayoutOf(request.node).channels_first;
}

struct Operands {
  int data;
  memory::desc source, filter, destination;
  ImageWindow window;
};

template <typename Primitive>
std::unique_ptr<Kernel> MakeKernel(const KernelRequest& request, const Operands& of,
                                   dnnl::algorithm algorithm) {
  const auto attributes = MakeAttributes(request);
  if (!attributes) return nullptr;
  const Tensor* bias = BiasOf(request);
  const auto kInference = dnnl::prop_kind::forward_inference;
  const memory::desc weights = AnyLayout(of.filter);
  const auto descriptor = TryMake([&] {
    const ImageWindow& w = of.window;
    using Desc = typename Primitive::desc;
    const Desc desc =
        bias ? Desc(kInference, algorithm, of.source, weights, VectorDesc(bias->num_elements()),
                    of.destination, w.strides, w.dilations, w.pad_before, w.pad_after)
             : Desc(kInference, algorithm, of.source, weights, of.destination, w.strides,
                    w.dilations, w.pad_before, w.pad_after);
    return typename Primitive::primitive_desc(desc, *attributes, CpuEngine());
  });
  if (!descriptor) return nullptr;
  auto kernel = std::make_unique<PrimitiveKernel>(
      Primitive(*descriptor), PrimitiveKernel::Args{.source_input = of.data,
                                                    .source = of.source,
                                                    .destination = of.destination,
                                                    .scratch = descriptor->scratchpad_desc()});
  kernel->AddConstant({DNNL_ARG_WEIGHTS, request.constants[1], of.filter},
                      descriptor->weights_desc(), *request.prepared);
  if (bias) {
    const memory::desc plain = VectorDesc(bias->num_elements());
    kernel->AddConstant({DNNL_ARG_BIAS, bias, plain}, plain, *request.prepared);
  }
  return kernel;
}

std::unique_ptr<Kernel> CompileForward(const KernelRequest& request, bool depthwise) {
  if (!IsRunnable(request, 0)) return nullptr;
  const Shape& image = request.inputs[0].shape;
  const Shape& filter = request.constants[1]->shape();
  const Window window =
      WindowOver(request.node, PaddedShape(image, request.pad), filter[0], filter[1]);
  if (!depthwise) {
    if (auto kernel = avx512::MakeWinograd(request, window)) return kernel;
    if (auto kernel = avx512::MakeConvolution(request, window)) return kernel;
  }
  return MakeKernel<dnnl::convolution_forward>(
      request,
      {.data = 0,
       .source = ImageDesc(image),
       .filter = depthwise ? DepthwiseFilter(filter) : ConvFilter(filter, image[3] / filter[2]),
       .destination = ImageDesc(request.outputs[0].shape),
       .window = MakeImageWindow(window, request.pad)},
      dnnl::algorithm::convolution_direct);
}

std::unique_ptr<Kernel> CompileTransposed(const KernelRequest& request) {
  if (!IsRunnable(request, 2)) return nullptr;
  const Shape& filter = request.constants[1]->shape();
  const Shape& result = request.outputs[0].shape;
  return MakeKernel<dnnl::deconvolution_forward>(
      request,
      {.data = 2,
       .source = ImageDesc(request.inputs[2].shape),
       .filter = TransposedFilter(filter),
       .destination = ImageDesc(result),
       .window =
           MakeImageWindow(WindowOver(request.node, result, filter[0], filter[1]), request.pad)},
      dnnl::algorithm::deconvolution_direct);
}

}  // namespace

void register_convolution(KernelRegistry& kernels) {
  kernels.Add({.op = "Conv2D",
               .takes_epilogue = true,
               .takes_pad = true,
               .compile = [](const KernelRequest& r) { return CompileForward(r, false); }});
  kernels.Add({.op = "DepthwiseConv2dNative",
               .takes_epilogue = true,
               .takes_pad = true,
               .compile = [](const KernelRequest& r) { return CompileForward(r, true); }});
  kernels.Add({.op = "Conv2DBackpropInput",
               .data_input = 2,
               .takes_epilogue = true,
               .compile = CompileTransposed});
}

}  // namespace adze
