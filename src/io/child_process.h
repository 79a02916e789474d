#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace adze {

// A command of the shell whose standard output is read. Its standard input is empty. Ending this
// object ends the command and what it started.
class ChildProcess {
 public:
  explicit ChildProcess(const std::string& command);  // kInvalidArgument
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Up to `count` bytes, 0 at the end of the output. kCancelled after Ctrl-C.
  size_t Read(char* out, size_t count);
  // Waits for the end. Empty if the exit status is 0, else what happened ("ended with exit status
  // 1") with the last line of its standard error. kCancelled after Ctrl-C.
  std::string Wait();
  // The last line of what it has written to its standard error, as ": 'line'", or empty.
  std::string LastComplaint() const;

 private:
  pid_t pid_ = -1;
  int output_ = -1, errors_ = -1;
};

}  // namespace adze
