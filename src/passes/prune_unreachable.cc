#include "adze/pass.h"

namespace adze {
namespace {

// Removes what no output needs: savers, summaries, losses, constants left over by other passes.
// Placeholders stay, they are the graph's signature. A graph whose outputs are not known is left
// as it is.
bool Run(Graph& graph, PassContext&) { return !graph.outputs().empty() && graph.Prune() > 0; }

}  // namespace

void register_prune_unreachable(PassRegistry& passes) {
  passes.Add(
      {.name = "prune_unreachable", .summary = "Removes nodes that no output needs.", .run = Run});
}

}  // namespace adze
