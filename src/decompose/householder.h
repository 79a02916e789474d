#pragma once

#include <cstdint>
#include <vector>

namespace adze {

// Makes H = I - tau v vᵀ with v[0] = 1 that maps x to (beta, 0, ...): x becomes v, beta is
// returned.
double MakeReflection(double* x, int64_t n, double* tau);

// T of the product of reflections I - tau_k v_k v_kᵀ, in order, as I - V T Vᵀ: upper triangular,
// column-major. `v` is column-major, rows x count, with its zeros and ones.
std::vector<double> TriangleOf(const double* v, int64_t rows, int64_t count, const double* tau);

}  // namespace adze
