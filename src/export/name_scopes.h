#pragma once

#include <string>
#include <unordered_set>

#include "adze/graph.h"

namespace adze {

// Names of groups of new nodes, as TensorFlow makes them: the first of "x/act_quant",
// "x/act_quant_1", ... that neither is a node nor has nodes below it.
class NameScopes {
 public:
  explicit NameScopes(const Graph& graph);
  // A name of nobody else's; the next call with the same name gives another.
  std::string Take(const std::string& name);

 private:
  std::unordered_set<std::string> taken_;  // every node name and every prefix up to a '/'
};

// Where the new nodes of a layer belong: its name without the last part, "a/b" of "a/b/Conv2D". A
// name of one part has no such scope (AMCT's choice is unknown): the name itself is taken.
std::string ScopeOf(const std::string& layer);

}  // namespace adze
