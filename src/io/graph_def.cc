#include "adze/graph_def.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <charconv>
#include <climits>

#include "adze/error.h"
#include "adze/file.h"
#include "io/attr_codec.h"
#include "io/graph_def_nodes.h"

namespace adze {
namespace {

namespace pb = google::protobuf;

constexpr uint32_t kNodeTag = 1 << 3 | 2;  // GraphDef.node

// Keeps the first complaint of the text parser.
class FirstError : public pb::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) {
      text = "line " + std::to_string(line + 1) + ", column " + std::to_string(column + 1) + ": " +
             message;
    }
  }
  std::string text;
};

// A binary GraphDef has control characters near its beginning (0x12 is the tag of a node's op),
// text has none. The tag and length of a first node alone can look like a line feed and a comment.
bool LooksLikeText(std::string_view bytes) {
  constexpr std::string_view kSpace = " \t\r\n";
  for (const char c : bytes.substr(0, 4096)) {
    const bool control = static_cast<unsigned char>(c) < ' ' || c == 0x7f;
    if (control && kSpace.find(c) == std::string_view::npos) return false;
  }
  const size_t first = bytes.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return false;
  if (bytes[first] == '#') return true;
  for (std::string_view field : {"node", "versions", "version", "library"}) {
    if (!bytes.substr(first).starts_with(field)) continue;
    const size_t after = bytes.find_first_not_of(kSpace, first + field.size());
    if (after != std::string_view::npos && (bytes[after] == '{' || bytes[after] == ':')) {
      return true;
    }
  }
  return false;
}

// How many nodes a GraphDef has, at most what its size allows; 0 if it is damaged.
size_t CountNodes(std::string_view bytes) {
  pb::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                              static_cast<int>(bytes.size()));
  constexpr size_t kLeastBytes = 16;
  size_t count = 0;
  while (const uint32_t tag = in.ReadTag()) {
    count += tag == kNodeTag;
    if (!pb::internal::WireFormatLite::SkipField(&in, tag)) return 0;
  }
  return std::min(count, bytes.size() / kLeastBytes);
}

// Calls on_node for every node of `bytes`, then fills the rest of the graph into `rest`. Only one
// node's message is alive at a time: of a large graph all of them would take gigabytes.
template <typename F>
bool ParseBinary(std::string_view bytes, F on_node, proto::GraphDef& rest) {
  pb::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                              static_cast<int>(bytes.size()));
  std::string others;
  proto::NodeDef node;
  for (;;) {
    const int begin = in.CurrentPosition();
    const uint32_t tag = in.ReadTag();
    if (tag == 0) break;
    if (tag != kNodeTag) {
      if (!pb::internal::WireFormatLite::SkipField(&in, tag)) return false;
      others += bytes.substr(begin, in.CurrentPosition() - begin);
      continue;
    }
    uint32_t size = 0;
    if (!in.ReadVarint32(&size)) return false;
    const std::string_view part = bytes.substr(in.CurrentPosition(), size);
    if (part.size() != size || !node.ParseFromArray(part.data(), static_cast<int>(size)) ||
        !in.Skip(static_cast<int>(size))) {
      return false;
    }
    on_node(node);
  }
  return in.ConsumedEntireMessage() && rest.ParseFromString(others);
}

template <typename F>
void ParseText(std::string_view bytes, F on_node, proto::GraphDef& rest) {
  pb::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  pb::TextFormat::Parser parser;
  parser.SetRecursionLimit(100);  // as in binary; deep nesting must not overflow the stack
  FirstError error;
  parser.RecordErrorsTo(&error);
  Require(parser.Parse(&stream, &rest), ErrorCode::kBadFile,
          "is not a GraphDef in text form: ", error.text);
  // Text can hold names that the binary form, which is what is written later, refuses.
  Require(rest.ParseFromString(rest.SerializeAsString()), ErrorCode::kBadFile,
          "holds names that are not UTF-8");
  for (proto::NodeDef& node : *rest.mutable_node()) on_node(node);
  rest.clear_node();
}

template <typename F>
void ParseNodes(std::string_view bytes, F on_node, proto::GraphDef& rest) {
  const pb::LogSilencer silencer;  // what is wrong is said by an Error, not on stderr
  Require(!bytes.empty(), ErrorCode::kBadFile, "is empty, a GraphDef is needed");
  Require(bytes.size() <= INT_MAX, ErrorCode::kUnsupported,
          "is larger than 2 GiB, the most that a GraphDef can be");
  if (LooksLikeText(bytes)) {
    ParseText(bytes, on_node, rest);
  } else {
    Require(ParseBinary(bytes, on_node, rest), ErrorCode::kBadFile,
            "is not a GraphDef, or is cut off (", bytes.size(), " bytes)");
  }
}

template <typename Message>
void CopyUnknownFields(const Message& from, Message& to) {
  to.GetReflection()->MutableUnknownFields(&to)->MergeFrom(
      from.GetReflection()->GetUnknownFields(from));
}

