#include "adze/large_blocks.h"
#include "adze/limit_spinning.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  adze::LimitSpinning(argv);
  adze::ReturnLargeBlocks();
  return adze::RunCommandLine(argc, argv);
}
