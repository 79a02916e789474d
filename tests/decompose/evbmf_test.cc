#include "decompose/evbmf.h"

#include <gtest/gtest.h>

#include <numeric>

#include "adze/registry.h"
#include "decompose/bounded_minimum.h"
#include "decompose/convolution.h"
#include "decompose/golden_cases.h"
#include "decompose/spatial.h"
#include "decompose/symmetric_eigen.h"

namespace adze {
namespace {

using nlohmann::json;

void ExpectRelative(double value, const json& wanted, double tolerance) {
  EXPECT_NEAR(value, wanted.get<double>(), tolerance * std::abs(wanted.get<double>()));
}

void ExpectSolution(const EvbmfSolution& solution, const json& wanted) {
  ExpectRelative(solution.lower_bound, wanted.at("lower_bound"), 1e-9);
  ExpectRelative(solution.upper_bound, wanted.at("upper_bound"), 1e-9);
  ExpectRelative(solution.noise_variance, wanted.at("noise_variance"), 1e-6);
  ExpectRelative(solution.threshold, wanted.at("threshold"), 1e-6);
  EXPECT_EQ(solution.rank, wanted.at("rank").get<int64_t>());
}

SymmetricTiles Gram(const std::vector<double>& matrix, int64_t rows, int64_t columns) {
  SymmetricTiles gram(rows);
  constexpr int64_t kTile = SymmetricTiles::kTile;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < rows; ++j) {
      if (i / kTile < j / kTile) continue;
      const double* a = matrix.data() + i * columns;
      gram.tile(i / kTile, j / kTile)[j % kTile * SymmetricTiles::kStride + i % kTile] =
          std::inner_product(a, a + columns, matrix.data() + j * columns, 0.0);
    }
  }
  return gram;
}

TEST(Evbmf, SolvesTheGoldenMatrices) {
  ADZE_NEED_SHARED();
  const json golden = ReadGolden("evbmf_cases");
  ASSERT_FALSE(golden.at("matrices").empty());
  for (const json& c : golden.at("matrices")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const int64_t rows = c.at("L"), columns = c.at("M");
    const std::vector<double> matrix = FormulaMatrix(c.at("seed").get<uint64_t>())
                                           .Make({.rows = rows,
                                                  .columns = columns,
                                                  .rank = c.at("k"),
                                                  .d0 = c.at("d0"),
                                                  .d1 = c.at("d1"),
                                                  .noise = c.at("noise"),
                                                  .scale = c.at("scale"),
                                                  .zero_rows = c.at("zero_rows")});
    ExpectRelative(matrix.front(), c.at("check").at("x00"), 1e-12);
    const SymmetricEigen eigen(Gram(matrix, rows, columns));
    ExpectRelative(std::sqrt(eigen.values()[0]), c.at("singular_values").at("first"), 1e-9);
    ExpectSolution(SolveEvbmf(eigen.values(), columns), c.at("evbmf"));
  }
}

TEST(Evbmf, RanksOfTheGoldenTable) {
  ADZE_NEED_SHARED();
  const json golden = ReadGolden("evbmf_cases");
  for (const json& row : golden.at("rank_rule").at("table")) {
    for (const json& c : row.at("cases")) {
      EXPECT_EQ(AmctRank(c.at(0), row.at("L"), row.at("min_channels")), c.at(1).get<int64_t>())
          << row.at("L") << " rows, EVBMF rank " << c.at(0);
    }
  }
}

TEST(Evbmf, ZeroMatrixHasRankZero) {
  EXPECT_EQ(SolveEvbmf(std::vector<double>(8, 0.0), 8).rank, 0);
}

