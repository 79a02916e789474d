#include "decompose/tridiagonal.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "adze/parallel.h"
#include "decompose/vector_loops.h"

namespace adze {
namespace {

constexpr double kEpsilon = 2.2e-16;

double NormOf(const Tridiagonal& m) {
  double norm = 1e-100;  // of a zero matrix too something that divides
  for (int64_t i = 0; i < m.size(); ++i) {
    const double left = i > 0 ? std::abs(m.beside[i - 1]) : 0;
    const double right = i + 1 < m.size() ? std::abs(m.beside[i]) : 0;
    norm = std::max(norm, std::abs(m.diagonal[i]) + left + right);
  }
  return norm;
}

// (T - shift) = P L U with row exchanges, for several right-hand sides.
class ShiftedFactors {
 public:
  ShiftedFactors(const Tridiagonal& m, double shift, double least_pivot)
      : n_(m.size()), upper_(n_), next_(n_), far_(n_), lower_(n_), swapped_(n_) {
    double diagonal = m.diagonal[0] - shift, next = n_ > 1 ? m.beside[0] : 0;
    for (int64_t i = 0; i + 1 < n_; ++i) {
      const double below = m.beside[i], below_diagonal = m.diagonal[i + 1] - shift;
      const double below_next = i + 2 < n_ ? m.beside[i + 1] : 0;
      swapped_[i] = std::abs(below) > std::abs(diagonal);
      if (swapped_[i]) {
        upper_[i] = below;
        next_[i] = below_diagonal;
        far_[i] = below_next;
        lower_[i] = diagonal / below;
        diagonal = next - lower_[i] * below_diagonal;
        next = -lower_[i] * below_next;
      } else {
        if (std::abs(diagonal) < least_pivot) diagonal = least_pivot;
        upper_[i] = diagonal;
        next_[i] = next;
        lower_[i] = below / diagonal;
        diagonal = below_diagonal - lower_[i] * next;
        next = below_next;
      }
    }
    upper_[n_ - 1] = std::abs(diagonal) < least_pivot ? least_pivot : diagonal;
  }

  void Solve(double* x) const {
    for (int64_t i = 0; i + 1 < n_; ++i) {
      if (swapped_[i]) std::swap(x[i], x[i + 1]);
      x[i + 1] -= lower_[i] * x[i];
    }
    for (int64_t i = n_ - 1; i >= 0; --i) {
      if (i + 1 < n_) x[i] -= next_[i] * x[i + 1];
      if (i + 2 < n_) x[i] -= far_[i] * x[i + 2];
      x[i] /= upper_[i];
    }
  }

