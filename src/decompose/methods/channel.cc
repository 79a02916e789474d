#include "decompose/method.h"
#include "decompose/symmetric_eigen.h"
#include "engine/matrix_product.h"

namespace adze {
namespace {

std::vector<Factor> FactorsOf(const Shape& kernel, const std::vector<int64_t>& ranks) {
  Require(ranks.size() == 1, ErrorCode::kInvalidArgument, "method channel has one rank");
  return {{.part = "decom_first",
           .kernel = {kernel[0], kernel[1], kernel[2], ranks[0]},
           .covers_height = true,
           .covers_width = true},
          {.part = "decom_last", .kernel = {1, 1, ranks[0], kernel[3]}}};
}

// A k x k convolution to few channels and a 1 x 1 one from them (Zhang et al. 2016): outputs are
// projected on the leading eigenvectors of E[y yᵀ], which is optimal for what the data shows.
class ChannelSplit : public SplitKernel {
 public:
  explicit ChannelSplit(const KernelToSplit& k)
      : kernel_(k.convolution.kernel),
        weight_(k.weight.begin(), k.weight.end()),
        eigen_(OutputMoments(weight_, rows(), kernel_[3], k.moments)) {}

  std::vector<RankChoice> Choices(int64_t step) const override {
    const std::vector<double> lost = TailShares(eigen_.values());
    std::vector<RankChoice> choices;
    for (int64_t r = std::min(step, most()); r <= most(); r += step) {
      choices.push_back({{r}, lost[r]});
    }
    return choices;
  }
  std::vector<int64_t> Most() const override { return {most()}; }
  std::vector<Factor> Shapes(const std::vector<int64_t>& ranks) const override {
    return FactorsOf(kernel_, ranks);
  }
  std::vector<Factor> Solve(const std::vector<int64_t>& ranks) const override {
    std::vector<Factor> factors = Shapes(ranks);
    const int64_t rank = ranks[0], outputs = kernel_[3];
    factors[1].values = eigen_.LeadingVectors(rank);
    factors[0].values.resize(rows() * rank);
    AddProduct(1, {const_cast<float*>(weight_.data()), rows(), outputs, outputs},
               {factors[1].values.data(), rank, outputs, outputs, true},
               {factors[0].values.data(), rows(), rank, rank});
    return factors;
  }

 private:
  int64_t rows() const { return kernel_[0] * kernel_[1] * kernel_[2]; }
  int64_t most() const { return std::min(rows(), kernel_[3]); }

  Shape kernel_;
  std::vector<float> weight_;
  SymmetricEigen eigen_;
};

}  // namespace

void register_channel(DecompositionMethodRegistry& methods) {
  methods.Add({.name = "channel",
               .summary = "k x k to few channels, then 1 x 1",
               .takes = [](const Convolution&) { return true; },
               .split = [](const KernelToSplit& kernel) -> std::unique_ptr<SplitKernel> {
                 return std::make_unique<ChannelSplit>(kernel);
               },
               .shapes = [](const Shape& kernel, const std::string&,
                            const std::vector<int64_t>& ranks) { return FactorsOf(kernel, ranks); },
               // The kernel, and its product with the moments or the narrow kernel.
               .bytes =
                   [](const Convolution& c, bool) {
                     return 2 * FloatBytes(c.kernel.num_elements()) +
                            SymmetricEigen::BytesFor(c.outputs(), c.outputs());
                   }});
}

}  // namespace adze
