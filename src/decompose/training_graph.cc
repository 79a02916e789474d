#include "decompose/training_graph.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "adze/error.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "decompose/factors.h"
#include "decompose/method.h"

namespace adze {
namespace {

constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;

bool IsVariable(const Node& node) {
  return node.op() == "VariableV2" || node.op() == "Variable" || node.op() == "VarHandleOp";
}

// The variable behind Identity and ReadVariableOp; null if there is none.
Node* VariableBehind(Value value) {
  Node* node = value.node;
  while ((node->op() == "Identity" || node->op() == "ReadVariableOp") && node->num_inputs() > 0) {
    node = node->input(0).node;
  }
  return IsVariable(*node) ? node : nullptr;
}

// Erases nodes that read each other but are read by nobody else; who waits for one of them waits
// for `instead`.
void EraseAll(Graph& graph, std::set<Node*> nodes, const std::vector<Node*>& instead) {
  for (Node* node : nodes) {
    const auto users = graph.ControlUsers(*node);
    for (Node* user : std::vector<Node*>(users.begin(), users.end())) {
      if (nodes.contains(user)) continue;
      std::vector<Node*> inputs;
      for (Node* input : user->control_inputs()) {
        if (!nodes.contains(input)) inputs.push_back(input);
      }
      for (Node* input : instead) {
        if (std::find(inputs.begin(), inputs.end(), input) == inputs.end() && input != user) {
          inputs.push_back(input);
        }
      }
      graph.SetControlInputs(*user, inputs);
    }
  }
  while (!nodes.empty()) {
    const size_t count = nodes.size();
    for (auto it = nodes.begin(); it != nodes.end();) {
      Node* node = *it;
      const bool is_read = !graph.Uses(*node).empty() || !graph.ControlUsers(*node).empty();
      it = is_read ? std::next(it) : nodes.erase(it);
      if (!is_read) graph.Erase(*node);
    }
    if (nodes.size() == count) return;
  }
}

bool IsUnread(const Graph& graph, const Node& node) {
  return graph.Uses(node).empty() && graph.ControlUsers(node).empty();
}

// What a Saver has added: reading and writing of checkpoints and all that depends on it, then
// constants that only it has read.
void EraseSavers(Graph& graph) {
  static const std::set<std::string> kSaving = {"SaveV2",    "SaveSlices", "Save",
                                                "RestoreV2", "Restore",    "RestoreSlice"};
  std::vector<Node*> open;
  std::set<Node*> saving;
  for (Node* node : graph.nodes()) {
    if (kSaving.contains(node->op())) open.push_back(node);
  }
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    if (!saving.insert(node).second) continue;
    for (const Use& use : graph.Uses(*node)) open.push_back(use.user);
    for (Node* user : graph.ControlUsers(*node)) open.push_back(user);
  }
  std::set<Node*> behind;
  for (Node* node : saving) {
    for (Value input : node->inputs()) behind.insert(input.node);
  }
  EraseAll(graph, saving, {});
  static const std::set<std::string> kHelpers = {"Const", "PlaceholderWithDefault",
                                                 "ShardedFilename", "StringJoin", "Pack"};
  std::erase_if(behind, [&](Node* node) { return saving.contains(node); });
  while (!behind.empty()) {
    Node* node = *behind.begin();
    behind.erase(behind.begin());
    if (!kHelpers.contains(node->op()) || !IsUnread(graph, *node)) continue;
    for (Value input : node->inputs()) behind.insert(input.node);
    graph.Erase(*node);
  }
}

// name = VariableV2, initialised to random numbers of a standard deviation, and name/read.
struct NewVariable {
  Node* assign;
  Node* read;
  VariableEntry entry;
};
NewVariable AddVariable(Graph& graph, const std::string& wanted, const Shape& shape, double stddev,
                        const Node& like) {
  const std::string name = graph.UniqueName(wanted);
  const AttrMap type = {{"T", DType::kFloat}};
  Node& variable = graph.Add(
      name, "VariableV2", {},
      {{"dtype", DType::kFloat}, {"shape", shape}, {"container", ""}, {"shared_name", ""}});
  const std::string scope = name + "/Initializer/";
  Node& size = graph.AddConst(scope + "shape", Cast(Tensor::Vector(shape.dims()), DType::kInt32));
  Node& random =
      graph.Add(graph.UniqueName(scope + "TruncatedNormal"), "TruncatedNormal", {size.output()},
                {{"T", DType::kInt32},
                 {"dtype", DType::kFloat},
                 {"seed", int64_t{0}},
                 {"seed2", int64_t{0}}});
  Node& scale = graph.AddConst(scope + "stddev", Tensor::Scalar(static_cast<float>(stddev)));
  Node& initial =
      graph.Add(graph.UniqueName(scope + "mul"), "Mul", {random.output(), scale.output()}, type);
  Node& assign =
      graph.Add(graph.UniqueName(name + "/Assign"), "Assign", {variable.output(), initial.output()},
                {{"T", DType::kFloat}, {"use_locking", true}, {"validate_shape", true}});
  Node& read = graph.Add(graph.UniqueName(name + "/read"), "Identity", {variable.output()}, type);
  for (Node* node : {&variable, &size, &random, &scale, &initial, &assign, &read}) {
    node->device = like.device;
  }
  return {&assign,
          &read,
          {.name = name,
           .initializer = assign.name(),
           .initial_value = initial.name(),
           .snapshot = read.name()}};
}

// A layer of the edits in the graph.
struct EditedLayer {
  const DecompositionEdit* edit;
  Convolution convolution;
  Node* variable;
  std::vector<Factor> factors;
};

EditedLayer FindLayer(const Graph& graph, const DecompositionEdit& edit) {
  Node* node = graph.Find(edit.name);
  Require(node && (node->op() == "Conv2D" || node->op() == "MatMul"), kBad,
          "the edits name it, but the graph has no such convolution; export the graph by the code "
          "that made the decomposed model");
  EditedLayer layer{.edit = &edit, .convolution = {.node = node}};
  layer.variable = VariableBehind(node->input(1));
  Require(layer.variable != nullptr, kBad, "its kernel is no variable of the graph, but ",
          node->input(1).node->op(), " '", node->input(1).node->name(), "'");
  Require(layer.variable->attr<DType>("dtype") == DType::kFloat, kBad, "its kernel is not float32");
  Shape kernel = layer.variable->attr<Shape>("shape");
  if (node->op() == "MatMul" && kernel.rank() == 2) {
    const bool transposed = node->attr<bool>("transpose_b", false);
    kernel = {1, 1, kernel[transposed], kernel[!transposed]};
  }
  Require(kernel == edit.kernel, kBad, "the kernel has shape ", kernel.ToString(),
          ", in the edits ", edit.kernel.ToString());
  layer.convolution.kernel = kernel;
  if (node->op() == "Conv2D") {
    layer.convolution.window = WindowOver(*node, Shape::UnknownRank(), kernel[0], kernel[1]);
  }
  const auto& methods = Builtin<DecompositionMethodRegistry>().all();
  const auto method = methods.find(edit.method);
  Require(method != methods.end(), kBad, "the edits name a method '", edit.method,
          "'; there is none");
  Require(method->second.takes(layer.convolution), kBad, "method ", edit.method,
          " of the edits is not for this layer");
  layer.factors = method->second.shapes(kernel, edit.mode, edit.ranks);
  std::vector<Shape> kernels;
  for (const Factor& factor : layer.factors) kernels.push_back(factor.kernel);
  Require(kernels == edit.kernels, kBad,
          "the edits give kernels of other shapes; write them anew by decompose --edits");
  return layer;
}

class Editor {
 public:
  explicit Editor(Graph& graph) : graph_(graph) {}

