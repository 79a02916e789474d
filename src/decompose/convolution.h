#pragma once

#include <string>
#include <vector>

#include "adze/decompose.h"
#include "adze/graph.h"
#include "adze/op.h"
#include "adze/window.h"

namespace adze {

// A Conv2D of a graph and what is known of it. A MatMul is one of 1 x 1 over one position.
struct Convolution {
  Node* node = nullptr;
  Node* weight = nullptr;  // the constant it reads, maybe through Identity; null: not constant
  Shape kernel;            // [height, width, inputs, outputs]; of unknown rank if not constant
  Window window;           // sizes are unknown where the image's are
  int64_t groups = 1;

  int64_t height() const { return kernel[0]; }
  int64_t width() const { return kernel[1]; }
  int64_t inputs() const { return kernel[2]; }
  int64_t outputs() const { return kernel[3]; }
  bool is_product() const { return node->op() == "MatMul"; }
  bool has_sizes() const {
    return window.height.output != Shape::kUnknown && window.width.output != Shape::kUnknown;
  }
};

// Every Conv2D, and MatMul if `products`, in topological order.
std::vector<Convolution> FindConvolutions(const Graph& graph, bool products = false);

// Why the convolution is not decomposed; empty if it can be. With `pointwise` kernels of 1 x 1 pass
// every filter.
std::string ReasonToStay(const Convolution& convolution, DecomposeFilter filter,
                         bool pointwise = false);

// The weight as float32, [height, width, inputs, outputs] or [inputs, outputs]. kBadFile names an
// element that is not finite.
Tensor FiniteWeight(const Convolution& convolution);

}  // namespace adze
