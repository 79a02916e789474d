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
#include "tune/round_weights.h"

namespace adze {
namespace {

bool WantsRounding(const PlannedLayer& layer) { return layer.config.weight.rounding == "adaround"; }

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
  LayerRecord* record;
  Node* bias_add;  // null: none
  bool rounds;
  LayerForm form;
  LayerMoments moments;

  Node& node() const { return *planned->node; }
  int weight_input() const { return *planned->node->def()->quant->weight_input; }
  // A bias can take up what quantization does to means.
  bool corrects_bias() const { return bias_add && planned->config.weight.bias_correction; }
};

// What one sample gives a layer.
struct Rows {
  std::vector<float> real, quantized;
};

Rows RowsOf(const TunedLayer& layer, const Tensor& data, int64_t most, uint64_t seed) {
  const std::vector<int64_t> chosen =
      ChoosePositions(OutputPositions(layer.node(), data), most, seed);
  const QuantParams& params = *layer.record->activation;
  Rows rows;
  rows.real.resize(chosen.size() * layer.form.row_size());
  rows.quantized.resize(rows.real.size());
  layer.node().def()->quant->unfold(layer.node(), data, chosen, rows.real);
  FakeQuantize(rows.real, params.scale[0], params.zero_point[0], params.spec.num_bits,
               rows.quantized);
  return rows;
}

// What layers read, each value once.
struct Inputs {
  std::vector<Value> values;
  std::vector<size_t> of_layer;

  explicit Inputs(const std::vector<TunedLayer>& layers) {
    for (const TunedLayer& layer : layers) {
      const Value value = layer.node().input(layer.node().def()->quant->data_input);
      const auto found = std::find(values.begin(), values.end(), value);
      of_layer.push_back(found - values.begin());
      if (found == values.end()) values.push_back(value);
    }
  }
};

// Gathers the moments of some layers in one pass over the data.
void Gather(const Graph& prepared, std::vector<TunedLayer>& layers, const Dataset& data,
            int64_t samples, const TuneOptions& options,
            const std::function<void()>& after_sample) {
  const Inputs inputs(layers);
  const int64_t rows = std::max<int64_t>(1, options.rows / samples);
  ForSamples<std::vector<Rows>>(
      {{&prepared, inputs.values}}, data, samples,
      [&](int64_t sample, const SampleRunner::Values& found) {
        std::vector<Rows> all;
        for (size_t l = 0; l < layers.size(); ++l) {
          all.push_back(RowsOf(layers[l], found[0][inputs.of_layer[l]], rows, sample));
        }
        return all;
      },
      [&](int64_t, std::vector<Rows>& all) {
        for (size_t l = 0; l < layers.size(); ++l) {
          layers[l].moments.Add(all[l].real, all[l].quantized);
        }
        after_sample();
      });
}

// Rounds each group by its own covariance; fewer than 8 bits get new scales in the record.
Tensor RoundedWeight(const TunedLayer& layer, const Tensor& before, const TuneOptions& options) {
  const LayerForm& form = layer.form;
  QuantParams& params = *layer.record->weight;
  // Few rows tell little about many inputs.
  const double damping =
      options.damping * (1 + 5 * static_cast<double>(form.inputs) / layer.moments.rows());
  // The scales of 8 bits stay those of AMCT.
  const int refits = params.spec.num_bits < 8 && params.scale.size() > 1 ? 2 : 0;
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
    RoundWeights(layer.moments.Second(g), {.damping = damping, .refits = refits}, form.inputs, part,
                 &grid);
    if (refits > 0) std::copy_n(grid.scale.begin(), form.outputs, &params.scale[g * form.outputs]);
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
  LayerRecord* record;
  LayerForm form;
  bool rounds;
};

// The layers that can be tuned, of each pass over the data: as many at a time as fit into memory.
std::vector<std::vector<StagedLayer>> MakeStages(const Graph& prepared, Record* record,
                                                 const std::vector<PlannedLayer>& plan,
                                                 const TuneOptions& options) {
  const ShapeMap shapes = InferShapes(prepared);
  std::vector<std::vector<StagedLayer>> stages;
  int64_t bytes = 0;
  for (const PlannedLayer& layer : plan) {
    const auto found = std::find_if(record->layers.begin(), record->layers.end(),
                                    [&](const auto& entry) { return entry.name == layer.name(); });
    if (!CanTune(layer) || found == record->layers.end()) continue;
    if (!found->activation || !found->weight) continue;
    const std::optional<LayerForm> form = FormOf(*layer.node, shapes);
    if (!form) continue;
    const bool rounds = WantsRounding(layer) && found->cluster.empty();
    const int64_t own = LayerMoments::BytesFor(*form, rounds);
    if (stages.empty() || bytes + own > options.most_bytes) {
      stages.emplace_back();
      bytes = 0;
    }
    bytes += own;
    stages.back().push_back({&layer, &*found, *form, rounds});
  }
  return stages;
}

}  // namespace

bool WantsTuning(const std::vector<PlannedLayer>& plan) {
  return std::any_of(plan.begin(), plan.end(), CanTune);
}

Graph TuneWeights(const Graph& prepared, const Graph& rounded, Record* record,
                  const std::vector<PlannedLayer>& plan, const Dataset& data,
                  const TuneOptions& options) {
  SetNumThreads(options.num_threads);
  const auto stages = MakeStages(prepared, record, plan, options);
  Graph tuned = rounded.Clone();
  const int64_t samples = std::min(options.samples, data.size());
  const int64_t all = samples * static_cast<int64_t>(stages.size());
  int64_t done = 0;
  const auto after_sample = [&] {
    if (options.progress) options.progress(++done, all);
  };
  for (const auto& stage : stages) {
    std::vector<TunedLayer> layers;
    for (const StagedLayer& staged : stage) {
      layers.push_back({staged.planned, staged.record,
                        ConstBiasAddBehind(prepared, *staged.planned->node), staged.rounds,
                        staged.form, LayerMoments(staged.form, staged.rounds)});
    }
    Gather(prepared, layers, data, samples, options, after_sample);
    for (const TunedLayer& layer : layers) Apply(tuned, layer, options);
  }
  return tuned;
}

}  // namespace adze
