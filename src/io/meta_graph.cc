#include "adze/meta_graph.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>

#include "adze/file.h"
#include "adze/near_names.h"
#include "io/graph_def_nodes.h"
#include "proto/saved_model.pb.h"

namespace adze {
namespace {

std::vector<SignatureTensor> TensorsOf(const auto& infos) {
  std::vector<SignatureTensor> tensors;
  for (const auto& [key, info] : infos) {
    // Sparse and composite tensors have no tensor of their own; nobody can name them.
    if (!info.name().empty()) tensors.push_back({key, info.name()});
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return tensors;
}

OutputArgs OutputArgsOf(const proto::OpList& ops) {
  OutputArgs all;
  for (const proto::OpDef& op : ops.op()) {
    std::vector<OutputArg>& args = all[op.name()];
    for (const auto& arg : op.output_arg()) {
      args.push_back({arg.name(), arg.number_attr(), arg.type_list_attr()});
    }
  }
  return all;
}

MetaGraph FromMessage(const proto::MetaGraphDef& message, const OpRegistry& ops) {
  MetaGraph result{.graph = ParseGraphDefNodes(message.graph_def(), ops)};
  const auto& info = message.meta_info_def();
  result.tags.assign(info.tags().begin(), info.tags().end());
  result.restore_op = message.saver_def().restore_op_name();
  result.output_args = OutputArgsOf(info.stripped_op_list());
  for (const auto& [name, signature] : message.signature_def()) {
    Signature read{name, TensorsOf(signature.inputs()), TensorsOf(signature.outputs())};
    // An op to run once after loading is written as a signature without a tensor.
    if (name != "__saved_model_init_op") result.signatures.push_back(std::move(read));
  }
  std::sort(result.signatures.begin(), result.signatures.end(),
            [](const Signature& a, const Signature& b) { return a.name < b.name; });
  return result;
}

std::string Quoted(const auto& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "'" : ", '") + text + "'";
  return all;
}

const proto::MetaGraphDef& ChooseByTags(const proto::SavedModel& model,
                                        const std::vector<std::string>& tags) {
  std::vector<const proto::MetaGraphDef*> fitting;
  std::string have;
  for (const proto::MetaGraphDef& graph : model.meta_graphs()) {
    const auto& own = graph.meta_info_def().tags();
    have += (have.empty() ? "" : "; ") + (own.empty() ? "(none)" : Quoted(own));
    if (tags.empty() ? model.meta_graphs_size() == 1 || (own.size() == 1 && own[0] == "serve")
                     : std::is_permutation(own.begin(), own.end(), tags.begin(), tags.end())) {
      fitting.push_back(&graph);
    }
  }
  Require(model.meta_graphs_size() > 0, ErrorCode::kBadFile,
          "holds no graph; copy or export it anew");
  if (tags.empty()) {
    Require(!fitting.empty(), ErrorCode::kNotFound,
            "holds several graphs; choose one by --tags: ", have);
  } else {
    Require(!fitting.empty(), ErrorCode::kNotFound, "has no graph with the tags ", Quoted(tags),
            "; there are ", have);
  }
  return *fitting.front();
}

}  // namespace

MetaGraph ParseMetaGraph(std::string_view bytes, const OpRegistry& ops) {
  const google::protobuf::LogSilencer silencer;
  proto::MetaGraphDef message;
  Require(bytes.size() <= INT_MAX, ErrorCode::kUnsupported,
          "is larger than 2 GiB, the most that a MetaGraphDef can be");
  Require(message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
              !message.graph_def().empty(),
          ErrorCode::kBadFile,
          "is not a MetaGraphDef with a graph, or is cut off; copy or save it anew");
  return FromMessage(message, ops);
}

MetaGraph ReadMetaGraph(const std::filesystem::path& path, const OpRegistry& ops) {
  const std::string bytes = ReadFile(path);
  ErrorScope scope("file", path.string());
  return ParseMetaGraph(bytes, ops);
}

MetaGraph ParseSavedModel(std::string_view bytes, const OpRegistry& ops,
                          const std::vector<std::string>& tags) {
  const google::protobuf::LogSilencer silencer;
  proto::SavedModel message;
  Require(bytes.size() <= INT_MAX, ErrorCode::kUnsupported,
          "is larger than 2 GiB, the most that a SavedModel's graph can be");
  Require(message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())), ErrorCode::kBadFile,
          "is not a SavedModel, or is cut off; copy or export it anew");
  Require(message.saved_model_schema_version() <= 1, ErrorCode::kUnsupported,
          "is a SavedModel of schema ", message.saved_model_schema_version(),
          "; export it in the form of schema 1");
  return FromMessage(ChooseByTags(message, tags), ops);
}

MetaGraph ReadSavedModel(const std::filesystem::path& folder, const OpRegistry& ops,
                         const std::vector<std::string>& tags) {
  const std::filesystem::path path = folder / "saved_model.pb";
  if (!std::filesystem::exists(path)) {
    ErrorScope scope("folder", folder.string());
    Require(!std::filesystem::exists(folder / "keras_metadata.pb") &&
                !std::filesystem::exists(folder / "saved_model.pbtxt"),
            ErrorCode::kUnsupported,
            "holds no binary graph (saved_model.pb); export it again with tf.saved_model.save");
    throw Error(
        ErrorCode::kNotFound,
        "is no SavedModel (it has no saved_model.pb) and has no checkpoint; give the folder "
        "that tf.saved_model.save or tf.train.Saver wrote");
  }
  const std::string bytes = ReadFile(path);
  ErrorScope scope("file", path.string());
  return ParseSavedModel(bytes, ops, tags);
}

const Signature* ChooseSignature(const MetaGraph& meta_graph, const std::string& name) {
  const std::vector<Signature>& all = meta_graph.signatures;
  std::vector<std::string> names;
  for (const Signature& signature : all) names.push_back(signature.name);
  if (all.empty() && name.empty()) return nullptr;
  const auto find = [&](const std::string& wanted) {
    return std::find_if(all.begin(), all.end(),
                        [&](const Signature& signature) { return signature.name == wanted; });
  };
  if (name.empty() && all.size() == 1) return &all[0];
  const auto found = find(name.empty() ? "serving_default" : name);
  if (found != all.end()) return &*found;
  Require(!all.empty(), ErrorCode::kNotFound, "has no signatures; name the outputs with --outputs");
  if (name.empty()) {
    throw Error(ErrorCode::kNotFound,
                "has several signatures; choose one by --signature: " + Quoted(names));
  }
  throw Error(ErrorCode::kNotFound, "has no signature '" + name + "'" + DidYouMean(name, names) +
                                        "; there are " + Quoted(names));
}

}  // namespace adze
