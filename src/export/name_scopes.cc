#include "export/name_scopes.h"

namespace adze {

NameScopes::NameScopes(const Graph& graph) {
  for (const Node* node : graph.nodes()) {
    const std::string& name = node->name();
    for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
      taken_.insert(name.substr(0, slash));
    }
    taken_.insert(name);
  }
}

std::string NameScopes::Take(const std::string& name) {
  std::string candidate = name;
  for (int i = 1; !taken_.insert(candidate).second; ++i) candidate = name + "_" + std::to_string(i);
  return candidate;
}

std::string ScopeOf(const std::string& layer) {
  const size_t slash = layer.rfind('/');
  return slash == layer.npos || slash == 0 ? layer : layer.substr(0, slash);
}

}  // namespace adze
