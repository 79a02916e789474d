#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/tensor.h"

namespace adze {

// Runs a graph elsewhere than a Session does, on a GPU for instance.
class GraphRunner {
 public:
  virtual ~GraphRunner() = default;
  // Runs samples and hands on what each value that the runner was made for is, in their order; the
  // tensor's memory may be reused afterwards.
  virtual void Run(const std::map<std::string, Tensor>& feeds,
                   const std::function<void(Value, const Tensor&)>& on_value) = 0;
};
// Makes one for some values of a graph, which must outlive it and not change.
using MakeGraphRunner =
    std::function<std::unique_ptr<GraphRunner>(const Graph&, const std::vector<Value>&)>;

// Runners by LibTorch on "cuda", "cuda:1", or "cpu:0", the processor. kInvalidArgument if there is
// no such device, kUnsupported without a GPU. In the library adze::retrain, which needs LibTorch.
MakeGraphRunner RunOnDevice(const std::string& device);

// What Quantize and Collect make runners by for another device than "cpu"; a program that links
// adze::retrain sets it to RunOnDevice. Null: this program has none.
using DeviceRunners = MakeGraphRunner (*)(const std::string& device);
void SetDeviceRunners(DeviceRunners runners);
DeviceRunners GetDeviceRunners();

}  // namespace adze
