// Seconds and memory to decompose one kernel, step by step, with random weights:
//   build/bench/decompose_bench [THREADS] [OUTPUTS,INPUTS,HEIGHT,WIDTH ...]
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>

#include "adze/parallel.h"
#include "decompose/evbmf.h"
#include "decompose/spatial.h"
#include "decompose/symmetric_eigen.h"

namespace {

using namespace adze;

double Now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// GiB that this process had at most.
double PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / (1 << 20);
  }
  return 0;
}

// |M - Vᵀ C| / |M| of vectors V [rank, rows] and C [rank, columns], of some columns.
double ErrorOf(const Unfolding& m, const std::vector<float>& v, const std::vector<float>& c,
               int64_t rank, int64_t columns) {
  const int64_t rows = m.rows();
  PackedRows<double> left(rows, rank);
  for (int64_t r = 0; r < rank; ++r) {
    for (int64_t i = 0; i < rows; ++i) left.at(i, r) = v[r * rows + i];
  }
  std::vector<double> difference(rows * columns), part(rank * columns);
  double norm = 0, error = 0;
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t r = 0; r < rank; ++r) part[j * rank + r] = c[r * m.columns() + j];
    for (int64_t i = 0; i < rows; ++i) {
      const double x = m.at(i, j);
      difference[j * rows + i] = x;
      norm += x * x;
    }
  }
  MultiplyPacked(left, 0, rows, 0, rank, ColumnsOf<double>(part.data(), rank), columns, -1.0,
                 difference.data(), rows);
  for (double x : difference) error += x * x;
  return std::sqrt(error / norm);
}

void Measure(int64_t outputs, int64_t inputs, int64_t height, int64_t width) {
  const Shape kernel{height, width, inputs, outputs};
  std::vector<float> weight(kernel.num_elements());
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.02f);
  for (float& x : weight) x = normal(random);
  const double start = Now();
  const Unfolding matrix = UnfoldSpatially(weight, kernel, SpatialModeOf(kernel));
  SymmetricTiles gram = matrix.Gram();
  const double formed = Now();
  const SymmetricEigen eigen(std::move(gram));
  const double valued = Now();
  const EvbmfSolution solution = SolveEvbmf(eigen.values(), matrix.columns());
  const int64_t rank = AmctRank(solution.rank, matrix.rows(), std::min(inputs, outputs));
  const std::vector<float> rows = eigen.LeadingVectors(rank);
  const double found = Now();
  const std::vector<float> columns = matrix.Project(rows);
  const double end = Now();
  double tail = 0, all = 0;
  for (size_t i = eigen.values().size(); i-- > 0;) {
    all += eigen.values()[i];
    if (static_cast<int64_t>(i) >= rank) tail = all;
  }
  const double least = std::sqrt(tail / all);
  fmt::print(
      "({}, {}, {}, {})  rank {} of {}  {:.2f} s (Gram {:.2f}, values {:.2f}, vectors {:.2f}, "
      "product {:.2f})  {:.2f} GiB",
      outputs, inputs, height, width, rank, matrix.rows(), end - start, formed - start,
      valued - formed, found - valued, end - found, PeakMemory());
  const double error = ErrorOf(matrix, rows, columns, rank, matrix.columns());
  fmt::print("  error {:.9f}, least {:.9f}\n", error, least);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  adze::SetNumThreads(argc > 1 ? std::stoi(argv[1]) : 0);
  for (int i = 2; i < argc; ++i) {
    int64_t o, c, h, w;
    if (std::sscanf(argv[i], "%ld,%ld,%ld,%ld", &o, &c, &h, &w) == 4) Measure(o, c, h, w);
  }
  if (argc > 2) return 0;
  Measure(512, 512, 5, 5);
  Measure(1024, 1024, 3, 3);
  Measure(2048, 2048, 3, 3);
  Measure(2048, 2048, 5, 5);
}
