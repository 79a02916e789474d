#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/shape.h"

namespace adze {

// Which convolutions are decomposed.
enum class DecomposeFilter {
  kCurrent,  // AMCT's current rule: kernel, stride and channels large enough to gain something
  kSquare,   // AMCT's older one: square kernels larger than 2 x 2
};

struct DecomposeOptions {
  DecomposeFilter filter = DecomposeFilter::kCurrent;
  // Called after each layer with those done and those to do.
  std::function<void(int64_t, int64_t)> progress = {};
};

// A convolution of the graph: what became of it, or why it stays.
struct LayerDecomposition {
  std::string name;
  std::string reason;  // why it stays as it is; empty: it is decomposed
  Shape kernel;        // [height, width, inputs, outputs]
  std::string method;  // "spatial"
  std::string mode;    // of "spatial": SCFK, SCSK, FCFK or FCSK
  std::vector<int64_t> ranks;
  int64_t evbmf_rank = 0;          // before it is clamped and rounded
  double error = 0;                // |W - W'| / |W|, Frobenius norms
  std::vector<std::string> nodes;  // the convolutions in its place, first to last
  std::vector<Shape> kernels;      // of these
  int64_t weights_before = 0, weights_after = 0;
  // Multiply-accumulates of one sample, where the image's size is known.
  std::optional<int64_t> macs_before, macs_after;
};

// Replaces convolutions by two that do nearly the same with fewer multiplications, in AMCT's way:
// a k x 1 and a 1 x k one through a bottleneck of channels, as wide as the analytic variational
// Bayes solution of the kernel says (EVBMF, Nakajima et al. 2013), within AMCT's limits.
//
//   x -> conv (h x w)  becomes  x -> conv/decom_first/decom_first -> conv/decom_last/decom_last
//
// What stands behind conv (bias, batch norm) stands behind the last one. Returns every convolution
// in topological order. kBadFile names a layer whose weight holds a number that is not
// finite.
std::vector<LayerDecomposition> Decompose(Graph& graph, const DecomposeOptions& options = {});

}  // namespace adze
