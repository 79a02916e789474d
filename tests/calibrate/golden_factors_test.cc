// Factors against those that TensorFlow 1.15 and NumPy found on the same images
// (shared/reference/golden).
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "adze/calibrate.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "adze/registry.h"
#include "shared_folder.h"

namespace adze {
namespace {

struct Model {
  std::string name, preprocess, label;
};

// Whether the best two candidates are as good as each other; then either may stand.
bool IsTie(const nlohmann::json& search) {
  return search.contains("loss") &&
         search.at("second_loss").get<double>() <= search.at("loss").get<double>() * (1 + 1e-4);
}

double SecondScale(const nlohmann::json& layer, bool symmetric) {
  const auto& search = layer.at("search");
  const double ratio = search.at("ratio"), second = search.at("second_ratio");
  if (symmetric) return layer.at("scale_d").get<double>() * second / ratio;
  return (search.at("max0").get<double>() * second - search.at("min0").get<double>()) / 255;
}

class GoldenFactors : public testing::TestWithParam<Model> {};

TEST_P(GoldenFactors, AreFound) {
  ADZE_NEED_SHARED();
  const auto file = SharedModelFile(GetParam().name);
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is absent";
  Graph graph = ReadGraphDef(file, Builtin<OpRegistry>());
  graph.SetOutputs(std::vector<std::string>());
  RunPasses(graph, PreparePipeline());
  const auto golden = SharedFolder() / "reference/golden";
  const std::string input = graph.Placeholders().at(0)->name();
  const auto data = OpenArrays({.inputs = {{input, golden / "calibration_u8.npy"}},
                                .preprocess = PreprocessByName(GetParam().preprocess)},
                               {{.name = input, .shape = {1, 224, 224, 3}}});

  for (const std::string kind : {"ifmr", "ifmr_sym", "minmax"}) {
    Config config = DefaultConfig(QuantizableLayers(graph));
    for (auto& [name, layer] : config.layers) {
      layer.activation.algorithm = kind == "minmax" ? "min_max" : "ifmr";
      layer.activation.asymmetric = kind != "ifmr_sym";
    }
    const Record record = Calibrate(graph, PlanLayers(graph, config), *data, {});
    std::ifstream stream(golden / (GetParam().name + "_" + kind + ".json"));
    const auto layers = nlohmann::json::parse(stream);
    size_t found = 0;
    for (const LayerRecord& layer : record.layers) {
      if (!layers.contains(layer.name)) continue;
      SCOPED_TRACE(kind + " " + layer.name);
      const auto& expected = layers.at(layer.name);
      ++found;
      ASSERT_TRUE(layer.activation) << layer.skip_reason;
      const double scale = layer.activation->scale[0];
      const double wanted = expected.at("scale_d");
      if (std::abs(scale / wanted - 1) < 1e-5 || !IsTie(expected.at("search"))) {
        EXPECT_NEAR(scale / wanted, 1, 1e-5);
        EXPECT_EQ(layer.activation->zero_point[0], expected.at("offset_d").get<int>());
      } else {
        EXPECT_NEAR(scale / SecondScale(expected, kind == "ifmr_sym"), 1, 1e-5);
      }
      if (!layer.weight) continue;
      const std::vector<double> scale_w = expected.at("scale_w");
      ASSERT_EQ(layer.weight->scale.size(), scale_w.size());
      for (size_t c = 0; c < scale_w.size(); ++c) {
        EXPECT_NEAR(layer.weight->scale[c] / scale_w[c], 1, 1e-6) << "channel " << c;
      }
    }
    EXPECT_EQ(found, layers.size()) << kind;
  }
}

INSTANTIATE_TEST_SUITE_P(Slow, GoldenFactors,
                         testing::Values(Model{"mobilenet_v1_1.0_224", "tf", "MobileNetV1"},
                                         Model{"mobilenet_v2_1.0_224", "tf", "MobileNetV2"},
                                         Model{"resnet50_v1", "caffe", "ResNet50"}),
                         [](const auto& info) { return info.param.label; });

}  // namespace
}  // namespace adze
