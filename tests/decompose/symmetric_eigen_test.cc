#include "decompose/symmetric_eigen.h"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <random>

#include "adze/error.h"
#include "decompose/memory.h"

namespace adze {
namespace {

using Eigen::MatrixXd;

SymmetricTiles TilesOf(const MatrixXd& a) {
  constexpr int64_t kTile = SymmetricTiles::kTile;
  SymmetricTiles tiles(a.rows());
  for (int64_t j = 0; j < a.cols(); ++j) {
    for (int64_t i = j / kTile * kTile; i < a.rows(); ++i) {
      tiles.tile(i / kTile, j / kTile)[j % kTile * SymmetricTiles::kStride + i % kTile] = a(i, j);
    }
  }
  return tiles;
}

// Its threads spin, and ThreadSanitizer does not see how they join.
void KeepEigenOnOneThread() { Eigen::setNbThreads(1); }

MatrixXd RandomGram(int64_t n, int64_t terms) {
  KeepEigenOnOneThread();
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  const MatrixXd x = MatrixXd::NullaryExpr(n, terms, [&] { return normal(random); });
  return x * x.transpose();
}

// Values against Eigen's; vectors are orthonormal and keep as much of the matrix as Eigen's.
void ExpectSolved(const MatrixXd& a, int64_t count) {
  KeepEigenOnOneThread();
  const int64_t n = a.rows();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> wanted(a);
  const SymmetricEigen eigen(TilesOf(a));
  ASSERT_EQ(eigen.values().size(), static_cast<size_t>(n));
  const double norm = std::max(1.0, wanted.eigenvalues().cwiseAbs().maxCoeff());
  for (int64_t i = 0; i < n; ++i) {
    ASSERT_NEAR(eigen.values()[i], wanted.eigenvalues()[n - 1 - i], 1e-12 * norm) << i;
  }
  const std::vector<float> vectors = eigen.LeadingVectors(count);
  const MatrixXd v = Eigen::Map<const Eigen::MatrixXf>(vectors.data(), n, count).cast<double>();
  EXPECT_LT((v.transpose() * v - MatrixXd::Identity(count, count)).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_NEAR((v.transpose() * a * v).trace(), wanted.eigenvalues().tail(count).sum(), 1e-5 * norm);
}

// Around the sizes of bands and tiles.
TEST(SymmetricEigen, SolvesMatricesOfAllSizes) {
  for (int64_t n : {1, 2, 3, 20, 63, 64, 65, 66, 127, 128, 129, 130, 191, 192, 193, 300, 400}) {
    SCOPED_TRACE(n);
    ExpectSolved(RandomGram(n, n), (n + 2) / 3);
  }
}
TEST(SymmetricEigen, SolvesAllVectors) { ExpectSolved(RandomGram(150, 200), 150); }
TEST(SymmetricEigen, SolvesMatricesOfLowRank) { ExpectSolved(RandomGram(200, 20), 60); }
TEST(SymmetricEigen, SolvesWhatIsSolvedAlready) {
  ExpectSolved(MatrixXd::Identity(150, 150), 150);
  ExpectSolved(MatrixXd::Zero(150, 150), 10);
}
TEST(SymmetricEigen, SolvesEqualEigenvalues) {
  MatrixXd q = Eigen::HouseholderQR<MatrixXd>(RandomGram(160, 160)).householderQ();
  Eigen::VectorXd values(160);
  for (int i = 0; i < 160; ++i) values[i] = 1 + i / 40;
  ExpectSolved(q * values.asDiagonal() * q.transpose(), 100);
}

TEST(Memory, WhatIsMissingIsSaid) {
  RequireMemory(int64_t{1} << 30, int64_t{1} << 30, "it");
  EXPECT_GT(AvailableMemory(), 1 << 20);
  try {
    RequireMemory(int64_t{3} << 30, int64_t{1} << 30, "the kernel's decomposition");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "the kernel's decomposition needs 3.00 GiB of memory, 1.00 GiB are available");
  }
}

}  // namespace
}  // namespace adze
