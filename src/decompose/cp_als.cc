#include "decompose/cp_als.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "adze/cancel.h"
#include "adze/parallel.h"
#include "engine/matrix_product.h"
#include "moments/cholesky.h"

namespace adze {
namespace {

constexpr float kDamping = 3e-5f;  // of the mean of the normal equations' diagonal

using Floats = std::vector<float>;

MatrixView View(const Floats& data, int64_t rows, int64_t columns, bool transposed = false) {
  // Only read where it is not the sum.
  return {const_cast<float*>(data.data()), rows, columns, columns, transposed};
}
MatrixView View(const CpTensor& tensor, bool transposed) {
  return {const_cast<float*>(tensor.values.data()), tensor.taps * tensor.inputs, tensor.outputs,
          tensor.outputs, transposed};
}

// V Vᵀ of vectors [rank, size].
Floats Gram(const Floats& vectors, int64_t rank) {
  const auto size = static_cast<int64_t>(vectors.size()) / rank;
  Floats gram(rank * rank);
  AddProduct(1, View(vectors, rank, size), View(vectors, rank, size, true), View(gram, rank, rank));
  return gram;
}

Floats TimesEach(Floats a, const Floats& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] *= b[i];
  return a;
}

double Dot(const Floats& a, const Floats& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double Power(std::span<const float> values) {
  double sum = 0;
  for (float value : values) sum += static_cast<double>(value) * value;
  return sum;
}

// The vectors X [rank, size] of G X = M, near the last ones; these where G is singular.
void SolveNormal(Floats gram, Floats right, int64_t rank, Floats* vectors) {
  double mean = 0;
  for (int64_t r = 0; r < rank; ++r) mean += gram[r * rank + r];
  const float damping = std::max(kDamping * static_cast<float>(mean / rank), 1e-30f);
  for (int64_t r = 0; r < rank; ++r) gram[r * rank + r] += damping;
  for (size_t i = 0; i < right.size(); ++i) right[i] += damping * (*vectors)[i];
  const std::optional<Cholesky> factor = Cholesky::Of(std::move(gram), rank);
  if (!factor) return;
  factor->Solve(static_cast<int64_t>(right.size()) / rank, &right);
  *vectors = std::move(right);
}

// Makes the three vectors of each product as long as each other.
void Balance(CpFactors* f) {
  const int64_t rank = f->rank;
  for (int64_t r = 0; r < rank; ++r) {
    double lengths[3], product = 1;
    Floats* const all[] = {&f->taps, &f->inputs, &f->outputs};
    for (int axis = 0; axis < 3; ++axis) {
      const auto size = static_cast<int64_t>(all[axis]->size()) / rank;
      lengths[axis] = std::sqrt(Power({all[axis]->data() + r * size, static_cast<size_t>(size)}));
      product *= lengths[axis];
    }
    if (!(product > 0) || !std::isfinite(product)) continue;
    for (int axis = 0; axis < 3; ++axis) {
      const auto size = static_cast<int64_t>(all[axis]->size()) / rank;
      const auto times = static_cast<float>(std::cbrt(product) / lengths[axis]);
      for (int64_t i = 0; i < size; ++i) (*all[axis])[r * size + i] *= times;
    }
  }
}

// The sums over two axes of the tensor with the vectors of these, [rank, the third axis].
class Contractions {
 public:
  Contractions(const CpTensor& tensor, int64_t rank)
      : tensor_(tensor), rank_(rank), by_outputs_(tensor.taps * tensor.inputs * rank) {}

  void SetOutputs(const Floats& outputs) {
    std::fill(by_outputs_.begin(), by_outputs_.end(), 0.0f);
    AddProduct(1, View(outputs, rank_, tensor_.outputs), View(tensor_, true),
               View(by_outputs_, rank_, tensor_.taps * tensor_.inputs));
  }
  Floats ForTaps(const Floats& inputs) const {
    Floats sums(rank_ * tensor_.taps);
    ParallelFor(rank_, 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        for (int64_t k = 0; k < tensor_.taps; ++k) {
          const float* const row = Row(r, k);
          float sum = 0;
          for (int64_t i = 0; i < tensor_.inputs; ++i) {
            sum += row[i] * inputs[r * tensor_.inputs + i];
          }
          sums[r * tensor_.taps + k] = sum;
        }
      }
    });
    return sums;
  }
  Floats ForInputs(const Floats& taps) const {
    Floats sums(rank_ * tensor_.inputs);
    ParallelFor(rank_, 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        for (int64_t k = 0; k < tensor_.taps; ++k) {
          const float* const row = Row(r, k);
          const float times = taps[r * tensor_.taps + k];
          float* const to = sums.data() + r * tensor_.inputs;
          for (int64_t i = 0; i < tensor_.inputs; ++i) to[i] += times * row[i];
        }
      }
    });
    return sums;
  }
  Floats ForOutputs(const CpFactors& factors) const {
    Floats sums(rank_ * tensor_.outputs);
    AddProduct(1, View(CpProducts(tensor_, factors), rank_, tensor_.taps * tensor_.inputs),
               View(tensor_, false), View(sums, rank_, tensor_.outputs));
    return sums;
  }

 private:
  const float* Row(int64_t r, int64_t k) const {
    return by_outputs_.data() + (r * tensor_.taps + k) * tensor_.inputs;
  }

  const CpTensor& tensor_;
  int64_t rank_;
  Floats by_outputs_;  // [rank, taps, inputs]
};

