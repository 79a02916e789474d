#include "adze/tune.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "adze/error.h"
#include "adze/export.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "moments/for_samples.h"
#include "moments/layer_moments.h"
#include "moments/output_positions.h"
#include "moments/row_product.h"
#include "tune/round_weights.h"

namespace adze {
namespace {

bool IsSequential(const PlannedLayer& layer) {
  return layer.config.weight.rounding == "sequential";
}
bool WantsRounding(const PlannedLayer& layer) {
  return IsSequential(layer) || layer.config.weight.rounding == "adaround";
}

// Whether the layer's sums can be seen as rows times a matrix, and its settings ask for it.
bool CanTune(const PlannedLayer& layer) {
  if (!layer.skip_reason.empty() || !layer.is_layer()) return false;
  const QuantTraits& traits = *layer.node->def()->quant;
  return traits.weight_input && traits.unfold &&
         layer.node->attr<std::string>("data_format", "NHWC") == "NHWC" &&
         (WantsRounding(layer) || layer.config.weight.bias_correction);
}

struct TunedLayer {
  const PlannedLayer* planned;
  const LayerRecord* record;
  Node* bias_add;  // null: none
  bool rounds;
  LayerForm form;
  LayerMoments moments;
  // Of layers that learn behind quantized ones: the float weight, and sums of x'ᵀ (x - x') w.
  std::optional<RowProduct> product = {};
  std::vector<float> lacking = {};

  Node& node() const { return *planned->node; }
  int weight_input() const { return *planned->node->def()->quant->weight_input; }
  // A bias can take up what quantization does to means.
  bool corrects_bias() const { return bias_add && planned->config.weight.bias_correction; }
};

// What one sample gives a layer.
struct Rows {
  std::vector<float> real, quantized;
};

// `behind`, of the same shape, are the integers that the layer reads in the simulation; null: those
// of `data`.
Rows RowsOf(const TunedLayer& layer, const Tensor& data, const Tensor* behind, int64_t most,
            uint64_t seed) {
  const std::vector<int64_t> chosen =
      ChoosePositions(OutputPositions(layer.node(), data), most, seed);
  const auto unfold = layer.node().def()->quant->unfold;
  const QuantParams& params = *layer.record->activation;
  Rows rows;
  rows.real.resize(chosen.size() * layer.form.row_size());
  rows.quantized.resize(rows.real.size());
  unfold(layer.node(), data, chosen, rows.real);
  if (behind) {
    unfold(layer.node(), *behind, chosen, rows.quantized);
    for (float& x : rows.quantized) x *= params.scale[0];
  } else {
    FakeQuantize(rows.real, params.scale[0], params.zero_point[0], params.spec.num_bits,
                 rows.quantized);
  }
  return rows;
}

void Add(TunedLayer& layer, Rows& rows) {
  layer.moments.Add(rows.real, rows.quantized);
  if (!layer.product) return;
  for (size_t i = 0; i < rows.real.size(); ++i) rows.real[i] -= rows.quantized[i];
  std::vector<float> lacking(rows.real.size() / layer.form.row_size() * layer.product->outputs());
  layer.product->Multiply(rows.real, lacking);
  AddOuterProducts(layer.form, rows.quantized, lacking, layer.lacking);
}

// The layer in the simulation, where an output may have taken its name (BuildFakeQuantGraph).
const Node* FindLayer(const Graph& graph, const Node& layer) {
  const Node* node = graph.Find(layer.name());
  if (!node || node->op() != layer.op()) node = graph.Find(layer.name() + "/quantized");
  Check(node && node->op() == layer.op(), "the simulation has all layers");
  return node;
}

// What layers read, each value once.
struct Inputs {
  std::vector<Value> values;
  std::vector<size_t> of_layer;

