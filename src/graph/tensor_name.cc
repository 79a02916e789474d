// Values by the names users type: "prob", "prob:0", "split:1".
#include <charconv>
#include <set>

#include "adze/error.h"
#include "adze/graph.h"
#include "adze/near_names.h"
#include "adze/op.h"

namespace adze {
namespace {

std::string NearNodes(const Graph& graph, std::string_view name) {
  std::vector<std::string> names;
  for (const Node* node : graph.nodes()) names.push_back(node->name());
  return DidYouMean(name, names);
}

}  // namespace

Value Graph::FindValue(std::string_view tensor_name) const {
  std::string_view name = tensor_name;
  int index = 0;
  if (const size_t colon = name.rfind(':'); colon != std::string_view::npos) {
    const std::string_view digits = name.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), index);
    Require(error == std::errc() && end == digits.end() && index >= 0, ErrorCode::kInvalidArgument,
            "'", tensor_name, "' is not a tensor name such as 'prob' or 'prob:0'");
    name = name.substr(0, colon);
  }
  Node* node = Find(name);
  Require(node != nullptr, ErrorCode::kNotFound, "no node '", name, "' in the graph",
          NearNodes(*this, name));
  return {node, index};
}

void Graph::SetOutputs(const std::vector<std::string>& tensor_names) {
  outputs_.clear();
  for (const std::string& name : tensor_names) outputs_.push_back({name, FindValue(name)});
  if (!tensor_names.empty()) return;
  static const std::set<std::string, std::less<>> kNotOutputs = {
      "Const", "NoOp", "Assert", "Placeholder", "PlaceholderWithDefault"};
  for (Node* node : nodes()) {
    if (node->uses_.empty() && !kNotOutputs.contains(node->op())) {
      outputs_.push_back({node->name(), node->output()});
    }
  }
}

}  // namespace adze
