#include "adze/verify.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "adze/cancel.h"
#include "adze/op.h"
#include "adze/session.h"
#include "report/class_scores.h"

namespace adze {
namespace {

// The simulation cut open at every AscendQuant that runs on integers: what such a node gives is
// compared, and what its readers read is fed.
class CutSimulation {
 public:
  CutSimulation(const Graph& quantized, const std::map<std::string, Value>& codes,
                const std::vector<std::string>& kept)
      : graph_(quantized.Clone()) {
    std::vector<Value> fetches;
    std::vector<Value> kept_values;
    for (const std::string& name : kept) kept_values.push_back(graph_.FindValue(name));
    for (const auto& [name, unused] : codes) {
      Node* quant = graph_.Find(name);
      const Value given = graph_
                              .Add(graph_.UniqueName(name + "/given"), "Placeholder", {},
                                   {{"dtype", DType::kFloat}})
                              .output();
      graph_.ReplaceUses(quant->output(), given);
      quants_.push_back({name, given.node->name(), quant->attr<float>("offset")});
      fetches.push_back(quant->output());
    }
    for (const GraphOutput& output : graph_.outputs()) fetches.push_back(output.value);
    fetches.insert(fetches.end(), kept_values.begin(), kept_values.end());
    fetches_ = std::move(fetches);
  }

  struct Quant {
    std::string name, given;
    float offset;
  };
  const std::vector<Quant>& quants() const { return quants_; }
  const std::string& GivenFor(const std::string& quant) const {
    return std::find_if(quants_.begin(), quants_.end(),
                        [&](const Quant& q) { return q.name == quant; })
        ->given;
  }
  const Graph& graph() const { return graph_; }
  // Of the quants, the outputs, and what is to be kept.
  const std::vector<Value>& fetches() const { return fetches_; }

 private:
  Graph graph_;
  std::vector<Quant> quants_;
  std::vector<Value> fetches_;
};

// Codes as the simulation holds them: q - offset in float32.
Tensor Centred(const Tensor& codes, float offset) {
  Tensor result(DType::kFloat, codes.shape());
  const auto in = codes.data<uint8_t>();
  const auto out = result.mutable_data<float>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(in[i]) - 128 - offset;
  return result;
}

// Whether the simulation holds a layer's int32 sum there: between AscendQuant and AscendDequant.
bool IsSum(const Graph& graph, const Node& node) {
  const Node* layer = node.op() == "BiasAdd" ? node.input(0).node : &node;
  if (!layer->def() || !layer->def()->quant || !layer->def()->quant->weight_input) return false;
  if (layer->input(layer->def()->quant->data_input).node->op() != "AscendQuant") return false;
  const std::vector<Use> uses = graph.Uses(node);
  return std::any_of(uses.begin(), uses.end(), [](const Use& use) {
    return use.user->op() == "AscendDequant" || use.user->op() == "BiasAdd";
  });
}

// The integers that the simulation's float32 stands for, where it stands for any.
Tensor AsItIs(const Graph& quantized, const std::string& name, const Tensor& simulated) {
  const Node& node = *quantized.FindValue(name).node;
  if (simulated.dtype() != DType::kFloat) return simulated;
  if (node.op() == "AscendQuant") {
    Tensor whole = simulated.Clone();
    for (float& value : whole.mutable_data<float>()) value += node.attr<float>("offset");
    return Cast(whole, node.attr<int64_t>("quant_bits", 8) <= 8 ? DType::kInt8 : DType::kInt16);
  }
  if (node.op() == "AscendWeightQuant") return Cast(simulated, DType::kInt8);
  return IsSum(quantized, node) ? Cast(simulated, DType::kInt32) : simulated;
}

std::vector<int64_t> IndexOf(int64_t element, const Shape& shape) {
  std::vector<int64_t> index(shape.rank());
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return index;
}

// Counts where the values differ; `value(i)` gives both.
template <typename ValueAt>
void Count(ValueCheck& check, const Shape& shape, int64_t first_sample, ValueAt value) {
  const int64_t count = shape.num_elements();
  check.values += count;
  for (int64_t i = 0; i < count; ++i) {
    const auto [integer, simulated] = value(i);
    if (integer == simulated || (std::isnan(integer) && std::isnan(simulated))) continue;
    ++check.differing;
    if (!check.is_real) {
      const auto steps = static_cast<int64_t>(std::abs(double{integer} - simulated));
      check.most_steps = std::max(check.most_steps, steps);
    }
    if (check.first) continue;
    check.first = {first_sample, IndexOf(i, shape), integer, simulated};
    if (shape.rank() > 0) check.first->sample += check.first->index[0];
  }
}

// The quantized layer behind which the value lies, through ops that are not layers.
std::string LayerBehind(Value value) {
  std::vector<const Node*> stack = {value.node};
  std::unordered_set<const Node*> seen;
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    if (node->op() == "AscendDequant") {
      const Node* layer = node->input(0).node;
      return layer->op() == "BiasAdd" ? layer->input(0).node->name() : layer->name();
    }
    for (Value input : node->inputs()) stack.push_back(input.node);
  }
  return "";
}

}  // namespace

