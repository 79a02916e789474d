// usage: classify MODEL.pb INPUT.npy [OUTPUT]
//
// Runs a frozen graph, float or quantized, on an array and prints, for each row of the output, the
// index of the largest value and the value.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "adze/dataset.h"
#include "adze/runtime.h"

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fprintf(stderr, "usage: classify MODEL.pb INPUT.npy [OUTPUT]\n");
    return 2;
  }
  adze::ModelOptions options;
  if (argc > 3) options.outputs = {argv[3]};
  adze::Model model(argv[1], options);
  const adze::Tensor result = model.Run({{model.inputs().at(0).name, adze::ReadNpy(argv[2])}})[0];
  const auto values = result.data<float>();
  const auto row_size = static_cast<size_t>(result.shape().dims().back());
  for (size_t row = 0; row < values.size(); row += row_size) {
    const auto best = std::max_element(values.begin() + row, values.begin() + row + row_size);
    std::printf("%td %.9g\n", best - (values.begin() + row), static_cast<double>(*best));
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "classify: %s\n", error.what());
  return 1;
}
