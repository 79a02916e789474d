#include "engine/matrix_product.h"

#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>

#include "adze/error.h"
#include "adze/parallel.h"

namespace adze {

void AddProduct(float factor, const MatrixView& a, const MatrixView& b, const MatrixView& c) {
  const int64_t m = a.transposed ? a.columns : a.rows, k = a.transposed ? a.rows : a.columns;
  const int64_t n = b.transposed ? b.rows : b.columns;
  Check(k == (b.transposed ? b.columns : b.rows) && m == c.rows && n == c.columns && !c.transposed,
        "shapes of a product");
  if (m == 0 || n == 0 || k == 0) return;
  constexpr int64_t kPanel = 128;
  const int64_t panels = (n + kPanel - 1) / kPanel;
  ParallelFor(panels, 1, [&](int64_t begin, int64_t end) {
    // oneDNN asks OpenMP how many threads there are, and splits sums among them.
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i * kPanel, width = std::min(kPanel, n - first);
      const float* right = b.data + (b.transposed ? first * b.stride : first);
      dnnl::sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, width, k, factor, a.data,
                  a.stride, right, b.stride, 1.0f, c.data + first, c.stride);
    }
    omp_set_num_threads(threads);
  });
}

}  // namespace adze
