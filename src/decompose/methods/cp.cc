#include <algorithm>
#include <cmath>
#include <map>

#include "decompose/cp_als.h"
#include "decompose/method.h"
#include "decompose/product_kernel.h"
#include "decompose/symmetric_eigen.h"
#include "decompose/unfolding.h"
#include "engine/matrix_product.h"
#include "moments/cholesky.h"

namespace adze {
namespace {

std::vector<Factor> FactorsOf(const Shape& kernel, const std::vector<int64_t>& ranks) {
  Require(ranks.size() == 1, ErrorCode::kInvalidArgument, "method cp has one rank");
  return {{.part = "decom_first", .kernel = {1, 1, kernel[2], ranks[0]}},
          {.part = "decom_core",
           .kernel = {kernel[0], kernel[1], ranks[0], 1},
           .covers_height = true,
           .covers_width = true,
           .depthwise = true},
          {.part = "decom_last", .kernel = {1, 1, ranks[0], kernel[3]}}};
}

std::vector<float> Transposed(std::span<const float> matrix, int64_t rows, int64_t columns) {
  std::vector<float> result(rows * columns);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) result[j * rows + i] = matrix[i * columns + j];
  }
  return result;
}

MatrixView View(std::span<const float> data, int64_t rows, int64_t columns,
                bool transposed = false) {
  return {const_cast<float*>(data.data()), rows, columns, columns, transposed};
}

// L of C = L Lᵀ, its diagonal raised so that inputs without power keep a weight.
Cholesky RootOf(std::vector<float> c, int64_t n) {
  constexpr double kDamping = 0.01;
  double mean = 0;
  for (int64_t i = 0; i < n; ++i) mean += c[i * n + i];
  const auto damping =
      static_cast<float>(std::max(kDamping * mean / static_cast<double>(n), 1e-20));
  for (int64_t i = 0; i < n; ++i) c[i * n + i] += damping;
  std::optional<Cholesky> root = Cholesky::Of(std::move(c), n);
  if (root) return *std::move(root);
  std::vector<float> identity(n * n);
  for (int64_t i = 0; i < n; ++i) identity[i * n + i] = 1;
  return *Cholesky::Of(std::move(identity), n);
}

// Lᵀ as a full matrix.
std::vector<float> UpperOf(const Cholesky& root) {
  const int64_t n = root.size();
  std::vector<float> upper(n * n);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j <= i; ++j) upper[j * n + i] = root.at(i, j);
  }
  return upper;
}

// E[x xᵀ] as a product of one over taps and one over input channels, each the other's mean.
struct SeparateMoments {
  Cholesky taps, inputs;
};
SeparateMoments Separate(std::span<const float> moments, int64_t taps, int64_t inputs) {
  std::vector<float> of_taps(taps * taps), of_inputs(inputs * inputs);
  const int64_t all = taps * inputs;
  double power = 0;
  for (int64_t k = 0; k < taps; ++k) {
    for (int64_t i = 0; i < inputs; ++i) {
      const float* const row = moments.data() + (k * inputs + i) * all;
      power += row[k * inputs + i];
      for (int64_t l = 0; l < taps; ++l) of_taps[k * taps + l] += row[l * inputs + i];
      for (int64_t j = 0; j < inputs; ++j) of_inputs[i * inputs + j] += row[k * inputs + j];
    }
  }
  const auto mean = static_cast<float>(std::max(power / static_cast<double>(taps), 1e-30));
  for (float& x : of_taps) x /= mean;
  for (float& x : of_inputs) x /= static_cast<float>(taps);
  return {RootOf(std::move(of_taps), taps), RootOf(std::move(of_inputs), inputs)};
}

// 1 x 1 to `rank` channels, k x k on each of them alone, 1 x 1 from them: the kernel as a tensor
// [taps, inputs, outputs] is a sum of `rank` products of three vectors (canonical polyadic
// decomposition; Lebedev et al. 2015 with both axes of the image together). Alternating least
// squares start from singular vectors: taps are turned to their principal axes, and of the
// matrices [inputs, outputs] along these the leading singular triples of all are taken. What that
// loses is known, and with all triples it is nothing. With moments the tensor is first multiplied
// with their roots along taps and along inputs, and the last kernel refitted to the moments
// themselves.
class CpSplit : public SplitKernel {
 public:
  explicit CpSplit(const KernelToSplit& k)
      : kernel_(k.convolution.kernel), taps_(k.taps()), weight_(k.weight), moments_(k.moments) {
    tensor_.assign(weight_.begin(), weight_.end());
    if (!moments_.empty()) {
      roots_.emplace(Separate(moments_, taps_, inputs()));
      tensor_ = Weighed();
    }
    FindTriples();
  }

