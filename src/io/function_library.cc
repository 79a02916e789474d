#include "io/function_library.h"

#include "io/attr_codec.h"

namespace adze {
namespace {

AttrMap DecodeAttrs(auto& message, ExpansionBudget& budget) {
  AttrMap attrs;
  for (auto& [name, value] : message) attrs.emplace(name, DecodeAttr(value, budget));
  return attrs;
}

FunctionNode DecodeNode(proto::NodeDef& message, ExpansionBudget& budget) {
  ErrorScope scope("node", message.name());
  FunctionNode node{message.name(), message.op(), message.device()};
  for (auto& [name, value] : *message.mutable_attr()) {
    if (value.value_case() == proto::AttrValue::kPlaceholder) {
      node.from_call.emplace_back(name, value.placeholder());
    } else {
      node.attrs.emplace(name, DecodeAttr(value, budget));
    }
  }
  node.inputs.assign(message.input().begin(), message.input().end());
  return node;
}

Function DecodeFunction(proto::FunctionDef& message, ExpansionBudget& budget) {
  ErrorScope scope("function", message.signature().name());
  Function function;
  for (const auto& arg : message.signature().input_arg()) {
    // TensorFlow writes an argument for every value; lists stem from hand-made libraries.
    Require(arg.number_attr().empty() && arg.type_list_attr().empty(), ErrorCode::kUnsupported,
            "argument '", arg.name(), "' is a list");
    function.arguments.push_back(arg.name());
  }
  for (const auto& arg : message.signature().output_arg()) function.results.push_back(arg.name());
  function.returns = {message.ret().begin(), message.ret().end()};
  for (const auto& [name, node] : message.control_ret()) function.control_returns.push_back(node);
  for (proto::NodeDef& node : *message.mutable_node_def()) {
    function.nodes.push_back(DecodeNode(node, budget));
  }
  return function;
}

}  // namespace

FunctionLibrary ReadFunctionLibrary(const Graph& graph) {
  proto::GraphDef message;
  Check(message.ParseFromString(graph.wire_extras), "kept graph fields do not parse");
  ExpansionBudget budget(graph.wire_extras.size());
  FunctionLibrary library;
  for (proto::FunctionDef& function : *message.mutable_library()->mutable_function()) {
    const std::string name = function.signature().name();
    Require(library.emplace(name, DecodeFunction(function, budget)).second, ErrorCode::kBadFile,
            "two functions are named '", name, "'");
  }
  return library;
}

void DropFunctionLibrary(Graph& graph) {
  proto::GraphDef message;
  Check(message.ParseFromString(graph.wire_extras), "kept graph fields do not parse");
  message.clear_library();
  graph.wire_extras = SerializeDeterministically(message);
}

std::optional<FunctionCall> DecodeFunctionAttr(const Attr& attr) {
  if (!std::holds_alternative<OpaqueAttr>(attr.value) || !attr.wire) return std::nullopt;
  proto::AttrValue message;
  if (!message.ParseFromString(*attr.wire)) return std::nullopt;
  if (message.value_case() != proto::AttrValue::kFunc) return std::nullopt;
  ExpansionBudget budget(attr.wire->size());
  return FunctionCall{message.func().name(),
                      DecodeAttrs(*message.mutable_func()->mutable_attr(), budget)};
}

}  // namespace adze
