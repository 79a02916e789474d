#include <charconv>
#include <cstdio>

#include "adze/error.h"
#include "adze/graph_text.h"

namespace adze {
namespace {

// Shortest text that reads back as the same number.
template <typename T>
std::string Shortest(T value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  Check(error == std::errc(), "a number of more than 64 digits");
  return std::string(buffer, end);
}

std::string Print(int64_t value) { return std::to_string(value); }
std::string Print(bool value) { return value ? "true" : "false"; }
std::string Print(float value) {
  const std::string text = Shortest(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}
std::string Print(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}
std::string Print(DType dtype) {
  switch (dtype) {
    case DType::kFloat:
      return "f32";
    case DType::kDouble:
      return "f64";
    case DType::kHalf:
      return "f16";
    case DType::kInt32:
      return "i32";
    case DType::kInt64:
      return "i64";
    default:
      return Name(dtype);
  }
}
std::string Print(const Shape& shape) { return "shape" + shape.ToString(); }
std::string Print(const OpaqueAttr&) { return "opaque"; }

std::string PrintElement(float value) { return Shortest(value); }
std::string PrintElement(double value) { return Shortest(value); }
std::string PrintElement(int64_t value) { return std::to_string(value); }
std::string PrintElement(const std::string& value) { return Print(value); }

template <typename Range>
std::string PrintElements(const Range& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "[" : ", ") + PrintElement(value);
  return text.empty() ? "[]" : text + "]";
}

// FNV-1a of the bytes.
std::string Digest(const Tensor& tensor) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
  for (size_t i = 0; i < tensor.num_bytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  char text[32];
  std::snprintf(text, sizeof text, "digest(%016llx)", static_cast<unsigned long long>(hash));
  return text;
}

std::string Print(const Tensor& tensor) {
  constexpr int64_t kMostElements = 64;
  std::string dims;
  for (const int64_t dim : tensor.shape().dims())
    dims += (dims.empty() ? "" : ",") + std::to_string(dim);
  const std::string type = Print(tensor.dtype()) + "[" + dims + "] ";
  if (tensor.dtype() == DType::kString) return type + PrintElements(tensor.strings());
  if (tensor.num_elements() > kMostElements) return type + Digest(tensor);
  switch (tensor.dtype()) {
    case DType::kFloat:
      return type + PrintElements(tensor.data<float>());
    case DType::kDouble:
      return type + PrintElements(tensor.data<double>());
    case DType::kHalf:
    case DType::kBfloat16:
      return type + PrintElements(ToFloats(tensor));
    default:
      const Tensor integers = Cast(tensor, DType::kInt64);
      return type + PrintElements(integers.data<int64_t>());
  }
}

template <typename T>
std::string Print(const std::vector<T>& values) {
  std::string text;
  // T names the element also for vector<bool>, whose elements are proxies.
  for (const auto& value : values)
    text += (text.empty() ? "[" : ", ") + Print(static_cast<const T&>(value));
  return text.empty() ? "[]" : text + "]";
}

std::string PrintAttr(const std::string& key, const Attr& attr) {
  const Shape* shape = std::get_if<Shape>(&attr.value);
  if (shape && key.ends_with("shape")) return shape->ToString();
  return std::visit([](const auto& value) { return Print(value); }, attr.value);
}

std::string PrintNode(const Node& node) {
  std::string inputs;
  for (const Value input : node.inputs()) inputs += (inputs.empty() ? "" : ", ") + ToString(input);
  for (const Node* input : node.control_inputs())
    inputs += (inputs.empty() ? "^" : ", ^") + input->name();
  std::string attrs;
  for (const auto& [key, attr] : node.attrs()) {
    if (node.IsConst() && key == "dtype") continue;
    attrs += (attrs.empty() ? "" : ", ") + key + ": " + PrintAttr(key, attr);
  }
  return node.name() + " = " + node.op() + (inputs.empty() ? "" : "(" + inputs + ")") +
         (attrs.empty() ? "" : " {" + attrs + "}") + "\n";
}

}  // namespace

std::string PrintGraphText(const Graph& graph) {
  std::string text;
  for (const Node* node : graph.TopologicalOrder()) text += PrintNode(*node);
  std::string outputs;
  for (const GraphOutput& output : graph.outputs()) {
    const std::string value = ToString(output.value);
    outputs += (outputs.empty() ? "return " : ", ") +
               (output.name == value ? value : output.name + " = " + value);
  }
  return outputs.empty() ? text : text + outputs + "\n";
}

}  // namespace adze
