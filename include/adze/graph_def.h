#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "adze/graph.h"

namespace adze {

// Reads a frozen GraphDef: binary, or text when the name ends in .pbtxt or .txt or the bytes are
// text. Unknown ops, attributes, functions and fields are kept. Outputs are not set.
// kNotFound, kBadFile with file, node and reason.
Graph ReadGraphDef(const std::filesystem::path& path, const OpRegistry& ops);
// The same from memory; `path` only names it in errors.
Graph ParseGraphDef(std::string_view bytes, const OpRegistry& ops);

// Writes atomically; text if the name ends in .pbtxt. Maps are written in key order, so that equal
// graphs give equal bytes. Nodes are written in order of insertion.
void WriteGraphDef(const Graph& graph, const std::filesystem::path& path);
std::string SerializeGraphDef(const Graph& graph);

}  // namespace adze