  std::vector<RankChoice> Choices(int64_t step) const override {
    const int64_t most = Most()[0];
    std::vector<RankChoice> choices;
    for (int64_t r = std::min(step, most); r <= most && WeightsAt(r) < 2 * WeightsAt(Full());
         r += step) {
      choices.push_back({{r}, std::min(1.0, tails_[r] * GainAt(r))});
    }
    return choices;
  }
  std::vector<int64_t> Most() const override { return {static_cast<int64_t>(triples_.size())}; }
  std::vector<Factor> Shapes(const std::vector<int64_t>& ranks) const override {
    return FactorsOf(kernel_, ranks);
  }
  std::vector<Factor> Solve(const std::vector<int64_t>& ranks) const override {
    return SolveWith(ranks, {.sweeps = 40, .restarts = 2});
  }

  // The rank at which nothing is saved.
  int64_t Full() const {
    return std::max<int64_t>(1, kernel_.num_elements() / (taps_ + inputs() + outputs()));
  }

 private:
  struct Triple {
    double power;
    int64_t slice;
  };

  int64_t inputs() const { return kernel_[2]; }
  int64_t outputs() const { return kernel_[3]; }
  int64_t WeightsAt(int64_t rank) const { return rank * (taps_ + inputs() + outputs()); }
  CpTensor AsTensor(std::span<const float> values) const {
    return {values, taps_, inputs(), outputs()};
  }

  // Multiplied with the moments' roots.
  std::vector<float> Weighed() const {
    const int64_t plane = inputs() * outputs();
    std::vector<float> half(tensor_.size()), result(tensor_.size());
    AddProduct(1, View(UpperOf(roots_->taps), taps_, taps_), View(tensor_, taps_, plane),
               View(half, taps_, plane));
    const std::vector<float> upper = UpperOf(roots_->inputs);
    for (int64_t k = 0; k < taps_; ++k) {
      AddProduct(1, View(upper, inputs(), inputs()),
                 {half.data() + k * plane, inputs(), outputs(), outputs()},
                 {result.data() + k * plane, inputs(), outputs(), outputs()});
    }
    return result;
  }

  void FindTriples() {
    const int64_t plane = inputs() * outputs();
    {
      const SymmetricEigen axes(Unfolding(tensor_, {{taps_, plane}}, {{plane, 1}}).Gram());
      axes_ = axes.LeadingVectors(taps_);  // [taps, taps]
    }
    slices_.resize(taps_ * plane);
    AddProduct(1, View(axes_, taps_, taps_), View(tensor_, taps_, plane),
               View(slices_, taps_, plane));
    for (int64_t s = 0; s < taps_; ++s) {
      const UnfoldedAxis in{inputs(), outputs()}, out{outputs(), 1};
      const Unfolding matrix({slices_.data() + s * plane, static_cast<size_t>(plane)},
                             {by_inputs() ? in : out}, {by_inputs() ? out : in});
      spectra_.push_back(std::make_unique<SymmetricEigen>(matrix.Gram()));
      for (double value : spectra_.back()->values()) triples_.push_back({std::max(value, 0.0), s});
    }
    std::stable_sort(triples_.begin(), triples_.end(),
                     [](const Triple& a, const Triple& b) { return a.power > b.power; });
    std::vector<double> powers;
    for (const Triple& triple : triples_) powers.push_back(triple.power);
    tails_ = TailShares(powers);
  }
  bool by_inputs() const { return inputs() <= outputs(); }

  // The leading triples.
  CpFactors Start(int64_t rank) const {
    std::vector<int64_t> counts(taps_);
    for (int64_t r = 0; r < rank; ++r) ++counts[triples_[r].slice];
    CpFactors start{.rank = rank};
    const auto append = [](std::vector<float>* to, const std::vector<float>& from) {
      to->insert(to->end(), from.begin(), from.end());
    };
    for (int64_t s = 0; s < taps_; ++s) {
      const int64_t count = counts[s];
      if (count == 0) continue;
      const std::vector<float> vectors = spectra_[s]->LeadingVectors(count);
      const int64_t other = by_inputs() ? outputs() : inputs();
      std::vector<float> products(count * other);
      AddProduct(1, View(vectors, count, by_inputs() ? inputs() : outputs()),
                 View({slices_.data() + s * inputs() * outputs(),
                       static_cast<size_t>(inputs() * outputs())},
                      inputs(), outputs(), !by_inputs()),
                 View(products, count, other));
      append(&start.inputs, by_inputs() ? vectors : products);
      append(&start.outputs, by_inputs() ? products : vectors);
      for (int64_t i = 0; i < count; ++i) {
        start.taps.insert(start.taps.end(), axes_.begin() + s * taps_,
                          axes_.begin() + (s + 1) * taps_);
      }
    }
    return start;
  }

