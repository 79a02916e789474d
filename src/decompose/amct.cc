#include "decompose/amct.h"

#include <algorithm>
#include <cmath>

#include "decompose/evbmf.h"
#include "decompose/method.h"
#include "decompose/symmetric_eigen.h"

namespace adze {

int64_t AmctBytes(const Shape& kernel) {
  const SpatialMode mode = SpatialModeOf(kernel);
  const int64_t rows = kernel[mode.input_rows ? 2 : 3] * kernel[mode.height_rows ? 0 : 1];
  // No rank is more than a quarter of the rows, but for very few of them.
  const int64_t most = std::min(rows, rows / 4 + 16);
  return SymmetricEigen::BytesFor(rows, most) +
         FloatBytes(2 * most * (kernel.num_elements() / rows));
}

AmctDecomposition DecomposeAsAmct(const Shape& kernel, std::span<const float> weight) {
  AmctDecomposition found;
  found.mode = SpatialModeOf(kernel);
  const Unfolding matrix = UnfoldSpatially(weight, kernel, found.mode);
  const SymmetricEigen eigen(matrix.Gram());
  found.evbmf_rank = SolveEvbmf(eigen.values(), matrix.columns()).rank;
  found.rank = AmctRank(found.evbmf_rank, matrix.rows(), std::min(kernel[2], kernel[3]));
  found.error = std::sqrt(TailShares(eigen.values())[found.rank]);
  const std::vector<float> rows = eigen.LeadingVectors(found.rank);
  found.factors = SpatialFactors(kernel, found.mode, found.rank);
  SetSpatialValues(kernel, found.mode, rows, matrix.Project(rows), &found.factors);
  return found;
}

}  // namespace adze
