#include "engine/torch/torch_session.h"

#include <ATen/Context.h>

#include <algorithm>
#include <unordered_set>

#include "adze/registry.h"

namespace adze {
namespace {

constexpr int kNobody = -1;

struct Step {
  Node* node = nullptr;
  const TorchFunction* function = nullptr;  // null: the op's evaluate
  std::vector<int> inputs;                  // slots
  std::vector<int> outputs;                 // slots, or kNobody where it is not read
  std::vector<int> last_reads;              // slots that nobody reads behind this step
};

bool IsPlaceholder(const Node& node) {
  return node.op() == "Placeholder" || node.op() == "PlaceholderWithDefault";
}

// Weights as convolutions read them: HWIO elements in memory in the order of OHWI, so that the view
// as OIHW is channels-last. Other tensors stay row-major.
at::Tensor InConvolutionOrder(const at::Tensor& weight) {
  if (weight.dim() != 4) return weight.clone();
  return weight.permute({3, 0, 1, 2}).clone(at::MemoryFormat::Contiguous).permute({1, 2, 3, 0});
}

// The nodes that the values need, inputs before readers.
std::vector<Node*> NeededNodes(const Graph& graph, const std::vector<Value>& values) {
  std::unordered_set<const Node*> needed;
  std::vector<const Node*> open;
  for (Value value : values) open.push_back(value.node);
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    if (!needed.insert(node).second) continue;
    for (Value input : node->inputs()) open.push_back(input.node);
  }
  std::vector<Node*> nodes = graph.TopologicalOrder();
  std::erase_if(nodes, [&](const Node* node) { return !needed.contains(node); });
  return nodes;
}

}  // namespace

struct TorchSession::Impl {
  Impl(const Graph& g, std::vector<Value> wanted, TorchSessionOptions o)
      : fetches(std::move(wanted)), options(o) {
    // Ten bits of the mantissa, which LibTorch else takes for convolutions on a GPU, do not do.
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
    if (fetches.empty()) {
      for (const GraphOutput& output : g.outputs()) fetches.push_back(output.value);
    }
    nodes = NeededNodes(g, fetches);
    CheckOps();
    AddSteps();
    FindLastReads();
  }

  int SlotOf(Value value) {
    return slots.try_emplace({value.node, value.index}, static_cast<int>(slots.size()))
        .first->second;
  }

  void CheckOps() const;
  void AddSteps();
  void FindLastReads();
  std::vector<TorchValue> Feed(const std::map<std::string, at::Tensor>& feeds);
  const ShapeMap& ShapesFor(const std::map<std::string, at::Tensor>& feeds);
  std::vector<TorchValue> Inputs(const Step& step, const std::vector<TorchValue>& values,
                                 const ShapeMap& shapes) const;
  std::vector<TorchValue> RunStep(const Step& step, std::span<const TorchValue> inputs,
                                  const ShapeMap& shapes) const;

  std::vector<Value> fetches;
  TorchSessionOptions options;
  std::vector<Node*> nodes;
  std::vector<Step> steps;
  std::map<std::pair<const Node*, int>, int> slots;
  std::map<const Node*, TorchValue> constants;
  std::map<std::string, ShapeMap> shape_maps;  // by the feeds' shapes
};

void TorchSession::Impl::CheckOps() const {
  std::map<std::string, std::string> unknown;  // op to one node
  for (const Node* node : nodes) {
    if (node->op() == "Placeholder" || Builtin<TorchOpRegistry>().Find(node->op())) continue;
    if (!node->def() || !node->def()->evaluate) unknown.emplace(node->op(), node->name());
  }
  std::string list;
  for (const auto& [op, node] : unknown) {
    list += (list.empty() ? "" : ", ") + op + " ('" + node + "')";
  }
  Require(unknown.empty(), ErrorCode::kUnsupported, "ops that cannot be run on LibTorch: ", list);
}

void TorchSession::Impl::AddSteps() {
  for (Node* node : nodes) {
    if (node->IsConst()) {
      const auto constant = constants.emplace(node, TorchValue(node->const_value())).first;
      // Else each run would copy it to the device.
      if (!options.device.is_cpu() && node->const_value().dtype() == DType::kFloat) {
        constant->second.torch(options.device);
      }
      SlotOf(node->output());
      continue;
    }
    Step step{.node = node, .function = Builtin<TorchOpRegistry>().Find(node->op())};
    for (Value input : node->inputs()) step.inputs.push_back(SlotOf(input));
    steps.push_back(std::move(step));
  }
  for (Value fetch : fetches) SlotOf(fetch);
  std::map<const Node*, Step*> by_node;
  for (Step& step : steps) by_node.emplace(step.node, &step);
  for (const auto& [value, slot] : slots) {
    const auto it = by_node.find(value.first);
    if (it == by_node.end()) continue;
    std::vector<int>& outputs = it->second->outputs;
    if (static_cast<int>(outputs.size()) <= value.second) outputs.resize(value.second + 1, kNobody);
    outputs[value.second] = slot;
  }
}

void TorchSession::Impl::FindLastReads() {
  std::vector<bool> read(slots.size(), false);
  for (Value fetch : fetches) read[SlotOf(fetch)] = true;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    for (int slot : step->inputs) {
      if (!read[slot]) step->last_reads.push_back(slot);
      read[slot] = true;
    }
  }
}

const ShapeMap& TorchSession::Impl::ShapesFor(const std::map<std::string, at::Tensor>& feeds) {
  std::string key;
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : feeds) {
    shapes.emplace(name.ends_with(":0") ? name.substr(0, name.size() - 2) : name, ShapeOf(tensor));
    key += name + ShapeOf(tensor).ToString();
  }
  auto it = shape_maps.find(key);
  if (it == shape_maps.end()) it = shape_maps.emplace(key, InferShapes(nodes, shapes)).first;
  return it->second;
}