  std::vector<Factor> SolveWith(const std::vector<int64_t>& ranks,
                                const CpAlsOptions& options) const {
    const int64_t rank = ranks[0];
    CpFactors found = Start(rank);
    constexpr double kExact = 1e-8;  // nothing to gain, in float32
    if (tails_[rank] > kExact) ImproveCp(AsTensor(tensor_), options, &found);
    std::vector<float> first = Transposed(found.inputs, rank, inputs());  // [inputs, rank]
    std::vector<float> core = Transposed(found.taps, rank, taps_);
    if (roots_) {
      roots_->inputs.SolveTransposed(rank, &first);
      roots_->taps.SolveTransposed(rank, &core);
      found.inputs = Transposed(first, inputs(), rank);
      found.taps = Transposed(core, taps_, rank);
      if (tails_[rank] > kExact) RefitCpOutputs(AsTensor(weight_), moments_, &found);
    }
    std::vector<Factor> factors = Shapes(ranks);
    factors[0].values = std::move(first);
    factors[1].values = std::move(core);
    factors[2].values = std::move(found.outputs);
    return factors;
  }

  // What is lost as a share of what the start loses. It is found for some ranks, by fewer sweeps
  // than Solve takes, and its logarithm interpolated.
  double GainAt(int64_t rank) const {
    if (gains_.empty()) {
      gains_[0] = 0;
      for (double share : {0.2, 0.45, 0.75}) {
        const int64_t at =
            std::clamp<int64_t>(std::llround(share * static_cast<double>(Full())), 1, Most()[0]);
        if (gains_.contains(at) || tails_[at] <= 0) continue;
        const std::vector<float> product = ProductKernel(SolveWith({at}, {.sweeps = 12}));
        const double lost = RelativeLoss(weight_, product, outputs(), moments_);
        gains_[at] = std::log(std::max(lost * lost / tails_[at], 1e-6));
      }
    }
    if (gains_.size() == 1) return 1;
    // Beyond the last one it goes on as before it.
    auto above = gains_.lower_bound(rank);
    if (above == gains_.begin()) ++above;
    if (above == gains_.end()) --above;
    const auto below = std::prev(above);
    const double part =
        static_cast<double>(rank - below->first) / static_cast<double>(above->first - below->first);
    return std::exp(below->second + part * (above->second - below->second));
  }

  Shape kernel_;
  int64_t taps_;
  std::span<const float> weight_, moments_;
  std::optional<SeparateMoments> roots_;
  std::vector<float> tensor_;  // [taps, inputs, outputs], weighed
  std::vector<float> axes_, slices_;
  std::vector<std::unique_ptr<SymmetricEigen>> spectra_;  // of slices
  std::vector<Triple> triples_;                           // largest first
  std::vector<double> tails_;                             // lost with the first r of them
  mutable std::map<int64_t, double> gains_;
};

// TensorFlow's depthwise convolution has one stride for both axes.
bool TakesCp(const Convolution& c) {
  return c.height() * c.width() > 1 && c.window.height.stride == c.window.width.stride;
}

// The kernel, weighed and turned; a spectrum a tap; what is contracted with the highest rank that
// is tried, and normal equations.
int64_t CpBytes(const Convolution& c, bool weighed) {
  const int64_t taps = c.height() * c.width(), side = std::min(c.inputs(), c.outputs());
  const int64_t full = c.kernel.num_elements() / (taps + c.inputs() + c.outputs()) + 1;
  const int64_t rank = std::min(2 * full, taps * side), rows = taps * c.inputs();
  return FloatBytes(3 * c.kernel.num_elements() + (weighed ? 3 : 2) * rank * rows +
                    6 * rank * rank + 6 * rank * (taps + c.inputs() + c.outputs()) +
                    2 * c.inputs() * c.inputs()) +
         taps * SymmetricEigen::BytesFor(side, side);
}

}  // namespace

void register_cp(DecompositionMethodRegistry& methods) {
  methods.Add({.name = "cp",
               .summary = "1 x 1, k x k on each channel alone, 1 x 1",
               .takes = TakesCp,
               .split = [](const KernelToSplit& kernel) -> std::unique_ptr<SplitKernel> {
                 return std::make_unique<CpSplit>(kernel);
               },
               .shapes = [](const Shape& kernel, const std::string&,
                            const std::vector<int64_t>& ranks) { return FactorsOf(kernel, ranks); },
               .bytes = CpBytes,
               .most_in_auto = 0});  // minutes for the kernels of a ResNet-50
}

}  // namespace adze
