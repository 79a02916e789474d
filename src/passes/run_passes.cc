#include <spdlog/spdlog.h>

#include <chrono>

#include "adze/pass.h"
#include "adze/registry.h"

namespace adze {

const PassDef& PassRegistry::Get(const std::string& name) const {
  auto it = defs_.find(name);
  Require(it != defs_.end(), ErrorCode::kNotFound, "no pass '", name, "'");
  return it->second;
}

std::vector<std::string> RunPasses(Graph& graph, const std::vector<std::string>& names,
                                   const PassOptions& options) {
  constexpr int kMostRounds = 1000;  // a pass that never settles is a bug, not a hang
  PassContext context{options, {}};
  for (const std::string& name : names) {
    const PassDef& pass = Builtin<PassRegistry>().Get(name);
    const size_t before = graph.size();
    const auto start = std::chrono::steady_clock::now();
    int rounds = 0;
    while (pass.run(graph, context)) Check(++rounds < kMostRounds, "a pass does not settle");
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    spdlog::debug("pass {}: {} round(s), {} -> {} nodes, {:.1f} ms", name, rounds, before,
                  graph.size(), took.count());
  }
  return std::move(context.warnings);
}

}  // namespace adze
