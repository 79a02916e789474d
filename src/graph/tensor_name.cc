// Values by the names users type: "prob", "prob:0", "split:1".
#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>
#include <utility>

#include "adze/error.h"
#include "adze/graph.h"
#include "adze/op.h"

namespace adze {
namespace {

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row.back();
}

// Up to three names of the graph like `name`, as " (did you mean 'a', 'b'?)"; "" if none is near.
std::string NearNames(const Graph& graph, std::string_view name) {
  constexpr size_t kManyNodes = 20000, kLongName = 200;
  if (graph.size() > kManyNodes || name.size() > kLongName) return "";
  std::vector<std::pair<size_t, std::string>> near;
  for (const Node* node : graph.nodes()) {
    if (node->name().size() > kLongName) continue;
    size_t distance = EditDistance(name, node->name());
    if (node->name().ends_with("/" + std::string(name))) distance = 0;
    if (distance <= 1 + name.size() / 4) near.emplace_back(distance, node->name());
  }
  std::sort(near.begin(), near.end());
  if (near.size() > 3) near.resize(3);
  std::string text;
  for (const auto& [distance, candidate] : near)
    text += (text.empty() ? "'" : ", '") + candidate + "'";
  return text.empty() ? "" : " (did you mean " + text + "?)";
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
          NearNames(*this, name));
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
