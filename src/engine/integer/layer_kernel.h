#pragma once

#include "engine/integer/epilogue.h"
#include "engine/integer/ops.h"
#include "engine/integer/sums.h"
#include "engine/kernel.h"

namespace adze::integer {

// A layer whose sums are int32 and end in an epilogue.
class LayerKernel : public Kernel {
 public:
  explicit LayerKernel(const KernelRequest& request)
      : inputs_(InputsOf(request.node)),
        zero_(static_cast<uint8_t>(request.node.attr<int64_t>("zero"))),
        gives_real_(request.node.attr<bool>("gives_real")),
        gives_codes_(request.node.attr<bool>("gives_codes")),
        residual_is_codes_(request.node.attr<bool>("residual_is_codes", false)) {}

  // The first result may lie where a residual of its kind is: each element is read before it is
  // written.
  bool runs_in_place(int input) const override {
    return gives_real_ != residual_is_codes_ && input >= 0 && input == inputs_.residual;
  }

 protected:
  const uint8_t* DataOf(const KernelArgs& args) const {
    return static_cast<const uint8_t*>(args.inputs[inputs_.data]);
  }
  Places PlacesOf(const KernelArgs& args) const {
    Places places;
    if (inputs_.residual >= 0) {
      const void* residual = args.inputs[inputs_.residual];
      if (residual_is_codes_) {
        places.residual_codes = static_cast<const uint8_t*>(residual);
      } else {
        places.residual = static_cast<const float*>(residual);
      }
    }
    if (gives_real_) places.real = static_cast<float*>(args.outputs[0]);
    if (gives_codes_) places.codes = static_cast<uint8_t*>(args.outputs[gives_real_ ? 1 : 0]);
    return places;
  }

  const LayerInputs inputs_;
  const uint8_t zero_;  // code of real zero in the data

 private:
  const bool gives_real_, gives_codes_, residual_is_codes_;
};

// The constant input `i`, or null.
inline const Tensor* ConstantOf(const KernelRequest& request, int i) {
  return i >= 0 ? request.constants[i] : nullptr;
}

}  // namespace adze::integer
