#pragma once

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adze/dataset.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "relative_error.h"
#include "shared_folder.h"

// The cases of shared/conformance: small graphs with inputs and TensorFlow 1.15's outputs. The same
// body runs through every engine.
namespace adze::conformance {

// Gradients, training and quantize ops: retraining and integer execution bring them.
inline constexpr std::array kWaiting = {"avgpool_grad",
                                        "biasaddgrad",
                                        "conv2d_grad_h8w8_k1s1_VALID",
                                        "conv2d_grad_h8w8_k3s1_SAME",
                                        "conv2d_grad_h8w8_k3s2_SAME",
                                        "conv2d_grad_h9w7_k3s2_SAME",
                                        "depthwise_grad_h8w8_m2_k3s1_VALID",
                                        "depthwise_grad_h9w7_m1_k3s2_SAME",
                                        "elugrad",
                                        "fakequant_perchannel_gradient",
                                        "fakequant_vars_gradient",
                                        "fusedbatchnormgradv3",
                                        "fusedbatchnormv3_training",
                                        "maxpool_grad",
                                        "quantize_and_dequantize_v2_signed0",
                                        "quantize_and_dequantize_v2_signed1",
                                        "quantizev2_dequantize_min_combined",
                                        "quantizev2_dequantize_min_first",
                                        "quantizev2_dequantize_scaled",
                                        "relu6grad",
                                        "relugrad",
                                        "softmax_xent",
                                        "sparse_softmax_xent"};

inline std::vector<std::string> AllCases() {
  std::vector<std::string> names;
  if (SharedFolder().empty()) return names;
  for (const auto& entry : std::filesystem::directory_iterator(SharedFolder() / "conformance")) {
    if (std::filesystem::exists(entry.path() / "graph.pb")) {
      names.push_back(entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline std::vector<std::string> ForwardCases() {
  std::vector<std::string> names = AllCases();
  std::erase_if(names, [](const std::string& name) {
    return std::find(kWaiting.begin(), kWaiting.end(), name) != kWaiting.end();
  });
  return names;
}

// For INSTANTIATE_TEST_SUITE_P: letters, digits and underscores only.
inline std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

// An engine: the values `fetches` of the graph on `feeds`.
using Runner = std::function<std::vector<Tensor>(const Graph& graph,
                                                 const std::map<std::string, Tensor>& feeds,
                                                 const std::vector<Value>& fetches)>;

// Runs one case and compares every output with TensorFlow's: maximum relative error `tolerance`,
// but 1e-4 for the chained nets.
inline void CheckCase(const std::string& name, const Runner& run, double tolerance = 1e-5) {
  const std::filesystem::path folder = SharedFolder() / "conformance" / name;
  const auto meta = nlohmann::json::parse(ReadFile(folder / "meta.json"));
  const Graph graph = ReadGraphDef(folder / "graph.pb", Builtin<OpRegistry>());
  std::map<std::string, Tensor> feeds;
  for (const auto& [input, shape] : meta["inputs"].items()) {
    feeds[input] = ReadNpy(folder / ("in_" + input + ".npy"));
  }
  std::vector<Value> fetches;
  for (const std::string output : meta["outputs"]) fetches.push_back(graph.FindValue(output));
  ASSERT_FALSE(fetches.empty());
  const std::vector<Tensor> results = run(graph, feeds, fetches);
  ASSERT_EQ(results.size(), fetches.size());
  for (size_t i = 0; i < results.size(); ++i) {
    const Tensor expected = ReadNpy(folder / ("out_" + std::to_string(i) + ".npy"));
    EXPECT_EQ(results[i].shape(), expected.shape()) << ToString(fetches[i]);
    EXPECT_EQ(results[i].dtype(), expected.dtype()) << ToString(fetches[i]);
    EXPECT_LE(RelativeError(results[i], expected), name.starts_with("net_") ? 1e-4 : tolerance)
        << ToString(fetches[i]);
  }
}

}  // namespace adze::conformance
