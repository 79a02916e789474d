#include <charconv>
#include <deque>
#include <set>

#include "adze/functions.h"
#include "adze/known_value.h"
#include "adze/op.h"
#include "io/function_library.h"

namespace adze {
namespace {

// Functions that call one another can make a graph of any size out of a small file, so the memory
// that bodies take is limited, roughly counted: an honest library is called some dozens of times.
constexpr uint64_t kFreeBytes = uint64_t{24} << 20, kMostGrowth = 32;

uint64_t RoughBytes(const FunctionNode& node, size_t name_bytes) {
  constexpr uint64_t kNode = 512, kAttr = 160, kInput = 64;
  return kNode + 2 * name_bytes + kAttr * (node.attrs.size() + node.from_call.size()) +
         kInput * node.inputs.size();
}

std::optional<int> ParseIndex(std::string_view text) {
  int index = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), index);
  if (error != std::errc() || end != text.end() || index < 0) return std::nullopt;
  return index;
}

// How many values an output argument is.
int CountValues(const Node& node, const OutputArg& arg) {
  if (!arg.number_attr.empty()) return static_cast<int>(node.attr<int64_t>(arg.number_attr));
  if (!arg.type_list_attr.empty()) {
    return static_cast<int>(node.attr<std::vector<DType>>(arg.type_list_attr, {}).size());
  }
  return 1;
}

class Inliner {
 public:
  Inliner(Graph& graph, const OutputArgs& output_args)
      : graph_(graph), output_args_(output_args), library_(ReadFunctionLibrary(graph)) {
    bytes_left_ = kFreeBytes + kMostGrowth * graph.wire_extras.size();
  }

  void Run() {
    if (library_.empty()) return;
    for (Node* node : graph_.nodes()) pending_.push_back(node);
    while (!pending_.empty()) {
      Node* node = pending_.front();
      pending_.pop_front();
      ErrorScope scope("node", node->name());
      if (const auto call = CallOf(*node)) Expand(*node, *call);
    }
    if (!IsLibraryUsed()) DropFunctionLibrary(graph_);
  }

 private:
  // A body while it is put into the graph.
  struct Body {
    const Function& function;
    std::map<std::string, Value, std::less<>> arguments;
    std::map<std::string, Node*, std::less<>> nodes;
  };
  struct Callee {
    FunctionCall function;
    int first_argument = 0;  // inputs before it choose the function
  };

  std::optional<Callee> CallOf(const Node& node) const {
    const std::string& op = node.op();
    if (library_.contains(op)) return Callee{{op, node.attrs()}};
    if (op == "PartitionedCall" || op == "StatefulPartitionedCall") return AttrCall(node, "f", 0);
    if (op != "If" && op != "StatelessIf") return std::nullopt;
    if (node.num_inputs() == 0) return std::nullopt;
    const std::optional<Tensor> condition = KnownValue(node.input(0));
    if (!condition || condition->dtype() != DType::kBool || condition->num_elements() != 1) {
      return std::nullopt;  // stays, and is reported as not known where it is to be run
    }
    return AttrCall(node, condition->data<bool>()[0] ? "then_branch" : "else_branch", 1);
  }

  static Callee AttrCall(const Node& node, const char* name, int first_argument) {
    auto attr = node.attrs().find(name);
    Require(attr != node.attrs().end(), ErrorCode::kBadFile, node.op(), " attribute '", name,
            "' is missing");
    auto call = DecodeFunctionAttr(attr->second);
    Require(call.has_value(), ErrorCode::kBadFile, node.op(), " attribute '", name,
            "' is not a function");
    return {std::move(*call), first_argument};
  }

  void Expand(Node& call, const Callee& callee) {
    auto found = library_.find(callee.function.name);
    Require(found != library_.end(), ErrorCode::kBadFile, "calls the function '",
            callee.function.name, "', which is not in the graph");
    ErrorScope scope("function", callee.function.name);
    Body body{found->second, {}, {}};
    const int given = call.num_inputs() - callee.first_argument;
    Require(given == static_cast<int>(body.function.arguments.size()), ErrorCode::kBadFile,
            "takes ", body.function.arguments.size(), " arguments, is given ", given);
    for (int i = 0; i < given; ++i) {
      body.arguments[body.function.arguments[i]] = call.input(callee.first_argument + i);
    }
    AddNodes(call, callee.function.attrs, body);
    for (const FunctionNode& node : body.function.nodes)
      Connect(*body.nodes[node.name], node, body);
    Replace(call, body);
  }

  void AddNodes(const Node& call, const AttrMap& call_attrs, Body& body) {
    for (const FunctionNode& from : body.function.nodes) {
      const uint64_t bytes = RoughBytes(from, call.name().size() + from.name.size() + 1);
      Require(bytes <= bytes_left_, ErrorCode::kBadFile,
              "functions call each other without end, or far too often");
      bytes_left_ -= bytes;
      AttrMap attrs = from.attrs;
      for (const auto& [name, call_name] : from.from_call) {
        auto attr = call_attrs.find(call_name);
        Require(attr != call_attrs.end(), ErrorCode::kBadFile, "node '", from.name,
                "' needs the attribute '", call_name, "', which the call does not give");
        attrs.insert_or_assign(name, attr->second);
      }
      Node& node = graph_.Add(graph_.UniqueName(call.name() + "/" + from.name), from.op, {},
                              std::move(attrs));
      node.device = from.device;
      Require(body.nodes.emplace(from.name, &node).second, ErrorCode::kBadFile,
              "two nodes are named '", from.name, "'");
      pending_.push_back(&node);
    }
  }

