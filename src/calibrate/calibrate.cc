#include "adze/calibrate.h"

#include <algorithm>

#include "adze/parallel.h"
#include "calibrate/factors.h"

namespace adze {

Record Calibrate(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
                 const CalibrateOptions& options) {
  CheckPlan(plan);
  SetNumThreads(options.num_threads);
  // Weights first: what is wrong with them is known without data.
  Record record = FindWeightFactors(plan);
  const Statistics statistics = CollectStatistics(prepared, plan, data, options);
  const OutputData outputs{prepared, data,
                           std::min(OutputData::kSamples, statistics.num_samples())};
  FindActivationFactors(plan, statistics, &outputs, &record);
  return record;
}

}  // namespace adze
