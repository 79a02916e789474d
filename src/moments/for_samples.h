#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "adze/dataset.h"
#include "adze/session.h"

namespace adze {

// What is computed of a graph.
struct Fetched {
  const Graph* graph = nullptr;
  std::vector<Value> values;
};

// Runs graphs on samples, a thread each for as many samples at a time as there are threads.
class SampleRunner {
 public:
  // Per graph the values that were asked for.
  using Values = std::vector<std::vector<Tensor>>;

  SampleRunner(const std::vector<Fetched>& graphs, const Dataset& data);
  ~SampleRunner();
  // body(i, values of sample first + i) for i in [0, count), in any order, on any thread. Rethrows
  // what is thrown there; kCancelled after Ctrl-C.
  void Run(int64_t first, int64_t count, const std::function<void(int64_t, const Values&)>& body);

 private:
  const Dataset& data_;
  std::vector<std::vector<Session>> sessions_;  // per thread, per graph
};

// The first `samples` of the data: `extract` makes, on any thread, a Part of a sample's values, and
// `consume` gets the parts on this thread in the order of samples, which makes sums of them the
// same for any number of threads.
template <typename Part>
void ForSamples(const std::vector<Fetched>& graphs, const Dataset& data, int64_t samples,
                const std::function<Part(int64_t, const SampleRunner::Values&)>& extract,
                const std::function<void(int64_t, Part&)>& consume) {
  constexpr int64_t kBlock = 4;
  SampleRunner runner(graphs, data);
  for (int64_t first = 0; first < samples; first += kBlock) {
    std::vector<Part> parts(std::min(kBlock, samples - first));
    runner.Run(first, static_cast<int64_t>(parts.size()),
               [&](int64_t i, const SampleRunner::Values& values) {
                 parts[i] = extract(first + i, values);
               });
    for (size_t i = 0; i < parts.size(); ++i) consume(first + static_cast<int64_t>(i), parts[i]);
  }
}

}  // namespace adze