// What of a NodeDef or GraphDef is only carried along.
std::string NodeExtras(proto::NodeDef& node) {
  const bool unknown = !node.GetReflection()->GetUnknownFields(node).empty();
  if (!node.has_experimental_debug_info() && !unknown) return {};
  proto::NodeDef extras;
  if (node.has_experimental_debug_info()) {
    extras.mutable_experimental_debug_info()->Swap(node.mutable_experimental_debug_info());
  }
  CopyUnknownFields(node, extras);
  return SerializeDeterministically(extras);
}

std::string GraphExtras(proto::GraphDef& graph) {
  proto::GraphDef extras;
  if (graph.has_versions()) *extras.mutable_versions() = graph.versions();
  if (graph.has_library()) *extras.mutable_library() = graph.library();
  extras.set_version(graph.version());
  CopyUnknownFields(graph, extras);
  return SerializeDeterministically(extras);
}

Value FindInput(const Graph& graph, std::string_view text) {
  int index = 0;
  std::string_view name = text;
  if (const size_t colon = name.rfind(':'); colon != std::string_view::npos) {
    const std::string_view digits = name.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), index);
    Require(error == std::errc() && end == digits.end() && index >= 0, ErrorCode::kBadFile,
            "input '", text, "' is not a tensor name");
    name = name.substr(0, colon);
  }
  Node* node = graph.Find(name);
  Require(node != nullptr, ErrorCode::kBadFile, "reads '", text, "', which is not in the graph");
  return {node, index};
}

using InputNames = pb::RepeatedPtrField<std::string>;

void ConnectInputs(Graph& graph, Node& node, const InputNames& names) {
  ErrorScope scope("node", node.name());
  std::vector<Value> inputs;
  std::vector<Node*> controls;
  for (const std::string& input : names) {
    if (input.starts_with('^')) {
      controls.push_back(FindInput(graph, std::string_view(input).substr(1)).node);
    } else {
      inputs.push_back(FindInput(graph, input));
    }
  }
  graph.SetInputs(node, std::move(inputs));
  graph.SetControlInputs(node, std::move(controls));
}

void WriteNode(const Node& node, proto::NodeDef& message) {
  if (!node.wire_extras.empty()) {
    Check(message.ParseFromString(node.wire_extras), "kept node fields do not parse");
  }
  message.set_name(node.name());
  message.set_op(node.op());
  message.set_device(node.device);
  for (Value input : node.inputs()) message.add_input(ToString(input));
  for (const Node* input : node.control_inputs()) message.add_input("^" + input->name());
  for (const auto& [name, attr] : node.attrs()) {
    EncodeAttr(attr, (*message.mutable_attr())[name]);
  }
}

proto::GraphDef ToMessage(const Graph& graph) {
  proto::GraphDef message;
  if (!graph.wire_extras.empty()) {
    Check(message.ParseFromString(graph.wire_extras), "kept graph fields do not parse");
  }
  for (const Node* node : graph.nodes()) WriteNode(*node, *message.add_node());
  return message;
}

}  // namespace

Graph ParseGraphDefNodes(std::string_view bytes, const OpRegistry& ops) {
  Graph graph(ops);
  if (bytes.size() <= INT_MAX) graph.Reserve(CountNodes(bytes));
  ExpansionBudget budget(bytes.size());
  std::vector<std::pair<Node*, InputNames>> pending;  // a node may read what comes after it
  const auto add = [&](proto::NodeDef& node) {
    AttrMap attrs;
    {
      ErrorScope scope("node", node.name());
      for (auto& [name, value] : *node.mutable_attr()) {
        attrs.emplace(name, DecodeAttr(value, budget));
      }
    }
    Node& added = graph.Add(node.name(), node.op(), {}, std::move(attrs));
    added.device = node.device();
    added.wire_extras = NodeExtras(node);
    pending.emplace_back(&added, std::move(*node.mutable_input()));
  };
  proto::GraphDef rest;
  ParseNodes(bytes, add, rest);
  Require(!pending.empty(), ErrorCode::kBadFile,
          "holds no nodes; is it a frozen graph (GraphDef)?");
  graph.wire_extras = GraphExtras(rest);
  for (const auto& [node, inputs] : pending) ConnectInputs(graph, *node, inputs);
  return graph;
}

Graph ParseGraphDef(std::string_view bytes, const OpRegistry& ops) {
  Graph graph = ParseGraphDefNodes(bytes, ops);
  graph.TopologicalOrder();  // throws if there is a cycle
  return graph;
}

Graph ReadGraphDef(const std::filesystem::path& path, const OpRegistry& ops) {
  const std::string bytes = ReadFile(path);
  ErrorScope scope("file", path.string());
  return ParseGraphDef(bytes, ops);
}

std::string SerializeGraphDef(const Graph& graph) {
  return SerializeDeterministically(ToMessage(graph));
}

void WriteGraphDef(const Graph& graph, const std::filesystem::path& path) {
  const std::string bytes = [&] {
    ErrorScope scope("file", path.string());
    if (path.extension() != ".pbtxt") return SerializeGraphDef(graph);
    std::string text;
    Check(pb::TextFormat::PrintToString(ToMessage(graph), &text), "text form");
    return text;
  }();
  WriteFileAtomically(path, bytes);
}

}  // namespace adze
