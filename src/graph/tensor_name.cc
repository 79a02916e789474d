// Values by the names users type: "prob", "prob:0", "split:1".
#include <algorithm>
#include <charconv>
#include <set>

#include "adze/error.h"
#include "adze/graph.h"
#include "adze/near_names.h"
#include "adze/op.h"

namespace adze {
namespace {

// The nodes that nobody reads and that compute something.
std::vector<Node*> Ends(const Graph& graph) {
  static const std::set<std::string, std::less<>> kNotOutputs = {
      "Const", "NoOp", "Assert", "Placeholder", "PlaceholderWithDefault"};
  std::vector<Node*> ends = graph.nodes();
  std::erase_if(ends, [&](const Node* node) {
    return !graph.Uses(*node).empty() || kNotOutputs.contains(node->op());
  });
  return ends;
}

std::string NearNodes(const Graph& graph, std::string_view name) {
  std::vector<std::string> names;
  for (const Node* node : graph.nodes()) names.push_back(node->name());
  return DidYouMean(name, names);
}

// The ends of what can be computed, and not of its training or saving.
std::vector<std::string> LikelyOutputs(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node* node : Ends(graph)) {
    if (node->def()) names.push_back(node->name());
  }
  return names;
}

// What a name that no node has may be meant to be: the nodes spelt like it, else the likely ones.
std::string NearOutputs(const Graph& graph, std::string_view name,
                        const std::vector<std::string>& likely) {
  std::string near = NearNodes(graph, name);
  if (!near.empty()) return near;
  constexpr size_t kMostNames = 3;
  const std::vector<std::string> outputs = likely.empty() ? LikelyOutputs(graph) : likely;
  std::string text;
  for (size_t i = 0; i < std::min(outputs.size(), kMostNames); ++i) {
    text += (i ? ", '" : "'") + outputs[i] + "'";
  }
  if (outputs.size() > kMostNames) text += " ...";
  return text.empty() ? "" : "; its outputs may be " + text;
}

// `near` says what a name that no node has may be meant to be.
Value FindValueOr(const Graph& graph, std::string_view tensor_name, auto near) {
  std::string_view name = tensor_name;
  int index = 0;
  if (const size_t colon = name.rfind(':'); colon != std::string_view::npos) {
    const std::string_view digits = name.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), index);
    Require(error == std::errc() && end == digits.end() && index >= 0, ErrorCode::kInvalidArgument,
            "'", tensor_name, "' is not a tensor name such as 'prob' or 'prob:0'");
    name = name.substr(0, colon);
  }
  Node* node = graph.Find(name);
  if (!node) {
    throw Error(ErrorCode::kNotFound,
                "no node '" + std::string(name) + "' in the graph" + near(graph, name));
  }
  return {node, index};
}

}  // namespace

Value Graph::FindValue(std::string_view tensor_name) const {
  return FindValueOr(*this, tensor_name, NearNodes);
}

void Graph::SetOutputs(const std::vector<std::string>& tensor_names,
                       const std::vector<std::string>& likely) {
  const auto near = [&](const Graph& graph, std::string_view name) {
    return NearOutputs(graph, name, likely);
  };
  outputs_.clear();
  for (const std::string& name : tensor_names) {
    outputs_.push_back({name, FindValueOr(*this, name, near)});
  }
  if (!tensor_names.empty()) return;
  for (Node* node : Ends(*this)) outputs_.push_back({node->name(), node->output()});
}

}  // namespace adze
