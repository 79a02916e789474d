#include <google/protobuf/stubs/logging.h>

#include "adze/graph_def.h"
#include "adze/meta_graph.h"
#include "io/attr_codec.h"
#include "proto/saved_model.pb.h"

namespace adze {
namespace {

using Renamed = std::map<std::string, std::string>;
using Variables = std::map<std::string, std::vector<VariableEntry>>;

// The node or tensor ("node:0") by its new name.
std::string NewName(const std::string& name, const Renamed& renamed) {
  const size_t colon = name.rfind(':');
  const auto found = renamed.find(name.substr(0, colon));
  if (found == renamed.end()) return name;
  return found->second + (colon == std::string::npos ? "" : name.substr(colon));
}

void ReplaceVariables(const Variables& variables, proto::CollectionDef::BytesList* list) {
  proto::CollectionDef::BytesList replaced;
  for (const std::string& bytes : list->value()) {
    proto::VariableDef old;
    const bool parsed = old.ParseFromString(bytes);
    const std::string name =
        parsed ? old.variable_name().substr(0, old.variable_name().rfind(':')) : "";
    const auto found = variables.find(name);
    if (found == variables.end()) {
      replaced.add_value(bytes);
      continue;
    }
    for (const VariableEntry& entry : found->second) {
      proto::VariableDef added;
      added.set_variable_name(entry.name + ":0");
      added.set_initializer_name(entry.initializer);
      added.set_initial_value_name(entry.initial_value + ":0");
      added.set_snapshot_name(entry.snapshot + ":0");
      added.set_trainable(old.trainable());
      replaced.add_value(added.SerializeAsString());
    }
  }
  list->Swap(&replaced);
}

void RenameTensors(const Renamed& renamed,
                   google::protobuf::Map<std::string, proto::TensorInfo>* infos) {
  for (auto& [key, info] : *infos) {
    if (!info.name().empty()) info.set_name(NewName(info.name(), renamed));
  }
}

}  // namespace

std::string ReplaceGraph(std::string_view meta_graph, const Graph& graph,
                         const Variables& variables, const Renamed& renamed) {
  const google::protobuf::LogSilencer silencer;
  proto::MetaGraphDef message;
  Require(meta_graph.size() <= INT_MAX &&
              message.ParseFromArray(meta_graph.data(), static_cast<int>(meta_graph.size())),
          ErrorCode::kBadFile, "is not a MetaGraphDef, or is cut off");
  message.clear_saver_def();
  message.set_graph_def(SerializeGraphDef(graph));
  for (auto& [name, collection] : *message.mutable_collection_def()) {
    if (collection.has_bytes_list()) {
      ReplaceVariables(variables, collection.mutable_bytes_list());
    } else if (collection.has_node_list()) {
      for (std::string& value : *collection.mutable_node_list()->mutable_value()) {
        value = NewName(value, renamed);
      }
    }
  }
  // Keras keeps its savers there, which go too.
  message.mutable_collection_def()->erase("savers");
  for (auto& [name, signature] : *message.mutable_signature_def()) {
    RenameTensors(renamed, signature.mutable_inputs());
    RenameTensors(renamed, signature.mutable_outputs());
  }
  return SerializeDeterministically(message);
}

}  // namespace adze
