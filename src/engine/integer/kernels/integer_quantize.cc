// float32 values to codes.
#include "adze/parallel.h"
#include "engine/integer/instructions.h"
#include "engine/kernel.h"

namespace adze {
namespace {

using namespace integer;

class Quantize : public Kernel {
 public:
  explicit Quantize(const KernelRequest& request) : count_(request.inputs[0].shape.num_elements()) {
    epilogue_.next_scale = request.node.attr<float>("next_scale");
    epilogue_.next_zero = static_cast<int32_t>(request.node.attr<int64_t>("next_zero"));
    const int half = 1 << (request.node.attr<int64_t>("next_bits") - 1);
    epilogue_.low = 128 - half;
    epilogue_.high = 127 + half;
  }

  void Run(const KernelArgs& args) override {
    const auto* values = static_cast<const float*>(args.inputs[0]);
    auto* codes = static_cast<uint8_t*>(args.outputs[0]);
    ParallelFor(count_, 16384, [&](int64_t begin, int64_t end) {
      instructions_.quantize(values + begin, end - begin, epilogue_, codes + begin);
    });
  }

 private:
  const Instructions& instructions_ = CurrentInstructions();
  const int64_t count_;
  Epilogue epilogue_;
};

}  // namespace

void register_integer_quantize(KernelRegistry& kernels) {
  kernels.Add({.op = "IntegerQuantize", .compile = [](const KernelRequest& request) {
                 return std::make_unique<Quantize>(request);
               }});
}

}  // namespace adze