// |T - T'|² = |T|² - 2 <T, T'> + |T'|², as a share of |T|².
double LossOf(double power, const Floats& for_outputs, const Floats& gram_of_others,
              const CpFactors& f) {
  const double lost =
      power - 2 * Dot(for_outputs, f.outputs) + Dot(gram_of_others, Gram(f.outputs, f.rank));
  return power > 0 ? std::max(lost / power, 0.0) : 0;
}

// One sweep over the axes; returns the loss.
double Sweep(double power, Contractions* contractions, CpFactors* f) {
  ThrowIfCancelled();
  contractions->SetOutputs(f->outputs);
  const Floats outputs = Gram(f->outputs, f->rank);
  SolveNormal(TimesEach(Gram(f->inputs, f->rank), outputs), contractions->ForTaps(f->inputs),
              f->rank, &f->taps);
  const Floats taps = Gram(f->taps, f->rank);
  SolveNormal(TimesEach(outputs, taps), contractions->ForInputs(f->taps), f->rank, &f->inputs);
  const Floats others = TimesEach(Gram(f->inputs, f->rank), taps);
  const Floats right = contractions->ForOutputs(*f);
  SolveNormal(others, right, f->rank, &f->outputs);
  const double lost = LossOf(power, right, others, *f);
  Balance(f);
  return lost;
}

// A run of sweeps that can be gone on with.
class Run {
 public:
  Run(const CpTensor& tensor, double power, CpFactors start)
      : power_(power), now_(std::move(start)) {
    Balance(&now_);
    before_ = now_;
    lost_ = CpLoss(tensor, now_);
  }

  void Go(int sweeps, Contractions* contractions) {
    for (int i = 0; i < sweeps; ++i) {
      CpFactors next = Extrapolated();
      const double lost = Sweep(power_, contractions, &next);
      if (std::isfinite(lost) && lost < lost_) {
        before_ = std::exchange(now_, std::move(next));
        lost_ = lost;
        most_ = std::min(kMost, 1.02f * most_);
        step_ = std::min(most_, 1.1f * step_);
      } else if (step_ < 1e-3f || is_plain_) {
        return;  // a sweep from where it stands gains nothing more
      } else {
        most_ = step_;
        step_ *= 0.5f;
        before_ = now_;
      }
    }
  }
  double lost() const { return lost_; }
  const CpFactors& factors() const { return now_; }