  Inputs(const std::vector<TunedLayer>& layers, const Graph& graph) {
    for (const TunedLayer& layer : layers) {
      const Value value =
          FindLayer(graph, layer.node())->input(layer.node().def()->quant->data_input);
      const auto found = std::find(values.begin(), values.end(), value);
      of_layer.push_back(found - values.begin());
      if (found == values.end()) values.push_back(value);
    }
  }
};

// Gathers the moments of some layers in one pass over the data; `simulated` (may be null) runs
// beside the float graph and says what the layers read.
void Gather(const Graph& prepared, const Graph* simulated, std::vector<TunedLayer>& layers,
            const Dataset& data, int64_t samples, const TuneOptions& options,
            const std::function<void()>& after_sample) {
  const Inputs real(layers, prepared), behind(layers, simulated ? *simulated : prepared);
  std::vector<Fetched> graphs = {{&prepared, real.values}};
  if (simulated) graphs.push_back({simulated, behind.values});
  const int64_t rows = std::max<int64_t>(1, options.rows / samples);
  ForSamples<std::vector<Rows>>(
      graphs, data, samples,
      [&](int64_t sample, const SampleRunner::Values& found) {
        std::vector<Rows> all;
        for (size_t l = 0; l < layers.size(); ++l) {
          all.push_back(RowsOf(layers[l], found[0][real.of_layer[l]],
                               simulated ? &found[1][behind.of_layer[l]] : nullptr, rows, sample));
        }
        return all;
      },
      [&](int64_t, std::vector<Rows>& all) {
        for (size_t l = 0; l < layers.size(); ++l) Add(layers[l], all[l]);
        after_sample();
      });
}

// Rounds each group by its own covariance.
Tensor RoundedWeight(const TunedLayer& layer, const Tensor& before, const TuneOptions& options) {
  const LayerForm& form = layer.form;
  const QuantParams& params = *layer.record->weight;
  // Few rows tell little about many inputs.
  const double damping =
      options.damping * (1 + 5 * static_cast<double>(form.inputs) / layer.moments.rows());
  Tensor weight = before.Clone();
  const std::span<float> w = weight.mutable_data<float>();
  const auto round_group = [&](int64_t g) {
    std::vector<float> part(form.inputs * form.outputs);
    WeightGrid grid{{}, params.spec.num_bits};
    for (int64_t o = 0; o < form.outputs; ++o) {
      grid.scale.push_back(params.scale[params.scale.size() == 1 ? 0 : g * form.outputs + o]);
      for (int64_t k = 0; k < form.inputs; ++k) {
        part[k * form.outputs + o] = w[form.weight_index(k, g, o)];
      }
    }
    std::vector<float> lacking;
    if (layer.product) {
      const auto begin = layer.lacking.begin() + g * static_cast<int64_t>(part.size());
      lacking.assign(begin, begin + static_cast<int64_t>(part.size()));
      for (float& sum : lacking) sum /= static_cast<float>(layer.moments.rows());
    }
    RoundWeights(layer.moments.Second(g), grid, {.damping = damping, .lacking = lacking},
                 form.inputs, part);
    for (int64_t k = 0; k < form.inputs; ++k) {
      for (int64_t o = 0; o < form.outputs; ++o) {
        w[form.weight_index(k, g, o)] = part[k * form.outputs + o];
      }
    }
  };
  if (form.groups == 1) {
    round_group(0);  // shares its work among the cores
  } else {
    ParallelFor(form.groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; ++g) round_group(g);
    });
  }
  return weight;
}

// b + E[sum over k of x w - x' w'], x' and w' being the quantized ones.
Tensor CorrectedBias(const TunedLayer& layer, std::span<const float> before,
                     std::span<const float> after) {
  const LayerForm& form = layer.form;
  Tensor bias = layer.bias_add->input(1).node->const_value().Clone();
  const std::span<float> b = bias.mutable_data<float>();
  for (int64_t g = 0; g < form.groups; ++g) {
    for (int64_t o = 0; o < form.outputs; ++o) {
      double missing = 0;
      for (int64_t k = 0; k < form.inputs; ++k) {
        const int64_t i = form.weight_index(k, g, o);
        missing += layer.moments.mean_real(g, k) * before[i] -
                   layer.moments.mean_quantized(g, k) * after[i];
      }
      b[g * form.outputs + o] += static_cast<float>(missing);
    }
  }
  return bias;
}

void Apply(Graph& graph, const TunedLayer& layer, const TuneOptions& options) {
  ErrorScope scope("layer", layer.node().name());
  Node& node = *graph.Find(layer.node().name());
  const Tensor before = layer.node().input(layer.weight_input()).node->const_value();
  Tensor after = node.input(layer.weight_input()).node->const_value();
  if (layer.rounds) {
    after = RoundedWeight(layer, before, options);
    graph.SetConstInput(node, layer.weight_input(), after);
  } else {
    const std::vector<int>& axes = node.def()->quant->channel_axes;
    after = DequantizeWeight(QuantizeWeight(after, *layer.record->weight, axes), axes);
  }
  if (!layer.corrects_bias()) return;
  graph.SetConstInput(*graph.Find(layer.bias_add->name()), 1,
                      CorrectedBias(layer, before.data<float>(), after.data<float>()));
}

