#pragma once

#include <string_view>

#include "adze/graph.h"

namespace adze {

// As ParseGraphDef, but nodes may form loops: training graphs have some where inference has none.
Graph ParseGraphDefNodes(std::string_view bytes, const OpRegistry& ops);

}  // namespace adze
