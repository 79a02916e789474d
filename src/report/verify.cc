#include "adze/verify.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "adze/cancel.h"
#include "adze/near_names.h"
#include "adze/session.h"

namespace adze {
namespace {

// The simulation cut open at every AscendQuant that runs on integers: what such a node gives is
// compared, and what its readers read is fed.
class CutSimulation {
 public:
  CutSimulation(const Graph& quantized, const std::map<std::string, Value>& codes)
      : graph_(quantized.Clone()) {
    std::vector<Value> fetches;
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
    fetches_ = std::move(fetches);
  }

  struct Quant {
    std::string name, given;
    float offset;
  };
  const std::vector<Quant>& quants() const { return quants_; }
  const Graph& graph() const { return graph_; }
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

Tensor AsInt8(const Tensor& codes) {
  Tensor result(DType::kInt8, codes.shape());
  const auto in = codes.data<uint8_t>();
  const auto out = result.mutable_data<int8_t>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = static_cast<int8_t>(in[i] - 128);
  return result;
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

int64_t BestOf(const Tensor& scores, int64_t row) {
  const int64_t classes = scores.num_elements() / scores.shape()[0];
  const auto of_row = scores.data<float>().subspan(row * classes, classes);
  return std::max_element(of_row.begin(), of_row.end()) - of_row.begin();
}

bool HoldsClassScores(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  bool holds = tensor.dtype() == DType::kFloat && shape.rank() >= 2 && shape[0] > 0;
  for (int axis = 1; holds && axis + 1 < shape.rank(); ++axis) holds = shape[axis] == 1;
  return holds && shape[shape.rank() - 1] > 1;
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
  std::vector<std::string> names;
  for (const auto& [name, value] : lowered.codes) names.push_back(name);
  for (const std::string& name : options.kept) {
    Require(lowered.codes.contains(name), ErrorCode::kNotFound, "no integers are known by '", name,
            "'", DidYouMean(name, names), "; AscendQuant nodes have them");
  }
  const CutSimulation cut(quantized, lowered.codes);
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
      const bool is_kept =
          std::find(options.kept.begin(), options.kept.end(), quant.name) != options.kept.end();
      if (is_kept && first == 0) result.kept[quant.name] = AsInt8(found[i]);
    }
    const std::vector<Tensor> simulated = simulation.Run(given);
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
      agree += BestOf(own, row) == BestOf(found[count], row);
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
