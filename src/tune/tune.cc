#include "adze/tune.h"

#include <algorithm>
#include <exception>
#include <map>
#include <memory>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/session.h"
#include "moments/layer_moments.h"
#include "moments/output_positions.h"
#include "tune/round_weights.h"

namespace adze {
namespace {

bool WantsRounding(const PlannedLayer& layer) { return layer.config.weight.rounding == "adaround"; }

// Whether the layer's sums can be seen as rows times a matrix, and its settings ask for it.
bool CanTune(const PlannedLayer& layer) {
  if (!layer.skip_reason.empty()) return false;
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

// Gathers the moments of some layers in one pass over the data. Samples run one by one on all
// cores; their rows are added in order.
class Gathering {
 public:
  Gathering(const Graph& graph, std::vector<TunedLayer>& layers, const Dataset& data,
            const TuneOptions& options)
      : layers_(layers), data_(data), options_(options) {
    std::vector<Value> values;
    for (const TunedLayer& layer : layers) {
      const Value value = layer.node().input(layer.node().def()->quant->data_input);
      auto found = std::find(values.begin(), values.end(), value);
      fetch_of_.push_back(found - values.begin());
      if (found == values.end()) values.push_back(value);
    }
    for (int i = 0; i < NumThreads(); ++i) {
      sessions_.push_back(
          std::make_unique<Session>(graph, values, nullptr, SessionOptions{.num_threads = 1}));
    }
  }

  void Run(int64_t samples, const std::function<void()>& after_sample) {
    constexpr int64_t kBlock = 4;
    const int64_t rows = std::max<int64_t>(1, options_.rows / samples);
    for (int64_t first = 0; first < samples; first += kBlock) {
      ThrowIfCancelled();
      const int64_t count = std::min(kBlock, samples - first);
      std::vector<std::vector<Rows>> block = RunBlock(first, count, rows);
      for (size_t l = 0; l < layers_.size(); ++l) {
        for (int64_t i = 0; i < count; ++i) {
          layers_[l].moments.Add(block[i][l].real, block[i][l].quantized);
        }
      }
      for (int64_t i = 0; i < count; ++i) after_sample();
    }
  }

 private:
  std::vector<std::vector<Rows>> RunBlock(int64_t first, int64_t count, int64_t rows) {
    std::vector<std::vector<Rows>> block(count);
    const auto workers = static_cast<int64_t>(sessions_.size());
    std::vector<std::exception_ptr> errors(workers);
    ParallelFor(workers, 1, [&](int64_t begin, int64_t end) {
      for (int64_t worker = begin; worker < end; ++worker) {
        try {
          for (int64_t i = worker; i < count; i += workers) {
            const std::vector<Tensor> values =
                sessions_[worker]->Run(data_.Read(first + i, first + i + 1));
            for (size_t l = 0; l < layers_.size(); ++l) {
              block[i].push_back(RowsOf(layers_[l], values[fetch_of_[l]], rows, first + i));
            }
          }
        } catch (...) {
          errors[worker] = std::current_exception();
        }
      }
    });
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
    return block;
  }

  std::vector<TunedLayer>& layers_;
  const Dataset& data_;
  const TuneOptions& options_;
  std::vector<size_t> fetch_of_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

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
    RoundWeights(layer.moments.Second(g), grid, {.damping = damping}, form.inputs, part);
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

// Channels of the data that a layer reads; 0 if they are not known.
int64_t ChannelsOf(const ShapeMap& shapes, const Node& node) {
  const Shape& shape = shapes[node.input(node.def()->quant->data_input)].shape;
  if (!shape.known_rank() || shape.rank() == 0) return 0;
  return std::max<int64_t>(shape[shape.rank() - 1], 0);
}

}  // namespace

bool WantsTuning(const std::vector<PlannedLayer>& plan) {
  return std::any_of(plan.begin(), plan.end(), CanTune);
}

Graph TuneWeights(const Graph& prepared, const Graph& rounded, const Record& record,
                  const std::vector<PlannedLayer>& plan, const Dataset& data,
                  const TuneOptions& options) {
  SetNumThreads(options.num_threads);
  const ShapeMap shapes = InferShapes(prepared);
  // In passes, each of as many layers as may be in memory together.
  std::vector<std::vector<TunedLayer>> passes;
  int64_t bytes = 0;
  for (const PlannedLayer& layer : plan) {
    const LayerRecord* found = record.Find(layer.node->name());
    if (!CanTune(layer) || !found || !found->activation || !found->weight) continue;
    const int64_t channels = ChannelsOf(shapes, *layer.node);
    if (channels == 0) continue;
    const LayerForm form = FormOf(*layer.node, channels);
    const bool rounds = WantsRounding(layer) && found->cluster.empty();
    const int64_t own = LayerMoments::BytesFor(form, rounds);
    if (passes.empty() || bytes + own > options.most_bytes) {
      passes.emplace_back();
      bytes = 0;
    }
    bytes += own;
    passes.back().push_back({&layer, found, ConstBiasAddBehind(prepared, *layer.node), rounds, form,
                             LayerMoments(form, rounds)});
  }
  Graph tuned = rounded.Clone();
  const int64_t samples = std::min(options.samples, data.size());
  const int64_t all = samples * static_cast<int64_t>(passes.size());
  int64_t done = 0;
  for (std::vector<TunedLayer>& layers : passes) {
    Gathering(prepared, layers, data, options).Run(samples, [&] {
      if (options.progress) options.progress(++done, all);
    });
    for (const TunedLayer& layer : layers) Apply(tuned, layer, options);
    layers.clear();
  }
  return tuned;
}

}  // namespace adze
