#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adze/error.h"
#include "decompose/factors.h"
#include "decompose/symmetric_tiles.h"

namespace adze {

// A kernel and, maybe, what its inputs are like; both must outlive what is made of them.
struct KernelToSplit {
  const Convolution& convolution;
  std::span<const float> weight;  // [height, width, inputs, outputs]
  // E[x xᵀ] of what a position of the output multiplies with the kernel, [K, K] with
  // K = height * width * inputs. Empty: all inputs count the same.
  std::span<const float> moments = {};

  int64_t taps() const { return convolution.height() * convolution.width(); }
};

// Ranks and the share of the kernel (of its output, with moments) that is lost with them, as a
// ratio of squares, 0 to 1.
struct RankChoice {
  std::vector<int64_t> ranks;
  double lost = 0;
};

// One way to decompose one kernel.
class SplitKernel {
 public:
  virtual ~SplitKernel() = default;
  virtual std::string mode() const { return ""; }
  // Every choice there is, smallest first; ranks go up in steps of `step`.
  virtual std::vector<RankChoice> Choices(int64_t step) const = 0;
  // The highest ranks there are.
  virtual std::vector<int64_t> Most() const = 0;
  // The kernels without values, and with them.
  virtual std::vector<Factor> Shapes(const std::vector<int64_t>& ranks) const = 0;
  virtual std::vector<Factor> Solve(const std::vector<int64_t>& ranks) const = 0;
};

struct DecompositionMethod {
  std::string name;
  std::string summary;
  // Whether the kernel is for this method.
  std::function<bool(const Convolution&)> takes;
  std::function<std::unique_ptr<SplitKernel>(const KernelToSplit&)> split;
  // The kernels without values that a kernel [height, width, inputs, outputs] becomes.
  std::function<std::vector<Factor>(const Shape& kernel, const std::string& mode,
                                    const std::vector<int64_t>& ranks)>
      shapes;
  // Memory that this takes at most, with or without moments.
  std::function<int64_t(const Convolution&, bool weighed)> bytes;
  // Kernels of more weights "auto" does not try it for: it would take too long.
  int64_t most_in_auto = std::numeric_limits<int64_t>::max();
};

class DecompositionMethodRegistry {
 public:
  void Add(DecompositionMethod method) {
    std::string name = method.name;
    Check(methods_.emplace(name, std::move(method)).second, "method registered twice");
  }
  const std::map<std::string, DecompositionMethod>& all() const { return methods_; }

 private:
  std::map<std::string, DecompositionMethod> methods_;
};

inline int64_t FloatBytes(int64_t count) { return count * static_cast<int64_t>(sizeof(float)); }

// Sum of the eigenvalues from number r on as a share of all, for r = 0, 1, ..., size.
std::vector<double> TailShares(std::span<const double> eigenvalues);

// E[y yᵀ] = Mᵀ C M of a matrix [rows, columns], row-major, of layers that multiply rows of x with
// it, C being E[x xᵀ].
SymmetricTiles OutputMoments(std::span<const float> matrix, int64_t rows, int64_t columns,
                             std::span<const float> moments);

}  // namespace adze
