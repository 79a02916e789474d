#pragma once

namespace adze {

// What `adze` does with its arguments. Returns the exit code.
int RunCommandLine(int argc, char** argv);

}  // namespace adze
