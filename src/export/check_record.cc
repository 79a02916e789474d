#include <algorithm>
#include <cmath>
#include <set>

#include "adze/export.h"
#include "adze/near_names.h"
#include "adze/op.h"

namespace adze {
namespace {

bool TakesTensorQuantizers(const Node& node) {
  return node.op() == "Add" || node.op() == "AddV2" || node.op() == "MaxPool";
}

template <typename... Parts>
void RequireValid(bool ok, const Parts&... parts) {
  Require(ok, ErrorCode::kInvalidArgument, parts...);
}

void CheckScales(const QuantParams& params, const char* what) {
  RequireValid(!params.scale.empty() && params.scale.size() == params.zero_point.size(), what,
               " has ", params.scale.size(), " scales and ", params.zero_point.size(), " offsets");
  for (float scale : params.scale) {
    RequireValid(scale > 0 && std::isfinite(scale) && std::isfinite(1 / scale), what, " scale ",
                 scale, " is outside of float32's positive range");
  }
  const int bits = params.spec.num_bits;
  RequireValid(bits >= 2 && bits <= 16, what, " has ", bits, " bits; 2 to 16 are possible");
}

void CheckActivation(const QuantParams& params) {
  CheckScales(params, "the activation");
  RequireValid(params.scale.size() == 1, "the activation has ", params.scale.size(),
               " scales; it takes one");
  const int bits = params.spec.num_bits;
  const int32_t offset = params.zero_point[0];
  RequireValid(offset >= QuantMin(bits) && offset <= QuantMax(bits), "offset ", offset,
               " of the activation is outside of [", QuantMin(bits), ", ", QuantMax(bits), "]");
}

void CheckWeight(const Node& node, const QuantTraits& traits, const QuantParams& params) {
  CheckScales(params, "the weight");
  RequireValid(params.spec.num_bits <= 8, "the weight has ", params.spec.num_bits,
               " bits; 2 to 8 are possible");
  for (int32_t offset : params.zero_point) {
    RequireValid(offset == 0, "offset ", offset, " of the weight is not 0");
  }
  const Node& weight = *node.input(*traits.weight_input).node;
  RequireValid(weight.IsConst(), "its weight '", weight.name(), "' is not constant");
  RequireValid(weight.const_value().dtype() == DType::kFloat, "its weight '", weight.name(),
               "' is ", Name(weight.const_value().dtype()), ", not float32");
  const size_t found = params.scale.size();
  if (found == 1) return;
  RequireValid(traits.per_channel, "the weight has ", found, " scales; ", node.op(), " takes one");
  const Shape& shape = weight.const_value().shape();
  int64_t channels = 1;
  for (int axis : traits.channel_axes) {
    Require(axis < shape.rank(), ErrorCode::kBadFile, "its weight '", weight.name(), "' has shape ",
            shape.ToString());
    channels *= shape[axis];
  }
  RequireValid(static_cast<int64_t>(found) == channels, "the weight has ", found,
               " scales; one or ", channels, " (its output channels) are possible");
}

// The graph divides the layer's data by the factors, and so has them in its weight.
void CheckBalance(const Node& node, const QuantTraits& traits, const std::vector<float>& factors) {
  if (factors.empty()) return;
  const Node& mul = *node.input(traits.data_input).node;
  bool is_balanced = mul.op() == "Mul" && mul.input(1).node->IsConst() &&
                     mul.input(1).node->const_value().dtype() == DType::kFloat;
  if (is_balanced) {
    const auto divisors = mul.input(1).node->const_value().data<float>();
    is_balanced = std::equal(divisors.begin(), divisors.end(), factors.begin(), factors.end(),
                             [](float inverse, float factor) { return inverse == 1 / factor; });
  }
  RequireValid(is_balanced,
               "it has a tensor_balance_factor, but the graph is not balanced by it; apply the "
               "balance first");
}

// An entry "add:0": input 0 of the node "add".
void CheckTensor(const Graph& graph, const TensorKey& key, const LayerRecord& tensor) {
  const Node* node = graph.Find(key.node);
  if (!node) {
    std::vector<std::string> names;
    for (const Node* other : graph.nodes()) {
      if (TakesTensorQuantizers(*other)) names.push_back(other->name());
    }
    throw Error(ErrorCode::kNotFound, "the graph has no node '" + key.node + "'" +
                                          DidYouMean(key.node, names) +
                                          "; was the record made for another model?");
  }
  RequireValid(TakesTensorQuantizers(*node), "inputs of a ", node->op(),
               " cannot be quantized on their own, those of Add, AddV2 and MaxPool can");
  RequireValid(key.input < node->num_inputs(), "the node has ", node->num_inputs(), " inputs");
  const Node& source = *node->input(key.input).node;
  RequireValid(!source.IsConst(), "input '", source.name(), "' is constant");
  RequireValid(!tensor.weight && tensor.cluster.empty() && tensor.balance_factor.empty(),
               "a tensor takes scale_d and offset_d alone");
  RequireValid(tensor.activation.has_value(),
               "scale_d and offset_d are missing; its calibration has not finished");
  CheckActivation(*tensor.activation);
}

void CheckLayer(const Graph& graph, const LayerRecord& layer) {
  if (const auto key = ParseTensorKey(layer.name)) {
    if (layer.activation || layer.weight) CheckTensor(graph, *key, layer);
    return;
  }
  const Node* node = graph.Find(layer.name);
  if (!node) {
    std::vector<std::string> names;
    for (const Node* other : graph.nodes()) {
      if (other->def() && other->def()->quant) names.push_back(other->name());
    }
    throw Error(ErrorCode::kNotFound, "the graph has no node of this name" +
                                          DidYouMean(layer.name, names) +
                                          "; was the record made for another model?");
  }
  if (!layer.activation && !layer.weight) return;
  RequireValid(node->def() && node->def()->quant, "layers of type ", node->op(),
               " cannot be quantized; remove its factors from the record");
  const QuantTraits& traits = *node->def()->quant;
  if (const auto reason = traits.refuse ? traits.refuse(*node) : std::nullopt) {
    RequireValid(false, "it cannot be quantized: ", *reason);
  }
  RequireValid(layer.activation.has_value(),
               "scale_d and offset_d are missing; its calibration has not finished");
  CheckActivation(*layer.activation);
  if (!traits.weight_input) {
    RequireValid(!layer.weight, node->op(), " has no weight and takes no scale_w");
    return;
  }
  RequireValid(layer.weight.has_value(), "scale_w and offset_w are missing");
  CheckWeight(*node, traits, *layer.weight);
  CheckBalance(*node, traits, layer.balance_factor);
}

}  // namespace

void CheckRecord(const Graph& prepared, const Record& record) {
  std::set<std::string_view> seen;
  for (const LayerRecord& layer : record.layers) {
    ErrorScope scope("layer", layer.name);
    RequireValid(seen.insert(layer.name).second, "the record has it twice");
    CheckLayer(prepared, layer);
  }
}

}  // namespace adze
