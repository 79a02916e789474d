#include "adze/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace adze {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Progress::Progress(std::string label, bool quiet)
    : label_(std::move(label)),
      quiet_(quiet),
      is_terminal_(isatty(STDERR_FILENO)),
      start_(Clock::now()) {}

Progress::~Progress() { Finish(); }

void Progress::Finish() {
  if (open_line_) std::fputc('\n', stderr);
  open_line_ = false;
}

void Progress::Update(int64_t done, int64_t total) {
  if (quiet_ || total <= 0) return;
  const double elapsed = SecondsSince(start_);
  if (is_terminal_) {
    constexpr double kRedraw = 0.1;  // seconds
    if (done < total && SecondsSince(drawn_) < kRedraw) return;
    drawn_ = Clock::now();
    constexpr int kWidth = 30;
    const int filled = static_cast<int>(kWidth * done / total);
    const double left = done > 0 ? elapsed * static_cast<double>(total - done) / done : 0;
    fmt::print(stderr, "\r{:<12} [{:=<{}}{: <{}}] {}/{}  {:.1f} s, {:.0f} s left ", label_, "",
               filled, "", kWidth - filled, done, total, elapsed, left);
    open_line_ = true;
    if (done == total) Finish();
  } else if (const int64_t tenth = 10 * done / total; tenth > tenth_) {
    tenth_ = tenth;
    fmt::print(stderr, "{} {}/{} ({:.1f} s)\n", label_, done, total, elapsed);
  }
  std::fflush(stderr);
}

}  // namespace adze
