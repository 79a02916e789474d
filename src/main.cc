#include "cli/command_line.h"

int main(int argc, char** argv) { return adze::RunCommandLine(argc, argv); }
