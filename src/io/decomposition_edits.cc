#include <nlohmann/json.hpp>

#include "adze/decompose.h"
#include "adze/error.h"
#include "adze/file.h"

namespace adze {
namespace {

constexpr int kVersion = 1;

std::vector<int64_t> Sizes(const nlohmann::json& json) {
  auto sizes = json.get<std::vector<int64_t>>();
  for (int64_t size : sizes) {
    Require(size > 0 && size < (int64_t{1} << 31), ErrorCode::kBadFile, "there is a size of ", size,
            "; write the edits anew by decompose --edits");
  }
  return sizes;
}

DecompositionEdit EditOf(const nlohmann::json& json) {
  DecompositionEdit edit;
  json.at("layer").get_to(edit.name);
  ErrorScope scope("layer", edit.name);
  edit.kernel = Shape(Sizes(json.at("kernel")));
  json.at("method").get_to(edit.method);
  edit.mode = json.value("mode", "");
  edit.ranks = Sizes(json.at("ranks"));
  for (const auto& kernel : json.at("kernels")) edit.kernels.push_back(Shape(Sizes(kernel)));
  edit.weighed = json.value("by_data", false);
  edit.balanced = json.value("for_int8", false);
  return edit;
}

}  // namespace

std::vector<DecompositionEdit> ReadDecompositionEdits(const std::filesystem::path& file) {
  ErrorScope scope("file", file.string());
  constexpr uint64_t kMostBytes = uint64_t{64} << 20;
  const auto json = nlohmann::json::parse(ReadFile(file, kMostBytes), nullptr, false);
  Require(json.is_object() && json.value("adze_decomposition_edits", 0) == kVersion &&
              json.contains("layers"),
          ErrorCode::kBadFile, "no edits of a decomposition; write them by decompose --edits");
  std::vector<DecompositionEdit> edits;
  try {
    for (const auto& entry : json.at("layers")) edits.push_back(EditOf(entry));
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorCode::kBadFile,
                "entry " + std::to_string(edits.size()) + " is no edit of a layer: " + e.what());
  }
  Require(!edits.empty(), ErrorCode::kBadFile, "there are no edits in it");
  return edits;
}

void WriteDecompositionEdits(const std::vector<LayerDecomposition>& layers,
                             const std::filesystem::path& file) {
  nlohmann::ordered_json json = {{"adze_decomposition_edits", kVersion},
                                 {"layers", nlohmann::ordered_json::array()}};
  for (const LayerDecomposition& layer : layers) {
    if (!layer.reason.empty()) continue;
    nlohmann::ordered_json entry = {{"layer", layer.name},        {"kernel", layer.kernel.dims()},
                                    {"method", layer.method},     {"mode", layer.mode},
                                    {"ranks", layer.ranks},       {"by_data", layer.weighed},
                                    {"for_int8", layer.balanced}, {"nodes", layer.nodes}};
    entry["kernels"] = nlohmann::ordered_json::array();
    for (const Shape& kernel : layer.kernels) entry["kernels"].push_back(kernel.dims());
    json["layers"].push_back(std::move(entry));
  }
  WriteFileAtomically(file, json.dump(1) + "\n");
}

}  // namespace adze
