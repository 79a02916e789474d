#pragma once

#include "adze/op.h"
#include "adze/window.h"

// What ops on rank-4 images share.
namespace adze {

// Whether it is one of the floating types: float32, double, half, bfloat16.
bool IsFloating(DType dtype);

// Element type of the float operands numbered in `inputs`, which must be the same for all; of the
// attribute "T" if none is known, else float32. kUnsupported if it is not a floating type.
DType FloatType(const ShapeContext& context, std::initializer_list<int> inputs = {0});

// Element type of input 0 (or attribute "T") of an op that only moves elements. kUnsupported if
// they have no fixed size (strings).
DType FixedSizeType(const ShapeContext& context);

// Shape of an input of the given rank; unknown dimensions if the rank is unknown. kBadFile for
// another rank.
Shape ShapeOfRank(const ShapeContext& context, int input, int rank);

// A dimension that two operands share; kBadFile, saying what it is, if they differ.
int64_t SameDim(const Node& node, const char* what, int64_t a, int64_t b);

// The product of two dimensions that may be unknown. kBadFile if it is out of range.
int64_t DimProduct(const Node& node, int64_t a, int64_t b);

using EvaluateFunction =
    std::function<void(const Node&, std::span<const Tensor>, std::span<Tensor>)>;

// `evaluate`, which computes in float32, for every floating type: operands of half, bfloat16 and
// double are converted, and so are the results.
EvaluateFunction InFloat(EvaluateFunction evaluate);

// The shape that a tensor of NHWC shape `nhwc` has in the layout of the node, for WindowOver.
Shape InLayoutOf(const Node& node, const Shape& nhwc);

// `evaluate`, which knows only NHWC, for NCHW too: the operands numbered in `images` are
// transposed, and so is output 0. The attributes stay in the order of NCHW (see InLayoutOf).
EvaluateFunction InChannelsLast(std::vector<int> images, EvaluateFunction evaluate);

}  // namespace adze
