#include "decompose/method.h"
#include "decompose/symmetric_eigen.h"
#include "decompose/unfolding.h"
#include "engine/matrix_product.h"

namespace adze {
namespace {

std::vector<Factor> FactorsOf(const Shape& kernel, const std::vector<int64_t>& ranks) {
  Require(ranks.size() == 2, ErrorCode::kInvalidArgument, "method tucker has two ranks");
  return {{.part = "decom_first", .kernel = {1, 1, kernel[2], ranks[0]}},
          {.part = "decom_core",
           .kernel = {kernel[0], kernel[1], ranks[0], ranks[1]},
           .covers_height = true,
           .covers_width = true},
          {.part = "decom_last", .kernel = {1, 1, ranks[1], kernel[3]}}};
}

// 1 x 1 to few channels, k x k among them, 1 x 1 from them (Tucker-2, Kim et al. 2016): leading
// singular vectors of the unfoldings by input and by output channels. The loss of both together is
// at most the sum of the losses of each. Of moments only the outputs' side makes use.
class TuckerSplit : public SplitKernel {
 public:
  explicit TuckerSplit(const KernelToSplit& k)
      : kernel_(k.convolution.kernel),
        taps_(k.taps()),
        weight_(k.weight.begin(), k.weight.end()),
        inputs_(InputSide().Gram()),
        outputs_(OutputMoments(weight_, taps_ * kernel_[2], kernel_[3], k.moments)) {}

  // Pairs of ranks that lose about the same on either side.
  std::vector<RankChoice> Choices(int64_t step) const override {
    const std::vector<double> in = TailShares(inputs_.values());
    const std::vector<double> out = TailShares(outputs_.values());
    std::vector<RankChoice> choices;
    int64_t i = std::min(step, kernel_[2]);
    for (int64_t o = std::min(step, kernel_[3]); o <= kernel_[3]; o += step) {
      while (i + step <= kernel_[2] && in[i] > out[o]) i += step;
      choices.push_back({{i, o}, std::min(1.0, in[i] + out[o])});
    }
    return choices;
  }
  std::vector<int64_t> Most() const override { return {kernel_[2], kernel_[3]}; }
  std::vector<Factor> Shapes(const std::vector<int64_t>& ranks) const override {
    return FactorsOf(kernel_, ranks);
  }
  std::vector<Factor> Solve(const std::vector<int64_t>& ranks) const override {
    std::vector<Factor> factors = Shapes(ranks);
    const int64_t in = ranks[0], out = ranks[1], inputs = kernel_[2], outputs = kernel_[3];
    std::vector<float> u = inputs_.LeadingVectors(in);  // [in, inputs]
    factors[2].values = outputs_.LeadingVectors(out);   // [out, outputs]
    factors[0].values.resize(inputs * in);
    for (int64_t r = 0; r < in; ++r) {
      for (int64_t i = 0; i < inputs; ++i) factors[0].values[i * in + r] = u[r * inputs + i];
    }
    factors[1].values.resize(taps_ * in * out);
    std::vector<float> half(taps_ * inputs * out);
    AddProduct(1, {const_cast<float*>(weight_.data()), taps_ * inputs, outputs, outputs},
               {factors[2].values.data(), out, outputs, outputs, true},
               {half.data(), taps_ * inputs, out, out});
    for (int64_t t = 0; t < taps_; ++t) {
      AddProduct(1, {u.data(), in, inputs, inputs},
                 {half.data() + t * inputs * out, inputs, out, out},
                 {factors[1].values.data() + t * in * out, in, out, out});
    }
    return factors;
  }

 private:
  Unfolding InputSide() const {
    const int64_t outputs = kernel_[3];
    return Unfolding(weight_, {{kernel_[2], outputs}},
                     {{taps_, kernel_[2] * outputs}, {outputs, 1}});
  }

  Shape kernel_;
  int64_t taps_;
  std::vector<float> weight_;
  SymmetricEigen inputs_, outputs_;
};

}  // namespace

void register_tucker(DecompositionMethodRegistry& methods) {
  methods.Add({.name = "tucker",
               .summary = "1 x 1 to few channels, k x k among them, 1 x 1 from them",
               .takes = [](const Convolution& c) { return c.height() * c.width() > 1; },
               .split = [](const KernelToSplit& kernel) -> std::unique_ptr<SplitKernel> {
                 return std::make_unique<TuckerSplit>(kernel);
               },
               .shapes = [](const Shape& kernel, const std::string&,
                            const std::vector<int64_t>& ranks) { return FactorsOf(kernel, ranks); },
               // The kernel, and its product with the moments or one side's vectors.
               .bytes =
                   [](const Convolution& c, bool) {
                     return 2 * FloatBytes(c.kernel.num_elements()) +
                            SymmetricEigen::BytesFor(c.inputs(), c.inputs()) +
                            SymmetricEigen::BytesFor(c.outputs(), c.outputs());
                   }});
}

}  // namespace adze
