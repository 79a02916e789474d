#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace adze {

// The search of HFMG on the counts of equal bins (reference/amct-algorithms section 6). A candidate
// is the first and the last bin of a clip range; a bin is the unit of length.
using BinRange = std::pair<int, int>;

// Every clip range that is tried: bins are taken off at the end whose next step, so and so much of
// the data, is the longer, until a quarter of the bins is left.
std::vector<BinRange> HfmgCandidates(const std::vector<uint64_t>& bins);

// What quantizing values of these bins to `levels` equal parts of a range costs.
class HfmgLoss {
 public:
  HfmgLoss(const std::vector<uint64_t>& bins, int64_t levels);

  // Sum over all values of the squared distance to the middle of their part, values spread evenly
  // within a bin and those outside charged to the end parts. O(bins).
  double Of(BinRange range) const;
  // Numbers that it lies between: O(levels) where there are fewer levels than bins, else O(1).
  std::pair<double, double> BoundsOf(BinRange range) const;

 private:
  // Sums over the values below a point: of 1, of x and of x^2.
  struct Moments {
    double m0 = 0, m1 = 0, m2 = 0;
  };
  Moments Below(double x) const;

  std::vector<double> counts_;
  std::vector<Moments> prefix_;
  int64_t levels_;
};

// The candidate with the least loss, the first of several; the whole range if there is none.
BinRange LeastHfmgLoss(const std::vector<uint64_t>& bins, int64_t levels);

}  // namespace adze
