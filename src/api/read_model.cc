#include "api/read_model.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "adze/checkpoint.h"
#include "adze/freeze.h"
#include "adze/functions.h"
#include "adze/graph_def.h"
#include "adze/meta_graph.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "adze/registry.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

// What is where a model's path points.
enum class ModelKind { kGraphDef, kMetaGraph, kSavedModel };
struct ModelFiles {
  ModelKind kind;
  fs::path graph;       // file, or the SavedModel's folder
  fs::path checkpoint;  // prefix; may be empty
};

fs::path WithSuffix(const fs::path& prefix, const char* suffix) { return prefix.string() + suffix; }

void RefuseKeras(const fs::path& path) {
  const std::string extension = path.extension().string();
  Require(extension != ".h5" && extension != ".hdf5" && extension != ".keras",
          ErrorCode::kUnsupported,
          "is a Keras file; load it with tf.keras.models.load_model and export a SavedModel with "
          "model.export(FOLDER) or tf.saved_model.save(model, FOLDER)");
}

// A SavedModel begins with the number of its schema, a GraphDef with a node.
bool IsGraphOfSavedModel(const fs::path& path) {
  return path.filename() == "saved_model.pb" && std::ifstream(path).get() == 0x08;
}

// The prefix that a file of a checkpoint is named after; empty if it is no such file.
fs::path PrefixOf(const fs::path& path) {
  const std::string extension = path.extension().string();
  const bool is_part =
      extension == ".meta" || extension == ".index" || extension.starts_with(".data-");
  return is_part ? fs::path(path).replace_extension() : fs::path();
}

void RequireMeta(const fs::path& prefix) {
  const fs::path meta = WithSuffix(prefix, ".meta");
  if (fs::exists(meta) || !fs::exists(WithSuffix(prefix, ".index"))) return;
  throw Error(ErrorCode::kNotFound, "a checkpoint has no graph in it, and there is no '" +
                                        meta.string() + "'; give the graph's file, with " +
                                        "--checkpoint " + prefix.string());
}

ModelFiles FindFiles(const ModelSource& source) {
  ErrorScope scope("file", source.path.string());
  RefuseKeras(source.path);
  fs::path path = source.path;
  if (IsGraphOfSavedModel(path)) path = path.has_parent_path() ? path.parent_path() : ".";
  const auto checkpoint_or = [&](const fs::path& beside) {
    return source.checkpoint.empty() ? beside : source.checkpoint;
  };
  if (fs::is_directory(path)) {
    if (const fs::path latest = LatestCheckpoint(path);
        !latest.empty() && !fs::exists(path / "saved_model.pb")) {
      RequireMeta(latest);
      return {ModelKind::kMetaGraph, WithSuffix(latest, ".meta"), checkpoint_or(latest)};
    }
    const fs::path variables = path / "variables" / "variables";
    // A graph without variables may have an empty folder, or none.
    std::error_code error;
    const bool has_variables = !fs::is_empty(variables.parent_path(), error) && !error;
    return {ModelKind::kSavedModel, path, checkpoint_or(has_variables ? variables : fs::path())};
  }
  fs::path prefix = PrefixOf(path);
  const bool is_prefix = !fs::exists(path) && (fs::exists(WithSuffix(path, ".meta")) ||
                                               fs::exists(WithSuffix(path, ".index")));
  if (is_prefix) prefix = path;
  if (!prefix.empty()) {
    RequireMeta(prefix);
    return {ModelKind::kMetaGraph, WithSuffix(prefix, ".meta"), checkpoint_or(prefix)};
  }
  return {ModelKind::kGraphDef, path, source.checkpoint};
}

// Outputs of all signatures.
std::vector<std::string> SignatureOutputs(const MetaGraph& model) {
  std::set<std::string> names;
  for (const Signature& signature : model.signatures) {
    for (const SignatureTensor& output : signature.outputs) names.insert(output.tensor);
  }
  return {names.begin(), names.end()};
}

