#pragma once

#include "adze/api.h"

namespace adze {

// A model as calibration takes it.
struct PreparedModel {
  PreparedModel(const ModelSource& source, const PlanOptions& options);

  std::vector<InputSpec> inputs;
  Graph graph;
  Plan plan;
  std::vector<std::string> warnings;  // already logged
};

// How many samples calibration sees; says what is missing if the data does not suffice.
int64_t CountSamples(const Plan& plan, bool has_config, int64_t batch_size, int64_t batch_num,
                     int64_t samples);

// kUnsupported if the plan asks for the balancer or for high-bias absorption: what layers then read
// is not known before the data has been seen once, so statistics of it cannot be gathered in parts.
void RefuseEarlierRuns(const Plan& plan);

// The data cut to what CountSamples wants, so that no more of it is looked at.
DataSource FirstSamples(const DataSource& data, int64_t count);

// What statistics of this model on this data come from.
StatisticsOrigin OriginOf(const PreparedModel& model, const DataSource& data);
// A short name that tells data sets apart on every machine that has them.
std::string NameOf(const DataSource& data);

}  // namespace adze
