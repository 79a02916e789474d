// adze with LibTorch, which takes 0.4 s to load; `adze retrain` starts it, and whatever is given
// another --device than cpu.
#include "adze/graph_runner.h"
#include "adze/retrain.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  adze::SetRetrainer(adze::Retrain);
  adze::SetDeviceRunners(adze::RunOnDevice);
  return adze::RunCommandLine(argc, argv);
}