int64_t Verification::values() const {
  int64_t sum = 0;
  for (const ValueCheck& check : checks) sum += check.is_real ? 0 : check.values;
  return sum;
}
int64_t Verification::differing() const {
  int64_t sum = 0;
  for (const ValueCheck& check : checks) sum += check.is_real ? 0 : check.differing;
  return sum;
}
int64_t Verification::most_steps() const {
  int64_t most = 0;
  for (const ValueCheck& check : checks) most = std::max(most, check.most_steps);
  return most;
}
bool Verification::passes() const { return most_steps() <= 1 && 100000 * differing() <= values(); }

Verification Verify(const Graph& quantized, const IntegerGraph& lowered, const Dataset& data,
                    const VerifyOptions& options) {
  Verification result{.layers = lowered.layers};
  const CutSimulation cut(quantized, lowered.codes, options.kept);
  std::vector<Value> fetches;
  for (const auto& quant : cut.quants()) {
    fetches.push_back(lowered.codes.at(quant.name));
    result.checks.push_back(
        {.name = quant.name, .layer = LayerBehind(quantized.Find(quant.name)->input(0))});
  }
  for (const GraphOutput& output : lowered.graph.outputs()) fetches.push_back(output.value);
  for (const GraphOutput& output : quantized.outputs()) {
    result.checks.push_back(
        {.name = output.name, .layer = LayerBehind(output.value), .is_real = true});
  }
  const SessionOptions threads{.num_threads = options.num_threads};
  Session integers(lowered.graph, fetches, nullptr, threads);
  Session simulation(cut.graph(), cut.fetches(), nullptr, threads);
  Session alone(quantized, {}, nullptr, threads);

  BatchReader batches(data, options.batch_size, 1);
  std::map<std::string, Tensor> feeds;
  int64_t first = 0, agree = 0;
  bool has_classes = true;
  const size_t count = cut.quants().size();
  while (batches.Next(&feeds, &first)) {
    ThrowIfCancelled();
    const int64_t rows = feeds.begin()->second.shape()[0];
    const std::vector<Tensor> found = integers.Run(feeds);
    std::map<std::string, Tensor> given = feeds;
    for (size_t i = 0; i < count; ++i) {
      const auto& quant = cut.quants()[i];
      given[quant.given] = Centred(found[i], quant.offset);
    }
    const std::vector<Tensor> simulated = simulation.Run(given);
    for (size_t i = 0; first == 0 && i < options.kept.size(); ++i) {
      const std::string& name = options.kept[i];
      const bool has_codes = lowered.codes.contains(name);
      const Tensor& values = has_codes ? given.at(cut.GivenFor(name)) : simulated[found.size() + i];
      result.kept[name] = AsItIs(quantized, name, values);
    }
    for (size_t i = 0; i < found.size(); ++i) {
      ValueCheck& check = result.checks[i];
      if (i < count) {
        const float back = cut.quants()[i].offset;
        Count(check, found[i].shape(), first, [&](int64_t k) {
          return std::pair<double, double>(found[i].data<uint8_t>()[k] - 128.0,
                                           double{simulated[i].data<float>()[k]} + back);
        });
      } else if (found[i].dtype() == DType::kFloat) {
        Count(check, found[i].shape(), first, [&](int64_t k) {
          return std::pair<double, double>(found[i].data<float>()[k],
                                           simulated[i].data<float>()[k]);
        });
      }
    }
    const Tensor own = alone.Run(feeds)[0];
    has_classes = has_classes && HoldsClassScores(own) && own.shape()[0] == rows;
    for (int64_t row = 0; has_classes && row < rows; ++row) {
      agree += BestClass(own, row) == BestClass(found[count], row);
    }
    result.samples += rows;
    if (options.progress) options.progress(result.samples, data.size());
  }
  if (has_classes && result.samples > 0) {
    result.agreement = static_cast<double>(agree) / static_cast<double>(result.samples);
  }
  return result;
}

}  // namespace adze
