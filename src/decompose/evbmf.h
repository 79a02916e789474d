#pragma once

#include <cstdint>
#include <span>

namespace adze {

// What the analytic solution of empirical variational Bayes matrix factorization says of a noisy
// matrix (Nakajima, Sugiyama, Babacan, Tomioka: Global analytic solution of fully-observed
// variational Bayesian matrix factorization, JMLR 2013).
struct EvbmfSolution {
  double lower_bound = 0, upper_bound = 0;  // of the search for the noise's variance
  double noise_variance = 0;
  double threshold = 0;  // singular values above it are signal
  int64_t rank = 0;      // how many there are
};

// Of a matrix of `rows` <= `columns` with these eigenvalues of its Gram matrix (squares of its
// singular values), largest first, `rows` of them. Those below 1e-10 of the largest count as that.
// The search for the variance has an absolute tolerance of 1e-5, as AMCT's, so the result depends
// on the matrix's scale.
EvbmfSolution SolveEvbmf(std::span<const double> eigenvalues, int64_t columns);

// AMCT's rank of a kernel from that: within [L/(d+1), L/d] for L rows, d being 4 for kernels of at
// least 256 channels and 6 for smaller ones, then to a multiple of 16.
int64_t AmctRank(int64_t evbmf_rank, int64_t rows, int64_t fewer_channels);

}  // namespace adze
