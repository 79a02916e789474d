#pragma once

#include <optional>
#include <string>

#include "adze/api.h"

namespace adze {

// A model as a Session runs it.
struct RunnableModel {
  std::optional<IntegerGraph> integers;  // with --engine int8
  std::optional<Graph> real;             // otherwise
  const Graph& graph() const { return integers ? integers->graph : *real; }
};

// `engine` as --engine takes it.
RunnableModel LoadRunnableModel(const ModelSource& source, const std::string& engine);

}  // namespace adze
