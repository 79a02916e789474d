#include "adze/large_blocks.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  adze::ReturnLargeBlocks();
  return adze::RunCommandLine(argc, argv);
}
