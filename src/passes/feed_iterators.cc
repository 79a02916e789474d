#include "adze/error.h"
#include "adze/pass.h"

namespace adze {
namespace {

// x, y = IteratorGetNext(...)  ->  x = Placeholder, y = Placeholder: the data pipeline of a
// training graph is not part of the model. The first placeholder takes the name, so that "x:0"
// stays a name.
bool Run(Graph& graph, PassContext&) {
  bool changed = false;
  for (Node* node : graph.nodes()) {
    if (node->op() != "IteratorGetNext") continue;
    ErrorScope scope("node", node->name());
    const auto types = node->attr<std::vector<DType>>("output_types");
    const auto shapes = node->attr<std::vector<Shape>>("output_shapes", {});
    const std::string name = node->name();
    graph.Rename(*node, graph.UniqueName(name + "/pipeline"));
    for (int i = 0; i < static_cast<int>(types.size()); ++i) {
      if (graph.CountUses(node->output(i)) == 0) continue;
      const Shape shape = i < static_cast<int>(shapes.size()) ? shapes[i] : Shape::UnknownRank();
      const std::string own = i == 0 ? name : name + "_" + std::to_string(i);
      Node& placeholder = graph.Add(graph.UniqueName(own), "Placeholder", {},
                                    {{"dtype", types[i]}, {"shape", shape}});
      graph.ReplaceUses(node->output(i), placeholder.output());
    }
    if (!graph.Uses(*node).empty() || !graph.ControlUsers(*node).empty()) continue;
    graph.Erase(*node);
    changed = true;
  }
  return changed;
}

}  // namespace

void register_feed_iterators(PassRegistry& passes) {
  passes.Add({.name = "feed_iterators",
              .summary = "Makes what a data pipeline delivers an input of the model.",
              .run = Run,
              .keeps_outputs = false});
}

}  // namespace adze
