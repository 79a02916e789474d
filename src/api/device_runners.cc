#include "api/device_runners.h"

#include "adze/error.h"

namespace adze {
namespace {

DeviceRunners the_runners = nullptr;

}  // namespace

void SetDeviceRunners(DeviceRunners runners) { the_runners = runners; }
DeviceRunners GetDeviceRunners() { return the_runners; }

MakeGraphRunner RunnersOn(const std::string& device) {
  if (device == "cpu") return nullptr;
  Require(the_runners, ErrorCode::kUnsupported, "device '", device,
          "' needs LibTorch, which this program is without; link adze::retrain and call "
          "SetDeviceRunners(RunOnDevice)");
  return the_runners(device);
}

}  // namespace adze
