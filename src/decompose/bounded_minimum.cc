#include "decompose/bounded_minimum.h"

#include <algorithm>
#include <cmath>

namespace adze {
namespace {

struct Point {
  double x, f;
};

double SignOf(double value) { return value >= 0 ? 1 : -1; }

}  // namespace

double BoundedMinimum(const std::function<double(double)>& f, double low, double high,
                      const BoundedSearch& search) {
  const double sqrt_epsilon = std::sqrt(2.2e-16), golden = 0.5 * (3 - std::sqrt(5.0));
  double a = low, b = high;
  const double start = a + golden * (b - a);
  Point best{start, f(start)};
  Point second = best, third = best;
  double step = 0, previous = 0;
  for (int evaluations = 1; evaluations < search.most_evaluations; ++evaluations) {
    const double middle = 0.5 * (a + b);
    const double near = sqrt_epsilon * std::abs(best.x) + search.tolerance / 3;
    if (std::abs(best.x - middle) <= 2 * near - 0.5 * (b - a)) break;
    bool use_golden = true;
    if (std::abs(previous) > near) {
      // The parabola through the three points.
      double r = (best.x - second.x) * (best.f - third.f);
      double q = (best.x - third.x) * (best.f - second.f);
      double p = (best.x - third.x) * q - (best.x - second.x) * r;
      q = 2 * (q - r);
      if (q > 0) p = -p;
      q = std::abs(q);
      r = previous;
      previous = step;
      if (std::abs(p) < std::abs(0.5 * q * r) && p > q * (a - best.x) && p < q * (b - best.x)) {
        use_golden = false;
        step = p / q;
        const double x = best.x + step;
        if (x - a < 2 * near || b - x < 2 * near) step = near * SignOf(middle - best.x);
      }
    }
    if (use_golden) {
      previous = best.x >= middle ? a - best.x : b - best.x;
      step = golden * previous;
    }
    const double x = best.x + SignOf(step) * std::max(std::abs(step), near);
    const Point tried{x, f(x)};
    if (tried.f <= best.f) {
      (x >= best.x ? a : b) = best.x;
      third = second;
      second = best;
      best = tried;
    } else {
      (x < best.x ? a : b) = x;
      if (tried.f <= second.f || second.x == best.x) {
        third = second;
        second = tried;
      } else if (tried.f <= third.f || third.x == best.x || third.x == second.x) {
        third = tried;
      }
    }
  }
  return best.x;
}

}  // namespace adze
