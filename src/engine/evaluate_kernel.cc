#include "engine/evaluate_kernel.h"

#include <cstring>

namespace adze {
namespace {

class EvaluateKernel : public Kernel {
 public:
  explicit EvaluateKernel(const KernelRequest& request)
      : node_(request.node), inputs_(request.inputs), outputs_(request.outputs) {
    for (const Tensor* constant : request.constants) {
      constants_.push_back(constant ? *constant : Tensor());
    }
  }

  void Run(const KernelArgs& args) override {
    ErrorScope scope("node", node_.name());
    std::vector<Tensor> inputs, outputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      // The tensor is only read: OpDef::evaluate takes it as constant.
      inputs.push_back(constants_[i] ? constants_[i]
                                     : Tensor::Borrow(inputs_[i].dtype, inputs_[i].shape,
                                                      const_cast<void*>(args.inputs[i]), nullptr));
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      outputs.push_back(
          Tensor::Borrow(outputs_[i].dtype, outputs_[i].shape, args.outputs[i], nullptr));
    }
    node_.def()->evaluate(node_, inputs, outputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      // Some ops answer with a tensor that they have (an input under another shape).
      if (outputs[i].raw() == args.outputs[i]) continue;
      Check(outputs[i].num_elements() == outputs_[i].shape.num_elements(), "evaluated shape");
      std::memcpy(args.outputs[i], outputs[i].raw(), outputs[i].num_bytes());
    }
  }

 private:
  const Node& node_;
  std::vector<TensorSpec> inputs_, outputs_;
  std::vector<Tensor> constants_;
};

}  // namespace

std::unique_ptr<Kernel> MakeEvaluateKernel(const KernelRequest& request) {
  for (const TensorSpec& spec : request.outputs) {
    Require(SizeOf(spec.dtype) > 0, ErrorCode::kUnsupported, "values of ", Name(spec.dtype),
            " are not supported");
  }
  return std::make_unique<EvaluateKernel>(request);
}

}  // namespace adze
