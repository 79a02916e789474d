#pragma once

#include <cstdint>

namespace adze {

// The innermost loops of dense linear algebra, in forms for AVX-512, AVX2 and any machine, chosen
// when the program runs. Sums of products are fused, so the forms differ in the last bits; the
// number of threads changes nothing.

// Rows of a left operand are packed in slabs of 256 bytes: 32 doubles, 64 floats.
template <typename T>
inline constexpr int64_t kSlab = 256 / sizeof(T);
// Columns of a right operand that are multiplied at a time.
inline constexpr int64_t kGroup = 6;

// A right operand of a tile: element (k, j) is data[k * k_stride + j * j_stride].
template <typename T>
struct RightOperand {
  const T* data;
  int64_t k_stride, j_stride;
};

// c[i + j * c_stride] += factor * sum over k of left[k * kSlab + i] * right(k, j), for i < rows and
// j < columns <= kGroup; rows is kSlab, or kSlab / 2 at half the cost.
template <typename T>
void MultiplyTile(int64_t depth, const T* left, const RightOperand<T>& right, int64_t rows,
                  int columns, T factor, T* c, int64_t c_stride);

double DotProduct(const double* a, const double* b, int64_t n);
// y += factor * x
void AddScaled(double factor, const double* x, double* y, int64_t n);
// y += factor * x and at once the product of x with z.
double AddScaledAndDot(double factor, const double* x, double* y, const double* z, int64_t n);
// x += a * u + b * v
void AddTwoScaled(double a, const double* u, double b, const double* v, double* x, int64_t n);

// How many eigenvalues of a symmetric tridiagonal matrix lie below each of 32 numbers. `diagonal`
// has n entries, `squares` those beside the diagonal, squared and not zero (n - 1).
inline constexpr int kSturmLanes = 32;
void CountBelow(const double* diagonal, const double* squares, int64_t n, const double* numbers,
                int64_t* counts);

}  // namespace adze
