// AMCT's record file: writing.
#include "adze/record.h"

#include "adze/error.h"
#include "adze/file.h"
#include "io/text_proto.h"
#include "proto/record.pb.h"

namespace adze {
namespace {

// "INT16"; absent in the file means 8 bits.
std::string TypeName(int num_bits) { return "INT" + std::to_string(num_bits); }

proto::SingleLayerRecord ToProto(const LayerRecord& layer) {
  proto::SingleLayerRecord result;
  if (layer.activation) {
    result.set_scale_d(layer.activation->scale.at(0));
    result.set_offset_d(layer.activation->zero_point.at(0));
    const int num_bits = layer.activation->spec.num_bits;
    if (num_bits != 8) result.set_act_type(TypeName(num_bits));
  }
  if (layer.weight) {
    for (float scale : layer.weight->scale) result.add_scale_w(scale);
    for (int32_t zero_point : layer.weight->zero_point) result.add_offset_w(zero_point);
    const int num_bits = layer.weight->spec.num_bits;
    if (num_bits != 8) result.set_wts_type(TypeName(num_bits));
  }
  for (int32_t centre : layer.cluster) result.add_cluster(centre);
  for (float factor : layer.balance_factor) result.add_tensor_balance_factor(factor);
  if (layer.skip_fusion) result.set_skip_fusion(true);
  return result;
}

}  // namespace

const LayerRecord* Record::Find(std::string_view layer) const {
  for (const LayerRecord& record : layers) {
    if (record.name == layer) return &record;
  }
  return nullptr;
}

std::string SerializeRecord(const Record& record) {
  proto::ScaleOffsetRecord result;
  for (const LayerRecord& layer : record.layers) {
    if (!layer.activation && !layer.weight && !layer.skip_fusion && layer.balance_factor.empty())
      continue;  // stays in float
    proto::MapFiledEntry* entry = result.add_record();
    entry->set_key(layer.name);
    *entry->mutable_value() = ToProto(layer);
  }
  return PrintTextProto(result);
}

void WriteRecord(const Record& record, const std::filesystem::path& path) {
  WriteFileAtomically(path, SerializeRecord(record));
}

}  // namespace adze
