#pragma once

#include "adze/tensor.h"

namespace adze {

// Whether a tensor is class scores: float32 [N, classes], or more axes of which all but the first
// and the last are 1.
bool HoldsClassScores(const Tensor& tensor);
// The class of the largest score in a row; the first of equal ones.
int64_t BestClass(const Tensor& scores, int64_t row);

}  // namespace adze
