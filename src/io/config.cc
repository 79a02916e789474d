#include "adze/config.h"

#include "adze/error.h"
#include "adze/file.h"
#include "io/config_rules.h"

namespace adze {

Config DefaultConfig(const std::vector<LayerInfo>& layers) {
  Config config;
  for (const LayerInfo& layer : layers) {
    config.layers[layer.name].weight.per_channel = layer.per_channel;
  }
  return config;
}

Config ReadConfig(const std::filesystem::path& path, const std::vector<LayerInfo>& layers) {
  const std::string text = ReadFile(path);
  ErrorScope scope("file", path.string());
  return ParseConfig(text, layers);
}

Config ParseConfig(std::string_view text, const std::vector<LayerInfo>& layers) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string::npos && text[first] == '{';
  return is_json ? ParseJsonConfig(text, layers) : ParseSimplifiedConfig(text, layers);
}

}  // namespace adze