TEST(Eligibility, AndModesAreThoseOfTheGoldenTable) {
  ADZE_NEED_SHARED();
  const json golden = ReadGolden("evbmf_cases");
  for (const json& c : golden.at("eligibility").at("table")) {
    SCOPED_TRACE(c.dump());
    const int64_t groups = c.at("group"), inputs = c.at("cin");
    Graph graph(Builtin<OpRegistry>());
    const Value data = graph
                           .Add("x", "Placeholder", {},
                                {{"dtype", DType::kFloat}, {"shape", Shape{1, 32, 32, inputs}}})
                           .output();
    const Value weight =
        graph
            .AddConst("w", Tensor::Zeros(DType::kFloat,
                                         {c.at("kh"), c.at("kw"), inputs / groups, c.at("cout")}))
            .output();
    const auto spatial = [&](const char* name) {
      return std::vector<int64_t>{1, c.at(name).at(0), c.at(name).at(1), 1};
    };
    graph.Add("conv", "Conv2D", {data, weight},
              {{"T", DType::kFloat},
               {"padding", "SAME"},
               {"strides", spatial("strides")},
               {"dilations", spatial("dilations")}});
    const std::vector<Convolution> found = FindConvolutions(graph);
    ASSERT_EQ(found.size(), 1u);
    const std::string reason = ReasonToStay(found[0], DecomposeFilter::kCurrent);
    EXPECT_EQ(reason.empty(), c.at("eligible").get<bool>()) << reason;
    if (reason.empty()) {
      EXPECT_EQ(SpatialModeOf(found[0].kernel).name(), c.at("mode").get<std::string>());
    }
  }
}

TEST(GoldenKernels, ModeRankAndErrorAreFound) {
  ADZE_NEED_SHARED();
  const json golden = ReadGolden("evbmf_cases");
  ASSERT_FALSE(golden.at("kernels").empty());
  for (const json& c : golden.at("kernels")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const int64_t outputs = c.at("cout"), inputs = c.at("cin"), kh = c.at("kh"), kw = c.at("kw");
    const std::vector<double> x = FormulaMatrix(c.at("seed").get<uint64_t>())
                                      .Make({.rows = inputs * kh,
                                             .columns = outputs * kw,
                                             .rank = c.at("k"),
                                             .d0 = 1,
                                             .d1 = 0.2,
                                             .noise = c.at("noise"),
                                             .scale = c.at("scale")});
    const Shape kernel{kh, kw, inputs, outputs};
    Tensor weight(DType::kFloat, kernel);
    float* out = weight.mutable_data<float>().data();
    for (int64_t a = 0; a < kh; ++a) {
      for (int64_t b = 0; b < kw; ++b) {
        for (int64_t i = 0; i < inputs; ++i) {
          for (int64_t o = 0; o < outputs; ++o) {
            *out++ = static_cast<float>(x[(i * kh + a) * outputs * kw + o * kw + b]);
          }
        }
      }
    }
    const SpatialMode mode = SpatialModeOf(kernel);
    EXPECT_EQ(mode.name(), c.at("mode").get<std::string>());
    const Unfolding matrix = UnfoldSpatially(weight.data<float>(), kernel, mode);
    EXPECT_EQ(matrix.rows(), c.at("matrix").at(0).get<int64_t>());
    EXPECT_EQ(matrix.columns(), c.at("matrix").at(1).get<int64_t>());
    const SymmetricEigen eigen(matrix.Gram());
    const EvbmfSolution solution = SolveEvbmf(eigen.values(), matrix.columns());
    EXPECT_EQ(solution.rank, c.at("evbmf").at("rank").get<int64_t>());
    // The golden weights are float64, these float32.
    ExpectRelative(solution.upper_bound, c.at("evbmf").at("upper_bound"), 1e-6);
    const int64_t rank = AmctRank(solution.rank, matrix.rows(), std::min(inputs, outputs));
    EXPECT_EQ(rank, c.at("rank").get<int64_t>());
    const std::vector<Factor> factors = SpatialFactors(kernel, mode, rank);
    EXPECT_EQ(factors[0].kernel.dims(), c.at("first_hwio").get<std::vector<int64_t>>());
    EXPECT_EQ(factors[1].kernel.dims(), c.at("last_hwio").get<std::vector<int64_t>>());
  }
}

// Where the function is smooth a fine tolerance finds its minimum, a coarse one stops near it.
TEST(BoundedMinimum, FindsTheMinimumOfACurve) {
  const auto curve = [](double x) { return (x - 0.3) * (x - 0.3) + std::pow(x - 0.3, 4); };
  EXPECT_NEAR(BoundedMinimum(curve, 0, 1, {.tolerance = 1e-10}), 0.3, 1e-7);
  EXPECT_NEAR(BoundedMinimum(curve, 0.5, 1, {.tolerance = 1e-10}), 0.5, 1e-6);
  // Bounds that are nearer than the tolerance: the golden section's first point.
  const double first = 1 + 1e-6 * 0.5 * (3 - std::sqrt(5.0));
  EXPECT_DOUBLE_EQ(BoundedMinimum(curve, 1, 1 + 1e-6), first);
}

}  // namespace
}  // namespace adze
