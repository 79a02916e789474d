#include "report/class_scores.h"

#include <algorithm>

namespace adze {

int64_t BestClass(const Tensor& scores, int64_t row) {
  const int64_t classes = scores.num_elements() / scores.shape()[0];
  const auto of_row = scores.data<float>().subspan(row * classes, classes);
  return std::max_element(of_row.begin(), of_row.end()) - of_row.begin();
}

bool HoldsClassScores(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  bool holds = tensor.dtype() == DType::kFloat && shape.rank() >= 2 && shape[0] > 0;
  for (int axis = 1; holds && axis + 1 < shape.rank(); ++axis) holds = shape[axis] == 1;
  return holds && shape[shape.rank() - 1] > 1;
}

}  // namespace adze
