#include "decompose/amct.h"

#include <algorithm>
#include <cmath>

#include "decompose/evbmf.h"
#include "decompose/memory.h"
#include "decompose/method.h"
#include "decompose/symmetric_eigen.h"

namespace adze {

AmctDecomposition DecomposeAsAmct(const Shape& kernel, std::span<const float> weight) {
  AmctDecomposition found;
  found.mode = SpatialModeOf(kernel);
  const Unfolding matrix = UnfoldSpatially(weight, kernel, found.mode);
  // No rank is more than a quarter of the rows, but for very few of them.
  const int64_t most = std::min(matrix.rows(), matrix.rows() / 4 + 16);
  RequireMemory(SymmetricEigen::BytesFor(matrix.rows(), most) +
                    2 * most * matrix.columns() * static_cast<int64_t>(sizeof(float)),
                AvailableMemory(), "the kernel's decomposition");
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
