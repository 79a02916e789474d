#pragma once

#include <optional>
#include <vector>

#include "adze/op.h"

// What the shape inference of many ops needs.
namespace adze {

// Element type of an input; of the attribute "T" if the input's is not known.
DType InputType(const ShapeContext& context, int input = 0);

// One output like input 0.
std::vector<TensorSpec> InferSame(const ShapeContext& context);

// The elements of an integer operand (a shape, axes, a permutation), if its value is known.
std::optional<std::vector<int64_t>> KnownInts(const ShapeContext& context, int input);
// The same of an operand of one element.
std::optional<int64_t> KnownInt(const ShapeContext& context, int input);

// The number that an operand of one element holds; kBadFile, saying what it is, for another count.
int64_t OneInt(const Tensor& operand, const char* what);
float OneFloat(const Tensor& operand, const char* what);

// Unknown dimensions of the given rank.
Shape UnknownDims(int64_t rank);

// A shape from an operand's elements: kBadFile if one is negative.
Shape ShapeOf(const std::vector<int64_t>& dims);

// As `a` and `b` with every unknown dimension filled from the other; kBadFile if they contradict.
Shape MergeShapes(const Shape& a, const Shape& b);

// Sizes out of a file: kBadFile where the result does not fit int64_t.
int64_t CheckedAdd(int64_t a, int64_t b);
int64_t CheckedMul(int64_t a, int64_t b);

}  // namespace adze
