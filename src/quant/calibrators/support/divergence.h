#pragma once

#include <cstdint>
#include <vector>

namespace adze {

// For n = 128 ... bins.size(): the Kullback-Leibler divergence of the first n bins (the last of
// them with everything that lies beyond) from the same bins merged into `levels` of equal length
// and spread again over the bins that are not empty. The first bin counts as the second one does:
// it holds the zeros, which are exact anyway. Infinity where a bin that must not be empty is.
std::vector<double> Divergences(std::vector<uint64_t> bins, int levels);
// The n of the least of them, the largest of several.
int LeastDivergence(const std::vector<uint64_t>& bins, int levels);

}  // namespace adze
