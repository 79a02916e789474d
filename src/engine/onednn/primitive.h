#pragma once

#include <dnnl.hpp>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/kernel.h"

namespace adze::onednn {

const dnnl::engine& CpuEngine();

// A constant that a primitive reads (weights, bias): its oneDNN argument and description as it lies
// in the graph. The primitive may want it in another layout.
struct ConstantArg {
  int arg;
  const Tensor* tensor;
  dnnl::memory::desc plain;
};

// One oneDNN primitive with its source and destination bound at each run.
class PrimitiveKernel : public Kernel {
 public:
  struct Args {
    int source_input = 0;  // which of the kernel's inputs is DNNL_ARG_SRC
    dnnl::memory::desc source, destination;
    dnnl::memory::desc scratch;
  };
  PrimitiveKernel(dnnl::primitive primitive, const Args& args);

  // Adds a constant in the layout `wanted`; reordered once per session.
  void AddConstant(const ConstantArg& constant, const dnnl::memory::desc& wanted,
                   PreparedConstants& prepared);
  // Binds another input of the kernel.
  void AddInput(int arg, int input, const dnnl::memory::desc& desc);

  size_t scratch_bytes() const override { return scratch_bytes_; }
  void Run(const KernelArgs& args) override;

 private:
  struct Bound {
    dnnl::memory memory;
    int input;
  };
  dnnl::primitive primitive_;
  std::vector<Bound> inputs_;
  dnnl::memory destination_, scratch_;
  size_t scratch_bytes_;
  std::unordered_map<int, dnnl::memory> args_;
  std::vector<std::shared_ptr<void>> owners_;
};

// Attributes for the epilogue without its bias; nullopt if it holds what oneDNN does not do.
std::optional<dnnl::primitive_attr> MakeAttributes(const KernelRequest& request);
// The bias of the epilogue, or null.
const Tensor* BiasOf(const KernelRequest& request);

// [N, H, W, C] as oneDNN's logical N, C, H, W.
dnnl::memory::desc ImageDesc(const Shape& shape);
dnnl::memory::desc VectorDesc(int64_t size);
// Logical dimensions with explicit strides.
dnnl::memory::desc StridedDesc(dnnl::memory::dims dims, dnnl::memory::dims strides);

// Runs `make`, which creates a primitive descriptor; nullopt where oneDNN has no implementation.
template <typename Make>
auto TryMake(const Make& make) -> std::optional<decltype(make())> {
  try {
    return make();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented || error.status == dnnl_invalid_arguments) {
      return std::nullopt;
    }
    throw Error(ErrorCode::kInternal, std::string("oneDNN: ") + error.what());
  }
}

}  // namespace adze::onednn
