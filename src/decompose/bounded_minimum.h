#pragma once

#include <functional>

namespace adze {

struct BoundedSearch {
  double tolerance = 1e-5;  // absolute, of the argument
  int most_evaluations = 500;
};

// The argument in [low, high] at which f is least, by Brent's method within bounds (golden section
// and parabolas), step by step as the classical routine does it, so that a search that a coarse
// tolerance ends early ends at the same point.
double BoundedMinimum(const std::function<double(double)>& f, double low, double high,
                      const BoundedSearch& search = {});

}  // namespace adze
