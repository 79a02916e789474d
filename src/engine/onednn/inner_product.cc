// MatMul with a constant right-hand side.
#include "engine/onednn/primitive.h"

namespace adze {
namespace {

using namespace onednn;
using dnnl::memory;

std::unique_ptr<Kernel> Compile(const KernelRequest& request) {
  const Tensor* weights = request.constants[1];
  const Shape& source = request.inputs[0].shape;
  if (!weights || request.constants[0] || request.outputs[0].dtype != DType::kFloat ||
      request.node.attr<bool>("transpose_a", false) || source.num_elements() == 0 ||
      weights->num_elements() == 0) {
    return nullptr;
  }
  const auto attributes = MakeAttributes(request);
  if (!attributes) return nullptr;
  const bool transposed = request.node.attr<bool>("transpose_b", false);
  const int64_t rows = source[0], in = source[1], out = request.outputs[0].shape[1];
  const memory::dims in_strides = {in, 1}, out_strides = {out, 1};
  const memory::desc source_desc = StridedDesc({rows, in}, in_strides);
  const memory::desc result_desc = StridedDesc({rows, out}, out_strides);
  // TensorFlow's [I, O], or [O, I] when transposed, as oneDNN's O, I.
  const memory::desc plain =
      StridedDesc({out, in}, transposed ? memory::dims{in, 1} : memory::dims{1, out});
  const memory::desc any({out, in}, memory::data_type::f32, memory::format_tag::any);
  const Tensor* bias = BiasOf(request);
  const auto kInference = dnnl::prop_kind::forward_inference;
  const auto descriptor = TryMake([&] {
    using Desc = dnnl::inner_product_forward::desc;
    const Desc desc = bias ? Desc(kInference, source_desc, any, VectorDesc(out), result_desc)
                           : Desc(kInference, source_desc, any, result_desc);
    return dnnl::inner_product_forward::primitive_desc(desc, *attributes, CpuEngine());
  });
  if (!descriptor) return nullptr;
  auto kernel = std::make_unique<PrimitiveKernel>(
      dnnl::inner_product_forward(*descriptor),
      PrimitiveKernel::Args{.source = source_desc,
                            .destination = result_desc,
                            .scratch = descriptor->scratchpad_desc()});
  kernel->AddConstant({DNNL_ARG_WEIGHTS, weights, plain}, descriptor->weights_desc(),
                      *request.prepared);
  if (bias) {
    kernel->AddConstant({DNNL_ARG_BIAS, bias, VectorDesc(out)}, VectorDesc(out), *request.prepared);
  }
  return kernel;
}

}  // namespace

void register_inner_product(KernelRegistry& kernels) {
  kernels.Add({.op = "MatMul", .takes_epilogue = true, .compile = Compile});
}

}  // namespace adze
