#include "decompose/spatial.h"

#include "adze/error.h"

namespace adze {

std::string SpatialMode::name() const {
  return std::string(input_rows ? "SC" : "FC") + (height_rows ? "FK" : "SK");
}

SpatialMode SpatialModeNamed(const std::string& name) {
  for (bool input_rows : {true, false}) {
    for (bool height_rows : {true, false}) {
      const SpatialMode mode{input_rows, height_rows};
      if (mode.name() == name) return mode;
    }
  }
  throw Error(ErrorCode::kInvalidArgument,
              "there is no mode '" + name + "'; there are SCFK, SCSK, FCFK and FCSK");
}

SpatialMode SpatialModeOf(const Shape& kernel) {
  return {.input_rows = kernel[3] >= kernel[2], .height_rows = kernel[0] <= kernel[1]};
}

Unfolding UnfoldSpatially(std::span<const float> weight, const Shape& kernel, SpatialMode mode) {
  const UnfoldedAxis height{kernel[0], kernel[1] * kernel[2] * kernel[3]};
  const UnfoldedAxis width{kernel[1], kernel[2] * kernel[3]};
  const UnfoldedAxis input{kernel[2], kernel[3]}, output{kernel[3], 1};
  return Unfolding(weight, {mode.input_rows ? input : output, mode.height_rows ? height : width},
                   {mode.input_rows ? output : input, mode.height_rows ? width : height});
}

std::vector<Factor> SpatialFactors(const Shape& kernel, SpatialMode mode, int64_t rank) {
  // The one that reads the image runs along the axis of the input channels' side of the matrix.
  const bool first_is_tall = mode.input_rows == mode.height_rows;
  return {
      {.part = "decom_first",
       .kernel = {first_is_tall ? kernel[0] : 1, first_is_tall ? 1 : kernel[1], kernel[2], rank},
       .covers_height = first_is_tall,
       .covers_width = !first_is_tall},
      {.part = "decom_last",
       .kernel = {first_is_tall ? 1 : kernel[0], first_is_tall ? kernel[1] : 1, rank, kernel[3]},
       .covers_height = !first_is_tall,
       .covers_width = first_is_tall}};
}

void SetSpatialValues(const Shape& kernel, SpatialMode mode, std::span<const float> row_vectors,
                      std::span<const float> column_vectors, std::vector<Factor>* factors) {
  Factor& first = factors->at(0);
  Factor& last = factors->at(1);
  const int64_t inputs = kernel[2], outputs = kernel[3], rank = first.kernel[3];
  const int64_t first_size = first.kernel[0] * first.kernel[1];
  const int64_t last_size = last.kernel[0] * last.kernel[1];
  const std::span<const float> of_first = mode.input_rows ? row_vectors : column_vectors;
  const std::span<const float> of_last = mode.input_rows ? column_vectors : row_vectors;
  first.values.resize(first.kernel.num_elements());
  last.values.resize(last.kernel.num_elements());
  for (int64_t r = 0; r < rank; ++r) {
    for (int64_t i = 0; i < inputs; ++i) {
      for (int64_t k = 0; k < first_size; ++k) {
        first.values[(k * inputs + i) * rank + r] = of_first[(r * inputs + i) * first_size + k];
      }
    }
    for (int64_t o = 0; o < outputs; ++o) {
      for (int64_t k = 0; k < last_size; ++k) {
        last.values[(k * rank + r) * outputs + o] = of_last[(r * outputs + o) * last_size + k];
      }
    }
  }
}

}  // namespace adze
