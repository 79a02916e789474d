#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adze/decompose.h"
#include "decompose/choose_ranks.h"
#include "decompose/method.h"

namespace adze {

// A weight that is to be decomposed, and the convolutions that read it.
struct SharedWeight {
  std::vector<Convolution*> readers;
  std::vector<float> moments;  // of the first reader's input; may be empty
  Tensor weight;
  LayerDecomposition found;  // what is the same for all readers
  std::vector<Factor> factors;

  const Convolution& first() const { return *readers[0]; }
  // Moments as far as losses count by them.
  std::span<const float> weighing(const DecomposeData& data) const {
    return data.weigh ? std::span<const float>(moments) : std::span<const float>();
  }
};

// One way to decompose a weight; without factors: to leave it.
struct Way {
  std::string method;
  std::vector<int64_t> ranks;
  std::vector<Factor> factors;  // without values
  LayerChoice choice;
  std::optional<double> milliseconds;
};

// The ways among which a rule chooses, the first being to leave the weight.
class Ways {
 public:
  Ways(const SharedWeight& shared, const DecomposeOptions& options);

  const std::vector<Way>& all() const { return ways_; }
  std::vector<LayerChoice> choices() const;
  std::string mode(const Way& way) const { return splits_.at(way.method)->mode(); }
  // The factors with values.
  std::vector<Factor> Solve(const Way& way) const;

  // Bytes that the ways of such weights take at most while they are chosen among, moments included.
  static int64_t BytesFor(const std::vector<SharedWeight>& weights,
                          const DecomposeOptions& options);
  // Those of the moments alone.
  static int64_t MomentsBytes(const std::vector<SharedWeight>& weights,
                              const DecomposeOptions& options);

 private:
  void Measure(const SharedWeight& shared, const DecomposeOptions& options);
  void JudgeWithEightBits(const SharedWeight& shared, const DecomposeOptions& options);
  // Leaves ways that are on the lower convex hull of their method, or of all.
  void KeepHulls(bool of_each_method);

  bool for_int8_;
  std::map<std::string, std::unique_ptr<SplitKernel>> splits_;
  std::vector<Way> ways_;
};

}  // namespace adze
