#pragma once

#include <string>
#include <vector>

#include "decompose/convolution.h"

namespace adze {

// One of the convolutions that stand for another one. It has the stride and padding of the other
// along the axes that it covers, and stride 1 and no padding along the others. EXPLICIT padding of
// a depthwise one is the first one's instead: TensorFlow 1.15 knows none of depthwise convolutions,
// and a kernel of 1 x 1 leaves zeros as they are.
struct Factor {
  std::string part;  // "decom_first"
  Shape kernel;      // [height, width, inputs, outputs]; of a depthwise one [..., channels, 1]
  bool covers_height = false, covers_width = false;
  std::vector<float> values = {};
  bool depthwise = false;

  int64_t outputs() const { return depthwise ? kernel[2] : kernel[3]; }
};

// Multiply-accumulates of one sample. Sizes must be known.
int64_t MacsOf(const Convolution& convolution);
int64_t MacsOf(const Convolution& convolution, const std::vector<Factor>& factors);
int64_t WeightsOf(const std::vector<Factor>& factors);

// Puts the factors in the convolution's place:
//
//   x -> conv  becomes  x -> conv/decom_first/decom_first -> ... -> conv/decom_last/decom_last
//
// with kernels conv/decom_first/kernel and so on of the type of the weight, to whose range values
// are clamped. Returns the new convolutions. Those of a MatMul are MatMuls.
std::vector<Node*> PutInPlace(Graph& graph, const Convolution& convolution,
                              const std::vector<Factor>& factors);
// The same with the kernels of another convolution that had the same weight.
std::vector<Node*> PutInPlace(Graph& graph, const Convolution& convolution,
                              const std::vector<Factor>& factors,
                              const std::vector<Node*>& kernels);

}  // namespace adze
