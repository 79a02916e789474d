#include "adze/reference.h"

#include <unordered_map>
#include <unordered_set>

#include "adze/op.h"

namespace adze {
namespace {

std::unordered_set<const Node*> Needed(std::span<const Value> fetches,
                                       const std::map<std::string, Tensor>& feeds) {
  std::unordered_set<const Node*> needed;
  std::vector<const Node*> stack;
  const auto need = [&](Value value) {
    if (needed.insert(value.node).second) stack.push_back(value.node);
  };
  for (Value fetch : fetches) need(fetch);
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (feeds.contains(node->name())) continue;
    for (Value input : node->inputs()) need(input);
  }
  return needed;
}

std::vector<Tensor> Run(const Node& node, const std::map<std::string, Tensor>& feeds,
                        std::span<const Tensor> inputs) {
  if (auto feed = feeds.find(node.name()); feed != feeds.end()) return {feed->second};
  Require(node.op() != "Placeholder", ErrorCode::kInvalidArgument, "placeholder '", node.name(),
          "' is not fed");
  if (node.op() == "PlaceholderWithDefault") return {inputs[0]};
  return EvaluateNode(node, inputs);
}

}  // namespace

std::vector<Tensor> RunReference(const Graph& graph, const std::map<std::string, Tensor>& feeds,
                                 std::span<const Value> fetches) {
  const std::unordered_set<const Node*> needed = Needed(fetches, feeds);
  std::unordered_map<const Node*, int> readers;
  for (const Node* node : needed) {
    for (Value input : node->inputs()) ++readers[input.node];
  }
  for (Value fetch : fetches) ++readers[fetch.node];
  std::unordered_map<const Node*, std::vector<Tensor>> values;
  for (const Node* node : graph.TopologicalOrder()) {
    if (!needed.contains(node)) continue;
    std::vector<Tensor> inputs;
    if (!feeds.contains(node->name())) {
      for (Value input : node->inputs()) {
        const std::vector<Tensor>& outputs = values.at(input.node);
        Require(input.index < static_cast<int>(outputs.size()), ErrorCode::kBadFile, "node '",
                node->name(), "' reads ", ToString(input), ", which does not exist");
        inputs.push_back(outputs[input.index]);
      }
    }
    values[node] = Run(*node, feeds, inputs);
    // Whole models: what nobody reads any more goes.
    for (Value input : node->inputs()) {
      if (--readers[input.node] == 0) values.erase(input.node);
    }
  }
  std::vector<Tensor> results;
  for (Value fetch : fetches) {
    const std::vector<Tensor>& outputs = values.at(fetch.node);
    Require(fetch.index < static_cast<int>(outputs.size()), ErrorCode::kNotFound, ToString(fetch),
            " does not exist");
    results.push_back(outputs[fetch.index]);
  }
  return results;
}

}  // namespace adze