  TrainingGraphChanges Run(const std::vector<DecompositionEdit>& edits) {
    std::vector<EditedLayer> layers;
    for (const DecompositionEdit& edit : edits) {
      ErrorScope scope("layer", edit.name);
      layers.push_back(FindLayer(graph_, edit));
    }
    EraseSavers(graph_);
    std::set<Node*> variables;
    for (EditedLayer& layer : layers) {
      ErrorScope scope("layer", layer.edit->name);
      Replace(layer);
      variables.insert(layer.variable);
    }
    for (const EditedLayer& layer : layers) {
      ErrorScope scope("layer", layer.edit->name);
      if (variables.erase(layer.variable) > 0) Remove(*layer.variable);
    }
    return std::move(changes_);
  }

 private:
  void Replace(EditedLayer& layer) {
    std::vector<NewVariable>& kernels = kernels_[layer.variable];
    if (kernels.empty()) {
      for (const Factor& factor : layer.factors) {
        const bool product = layer.convolution.is_product();
        const Shape shape = product ? Shape{factor.kernel[2], factor.kernel[3]} : factor.kernel;
        const int64_t fan_in =
            factor.kernel[0] * factor.kernel[1] * (factor.depthwise ? 1 : factor.kernel[2]);
        kernels.push_back(AddVariable(graph_, layer.edit->name + "/" + factor.part + "/kernel",
                                      shape, std::sqrt(2.0 / static_cast<double>(fan_in)),
                                      *layer.variable));
        changes_.variables[layer.variable->name()].push_back(kernels.back().entry);
      }
    }
    std::vector<Node*> reads;
    for (const NewVariable& kernel : kernels) reads.push_back(kernel.read);
    LayerDecomposition done{.name = layer.edit->name,
                            .kernel = layer.edit->kernel,
                            .method = layer.edit->method,
                            .mode = layer.edit->mode,
                            .ranks = layer.edit->ranks,
                            .weighed = layer.edit->weighed,
                            .balanced = layer.edit->balanced,
                            .kernels = layer.edit->kernels,
                            .weights_before = layer.edit->kernel.num_elements(),
                            .weights_after = WeightsOf(layer.factors)};
    for (Node* node : PutInPlace(graph_, layer.convolution, layer.factors, reads)) {
      done.nodes.push_back(node->name());
    }
    changes_.renamed[done.name] = done.nodes.back();
    changes_.layers.push_back(std::move(done));
  }

