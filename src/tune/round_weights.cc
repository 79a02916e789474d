#include "tune/round_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "adze/error.h"
#include "adze/parallel.h"
#include "adze/quant.h"
#include "engine/matrix_product.h"
#include "moments/cholesky.h"

namespace adze {
namespace {

// Everything in the order of ascending mean square, so that rounding starts at the last row.
struct Problem {
  int64_t n, outputs;
  std::vector<float> moments;          // [n, n], damped
  std::vector<float> weight, rounded;  // [n, outputs]
};

class Rounding {
 public:
  Rounding(const WeightGrid& grid, Problem& problem)
      : p_(problem),
        lowest_(QuantMin(grid.num_bits)),
        highest_(QuantMax(grid.num_bits)),
        scale_(grid.scale) {
    for (float scale : scale_) inverse_.push_back(1 / scale);
  }

  // H = L Lᵀ; the error of row i given those after it is L_ii (e_i + sum over j > i of
  // e_j L_ji / L_ii), so that row aims at w_i - that sum.
  void Sequential(const Cholesky& l) {
    const int64_t n = p_.n, outputs = p_.outputs;
    std::vector<float> error(n * outputs), aim(Cholesky::kBlock * outputs);
    auto* lower = const_cast<float*>(l.lower().data());  // only read
    for (int64_t first = (n - 1) / Cholesky::kBlock * Cholesky::kBlock; first >= 0;
         first -= Cholesky::kBlock) {
      const int64_t end = std::min(n, first + Cholesky::kBlock);
      std::fill(aim.begin(), aim.end(), 0.0f);
      AddProduct(1, {lower + end * n + first, n - end, end - first, n, true},
                 {error.data() + end * outputs, n - end, outputs, outputs},
                 {aim.data(), end - first, outputs, outputs});
      ForColumns([&](int64_t begin, int64_t stop) {
        for (int64_t i = end - 1; i >= first; --i) {
          float* sum = aim.data() + (i - first) * outputs;
          for (int64_t j = i + 1; j < end; ++j) {
            const float factor = l.at(j, i);
            const float* e = error.data() + j * outputs;
            for (int64_t o = begin; o < stop; ++o) sum[o] += factor * e[o];
          }
          const float inverse = 1 / l.at(i, i);
          for (int64_t o = begin; o < stop; ++o) {
            const float w = p_.weight[i * outputs + o];
            const float q = Round(w - sum[o] * inverse, o);
            p_.rounded[i * outputs + o] = q;
            error[i * outputs + o] = q - w;
          }
        }
      });
    }
  }

  // One sweep: each weight in turn goes where the objective is least. `gradient` is H E.
  void Sweep(std::vector<float>& gradient) {
    const int64_t n = p_.n, outputs = p_.outputs;
    std::vector<float> moved(Cholesky::kBlock * outputs);
    for (int64_t first = 0; first < n; first += Cholesky::kBlock) {
      const int64_t end = std::min(n, first + Cholesky::kBlock);
      ForColumns([&](int64_t begin, int64_t stop) {
        for (int64_t i = first; i < end; ++i) {
          const float* h = p_.moments.data() + i * n;
          const float inverse = 1 / h[i];
          float* move = moved.data() + (i - first) * outputs;
          bool any = false;
          for (int64_t o = begin; o < stop; ++o) {
            float& q = p_.rounded[i * outputs + o];
            const float better = Round(q - gradient[i * outputs + o] * inverse, o);
            move[o] = better - q;
            any |= better != q;
            q = better;
          }
          if (!any) continue;
          for (int64_t j = first; j < end; ++j) {
            float* g = gradient.data() + j * outputs;
            for (int64_t o = begin; o < stop; ++o) g[o] += h[j] * move[o];
          }
        }
      });
      // The block's own rows have been brought up to date already.
      const MatrixView step = {moved.data(), end - first, outputs, outputs};
      float* h = p_.moments.data();
      AddProduct(1, {h + first, first, end - first, n}, step,
                 {gradient.data(), first, outputs, outputs});
      AddProduct(1, {h + end * n + first, n - end, end - first, n}, step,
                 {gradient.data() + end * outputs, n - end, outputs, outputs});
    }
  }

