#pragma once

#include "decompose/factors.h"
#include "decompose/unfolding.h"

namespace adze {

// A k x k kernel as a k x 1 and a 1 x k one (Jaderberg et al. 2014), in one of four ways, which
// AMCT names by two letters: rows of the matrix are pairs (channel, position along one axis).
struct SpatialMode {
  bool input_rows = true;   // SC: rows are input channels; FC: output channels
  bool height_rows = true;  // FK: rows are positions along the height; SK: along the width

  std::string name() const;
};
// kInvalidArgument if there is none of that name.
SpatialMode SpatialModeNamed(const std::string& name);
// Rows become the smaller side.
SpatialMode SpatialModeOf(const Shape& kernel);
Unfolding UnfoldSpatially(std::span<const float> weight, const Shape& kernel, SpatialMode mode);

// Kernels without values, for a rank.
std::vector<Factor> SpatialFactors(const Shape& kernel, SpatialMode mode, int64_t rank);
// Sets their values from the rows' vectors [rank, rows] and the columns' [rank, columns].
void SetSpatialValues(const Shape& kernel, SpatialMode mode, std::span<const float> row_vectors,
                      std::span<const float> column_vectors, std::vector<Factor>* factors);

}  // namespace adze
