#pragma once

#include "adze/graph_runner.h"
#include "calibrate/collector.h"
#include "calibrate/statistics_probe.h"
#include "calibrate/unit_source.h"

namespace adze {

// Runs batch after batch by options.runner; only the statistics are gathered here.
class RunnerCollector : public Collector {
 public:
  RunnerCollector(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
                  const CalibrateOptions& options);

  void RunTo(int64_t end) override;
  int64_t position() const override { return source_.position(); }
  Statistics Take() override { return probe_.Take(); }
  void Put(Statistics statistics) override { probe_.Put(std::move(statistics)); }

 private:
  StatisticsProbe probe_;
  std::unique_ptr<GraphRunner> runner_;
  UnitSource source_;
  BatchProgress progress_;
};

}  // namespace adze
