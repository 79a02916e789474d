#pragma once

#include <string>
#include <string_view>

#include "adze/graph.h"

namespace adze {

// The short text form of a graph, in which tests and dumps speak:
//
//   # a comment
//   x = Placeholder {dtype: f32, shape: [1, 4]}
//   w = Const {value: f32[4,2] random(7)}
//   y = MatMul(x, w, ^x) {transpose_a: false}
//   s = Split(y:0, x) {num_split: 2}
//   return y, prob = s:1
//
// Attributes are 7, 0.5, true, "text", f32 (an element type), [1, 2] (numbers, texts, types), a
// shape, or a tensor. Where the attribute's name is or ends in "shape" a shape is written [1, ?] or
// ? (unknown rank), elsewhere shape[1, ?]. A tensor is its type and shape and then its elements,
// one number for all of them, or random(seed): uniform in [-1, 1). A Const needs no `dtype`.
// `return` names the outputs; "a = b" where the user's name is not the value's own.
//
// kBadFile with the line number.
Graph ParseGraphText(std::string_view text, const OpRegistry& ops);

// Inputs before readers, attributes in the order of their names. Tensors of more than 64 elements
// are written as a digest of their bytes, which cannot be read back.
std::string PrintGraphText(const Graph& graph);

}  // namespace adze