// Outputs as the user or the signature names them.
std::vector<std::string> OutputNames(const MetaGraph& model, const ModelSource& source) {
  if (!source.outputs.empty()) return source.outputs;
  std::vector<std::string> names;
  if (const Signature* signature = ChooseSignature(model, source.signature)) {
    for (const SignatureTensor& output : signature->outputs) {
      const bool first = std::find(names.begin(), names.end(), output.tensor) == names.end();
      if (first) names.push_back(output.tensor);
    }
    Require(!names.empty(), ErrorCode::kInvalidArgument, "signature '", signature->name,
            "' has no outputs; choose another by --signature, or name them with --outputs");
  }
  return names;
}

bool IsVariable(const Node& node) {
  return node.op() == "VariableV2" || node.op() == "Variable" || node.op() == "VarHandleOp";
}

// A frozen graph has nothing to do here; most files are one.
bool IsFrozen(const Graph& graph) {
  const std::vector<Node*> nodes = graph.nodes();
  return std::all_of(nodes.begin(), nodes.end(),
                     [](const Node* node) { return node->def() && !IsVariable(*node); });
}

// A SavedModel brings its variables' values along.
void RequireNoVariables(const Graph& graph) {
  for (const Node* node : graph.nodes()) {
    Require(!IsVariable(*node), ErrorCode::kNotFound, "has variables, such as '", node->name(),
            "', and no files in its folder 'variables'; copy the SavedModel with that folder, or "
            "name a checkpoint with --checkpoint PREFIX");
  }
}

// A signature's inputs stay; nothing feeds other placeholders that nobody reads, such as the file
// name for saving.
void EraseUnreadPlaceholders(Graph& graph) {
  for (Node* node : graph.Placeholders()) {
    if (graph.CountUses(node->output()) > 0 || !graph.ControlUsers(*node).empty()) continue;
    graph.Erase(*node);
  }
}

void Freeze(MetaGraph& model, const ModelSource& source, const ModelFiles& files) {
  Graph& graph = model.graph;
  const std::vector<std::string> names = OutputNames(model, source);
  // What a training graph leaves unread is its training.
  Require(!names.empty() || model.restore_op.empty(), ErrorCode::kInvalidArgument,
          "has no signature; name the model's output with --outputs");
  graph.SetOutputs(names, SignatureOutputs(model));
  Require(!graph.outputs().empty(), ErrorCode::kInvalidArgument,
          "no output found; name it with --outputs");
  if (IsFrozen(graph)) {
    graph.Prune();
    return;
  }
  // Restoring stays until it has told which variable is where in the checkpoint.
  const size_t count = graph.outputs().size();
  std::vector<GraphOutput> outputs = graph.outputs();
  if (!model.restore_op.empty()) {
    outputs.push_back({model.restore_op, graph.FindValue(model.restore_op)});
  }
  graph.SetOutputs(outputs);
  graph.Prune();
  graph.TopologicalOrder();  // throws if there is a cycle
  InlineFunctions(graph, model.output_args);
  const VariableKeys keys = FindVariableKeys(graph);
  outputs = graph.outputs();
  outputs.resize(count);
  graph.SetOutputs(outputs);
  RunPasses(graph, FreezePipeline());
  std::optional<Checkpoint> opened;
  if (!files.checkpoint.empty()) {
    opened.emplace(files.checkpoint);
  } else if (files.kind == ModelKind::kSavedModel) {
    RequireNoVariables(graph);
  }
  FreezeVariables(graph, keys, opened ? &*opened : nullptr);
  graph.Prune();
  EraseUnreadPlaceholders(graph);
}

}  // namespace

Graph ReadModel(const ModelSource& source) {
  const OpRegistry& ops = Builtin<OpRegistry>();
  const ModelFiles files = FindFiles(source);
  MetaGraph model = [&] {
    switch (files.kind) {
      case ModelKind::kSavedModel:
        return ReadSavedModel(files.graph, ops, source.tags);
      case ModelKind::kMetaGraph:
        return ReadMetaGraph(files.graph, ops);
      default:
        return MetaGraph{.graph = ReadGraphDef(files.graph, ops)};
    }
  }();
  ErrorScope scope("file", files.graph.string());
  Freeze(model, source, files);
  return std::move(model.graph);
}

}  // namespace adze
