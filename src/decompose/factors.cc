#include "decompose/factors.h"

#include <algorithm>

#include "adze/error.h"

namespace adze {
namespace {

Tensor KernelOf(const Factor& factor, const Convolution& convolution) {
  constexpr float kLargestHalf = 65504;
  const DType dtype = convolution.weight->const_value().dtype();
  std::vector<float> values = factor.values;
  if (dtype == DType::kHalf) {
    for (float& value : values) value = std::clamp(value, -kLargestHalf, kLargestHalf);
  }
  const Shape shape =
      convolution.is_product() ? Shape{factor.kernel[2], factor.kernel[3]} : factor.kernel;
  return Cast(Tensor::From<float>(shape, values), dtype);
}

// An attribute that holds `per_axis` integers for each axis of the image: those of height and width
// stay where they are covered and become `neutral` elsewhere.
void Restrict(Node& node, std::string_view name, const Factor& factor, int per_axis,
              int64_t neutral) {
  const auto* given = node.FindAttr<std::vector<int64_t>>(name);
  if (!given || given->size() != static_cast<size_t>(4 * per_axis)) return;
  std::vector<int64_t> values = *given;
  const ImageLayout layout = LayoutOf(node);
  const auto clear = [&](int axis) {
    std::fill_n(values.begin() + axis * per_axis, per_axis, neutral);
  };
  if (!factor.covers_height) clear(layout.height());
  if (!factor.covers_width) clear(layout.width());
  node.SetAttr(std::string(name), values);
}

bool HasDepthwise(const std::vector<Factor>& factors) {
  return std::any_of(factors.begin(), factors.end(), [](const Factor& f) { return f.depthwise; });
}

// Whether the first factor does the padding of all.
bool PadsFirst(const Convolution& convolution, const std::vector<Factor>& factors) {
  return HasDepthwise(factors) && !convolution.is_product() &&
         convolution.node->attr<std::string>("padding") == "EXPLICIT";
}

}  // namespace

int64_t MacsOf(const Convolution& c) {
  return c.window.height.output * c.window.width.output * c.kernel.num_elements();
}

int64_t MacsOf(const Convolution& c, const std::vector<Factor>& factors) {
  int64_t height = c.window.height.input, width = c.window.width.input, macs = 0;
  if (PadsFirst(c, factors)) {
    height += c.window.height.pad_before + c.window.height.pad_after;
    width += c.window.width.pad_before + c.window.width.pad_after;
  }
  for (const Factor& factor : factors) {
    if (factor.covers_height) height = c.window.height.output;
    if (factor.covers_width) width = c.window.width.output;
    macs += height * width * factor.kernel.num_elements();
  }
  return macs;
}

int64_t WeightsOf(const std::vector<Factor>& factors) {
  int64_t weights = 0;
  for (const Factor& factor : factors) weights += factor.kernel.num_elements();
  return weights;
}

std::vector<Node*> PutInPlace(Graph& graph, const Convolution& convolution,
                              const std::vector<Factor>& factors) {
  std::vector<Node*> kernels;
  for (const Factor& factor : factors) {
    kernels.push_back(&graph.AddConst(convolution.node->name() + "/" + factor.part + "/kernel",
                                      KernelOf(factor, convolution)));
  }
  return PutInPlace(graph, convolution, factors, kernels);
}

std::vector<Node*> PutInPlace(Graph& graph, const Convolution& convolution,
                              const std::vector<Factor>& factors,
                              const std::vector<Node*>& kernels) {
  Node& old = *convolution.node;
  const bool pads_first = PadsFirst(convolution, factors);
  Value data = old.input(0);
  std::vector<Node*> nodes;
  for (size_t i = 0; i < factors.size(); ++i) {
    const std::string& part = factors[i].part;
    const bool depthwise = factors[i].depthwise;
    Node& node = graph.Add(graph.UniqueName(old.name() + "/" + part + "/" + part),
                           depthwise ? "DepthwiseConv2dNative" : old.op(),
                           {data, kernels[i]->output()}, old.attrs());
    node.device = old.device;
    if (depthwise) node.EraseAttr("use_cudnn_on_gpu");
    if (depthwise) node.EraseAttr("explicit_paddings");
    if (depthwise && pads_first) node.SetAttr("padding", "VALID");
    if (convolution.is_product()) node.SetAttr("transpose_b", false);
    Restrict(node, "strides", factors[i], 1, 1);
    if (!pads_first || i > 0) Restrict(node, "explicit_paddings", factors[i], 2, 0);
    data = node.output();
    nodes.push_back(&node);
  }
  graph.SetControlInputs(*nodes.front(),
                         {old.control_inputs().begin(), old.control_inputs().end()});
  for (Node* user :
       std::vector<Node*>(graph.ControlUsers(old).begin(), graph.ControlUsers(old).end())) {
    std::vector<Node*> inputs(user->control_inputs().begin(), user->control_inputs().end());
    std::replace(inputs.begin(), inputs.end(), &old, nodes.back());
    graph.SetControlInputs(*user, inputs);
  }
  graph.ReplaceUses(old.output(), data);
  graph.Erase(old);
  return nodes;
}

}  // namespace adze
