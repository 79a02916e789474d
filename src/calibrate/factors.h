#pragma once

#include "adze/calibrate.h"

namespace adze {

// The tensor whose values decide a layer's activation factors.
Value DataOf(const PlannedLayer& layer);
// kInvalidArgument if no layer is left to quantize or one has no valid calibrator.
void CheckPlan(const std::vector<PlannedLayer>& plan);
// The record without its activations: what is known without data.
Record FindWeightFactors(const std::vector<PlannedLayer>& plan);
void FindActivationFactors(const std::vector<PlannedLayer>& plan, const Statistics& statistics,
                           const OutputData* outputs, Record* record);

}  // namespace adze
