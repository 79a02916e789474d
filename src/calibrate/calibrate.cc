#include "adze/calibrate.h"

#include "adze/parallel.h"
#include "calibrate/factors.h"

namespace adze {

Record Calibrate(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
                 const CalibrateOptions& options) {
  CheckPlan(plan);
  SetNumThreads(options.num_threads);
  // Weights first: what is wrong with them is known without data.
  Record record = FindWeightFactors(plan);
  FindActivationFactors(plan, CollectStatistics(prepared, plan, data, options), &record);
  return record;
}

}  // namespace adze
