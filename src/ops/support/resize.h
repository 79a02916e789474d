#pragma once

#include "adze/op.h"

// What the ops that resize images share.
namespace adze {

bool AlignsCorners(const Node& node);
bool HasHalfPixelCenters(const Node& node);
// Shape [N, size[0], size[1], C] of image [N, H, W, C], input 0, resized to size [2], input 1.
Shape InferResize(const ShapeContext& context);
// The same as the one output of an op that gives float32.
std::vector<TensorSpec> InferFloatResize(const ShapeContext& context);
// How far apart output positions are in the input.
float ResizeScale(const Node& node, int64_t in, int64_t out);

}  // namespace adze
