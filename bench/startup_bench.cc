// How long a program takes from its first line to a model that is ready: loaded, compiled and run
// once. usage: startup_bench MODEL.pb H W C
//
// Prints one line: milliseconds to load, for the first run, both, and for a later run.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "adze/runtime.h"

int main(int argc, char** argv) try {
  using Clock = std::chrono::steady_clock;
  if (argc != 5) {
    std::fprintf(stderr, "usage: startup_bench MODEL.pb H W C\n");
    return 2;
  }
  const auto milliseconds = [](Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
  };
  const auto start = Clock::now();
  adze::Model model(argv[1]);
  const auto loaded = Clock::now();
  const adze::Tensor image = adze::Tensor::Zeros(
      adze::DType::kFloat, {1, std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4])});
  const std::map<std::string, adze::Tensor> feeds = {{model.inputs().at(0).name, image}};
  const auto before = Clock::now();
  model.Run(feeds);
  const auto ready = Clock::now();
  model.Run(feeds);
  const auto again = Clock::now();
  const double load = milliseconds(start, loaded), first = milliseconds(before, ready);
  std::printf("%.2f %.2f %.2f %.2f\n", load, first, load + first, milliseconds(ready, again));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "startup_bench: %s\n", error.what());
  return 1;
}
