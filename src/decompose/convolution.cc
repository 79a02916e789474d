#include "decompose/convolution.h"

#include <algorithm>
#include <cmath>

#include "adze/error.h"

namespace adze {
namespace {

Node* ConstantBehind(Value value) {
  Node* node = value.node;
  while (node->op() == "Identity" && node->num_inputs() > 0) node = node->input(0).node;
  return node->IsConst() ? node : nullptr;
}

void AddReason(bool holds, const std::string& reason, std::string* reasons) {
  if (holds) *reasons += (reasons->empty() ? "" : "; ") + reason;
}

// A MatMul as a convolution.
Convolution AsConvolution(Node* node) {
  Convolution product{.node = node, .weight = ConstantBehind(node->input(1))};
  product.kernel = Shape::UnknownRank();
  if (!product.weight) return product;
  const Shape& weight = product.weight->const_value().shape();
  Require(weight.rank() == 2, ErrorCode::kBadFile, "the weight has shape ", weight.ToString(),
          "; the rank must be 2");
  const bool transposed = node->attr<bool>("transpose_b", false);
  product.kernel = {1, 1, weight[transposed], weight[!transposed]};
  product.window.height.input = product.window.height.output = 1;
  product.window.width.input = product.window.width.output = 1;
  return product;
}

}  // namespace

std::vector<Convolution> FindConvolutions(const Graph& graph, bool products) {
  const ShapeMap shapes = InferShapes(graph);
  std::vector<Convolution> found;
  for (Node* node : graph.TopologicalOrder()) {
    ErrorScope scope("node", node->name());
    if (products && node->op() == "MatMul") found.push_back(AsConvolution(node));
    if (node->op() != "Conv2D") continue;
    Convolution convolution{.node = node, .weight = ConstantBehind(node->input(1))};
    convolution.kernel =
        convolution.weight ? convolution.weight->const_value().shape() : Shape::UnknownRank();
    if (convolution.weight) {
      Require(convolution.kernel.rank() == 4, ErrorCode::kBadFile, "the weight has shape ",
              convolution.kernel.ToString(), "; the rank must be 4");
      const Shape& image = shapes[node->input(0)].shape;
      convolution.window = WindowOver(*node, image, convolution.height(), convolution.width());
      const int channel = convolution.window.layout.channel();
      if (image.known_rank() && image[channel] > 0 && convolution.inputs() > 0) {
        convolution.groups = image[channel] / convolution.inputs();
      }
    }
    found.push_back(std::move(convolution));
  }
  return found;
}

std::string ReasonToStay(const Convolution& c, DecomposeFilter filter, bool pointwise) {
  if (!c.weight) return "the weight is not constant";
  const DType dtype = c.weight->const_value().dtype();
  if (dtype != DType::kFloat && dtype != DType::kHalf && dtype != DType::kDouble) {
    return "the weight is " + Name(dtype) + ", not float16, float32 or float64";
  }
  if (c.is_product()) {
    return c.node->attr<bool>("transpose_a", false) ? "its data is transposed" : "";
  }
  std::string reasons;
  const auto by = [](int64_t a, int64_t b) { return std::to_string(a) + "x" + std::to_string(b); };
  const auto& h = c.window.height;
  const auto& w = c.window.width;
  AddReason(c.groups > 1, std::to_string(c.groups) + " groups", &reasons);
  AddReason(h.dilation > 1 || w.dilation > 1, "dilation " + by(h.dilation, w.dilation), &reasons);
  const bool is_pointwise = c.height() == 1 && c.width() == 1;
  if (filter == DecomposeFilter::kAny || (pointwise && is_pointwise)) return reasons;
  const int64_t kernel = std::min(c.height(), c.width());
  AddReason(kernel < 3, "kernel " + by(c.height(), c.width()) + " is smaller than 3x3", &reasons);
  if (filter == DecomposeFilter::kSquare) {
    AddReason(c.height() != c.width(), "kernel " + by(c.height(), c.width()) + " is not square",
              &reasons);
    return reasons;
  }
  AddReason(std::max(h.stride, w.stride) > 2, "stride " + by(h.stride, w.stride) + " is above 2",
            &reasons);
  const int64_t channels = std::min(c.inputs(), c.outputs());
  const std::string fewer = std::to_string(channels) + " channels";
  AddReason(kernel * channels < 16,
            fewer + " times kernel " + std::to_string(kernel) + " is below 16", &reasons);
  AddReason(kernel < 7 && channels < 64, fewer + " are fewer than 64", &reasons);
  return reasons;
}

Tensor FiniteWeight(const Convolution& convolution) {
  Tensor weight = Cast(convolution.weight->const_value(), DType::kFloat);
  const std::span<const float> values = weight.data<float>();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  Require(bad == values.end(), ErrorCode::kBadFile, "weight '", convolution.weight->name(),
          "' holds ", bad == values.end() ? 0.0f : *bad, " at element ", bad - values.begin(),
          "; decomposition needs finite weights");
  if (convolution.is_product() && convolution.node->attr<bool>("transpose_b", false)) {
    const int64_t inputs = convolution.inputs(), outputs = convolution.outputs();
    Tensor transposed(DType::kFloat, {inputs, outputs});
    const std::span<float> to = transposed.mutable_data<float>();
    for (int64_t i = 0; i < inputs; ++i) {
      for (int64_t o = 0; o < outputs; ++o) to[i * outputs + o] = values[o * inputs + i];
    }
    weight = std::move(transposed);
  }
  return weight;
}

}  // namespace adze