  std::vector<float> Gradient() const {
    std::vector<float> error(p_.weight.size());
    for (size_t i = 0; i < error.size(); ++i) error[i] = p_.rounded[i] - p_.weight[i];
    return TimesMoments(error);
  }

  // The scales that suit the integers best: s (qᵀ H w) / (qᵀ H q).
  std::vector<float> BestScales() const {
    const std::vector<float> product = TimesMoments(p_.rounded);
    std::vector<double> with_weight(p_.outputs), with_itself(p_.outputs);
    for (int64_t i = 0; i < p_.n; ++i) {
      for (int64_t o = 0; o < p_.outputs; ++o) {
        const int64_t at = i * p_.outputs + o;
        with_weight[o] += double{product[at]} * p_.weight[at];
        with_itself[o] += double{product[at]} * p_.rounded[at];
      }
    }
    std::vector<float> scales = scale_;
    for (int64_t o = 0; o < p_.outputs; ++o) {
      const double ratio = with_weight[o] / with_itself[o];
      if (ratio > 0.5 && ratio < 2) scales[o] *= static_cast<float>(ratio);
    }
    return scales;
  }

 private:
  std::vector<float> TimesMoments(const std::vector<float>& values) const {
    std::vector<float> product(values.size());
    AddProduct(1, {p_.moments.data(), p_.n, p_.n, p_.n},
               {const_cast<float*>(values.data()), p_.n, p_.outputs, p_.outputs},
               {product.data(), p_.n, p_.outputs, p_.outputs});
    return product;
  }
  float Round(float w, int64_t o) const {
    return std::clamp(std::nearbyint(w * inverse_[o]), lowest_, highest_) * scale_[o];
  }
  template <typename Body>
  void ForColumns(const Body& body) const {
    ParallelFor(p_.outputs, 64, body);
  }

  Problem& p_;
  float lowest_, highest_;
  std::vector<float> scale_, inverse_;
};

}  // namespace

void RoundWeights(std::span<const float> moments, const RoundOptions& options, int64_t inputs,
                  std::span<float> weight, WeightGrid* grid) {
  const auto outputs = static_cast<int64_t>(grid->scale.size());
  Check(static_cast<int64_t>(weight.size()) == inputs * outputs, "weights to round");
  double mean = 0;
  for (int64_t i = 0; i < inputs; ++i) mean += moments[i * inputs + i];
  mean /= static_cast<double>(inputs);
  const auto damping = static_cast<float>(std::max(options.damping * mean, 1e-12));

  std::vector<int64_t> order(inputs);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return moments[a * inputs + a] < moments[b * inputs + b];
  });
  Problem problem{inputs, outputs, std::vector<float>(inputs * inputs),
                  std::vector<float>(weight.size()), std::vector<float>(weight.size())};
  for (int64_t i = 0; i < inputs; ++i) {
    const float* row = moments.data() + order[i] * inputs;
    for (int64_t j = 0; j < inputs; ++j) problem.moments[i * inputs + j] = row[order[j]];
    problem.moments[i * inputs + i] += damping;
    std::copy_n(weight.data() + order[i] * outputs, outputs, problem.weight.data() + i * outputs);
  }
  const std::optional<Cholesky> factor = Cholesky::Of(problem.moments, inputs);
  Check(factor.has_value(), "damped moments are positive definite");
  for (int left = options.refits;; --left) {
    Rounding rounding(*grid, problem);
    rounding.Sequential(*factor);
    if (options.sweeps > 0) {
      std::vector<float> gradient = rounding.Gradient();
      for (int i = 0; i < options.sweeps; ++i) rounding.Sweep(gradient);
    }
    if (left == 0) break;
    grid->scale = rounding.BestScales();
  }
  for (int64_t i = 0; i < inputs; ++i) {
    std::copy_n(problem.rounded.data() + i * outputs, outputs, weight.data() + order[i] * outputs);
  }
}

}  // namespace adze
