#include "engine/onednn/primitive.h"

namespace adze {
namespace {

using namespace onednn;

std::unique_ptr<Kernel> Compile(const KernelRequest& request) {
  const Shape& shape = request.outputs[0].shape;
  if (request.constants[0] || request.outputs[0].dtype != DType::kFloat || shape.rank() == 0 ||
      shape.num_elements() == 0) {
    return nullptr;
  }
  const int64_t classes = shape[shape.rank() - 1];
  const dnnl::memory::desc rows =
      StridedDesc({shape.num_elements() / classes, classes}, {classes, 1});
  const auto attributes = MakeAttributes(request);
  const auto descriptor = TryMake([&] {
    const dnnl::softmax_forward::desc desc(dnnl::prop_kind::forward_inference, rows, 1);
    return dnnl::softmax_forward::primitive_desc(desc, *attributes, CpuEngine());
  });
  if (!descriptor) return nullptr;
  return std::make_unique<PrimitiveKernel>(
      dnnl::softmax_forward(*descriptor),
      PrimitiveKernel::Args{
          .source = rows, .destination = rows, .scratch = descriptor->scratchpad_desc()});
}

}  // namespace

void register_softmax(KernelRegistry& kernels) {
  kernels.Add({.op = "Softmax", .compile = Compile});
}

}  // namespace adze