std::vector<TorchValue> TorchSession::Impl::Feed(const std::map<std::string, at::Tensor>& feeds) {
  std::vector<TorchValue> values(slots.size());
  for (const auto& [node, constant] : constants) values[slots.at({node, 0})] = constant;
  for (const Node* node : nodes) {
    if (!IsPlaceholder(*node)) continue;
    auto fed = feeds.find(node->name());
    if (fed == feeds.end()) fed = feeds.find(node->name() + ":0");
    if (fed != feeds.end()) {
      const auto slot = slots.find({node, 0});
      if (slot != slots.end()) values[slot->second] = TorchValue(fed->second.to(options.device));
    } else {
      Require(node->op() != "Placeholder", ErrorCode::kInvalidArgument, "input '", node->name(),
              "' is not fed");
    }
  }
  return values;
}

std::vector<TorchValue> TorchSession::Impl::Inputs(const Step& step,
                                                   const std::vector<TorchValue>& values,
                                                   const ShapeMap& shapes) const {
  std::vector<TorchValue> inputs;
  for (int i = 0; i < static_cast<int>(step.inputs.size()); ++i) {
    const TorchValue& value = values[step.inputs[i]];
    if (options.hook && options.hook->Wants(*step.node, i)) {
      inputs.emplace_back(
          options.hook->OnInput(*step.node, i, step.node->input(i), value.torch(options.device)));
    } else if (const Tensor* operand = shapes.operand(*step.node, i)) {
      inputs.emplace_back(*operand);
    } else {
      inputs.push_back(value);
    }
  }
  return inputs;
}

std::vector<TorchValue> TorchSession::Impl::RunStep(const Step& step,
                                                    std::span<const TorchValue> inputs,
                                                    const ShapeMap& shapes) const {
  Node& node = *step.node;
  std::vector<TorchValue> results;
  // What follows from shapes alone is known already.
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    const Tensor* known = shapes.constant(node.output(static_cast<int>(i)));
    if (!known) break;
    results.emplace_back(*known);
  }
  if (!results.empty() && results.size() == step.outputs.size()) return results;
  results.clear();
  // Integers carry no gradient, and are TensorFlow's to the bit on the plain side.
  const DType dtype = shapes[node.output()].dtype;
  const bool has_integers =
      dtype != DType::kInvalid && dtype != DType::kFloat && node.def() && node.def()->evaluate;
  if (step.function && !has_integers) {
    const at::ScalarType product_type = options.mixed_precision ? at::kBFloat16 : at::kFloat;
    for (at::Tensor& output :
         (*step.function)({node, inputs, shapes, options.device, options.sharers, product_type})) {
      results.emplace_back(std::move(output));
    }
    return results;
  }
  const bool loses_gradient =
      !has_integers && at::GradMode::is_enabled() &&
      std::any_of(inputs.begin(), inputs.end(), [](const auto& in) { return in.requires_grad(); });
  Require(!loses_gradient, ErrorCode::kUnsupported, "op ", node.op(),
          " cannot be differentiated, so nothing in front of it can be retrained");
  std::vector<Tensor> tensors;
  for (const TorchValue& input : inputs) tensors.push_back(input.plain());
  for (Tensor& output : EvaluateNode(node, tensors)) results.emplace_back(std::move(output));
  return results;
}

TorchSession::TorchSession(const Graph& graph, std::vector<Value> fetches,
                           TorchSessionOptions options)
    : impl_(std::make_unique<Impl>(graph, std::move(fetches), options)) {}
TorchSession::~TorchSession() = default;
TorchSession::TorchSession(TorchSession&&) noexcept = default;

bool TorchSession::Reads(const Node& constant) const {
  return impl_->constants.contains(&constant);
}

at::Tensor TorchSession::Variable(const Node& constant) {
  const auto it = impl_->constants.find(&constant);
  Require(it != impl_->constants.end(), ErrorCode::kInternal, "'", constant.name(),
          "' is no constant of what the session runs");
  if (!it->second.requires_grad()) {
    at::Tensor variable =
        InConvolutionOrder(ToTorch(constant.const_value()).to(impl_->options.device));
    variable.set_requires_grad(true);
    it->second = TorchValue(std::move(variable));
  }
  return it->second.torch(impl_->options.device);
}

std::vector<at::Tensor> TorchSession::Run(const std::map<std::string, at::Tensor>& feeds) {
  Impl& impl = *impl_;
  const ShapeMap& shapes = impl.ShapesFor(feeds);
  std::vector<TorchValue> values = impl.Feed(feeds);
  if (impl.options.hook) impl.options.hook->Begin();
  for (const Step& step : impl.steps) {
    if (IsPlaceholder(*step.node) && (step.outputs.empty() || values[step.outputs[0]])) continue;
    ErrorScope scope("node", step.node->name());
    std::vector<TorchValue> results;
    try {
      results = impl.RunStep(step, impl.Inputs(step, values, shapes), shapes);
    } catch (const c10::Error& error) {
      throw Error(ErrorCode::kBadFile,
                  "LibTorch refuses " + step.node->op() + ": " + error.what_without_backtrace());
    }
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      if (step.outputs[i] == kNobody) continue;
      Require(i < results.size(), ErrorCode::kBadFile, step.node->op(), " has no output ", i);
      values[step.outputs[i]] = results[i];
    }
    for (int slot : step.last_reads) values[slot] = TorchValue();
  }
  std::vector<at::Tensor> results;
  for (Value fetch : impl.fetches) {
    results.push_back(values[impl.SlotOf(fetch)].torch(impl.options.device));
  }
  return results;
}

}  // namespace adze
