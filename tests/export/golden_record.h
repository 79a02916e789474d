#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "adze/record.h"
#include "adze/registry.h"
#include "shared_folder.h"

namespace adze {

// What shared/models/models.json and shared/reference/golden know of a classifier.
struct GoldenModel {
  const char* name;
  const char* preprocess;  // PreprocessByName
  const char* input;
  const char* output;
  int label_offset;
  double least_sqnr_db;  // of the logits of the first 50 evaluation images
};

inline const GoldenModel kGoldenModels[] = {
    {"mobilenet_v1_1.0_224", "tf", "input", "MobilenetV1/Predictions/Reshape_1", 1, 15.8},
    {"mobilenet_v2_1.0_224", "tf", "input", "MobilenetV2/Predictions/Softmax", 1, 18.6},
    {"resnet50_v1", "caffe", "input_1", "output", 0, 25.3},
};

// ResNet-50 is not stored but made by shared/tools/get-resnet50.
inline std::filesystem::path ModelFile(const GoldenModel& model) {
  const std::filesystem::path file = SharedFolder() / "models" / model.name / "model.pb";
  if (std::filesystem::exists(file)) return file;
  const char* home = std::getenv("HOME");
  const char* cache = std::getenv("ADZE_CACHE");
  return (cache ? std::filesystem::path(cache)
                : std::filesystem::path(home ? home : "/") / ".cache/adze") /
         (std::string(model.name) + ".pb");
}

inline Graph PreparedModel(const GoldenModel& model) {
  Graph graph = ReadGraphDef(ModelFile(model), Builtin<OpRegistry>());
  graph.SetOutputs(std::vector<std::string>{model.output});
  RunPasses(graph, PreparePipeline());
  return graph;
}

inline std::filesystem::path GoldenFolder() { return SharedFolder() / "reference/golden"; }

inline nlohmann::json ReadJson(const std::filesystem::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

// The factors of <model>_ifmr.json, which were found with TensorFlow and NumPy.
inline Record GoldenRecord(const GoldenModel& model, const Graph& prepared) {
  const auto json = ReadJson(GoldenFolder() / (std::string(model.name) + "_ifmr.json"));
  Record record;
  for (const auto& [name, factors] : json.items()) {
    LayerRecord layer{.name = name, .op = prepared.FindValue(name).node->op()};
    layer.activation =
        QuantParams{{}, {factors["scale_d"].get<float>()}, {factors["offset_d"].get<int32_t>()}};
    if (prepared.FindValue(name).node->def()->quant->weight_input) {
      const auto& scale_w = factors["scale_w"];
      const auto scales = scale_w.is_array() ? scale_w.get<std::vector<float>>()
                                             : std::vector<float>{scale_w.get<float>()};
      layer.weight = QuantParams{{.symmetric = true}, scales, std::vector<int32_t>(scales.size())};
    }
    record.layers.push_back(std::move(layer));
  }
  return record;
}

}  // namespace adze
