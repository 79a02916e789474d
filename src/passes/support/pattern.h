#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adze/graph.h"

namespace adze {

// The nodes and values that a pattern's names stand for.
class Match {
 public:
  // The node behind a name; null if that branch of the pattern was not taken.
  Node* Find(std::string_view name) const;
  Node& operator[](std::string_view name) const { return *value(name).node; }
  Value value(std::string_view name) const;

 private:
  friend class Pattern;
  std::map<std::string, Value, std::less<>> values_;
};

// A tree of ops to look for, drawn from its root (the last node) to its leaves:
//   Op("Mul", {Any("x"), Const("factor")}, "mul")
// matches Mul nodes whose second input is a Const.
class Pattern {
 public:
  // True, with *match filled, if the value is computed as the pattern says.
  bool Matches(Value value, Match* match) const;

 private:
  friend Pattern Op(std::vector<std::string>, std::vector<Pattern>, std::string);
  friend Pattern Commutative(std::vector<std::string>, Pattern, Pattern, std::string);
  friend Pattern Any(std::string);
  friend Pattern Const(std::string);
  friend Pattern OneOf(std::vector<Pattern>);

  // Tells whether the value fits, and binds what is below.
  using Test = std::function<bool(Value, Match*)>;
  Pattern(Test test, std::string name) : test_(std::move(test)), name_(std::move(name)) {}

  Test test_;
  std::string name_;
};

// Output 0 of one of the ops, with exactly these inputs.
Pattern Op(std::vector<std::string> ops, std::vector<Pattern> inputs, std::string name = "");
inline Pattern Op(const char* op, std::vector<Pattern> inputs, std::string name = "") {
  return Op(std::vector<std::string>{op}, std::move(inputs), std::move(name));
}
// An op of two inputs that come in either order.
Pattern Commutative(std::vector<std::string> ops, Pattern a, Pattern b, std::string name = "");
Pattern Any(std::string name = "");
Pattern Const(std::string name = "");
// The first of the patterns that fits.
Pattern OneOf(std::vector<Pattern> patterns);

// Calls `rewrite` for each place where the pattern fits. It returns false if it left the graph as
// it was. Where it returns true nobody may read the root any more, which is then erased; other
// nodes that lost their readers are left to prune_unreachable. Roots with control edges are passed
// over. Returns how many places were rewritten.
int RewriteAll(Graph& graph, const Pattern& pattern,
               const std::function<bool(const Match&, Node& root)>& rewrite);

}  // namespace adze