  void Connect(Node& node, const FunctionNode& from, const Body& body) {
    ErrorScope scope("node", from.name);
    std::vector<Value> inputs;
    std::vector<Node*> controls;
    for (const std::string& text : from.inputs) {
      if (!text.starts_with('^')) {
        inputs.push_back(Find(text, body));
        continue;
      }
      // Arguments are there before the body runs.
      auto control = body.nodes.find(std::string_view(text).substr(1));
      if (control != body.nodes.end()) controls.push_back(control->second);
    }
    graph_.SetInputs(node, std::move(inputs));
    graph_.SetControlInputs(node, std::move(controls));
  }

  // "argument", "argument:0", "node:output name:index within it".
  Value Find(std::string_view text, const Body& body) const {
    const size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    if (auto argument = body.arguments.find(name); argument != body.arguments.end()) {
      return argument->second;
    }
    auto found = body.nodes.find(name);
    Require(found != body.nodes.end(), ErrorCode::kBadFile, "reads '", text,
            "', which is not in the function");
    Node* node = found->second;
    if (colon == text.npos) return node->output();
    const std::string_view rest = text.substr(colon + 1);
    const size_t second = rest.find(':');
    const auto index = ParseIndex(second == rest.npos ? rest : rest.substr(second + 1));
    Require(index.has_value(), ErrorCode::kBadFile, "'", text, "' is not a tensor name");
    const int first = second == rest.npos ? 0 : FirstValue(*node, rest.substr(0, second));
    return node->output(first + *index);
  }

  // Index of an output argument's first value.
  int FirstValue(const Node& node, std::string_view arg_name) const {
    if (auto function = library_.find(node.op()); function != library_.end()) {
      return IndexOf(function->second.results, arg_name, node);
    }
    if (node.def() && !node.def()->output_names.empty()) {
      return IndexOf(node.def()->output_names, arg_name, node);
    }
    auto known = output_args_.find(node.op());
    // Of an op that nobody describes: most have a single output.
    if (known == output_args_.end()) return 0;
    int first = 0;
    for (const OutputArg& arg : known->second) {
      if (arg.name == arg_name) return first;
      first += CountValues(node, arg);
    }
    throw Error(ErrorCode::kBadFile, node.op() + " has no output '" + std::string(arg_name) + "'");
  }

  static int IndexOf(const std::vector<std::string>& names, std::string_view name,
                     const Node& node) {
    auto found = std::find(names.begin(), names.end(), name);
    Require(found != names.end(), ErrorCode::kBadFile, node.op(), " has no output '", name, "'");
    return static_cast<int>(found - names.begin());
  }

  // Readers of the call read the body's results. An output of the graph keeps its name, so a node
  // of the call's name then hands the results on.
  void Replace(Node& call, const Body& body) {
    std::vector<Value> results;
    for (const std::string& name : body.function.results) {
      auto value = body.function.returns.find(name);
      Require(value != body.function.returns.end(), ErrorCode::kBadFile, "returns no '", name, "'");
      results.push_back(Find(value->second, body));
    }
    for (const Use& use : graph_.Uses(call)) {
      const int index = use.user->input(use.input).index;
      Require(index < static_cast<int>(results.size()), ErrorCode::kBadFile, "node '",
              use.user->name(), "' reads result ", index, " of ", results.size());
    }
    MoveControlUsers(call, body);
    std::vector<GraphOutput> outputs = graph_.outputs();
    bool is_output = false;
    for (const GraphOutput& output : outputs) is_output |= output.value.node == &call;
    for (size_t i = 0; i < results.size(); ++i) {
      for (const Use& use : graph_.Uses(call.output(static_cast<int>(i)))) {
        graph_.SetInput(*use.user, use.input, results[i]);
      }
    }
    const std::string name = call.name();
    if (!is_output) {
      graph_.Erase(call);
      return;
    }
    const auto types = call.attr<std::vector<DType>>("Tout", {});
    graph_.Rename(call, graph_.UniqueName(name + "/call"));
    AttrMap attrs;
    if (types.size() == results.size()) {
      attrs = results.size() == 1 ? AttrMap{{"T", types[0]}} : AttrMap{{"T", types}};
    }
    Node& copy =
        graph_.Add(name, results.size() == 1 ? "Identity" : "IdentityN", results, std::move(attrs));
    for (GraphOutput& output : outputs) {
      if (output.value.node != &call) continue;
      Require(output.value.index < static_cast<int>(results.size()), ErrorCode::kNotFound,
              "there is no output ", output.value.index, ", the function returns ", results.size());
      output.value.node = &copy;
    }
    graph_.SetOutputs(std::move(outputs));
    graph_.Erase(call);
  }

  void MoveControlUsers(Node& call, const Body& body) {
    const std::span<Node* const> span = graph_.ControlUsers(call);
    const std::set<Node*> users(span.begin(), span.end());
    for (Node* user : users) {
      std::vector<Node*> controls;
      for (Node* input : user->control_inputs()) {
        if (input != &call) {
          controls.push_back(input);
          continue;
        }
        for (const std::string& name : body.function.control_returns) {
          auto node = body.nodes.find(name);
          if (node != body.nodes.end()) controls.push_back(node->second);
        }
      }
      graph_.SetControlInputs(*user, std::move(controls));
    }
  }

  bool IsLibraryUsed() const {
    for (const Node* node : graph_.nodes()) {
      for (const auto& [name, attr] : node->attrs()) {
        if (std::holds_alternative<OpaqueAttr>(attr.value)) {
          if (DecodeFunctionAttr(attr)) return true;
        }
      }
    }
    return false;
  }

  Graph& graph_;
  const OutputArgs& output_args_;
  const FunctionLibrary library_;
  std::deque<Node*> pending_;
  uint64_t bytes_left_ = 0;
};

}  // namespace

void InlineFunctions(Graph& graph, const OutputArgs& output_args) {
  Inliner(graph, output_args).Run();
}

}  // namespace adze
