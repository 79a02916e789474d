#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "shared_folder.h"

namespace adze {

// Decisions that were computed apart from this code (shared/reference/golden), and the matrices
// they are of, which are given by a formula.
inline nlohmann::json ReadGolden(const std::string& name) {
  std::ifstream stream(SharedFolder() / "reference/golden" / ("decomposition_" + name + ".json"));
  return nlohmann::json::parse(stream);
}

class FormulaMatrix {
 public:
  explicit FormulaMatrix(uint64_t seed) : state_(seed) {}

  struct Parameters {
    int64_t rows, columns, rank;
    double d0, d1, noise, scale;
    int64_t zero_rows = 0;
  };
  // Row-major.
  std::vector<double> Make(const Parameters& p) {
    const std::vector<double> a = Normals(p.rows * p.rank), b = Normals(p.rank * p.columns);
    const std::vector<double> e = Normals(p.rows * p.columns);
    std::vector<double> x(p.rows * p.columns);
    for (int64_t i = p.zero_rows; i < p.rows; ++i) {
      for (int64_t c = 0; c < p.columns; ++c) {
        double sum = 0;
        for (int64_t j = 0; j < p.rank; ++j) {
          const double d = p.rank == 1 ? p.d0
                                       : p.d0 + (p.d1 - p.d0) * static_cast<double>(j) /
                                                    static_cast<double>(p.rank - 1);
          sum += d * a[i * p.rank + j] * b[j * p.columns + c];
        }
        x[i * p.columns + c] = p.scale * (sum + p.noise * e[i * p.columns + c]);
      }
    }
    return x;
  }

 private:
  std::vector<double> Normals(int64_t count) {
    std::vector<double> values(count);
    for (double& value : values) {
      for (int i = 0; i < 12; ++i) {
        state_ = 6364136223846793005u * state_ + 1442695040888963407u;
        value += static_cast<double>(state_ >> 11) * 0x1p-53;
      }
      value -= 6;
    }
    return values;
  }
  uint64_t state_;
};

}  // namespace adze
