#include "export/output_names.h"

#include "adze/op.h"

namespace adze {
namespace {

constexpr std::string_view kMadeWay = "/quantized";

}  // namespace

void KeepOutputNames(Graph& graph) {
  const ShapeMap shapes = InferShapes(graph);
  std::vector<GraphOutput> outputs = graph.outputs();
  for (GraphOutput& output : outputs) {
    const size_t colon = output.name.rfind(':');
    const std::string name = output.name.substr(0, colon);
    const int index = colon == output.name.npos ? 0 : std::stoi(output.name.substr(colon + 1));
    if (output.value.node->name() == name && output.value.index == index) continue;
    if (Node* other = graph.Find(name)) {
      graph.Rename(*other, graph.UniqueName(name + std::string(kMadeWay)));
    }
    DType dtype = shapes[output.value].dtype;
    if (dtype == DType::kInvalid) dtype = DType::kFloat;
    if (index == 0) {
      output.value = {&graph.Add(name, "Identity", {output.value}, {{"T", dtype}}), 0};
    } else {
      // "x:2" takes a node with three outputs.
      const std::vector<Value> copies(index + 1, output.value);
      const std::vector<DType> dtypes(index + 1, dtype);
      output.value = {&graph.Add(name, "IdentityN", copies, {{"T", dtypes}}), index};
    }
  }
  graph.SetOutputs(std::move(outputs));
}

std::string OriginalName(const Node& node) {
  const std::string& name = node.name();
  return name.ends_with(kMadeWay) ? name.substr(0, name.size() - kMadeWay.size()) : name;
}

}  // namespace adze
