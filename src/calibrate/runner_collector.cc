#include "calibrate/runner_collector.h"

#include "adze/parallel.h"

namespace adze {

RunnerCollector::RunnerCollector(const Graph& prepared, const std::vector<PlannedLayer>& plan,
                                 const Dataset& data, const CalibrateOptions& options)
    : probe_(plan, data, NumThreads()),
      runner_(options.runner(prepared, probe_.values())),
      source_(data, options.batch_size, NumThreads()),
      progress_(options, data.size()) {}

void RunnerCollector::RunTo(int64_t end) {
  Unit batch;
  while (!CancelRequested() && source_.Next(end, /*by_sample=*/false, &batch)) {
    probe_.StartBatch(batch.first_sample, batch.samples);
    runner_->Run(batch.feeds,
                 [&](Value value, const Tensor& tensor) { probe_.OnValue(value, tensor); });
    progress_.Add(batch.samples);
  }
  ThrowIfCancelled();
}

}  // namespace adze
