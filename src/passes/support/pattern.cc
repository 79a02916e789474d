#include "passes/support/pattern.h"

#include <algorithm>

#include "adze/error.h"

namespace adze {

Node* Match::Find(std::string_view name) const {
  auto it = values_.find(name);
  return it == values_.end() ? nullptr : it->second.node;
}

Value Match::value(std::string_view name) const {
  auto it = values_.find(name);
  Check(it != values_.end(), "a pattern without that name");
  return it->second;
}

bool Pattern::Matches(Value value, Match* match) const {
  Match attempt = *match;  // a branch that fails leaves no names behind
  if (!test_(value, &attempt)) return false;
  if (!name_.empty()) attempt.values_[name_] = value;
  *match = std::move(attempt);
  return true;
}

Pattern Op(std::vector<std::string> ops, std::vector<Pattern> inputs, std::string name) {
  auto test = [ops = std::move(ops), inputs = std::move(inputs)](Value value, Match* match) {
    const Node& node = *value.node;
    if (value.index != 0 || std::find(ops.begin(), ops.end(), node.op()) == ops.end()) return false;
    return std::equal(
        inputs.begin(), inputs.end(), node.inputs().begin(), node.inputs().end(),
        [&](const Pattern& pattern, Value input) { return pattern.Matches(input, match); });
  };
  return Pattern(std::move(test), std::move(name));
}

Pattern Commutative(std::vector<std::string> ops, Pattern a, Pattern b, std::string name) {
  Pattern either = OneOf({Op(ops, {a, b}), Op(ops, {b, a})});
  either.name_ = std::move(name);
  return either;
}

Pattern Any(std::string name) {
  return Pattern([](Value, Match*) { return true; }, std::move(name));
}

Pattern Const(std::string name) {
  return Pattern([](Value value, Match*) { return value.node->IsConst(); }, std::move(name));
}

Pattern OneOf(std::vector<Pattern> patterns) {
  auto test = [patterns = std::move(patterns)](Value value, Match* match) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const Pattern& pattern) { return pattern.Matches(value, match); });
  };
  return Pattern(std::move(test), "");
}

int RewriteAll(Graph& graph, const Pattern& pattern,
               const std::function<bool(const Match&, Node& root)>& rewrite) {
  int count = 0;
  // By name, because a rewrite may erase nodes that are still to be visited.
  std::vector<std::string> names;
  for (const Node* node : graph.TopologicalOrder()) names.push_back(node->name());
  for (const std::string& name : names) {
    Node* root = graph.Find(name);
    if (!root || !root->control_inputs().empty() || !graph.ControlUsers(*root).empty()) continue;
    Match match;
    if (!pattern.Matches(root->output(), &match) || !rewrite(match, *root)) continue;
    graph.Erase(*root);
    ++count;
  }
  return count;
}

}  // namespace adze
