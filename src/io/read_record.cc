// AMCT's record file: reading and the checks of reference/amct-interfaces section 7.4 that need no
// graph.
#include <algorithm>
#include <cmath>
#include <set>

#include "adze/balance.h"
#include "adze/error.h"
#include "adze/file.h"
#include "adze/record.h"
#include "io/text_proto.h"
#include "proto/record.pb.h"

namespace adze {
namespace {

constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;

// Bits of "INT8" and so on; 8 if the field is absent.
int NumBits(bool present, const std::string& type, const char* field, std::set<int> allowed) {
  if (!present) return 8;
  std::string names;
  for (int bits : allowed) {
    const std::string name = "INT" + std::to_string(bits);
    if (type == name) return bits;
    names += (names.empty() ? "" : ", ") + name;
  }
  throw Error(kBad, std::string(field) + " '" + type + "' is unsupported; it is one of " + names);
}

void CheckScale(const char* field, float scale) {
  Require(std::isfinite(scale) && scale > 0, kBad, field, " is ", scale,
          ", but must be a positive float32");
}

QuantParams ReadActivation(const proto::SingleLayerRecord& value) {
  Require(value.has_scale_d() && value.has_offset_d(), kBad,
          value.has_scale_d() ? "offset_d" : "scale_d",
          " is missing: the calibration of its data was not finished; calibrate again");
  const int num_bits = value.has_act_type()
                           ? NumBits(true, value.act_type(), "act_type", {4, 8, 16})
                           : NumBits(value.has_dst_type(), value.dst_type(), "dst_type", {4, 8});
  CheckScale("scale_d", value.scale_d());
  const int32_t offset = value.offset_d();
  Require(offset >= QuantMin(num_bits) && offset <= QuantMax(num_bits), kBad, "offset_d is ",
          offset, ", but must be in [", QuantMin(num_bits), ", ", QuantMax(num_bits), "]");
  return {{.num_bits = num_bits, .symmetric = offset == 0}, {value.scale_d()}, {offset}};
}

std::optional<QuantParams> ReadWeight(const proto::SingleLayerRecord& value) {
  if (value.scale_w_size() == 0 && value.offset_w_size() == 0) return std::nullopt;
  Require(value.scale_w_size() == value.offset_w_size(), kBad, "scale_w has ", value.scale_w_size(),
          " values and offset_w ", value.offset_w_size(), "; their lengths must be equal");
  const int num_bits = value.has_wts_type()
                           ? NumBits(true, value.wts_type(), "wts_type", {4, 6, 7, 8})
                           : NumBits(value.has_dst_type(), value.dst_type(), "dst_type", {4, 8});
  for (float scale : value.scale_w()) CheckScale("scale_w", scale);
  for (int32_t offset : value.offset_w()) {
    Require(offset == 0, kBad, "offset_w is ", offset, ", but must be 0: weights are symmetric");
  }
  return QuantParams{{.num_bits = num_bits, .symmetric = true},
                     {value.scale_w().begin(), value.scale_w().end()},
                     {value.offset_w().begin(), value.offset_w().end()}};
}

// Centres of non-uniform weights, ascending; none if the weights are uniform.
std::vector<int32_t> ReadCluster(const proto::SingleLayerRecord& value) {
  std::vector<int32_t> centres(value.cluster().begin(), value.cluster().end());
  Require(centres.empty() || centres.size() == 16 || centres.size() == 32, kBad, "cluster has ",
          centres.size(), " values, but must have 16 or 32");
  for (int32_t centre : centres) {
    Require(centre >= -128 && centre <= 127, kBad, "cluster has the value ", centre,
            ", but must be in [-128, 127]");
  }
  std::sort(centres.begin(), centres.end());
  return centres;
}

// Factors that this library does not apply must not be dropped in silence.
void RefuseOthers(const proto::SingleLayerRecord& value) {
  for (uint32_t shift : value.shift_bit()) {
    Require(shift == 0, kBad, "shift_bit is ", shift,
            ", but a right shift is not supported; delete it");
  }
}

std::vector<float> ReadBalance(const proto::SingleLayerRecord& value) {
  for (float factor : value.tensor_balance_factor()) {
    Require(factor >= kLeastBalance && factor <= kMostBalance, kBad, "tensor_balance_factor is ",
            factor, ", but must be in [", kLeastBalance, ", ", kMostBalance, "]");
  }
  return {value.tensor_balance_factor().begin(), value.tensor_balance_factor().end()};
}

LayerRecord ReadLayer(const proto::MapFiledEntry& entry) {
  const proto::SingleLayerRecord& value = entry.value();
  LayerRecord layer{.name = entry.key()};
  layer.skip_fusion = value.skip_fusion();
  RefuseOthers(value);
  layer.cluster = ReadCluster(value);
  layer.balance_factor = ReadBalance(value);
  const bool has_factors = value.has_scale_d() || value.has_offset_d() ||
                           value.scale_w_size() > 0 || value.offset_w_size() > 0 ||
                           !layer.cluster.empty();
  if (!has_factors) return layer;  // carries skip_fusion or a balance only
  layer.activation = ReadActivation(value);
  layer.weight = ReadWeight(value);
  Require(layer.cluster.empty() || (layer.weight && layer.weight->spec.num_bits == 8), kBad,
          "has a cluster, but no scale_w of 8 bits that it belongs to");
  return layer;
}

}  // namespace

Record ReadRecord(const std::filesystem::path& path) {
  const std::string text = ReadFile(path);
  ErrorScope file("file", path.string());
  return ParseRecord(text);
}

Record ParseRecord(std::string_view text) {
  proto::ScaleOffsetRecord content;
  ParseTextProto(text, "a record file", &content);
  Record record;
  std::set<std::string> seen;
  for (int i = 0; i < content.record_size(); ++i) {
    const proto::MapFiledEntry& entry = content.record(i);
    Require(entry.has_key(), kBad, "record ", i + 1, " has no key");
    ErrorScope layer("layer", entry.key());
    Require(entry.has_value(), kBad, "its record has no value");
    Require(seen.insert(entry.key()).second, kBad, "has two records; keep one");
    record.layers.push_back(ReadLayer(entry));
  }
  return record;
}

}  // namespace adze
