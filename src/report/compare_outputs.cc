#include <cmath>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/evaluate.h"
#include "adze/report.h"
#include "adze/session.h"
#include "report/class_scores.h"

namespace adze {

std::vector<OutputComparison> CompareOutputs(const Graph& prepared,
                                             const std::vector<const Graph*>& simulated,
                                             const Dataset& data, int64_t samples) {
  Session real(prepared, {FindLogits(prepared)});
  std::vector<Session> sessions;
  for (const Graph* graph : simulated) {
    sessions.emplace_back(*graph, std::vector<Value>{FindLogits(*graph)});
  }
  std::vector<double> noise(simulated.size());
  std::vector<int64_t> agree(simulated.size());
  double signal = 0;
  bool has_classes = true;
  for (int64_t i = 0; i < samples; ++i) {
    ThrowIfCancelled();
    const std::map<std::string, Tensor> feeds = data.Read(i, i + 1);
    const Tensor expected = real.Run(feeds)[0];
    if (expected.dtype() != DType::kFloat) return {};
    has_classes = has_classes && HoldsClassScores(expected);
    for (const float value : expected.data<float>()) signal += double{value} * value;
    for (size_t k = 0; k < sessions.size(); ++k) {
      const Tensor found = sessions[k].Run(feeds)[0];
      Check(found.num_elements() == expected.num_elements(), "outputs of one model");
      const auto a = expected.data<float>(), b = found.data<float>();
      for (size_t e = 0; e < a.size(); ++e)
        noise[k] += (double{a[e]} - b[e]) * (double{a[e]} - b[e]);
      if (has_classes) agree[k] += BestClass(expected, 0) == BestClass(found, 0);
    }
  }
  std::vector<OutputComparison> comparisons;
  for (size_t k = 0; k < sessions.size(); ++k) {
    OutputComparison comparison{.samples = samples, .sqnr_db = 10 * std::log10(signal / noise[k])};
    if (has_classes && samples > 0) {
      comparison.agreement = static_cast<double>(agree[k]) / static_cast<double>(samples);
    }
    comparisons.push_back(comparison);
  }
  return comparisons;
}

}  // namespace adze
