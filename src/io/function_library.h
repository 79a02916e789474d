#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adze/graph.h"

namespace adze {

// A node of a function's body. Inputs are texts such as "arg", "node:output:0" and "^node".
struct FunctionNode {
  std::string name, op, device;
  AttrMap attrs;
  std::vector<std::pair<std::string, std::string>> from_call;  // attribute, the call's attribute
  std::vector<std::string> inputs;
};

// A function of a graph's library.
struct Function {
  std::vector<std::string> arguments, results;  // names
  std::map<std::string, std::string> returns;   // name of a result to the value's text
  std::vector<std::string> control_returns;     // nodes that must have run
  std::vector<FunctionNode> nodes;
};

// A function called by a node: its name and the attributes that its body may refer to.
struct FunctionCall {
  std::string name;
  AttrMap attrs;
};

// The functions of a graph by name. Decoded once and kept, since many nodes call one function.
using FunctionLibrary = std::map<std::string, Function, std::less<>>;
FunctionLibrary ReadFunctionLibrary(const Graph& graph);
// Takes the library out of what the graph writes.
void DropFunctionLibrary(Graph& graph);

// What a function-valued attribute names; nullopt if it is no function.
std::optional<FunctionCall> DecodeFunctionAttr(const Attr& attr);

}  // namespace adze
