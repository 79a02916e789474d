// adze with LibTorch, which takes 0.4 s to load; `adze retrain` starts it.
#include "adze/retrain.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  adze::SetRetrainer(adze::Retrain);
  return adze::RunCommandLine(argc, argv);
}
