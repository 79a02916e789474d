#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adze/quant.h"
#include "adze/tensor_key.h"

namespace adze {

// What calibration found for one layer, or for one tensor that a node reads (joint quantization).
// AMCT's keys (scale_d, offset_d, scale_w, offset_w) exist in the record reader and writer only.
struct LayerRecord {
  std::string name;  // TensorFlow operation name; of a tensor its key
  std::string op = {};
  std::optional<QuantParams> activation = {};  // absent: left in float
  std::optional<QuantParams> weight = {};      // absent for AvgPool
  // The integers that the weight's elements take, ascending, if not all of them (nuq).
  std::vector<int32_t> cluster = {};
  // DMQ: the layer reads its data's input channels divided by these, and its weight has them
  // multiplied in; empty: not balanced.
  std::vector<float> balance_factor = {};
  bool skip_fusion = false;
  std::string skip_reason = {};  // why, if left in float; not in the record file
};

// The third of the three things a compression knows (graph, config, record). Layers in topological
// order.
struct Record {
  std::vector<LayerRecord> layers;
  const LayerRecord* Find(std::string_view layer) const;  // null if there is none
};

// AMCT's record file (protobuf text; reference/amct-interfaces section 7). Writing is atomic and
// byte-stable; floats have the shortest form that reads back to the same float32. Reading accepts
// every field name AMCT knows and refuses, naming the layer, what section 7.4 lists as far as it
// can be seen without the graph.
void WriteRecord(const Record& record, const std::filesystem::path& path);
std::string SerializeRecord(const Record& record);
Record ReadRecord(const std::filesystem::path& path);
Record ParseRecord(std::string_view text);

}  // namespace adze
