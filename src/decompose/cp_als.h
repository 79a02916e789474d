#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace adze {

// A tensor [taps, inputs, outputs] as a sum of `rank` products of three vectors (canonical polyadic
// decomposition), the vectors of each axis as rows: [rank, axis].
struct CpFactors {
  int64_t rank = 0;
  std::vector<float> taps, inputs, outputs;
};

struct CpTensor {
  std::span<const float> values;
  int64_t taps = 1, inputs = 1, outputs = 1;
};

struct CpAlsOptions {
  int sweeps = 40;
  // Besides the given start so many that are it with noise, from these numbers on; the best after
  // some sweeps goes on.
  int restarts = 0;
  uint64_t seed = 1;
};

// Alternating least squares: in turn the vectors of one axis are the solution of their normal
// equations, the others being given. What a sweep changed is gone on with beforehand, farther each
// time that this helps (extrapolation with restarts, Ang et al. 2020). The equations are drawn to
// the last solution by a small part of their diagonal's mean, which keeps vectors that nearly
// cancel each other from growing. Never worse than the start. Returns the share of the tensor's
// power that is lost; the same bytes on any number of threads.
double ImproveCp(const CpTensor& tensor, const CpAlsOptions& options, CpFactors* factors);

// Replaces the outputs' vectors by those that lose least of what a layer with this kernel makes of
// data whose second moments E[x xᵀ] are given, [taps * inputs, taps * inputs].
void RefitCpOutputs(const CpTensor& tensor, std::span<const float> moments, CpFactors* factors);

// As ImproveCp counts it, in one pass.
double CpLoss(const CpTensor& tensor, const CpFactors& factors);

// Row r is the outer product of taps and inputs number r, [rank, taps * inputs].
std::vector<float> CpProducts(const CpTensor& tensor, const CpFactors& factors);

}  // namespace adze