  // The variable, its initialisation and its reads; weight decay goes to the new ones.
  void Remove(Node& variable) {
    const std::vector<NewVariable>& kernels = kernels_[&variable];
    std::set<Node*> gone = {&variable};
    std::vector<Node*> open = {&variable};
    while (!open.empty()) {
      Node* node = open.back();
      open.pop_back();
      for (const Use& use : graph_.Uses(*node)) {
        Node* user = use.user;
        static const std::set<std::string> kGoes = {
            "Assign",         "AssignVariableOp",      "Identity",
            "ReadVariableOp", "IsVariableInitialized", "VarIsInitializedOp"};
        if (user->op() == "L2Loss") {
          DecayOf(*user, kernels);
        } else if (kGoes.contains(user->op())) {
          if (gone.insert(user).second) open.push_back(user);
        } else {
          Require(false, kBad, "its kernel '", variable.name(), "' is read by ", user->op(), " '",
                  user->name(),
                  "'; export the graph before the optimizer and what else reads it is made "
                  "(tf.train.export_meta_graph)");
        }
      }
    }
    std::set<Node*> behind;
    for (Node* node : gone) {
      for (Value input : node->inputs()) {
        if (!gone.contains(input.node)) behind.insert(input.node);
      }
    }
    std::vector<Node*> assigns;
    for (const NewVariable& kernel : kernels) assigns.push_back(kernel.assign);
    const std::string scope = variable.name() + "/";
    const std::string name = variable.name();
    EraseAll(graph_, gone, assigns);
    ForgetPlace(name);
    // Its initial value.
    while (!behind.empty()) {
      Node* node = *behind.begin();
      behind.erase(behind.begin());
      if (!node->name().starts_with(scope) || !IsUnread(graph_, *node)) continue;
      for (Value input : node->inputs()) behind.insert(input.node);
      graph_.Erase(*node);
    }
  }

  // Nodes that were to be placed where the variable is.
  void ForgetPlace(const std::string& variable) {
    for (Node* node : graph_.nodes()) {
      const auto* places = node->FindAttr<std::vector<std::string>>("_class");
      if (!places) continue;
      std::vector<std::string> kept = *places;
      if (std::erase(kept, "loc:@" + variable) == 0) continue;
      if (kept.empty()) {
        node->EraseAttr("_class");
      } else {
        node->SetAttr("_class", kept);
      }
    }
  }

  // L2Loss(w) becomes AddN of those of the kernels, of the same name.
  void DecayOf(Node& loss, const std::vector<NewVariable>& kernels) {
    const std::string name = loss.name();
    const AttrMap type = {{"T", DType::kFloat}};
    std::vector<Value> losses;
    for (const NewVariable& kernel : kernels) {
      Node& part = graph_.Add(graph_.UniqueName(name + "/" + kernel.entry.name + "/L2Loss"),
                              "L2Loss", {kernel.read->output()}, type);
      part.device = loss.device;
      losses.push_back(part.output());
    }
    graph_.Rename(loss, graph_.UniqueName(name + "/replaced"));
    AttrMap attrs = type;
    attrs["N"] = static_cast<int64_t>(losses.size());
    Node& sum = graph_.Add(name, "AddN", losses, attrs);
    sum.device = loss.device;
    graph_.ReplaceUses(loss.output(), sum.output());
    EraseAll(graph_, {&loss}, {&sum});
  }

  Graph& graph_;
  std::map<Node*, std::vector<NewVariable>> kernels_;
  TrainingGraphChanges changes_;
};

}  // namespace

TrainingGraphChanges EditTrainingGraph(Graph& graph, const std::vector<DecompositionEdit>& edits) {
  return Editor(graph).Run(edits);
}

EditedMetaGraph DecomposeTrainingGraph(std::string_view meta_graph,
                                       const std::vector<DecompositionEdit>& edits) {
  Graph graph = ParseMetaGraph(meta_graph, Builtin<OpRegistry>()).graph;
  TrainingGraphChanges changes = EditTrainingGraph(graph, edits);
  return {std::move(changes.layers),
          ReplaceGraph(meta_graph, graph, changes.variables, changes.renamed)};
}

}  // namespace adze
