#pragma once

#include <cstdint>

namespace adze {

// A row-major matrix within a larger one: element (i, j) is data[i * stride + j].
struct MatrixView {
  float* data;
  int64_t rows, columns, stride;
  bool transposed = false;  // stands for its transpose; rows and columns are those as stored
};

// c += factor * a * b, by oneDNN. Shared among cores by columns of c, always in the same pieces, so
// the bytes do not depend on the number of threads.
void AddProduct(float factor, const MatrixView& a, const MatrixView& b, const MatrixView& c);

}  // namespace adze