struct StagedLayer {
  const PlannedLayer* planned;
  const LayerRecord* record;
  LayerForm form;
  bool rounds;
};

// Layers that learn in one pass over the data.
struct Stage {
  bool sequential;
  std::vector<StagedLayer> layers;
};

int64_t BytesFor(const StagedLayer& layer, bool sequential) {
  const LayerForm& form = layer.form;
  const int64_t weights = form.row_size() * form.outputs;
  return LayerMoments::BytesFor(form, layer.rounds) +
         (sequential ? 2 * weights * static_cast<int64_t>(sizeof(float)) : 0);
}

// First all layers by themselves, as many at a time as fit into memory; then those that are to
// learn behind quantized ones once more, in order.
std::vector<Stage> MakeStages(const Graph& prepared, const Record& record,
                              const std::vector<PlannedLayer>& plan, const TuneOptions& options) {
  const ShapeMap shapes = InferShapes(prepared);
  std::vector<StagedLayer> layers;
  for (const PlannedLayer& layer : plan) {
    const LayerRecord* found = record.Find(layer.name());
    if (!CanTune(layer) || !found || !found->activation || !found->weight) continue;
    const std::optional<LayerForm> form = FormOf(*layer.node, shapes);
    if (!form) continue;
    layers.push_back({&layer, found, *form, WantsRounding(layer) && found->cluster.empty()});
  }
  std::vector<Stage> stages;
  for (const bool sequential : {false, true}) {
    const int64_t wanted = std::count_if(layers.begin(), layers.end(), [](const StagedLayer& l) {
      return IsSequential(*l.planned);
    });
    const int64_t most = sequential ? (wanted + options.stages - 1) / options.stages
                                    : static_cast<int64_t>(layers.size());
    int64_t bytes = 0;
    bool first = true;
    for (const StagedLayer& layer : layers) {
      if (sequential && !IsSequential(*layer.planned)) continue;
      const int64_t own = BytesFor(layer, sequential);
      if (first || bytes + own > options.most_bytes ||
          static_cast<int64_t>(stages.back().layers.size()) >= most) {
        stages.push_back({sequential, {}});
        bytes = 0;
        first = false;
      }
      bytes += own;
      stages.back().layers.push_back(layer);
    }
  }
  return stages;
}

TunedLayer Start(const StagedLayer& staged, const Graph& prepared, const Stage& stage) {
  TunedLayer layer{
      staged.planned, staged.record, ConstBiasAddBehind(prepared, *staged.planned->node),
      staged.rounds,  staged.form,   LayerMoments(staged.form, staged.rounds)};
  if (stage.sequential && staged.rounds) {
    layer.product.emplace(staged.form,
                          layer.node().input(layer.weight_input()).node->const_value());
    layer.lacking.resize(staged.form.row_size() * staged.form.outputs);
  }
  return layer;
}

}  // namespace

bool WantsTuning(const std::vector<PlannedLayer>& plan) {
  return std::any_of(plan.begin(), plan.end(), CanTune);
}

Graph TuneWeights(const Graph& prepared, const Graph& rounded, const Record& record,
                  const std::vector<PlannedLayer>& plan, const Dataset& data,
                  const TuneOptions& options) {
  SetNumThreads(options.num_threads);
  const std::vector<Stage> stages = MakeStages(prepared, record, plan, options);
  Graph tuned = rounded.Clone();
  const int64_t samples = std::min(options.samples, data.size());
  const int64_t all = samples * static_cast<int64_t>(stages.size());
  int64_t done = 0;
  for (const Stage& stage : stages) {
    std::vector<TunedLayer> layers;
    for (const StagedLayer& staged : stage.layers) layers.push_back(Start(staged, prepared, stage));
    std::optional<Graph> simulated;
    if (stage.sequential) simulated = BuildFakeQuantGraph(tuned, record);
    Gather(prepared, simulated ? &*simulated : nullptr, layers, data, samples, options, [&] {
      if (options.progress) options.progress(++done, all);
    });
    for (const TunedLayer& layer : layers) Apply(tuned, layer, options);
  }
  return tuned;
}

}  // namespace adze