 private:
  int64_t n_;
  std::vector<double> upper_, next_, far_, lower_;
  std::vector<char> swapped_;
};

double Normalize(std::vector<double>* x) {
  double largest = 0;
  for (double value : *x) largest = std::max(largest, std::abs(value));
  if (!(largest > 0) || !std::isfinite(largest)) return 0;
  for (double& value : *x) value /= largest;
  const double norm = std::sqrt(DotProduct(x->data(), x->data(), static_cast<int64_t>(x->size())));
  for (double& value : *x) value /= norm;
  return norm * largest;
}

// Vectors first .. last - 1, whose eigenvalues are nearly the same.
void FindCluster(const Tridiagonal& m, std::span<const double> values, int64_t first, int64_t last,
                 double norm, float* vectors) {
  const int64_t n = m.size();
  std::vector<std::vector<double>> found;
  for (int64_t index = first; index < last; ++index) {
    const ShiftedFactors factors(m, values[index], kEpsilon * norm);
    std::mt19937_64 random(static_cast<uint64_t>(index) + 1);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> x(n);
    const auto orthogonalize = [&] {
      for (const std::vector<double>& other : found) {
        AddScaled(-DotProduct(other.data(), x.data(), n), other.data(), x.data(), n);
      }
    };
    for (int attempt = 0; attempt < 5; ++attempt) {
      for (double& value : x) value = uniform(random);
      for (int iteration = 0; iteration < 2; ++iteration) {
        orthogonalize();
        Normalize(&x);
        factors.Solve(x.data());
        Normalize(&x);
      }
      orthogonalize();
      if (Normalize(&x) > 1e-3) break;
    }
    orthogonalize();
    Normalize(&x);
    std::copy(x.begin(), x.end(), vectors + index * n);
    if (last - first > 1) found.push_back(std::move(x));
  }
}

}  // namespace

std::vector<double> Eigenvalues(const Tridiagonal& m) {
  const int64_t n = m.size(), batches = (n + kSturmLanes - 1) / kSturmLanes;
  const double end = NormOf(m) * 1.0001;
  std::vector<double> values(n), squares;
  for (double e : m.beside) squares.push_back(std::max(e * e, 1e-300));
  const auto count_below = [&](const double* numbers, int64_t* counts) {
    CountBelow(m.diagonal.data(), squares.data(), n, numbers, counts);
  };
  // Numbers at equal distances tell first between which two of them each eigenvalue is.
  std::vector<double> marks(batches * kSturmLanes);
  std::vector<int64_t> below(marks.size());
  const auto intervals = static_cast<double>(marks.size() + 1);
  for (size_t i = 0; i < marks.size(); ++i) {
    marks[i] = -end + 2 * end * (static_cast<double>(i + 1) / intervals);
  }
  ParallelFor(batches, 1, [&](int64_t begin, int64_t stop) {
    for (int64_t i = begin * kSturmLanes; i < stop * kSturmLanes; i += kSturmLanes) {
      count_below(marks.data() + i, below.data() + i);
    }
  });
  const int steps = std::max(1, 48 - static_cast<int>(std::log2(intervals)));
  ParallelFor(batches, 1, [&](int64_t begin, int64_t stop) {
    for (int64_t batch = begin; batch < stop; ++batch) {
      double low[kSturmLanes], high[kSturmLanes], middle[kSturmLanes];
      int64_t counts[kSturmLanes];
      for (int i = 0; i < kSturmLanes; ++i) {
        // Eigenvalue number k from below lies below x if more than k do.
        const int64_t k = std::min(batch * kSturmLanes + i, n - 1);
        const auto next = std::upper_bound(below.begin(), below.end(), k) - below.begin();
        low[i] = next > 0 ? marks[next - 1] : -end;
        high[i] = next < static_cast<int64_t>(marks.size()) ? marks[next] : end;
      }
      for (int step = 0; step < steps; ++step) {
        for (int i = 0; i < kSturmLanes; ++i) middle[i] = 0.5 * (low[i] + high[i]);
        count_below(middle, counts);
        for (int i = 0; i < kSturmLanes; ++i) {
          (counts[i] > batch * kSturmLanes + i ? high : low)[i] = middle[i];
        }
      }
      for (int i = 0; i < kSturmLanes && batch * kSturmLanes + i < n; ++i) {
        values[n - 1 - (batch * kSturmLanes + i)] = 0.5 * (low[i] + high[i]);
      }
    }
  });
  return values;
}

std::vector<float> LeadingEigenvectors(const Tridiagonal& m, std::span<const double> values,
                                       int64_t count) {
  const int64_t n = m.size();
  const double norm = NormOf(m);
  std::vector<float> vectors(n * count);
  std::vector<int64_t> starts;
  for (int64_t i = 0; i < count; ++i) {
    if (i == 0 || values[i - 1] - values[i] > 1e-8 * norm) starts.push_back(i);
  }
  starts.push_back(count);
  ParallelFor(static_cast<int64_t>(starts.size()) - 1, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      FindCluster(m, values, starts[i], starts[i + 1], norm, vectors.data());
    }
  });
  return vectors;
}

}  // namespace adze
