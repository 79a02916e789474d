#include "decompose/spatial.h"

#include "decompose/method.h"
#include "decompose/symmetric_eigen.h"
#include "engine/matrix_product.h"

namespace adze {
namespace {

// k x 1 and 1 x k, as AMCT's, but at any rank.
class PlainSpatialSplit : public SplitKernel {
 public:
  explicit PlainSpatialSplit(const KernelToSplit& k)
      : kernel_(k.convolution.kernel),
        weight_(k.weight.begin(), k.weight.end()),
        mode_(SpatialModeOf(kernel_)),
        matrix_(UnfoldSpatially(weight_, kernel_, mode_)),
        eigen_(matrix_.Gram()) {}

  std::string mode() const override { return mode_.name(); }
  std::vector<RankChoice> Choices(int64_t step) const override {
    const std::vector<double> lost = TailShares(eigen_.values());
    std::vector<RankChoice> choices;
    for (int64_t r = std::min(step, matrix_.rows()); r <= matrix_.rows(); r += step) {
      choices.push_back({{r}, lost[r]});
    }
    return choices;
  }
  std::vector<int64_t> Most() const override { return {matrix_.rows()}; }
  std::vector<Factor> Shapes(const std::vector<int64_t>& ranks) const override {
    return SpatialFactors(kernel_, mode_, ranks[0]);
  }
  std::vector<Factor> Solve(const std::vector<int64_t>& ranks) const override {
    std::vector<Factor> factors = Shapes(ranks);
    const std::vector<float> rows = eigen_.LeadingVectors(ranks[0]);
    SetSpatialValues(kernel_, mode_, rows, matrix_.Project(rows), &factors);
    return factors;
  }

 private:
  Shape kernel_;
  std::vector<float> weight_;
  SpatialMode mode_;
  Unfolding matrix_;
  SymmetricEigen eigen_;
};

// The same where the inputs' moments are known: what the k x 1 kernel makes of the data is
// projected on the leading eigenvectors of Mᵀ C M, C being E[x xᵀ] over input channels and one
// axis, averaged along the other. M has rows (position, input) and columns (position along the
// other axis, output).
class WeightedSpatialSplit : public SplitKernel {
 public:
  explicit WeightedSpatialSplit(const KernelToSplit& k)
      : kernel_(k.convolution.kernel),
        rows_(kernel_[0] * kernel_[2]),
        columns_(kernel_[1] * kernel_[3]),
        matrix_(rows_ * columns_),
        eigen_(Build(k)) {}

  std::string mode() const override { return SpatialMode{.height_rows = true}.name(); }
  std::vector<RankChoice> Choices(int64_t step) const override {
    const std::vector<double> lost = TailShares(eigen_.values());
    const int64_t most = std::min(rows_, columns_);
    std::vector<RankChoice> choices;
    for (int64_t r = std::min(step, most); r <= most; r += step) choices.push_back({{r}, lost[r]});
    return choices;
  }
  std::vector<int64_t> Most() const override { return {std::min(rows_, columns_)}; }
  std::vector<Factor> Shapes(const std::vector<int64_t>& ranks) const override {
    return SpatialFactors(kernel_, {}, ranks[0]);
  }
  std::vector<Factor> Solve(const std::vector<int64_t>& ranks) const override {
    const int64_t rank = ranks[0], outputs = kernel_[3];
    std::vector<Factor> factors = Shapes(ranks);
    const std::vector<float> vectors = eigen_.LeadingVectors(rank);  // [rank, width * outputs]
    factors[0].values.resize(rows_ * rank);                          // [height, 1, inputs, rank]
    AddProduct(1, {const_cast<float*>(matrix_.data()), rows_, columns_, columns_},
               {const_cast<float*>(vectors.data()), rank, columns_, columns_, true},
               {factors[0].values.data(), rows_, rank, rank});
    factors[1].values.resize(columns_ * rank);  // [1, width, rank, outputs]
    for (int64_t w = 0; w < kernel_[1]; ++w) {
      for (int64_t r = 0; r < rank; ++r) {
        std::copy_n(vectors.data() + r * columns_ + w * outputs, outputs,
                    factors[1].values.data() + (w * rank + r) * outputs);
      }
    }
    return factors;
  }

 private:
  SymmetricTiles Build(const KernelToSplit& k) {
    const int64_t height = kernel_[0], width = kernel_[1], inputs = kernel_[2];
    for (int64_t h = 0; h < height; ++h) {
      for (int64_t w = 0; w < width; ++w) {
        for (int64_t i = 0; i < inputs; ++i) {
          std::copy_n(k.weight.data() + ((h * width + w) * inputs + i) * kernel_[3], kernel_[3],
                      matrix_.data() + (h * inputs + i) * columns_ + w * kernel_[3]);
        }
      }
    }
    std::vector<float> moments(rows_ * rows_);
    const int64_t all = k.taps() * inputs;
    for (int64_t w = 0; w < width; ++w) {
      for (int64_t h = 0; h < height; ++h) {
        for (int64_t i = 0; i < inputs; ++i) {
          const float* from = k.moments.data() + ((h * width + w) * inputs + i) * all;
          float* to = moments.data() + (h * inputs + i) * rows_;
          for (int64_t g = 0; g < height; ++g) {
            for (int64_t j = 0; j < inputs; ++j) {
              to[g * inputs + j] += from[(g * width + w) * inputs + j] / static_cast<float>(width);
            }
          }
        }
      }
    }
    return OutputMoments(matrix_, rows_, columns_, moments);
  }

  Shape kernel_;
  int64_t rows_, columns_;
  std::vector<float> matrix_;
  SymmetricEigen eigen_;
};

// The kernel, what it is projected on, and the spectrum of the smaller side; with moments of the
// second kernel's side, besides the kernel's product with the moments along one axis.
int64_t SpatialBytes(const Convolution& c, bool weighed) {
  const int64_t rows = c.height() * c.inputs(), columns = c.width() * c.outputs();
  const int64_t most = std::min(rows, columns);
  if (!weighed) {
    return 2 * FloatBytes(c.kernel.num_elements()) + SymmetricEigen::BytesFor(most, most);
  }
  return 2 * FloatBytes(c.kernel.num_elements()) + FloatBytes(rows * rows) +
         FloatBytes(columns * columns) + SymmetricEigen::BytesFor(columns, most);
}

}  // namespace

void register_spatial(DecompositionMethodRegistry& methods) {
  methods.Add(
      {.name = "spatial",
       .summary = "k x 1, then 1 x k",
       .takes = [](const Convolution& c) { return c.height() > 1 && c.width() > 1; },
       .split = [](const KernelToSplit& kernel) -> std::unique_ptr<SplitKernel> {
         if (kernel.moments.empty()) return std::make_unique<PlainSpatialSplit>(kernel);
         return std::make_unique<WeightedSpatialSplit>(kernel);
       },
       .shapes =
           [](const Shape& kernel, const std::string& mode, const std::vector<int64_t>& ranks) {
             Require(ranks.size() == 1, ErrorCode::kInvalidArgument, "method spatial has one rank");
             return SpatialFactors(kernel, SpatialModeNamed(mode), ranks[0]);
           },
       .bytes = SpatialBytes});
}

}  // namespace adze