 private:
  CpFactors Extrapolated() {
    CpFactors next = now_;
    is_plain_ = true;
    const auto add = [&](Floats* to, const Floats& now, const Floats& before) {
      for (size_t i = 0; i < to->size(); ++i) {
        const float change = now[i] - before[i];
        if (change != 0) is_plain_ = false;
        (*to)[i] = now[i] + step_ * change;
      }
    };
    add(&next.taps, now_.taps, before_.taps);
    add(&next.inputs, now_.inputs, before_.inputs);
    add(&next.outputs, now_.outputs, before_.outputs);
    return next;
  }

  static constexpr float kMost = 3;
  double power_, lost_ = 0;
  CpFactors now_, before_;
  float step_ = 0.5f, most_ = kMost;
  bool is_plain_ = false;
};

// The same with noise of a tenth of each axis' mean square.
CpFactors WithNoise(const CpFactors& factors, uint64_t seed) {
  CpFactors noisy = factors;
  std::mt19937_64 random(seed);
  for (Floats* axis : {&noisy.taps, &noisy.inputs, &noisy.outputs}) {
    const double mean = Power(*axis) / static_cast<double>(axis->size());
    const auto scale = static_cast<float>(std::sqrt(0.1 * mean));
    for (float& x : *axis) {
      // Twelve uniform numbers are nearly normal, and the same everywhere.
      double normal = -6;
      for (int i = 0; i < 12; ++i) normal += static_cast<double>(random() >> 11) * 0x1p-53;
      x += scale * static_cast<float>(normal);
    }
  }
  return noisy;
}

}  // namespace

std::vector<float> CpProducts(const CpTensor& tensor, const CpFactors& f) {
  Floats products(f.rank * tensor.taps * tensor.inputs);
  ParallelFor(f.rank, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t k = 0; k < tensor.taps; ++k) {
        const float times = f.taps[r * tensor.taps + k];
        float* const to = products.data() + (r * tensor.taps + k) * tensor.inputs;
        for (int64_t i = 0; i < tensor.inputs; ++i) to[i] = times * f.inputs[r * tensor.inputs + i];
      }
    }
  });
  return products;
}

double CpLoss(const CpTensor& tensor, const CpFactors& f) {
  return LossOf(Power(tensor.values), Contractions(tensor, f.rank).ForOutputs(f),
                TimesEach(Gram(f.taps, f.rank), Gram(f.inputs, f.rank)), f);
}

void RefitCpOutputs(const CpTensor& tensor, std::span<const float> moments, CpFactors* f) {
  const int64_t rows = tensor.taps * tensor.inputs;
  const Floats products = CpProducts(tensor, *f);
  Floats weighed(f->rank * rows), gram(f->rank * f->rank), right(f->rank * tensor.outputs);
  AddProduct(1, View(products, f->rank, rows),
             {const_cast<float*>(moments.data()), rows, rows, rows}, View(weighed, f->rank, rows));
  AddProduct(1, View(weighed, f->rank, rows), View(products, f->rank, rows, true),
             View(gram, f->rank, f->rank));
  AddProduct(1, View(weighed, f->rank, rows), View(tensor, false),
             View(right, f->rank, tensor.outputs));
  SolveNormal(std::move(gram), std::move(right), f->rank, &f->outputs);
}

double ImproveCp(const CpTensor& tensor, const CpAlsOptions& options, CpFactors* factors) {
  const double power = Power(tensor.values);
  if (!(power > 0) || factors->rank == 0) return 0;
  Contractions contractions(tensor, factors->rank);
  Run best(tensor, power, *factors);
  const int first = options.restarts > 0 ? std::min(8, options.sweeps) : 0;
  best.Go(first, &contractions);
  for (int i = 0; i < options.restarts; ++i) {
    Run other(tensor, power, WithNoise(*factors, options.seed + static_cast<uint64_t>(i)));
    other.Go(first, &contractions);
    if (other.lost() < best.lost()) best = std::move(other);
  }
  best.Go(options.sweeps - first, &contractions);
  *factors = best.factors();
  return best.lost();
}

}  // namespace adze
