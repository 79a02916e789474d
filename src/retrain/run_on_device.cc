#include <ATen/Parallel.h>

#include <utility>

#include "adze/graph_runner.h"
#include "adze/parallel.h"
#include "engine/torch/torch_session.h"
#include "retrain/workers.h"

namespace adze {
namespace {

// What LibTorch says of the device (no memory left, no GPU of that number), in one line.
template <typename Call>
auto OnDevice(at::Device device, const Call& call) {
  try {
    return call();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    throw Error(ErrorCode::kUnsupported,
                "device " + device.str() + ": " + what.substr(0, what.find('\n')));
  }
}

class DeviceRunner : public GraphRunner {
 public:
  DeviceRunner(const Graph& graph, const std::vector<Value>& values, at::Device device)
      : device_(device), values_(values), session_(graph, values, {.device = device}) {
    at::set_num_threads(NumThreads());
  }

  void Run(const std::map<std::string, Tensor>& feeds,
           const std::function<void(Value, const Tensor&)>& on_value) override {
    const at::NoGradGuard constant;
    std::map<std::string, at::Tensor> fed;
    for (const auto& [name, tensor] : feeds) fed.emplace(name, ToTorch(tensor));
    std::vector<at::Tensor> results = OnDevice(device_, [&] { return session_.Run(fed); });
    for (size_t i = 0; i < values_.size(); ++i) {
      on_value(values_[i],
               OnDevice(device_, [&] { return FromTorch(std::exchange(results[i], {})); }));
    }
  }

 private:
  const at::Device device_;
  const std::vector<Value> values_;
  TorchSession session_;
};

}  // namespace

MakeGraphRunner RunOnDevice(const std::string& device) {
  return [device = DeviceByName(device)](const Graph& graph, const std::vector<Value>& values) {
    return OnDevice(device, [&]() -> std::unique_ptr<GraphRunner> {
      return std::make_unique<DeviceRunner>(graph, values, device);
    });
  };
}

}  // namespace adze
