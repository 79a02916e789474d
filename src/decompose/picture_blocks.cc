#include "decompose/picture_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "adze/window.h"

namespace adze {
namespace {

using Integers = std::vector<int64_t>;

// Nodes through which data flows that is fed: no constants, nothing that is made of shapes only.
std::set<const Node*> Flowing(const std::vector<Node*>& order) {
  std::set<const Node*> flowing;
  for (const Node* node : order) {
    if (node->IsConst() || node->op() == "Shape" || node->op() == "NoOp") continue;
    const auto inputs = node->inputs();
    const bool reads = std::any_of(inputs.begin(), inputs.end(),
                                   [&](Value value) { return flowing.contains(value.node); });
    if (inputs.empty() || reads) flowing.insert(node);
  }
  return flowing;
}

// Those that the graph's outputs need; all if it has none.
std::vector<Node*> NeededNodes(const Graph& graph) {
  std::vector<Node*> order = graph.TopologicalOrder();
  if (graph.outputs().empty()) return order;
  std::set<const Node*> needed;
  for (const GraphOutput& output : graph.outputs()) needed.insert(output.value.node);
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    if (!needed.contains(*node)) continue;
    for (Value value : (*node)->inputs()) needed.insert(value.node);
  }
  std::erase_if(order, [&](const Node* node) { return !needed.contains(node); });
  return order;
}

std::string By(int64_t height, int64_t width) { return fmt::format("{}×{}", height, width); }

// " /2", " /2×1"; nothing for a stride of 1.
std::string StrideText(const Node& node) {
  const auto* strides = node.FindAttr<Integers>("strides");
  if (!strides || strides->size() != 4) return "";
  const ImageLayout layout = LayoutOf(node);
  const int64_t height = (*strides)[layout.height()], width = (*strides)[layout.width()];
  if (height == 1 && width == 1) return "";
  return height == width ? fmt::format(" /{}", height) : " /" + By(height, width);
}

std::string LayerText(const Node& node, const Shape& kernel) {
  if (!kernel.IsFullyKnown()) return node.op();
  if (node.op() == "MatMul" && kernel.rank() == 2) {
    const bool transposed = node.attr<bool>("transpose_b", false);
    return fmt::format("{}→{}", kernel[transposed], kernel[!transposed]);
  }
  if (node.op() == "Conv3D" && kernel.rank() == 5) {
    return fmt::format("{}×{} {}→{}", kernel[0], By(kernel[1], kernel[2]), kernel[3], kernel[4]);
  }
  if (kernel.rank() != 4) return node.op();
  const std::string size = By(kernel[0], kernel[1]);
  if (node.op() == "DepthwiseConv2dNative") {
    return fmt::format("{} depthwise {}{}", size, kernel[2] * kernel[3], StrideText(node));
  }
  const bool up = node.op() == "Conv2DBackpropInput";
  return fmt::format("{} {}→{}{}{}", size, kernel[up ? 3 : 2], kernel[up ? 2 : 3], StrideText(node),
                     up ? " up" : "");
}

}  // namespace

bool IsPictureLayer(const Node& node) {
  static const std::set<std::string> kLayers = {"Conv2D", "Conv2DBackpropInput", "Conv3D",
                                                "DepthwiseConv2dNative", "MatMul"};
  return kLayers.contains(node.op()) && node.num_inputs() > 1;
}

std::vector<PictureBlock> BlocksOf(const Graph& graph) {
  const std::vector<Node*> order = NeededNodes(graph);
  const std::set<const Node*> flowing = Flowing(order);
  std::map<const Node*, std::set<const Node*>> readers;
  for (const Node* node : order) {
    if (!flowing.contains(node)) continue;
    for (Value value : node->inputs()) readers[value.node].insert(node);
  }
  std::vector<PictureBlock> blocks;
  std::map<const Node*, size_t> block_of;
  for (const Node* node : order) {
    if (!flowing.contains(node)) continue;
    std::vector<size_t> inputs;
    for (Value value : node->inputs()) {
      const auto found = block_of.find(value.node);
      if (found == block_of.end()) continue;
      if (std::find(inputs.begin(), inputs.end(), found->second) == inputs.end()) {
        inputs.push_back(found->second);
      }
    }
    const bool is_layer = IsPictureLayer(*node);
    // Pooling stands alone: it makes the image smaller.
    if (inputs.size() == 1 && !is_layer && !node->attrs().contains("ksize")) {
      PictureBlock& before = blocks[inputs[0]];
      const bool is_input = before.nodes[0]->op() == "Placeholder";
      if (!is_input && readers[before.nodes.back()].size() == 1 &&
          readers[before.nodes.back()].contains(node)) {
        before.nodes.push_back(node);
        block_of[node] = inputs[0];
        continue;
      }
    }
    block_of[node] = blocks.size();
    blocks.push_back(
        {.layer = is_layer ? node : nullptr, .nodes = {node}, .inputs = std::move(inputs)});
  }
  return blocks;
}

std::optional<int64_t> PictureMacs(const Node& layer, const ShapeMap& shapes) {
  const Shape& kernel = shapes[layer.input(1)].shape;
  if (!kernel.IsFullyKnown()) return std::nullopt;
  if (layer.op() == "MatMul") return kernel.num_elements();
  const bool up = layer.op() == "Conv2DBackpropInput";
  if (up && layer.num_inputs() < 3) return std::nullopt;
  const Shape& image = shapes[up ? layer.input(2) : const_cast<Node&>(layer).output()].shape;
  if (!image.known_rank()) return std::nullopt;
  const bool first = layer.attr<std::string>("data_format", "NHWC").starts_with("NC");
  int64_t positions = 1;
  for (int axis = first ? 2 : 1; axis < image.rank() - !first; ++axis) {
    if (image[axis] < 0) return std::nullopt;
    positions *= image[axis];
  }
  return positions * kernel.num_elements();
}

int64_t PictureWeights(const Node& layer, const ShapeMap& shapes) {
  const Shape& kernel = shapes[layer.input(1)].shape;
  return kernel.IsFullyKnown() ? kernel.num_elements() : 0;
}

std::string PictureText(const Node& node, const ShapeMap& shapes) {
  if (IsPictureLayer(node)) return LayerText(node, shapes[node.input(1)].shape);
  static const std::map<std::string, std::string> kShort = {{"FusedBatchNorm", "BN"},
                                                            {"FusedBatchNormV2", "BN"},
                                                            {"FusedBatchNormV3", "BN"},
                                                            {"BiasAdd", "bias"},
                                                            {"AddV2", "Add"},
                                                            {"ConcatV2", "Concat"},
                                                            {"Placeholder", "input"},
                                                            {"PlaceholderWithDefault", "input"},
                                                            {"ResizeBilinear", "Resize"}};
  const auto found = kShort.find(node.op());
  std::string text = found == kShort.end() ? node.op() : found->second;
  if (const auto* ksize = node.FindAttr<Integers>("ksize"); ksize && ksize->size() == 4) {
    const ImageLayout layout = LayoutOf(node);
    text += " " + By((*ksize)[layout.height()], (*ksize)[layout.width()]) + StrideText(node);
  }
  if (text == "input") text += " " + shapes[const_cast<Node&>(node).output()].shape.ToString();
  return text;
}

}  // namespace adze
