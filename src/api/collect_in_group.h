#pragma once

#include <optional>

#include "api/prepared_model.h"

namespace adze {

// CollectStatistics by all processes that mpirun started, each a part of the samples. The first
// one gets the whole, with its origin; nullopt in the others. Throws kCancelled where another
// process has failed.
std::optional<Statistics> CollectInGroup(const PreparedModel& model, const DataSource& source,
                                         const Dataset& data, CalibrateOptions options);

}  // namespace adze
