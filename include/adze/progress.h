#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace adze {

// Says on standard error how far long work is: a bar that rewrites itself on a terminal, a plain
// line every tenth elsewhere, nothing if quiet.
class Progress {
 public:
  Progress(std::string label, bool quiet = false);
  ~Progress();
  void Update(int64_t done, int64_t total);

 private:
  void Finish();

  std::string label_;
  bool quiet_, is_terminal_;
  std::chrono::steady_clock::time_point start_, drawn_;
  int64_t tenth_ = 0;
  bool open_line_ = false;
};

}  // namespace adze
