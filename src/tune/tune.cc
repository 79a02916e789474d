#include "adze/tune.h"

#include <algorithm>
#include <optional>
#include <set>

#include "adze/export.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "tune/adapt_layer.h"
#include "tune/gather_moments.h"

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

// Whether rounding leaves so much of the weights' error that layers have to make up for it.
bool RoundsToFewBits(const std::vector<PlannedLayer>& plan) {
  return std::any_of(plan.begin(), plan.end(), [](const PlannedLayer& layer) {
    return CanTune(layer) && WantsRounding(layer) && layer.config.weight.num_bits < 8;
  });
}

struct StagedLayer {
  const PlannedLayer* planned;
  LayerRecord* record;
  LayerForm form;
  bool rounds;
};

// The layers that can be tuned, of each pass over the data: as many at a time as fit into memory,
// or one.
std::vector<std::vector<StagedLayer>> MakeStages(const Graph& prepared, Record* record,
                                                 const std::vector<PlannedLayer>& plan,
                                                 int64_t most_bytes) {
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
    if (stages.empty() || bytes + own > most_bytes) {
      stages.emplace_back();
      bytes = 0;
    }
    bytes += own;
    stages.back().push_back({&layer, &*found, *form, rounds});
  }
  return stages;
}

bool IsBehind(Value value, const std::set<const Node*>& nodes) {
  std::set<const Node*> seen;
  std::vector<const Node*> stack = {value.node};
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (nodes.contains(node)) return true;
    if (!seen.insert(node).second) continue;
    for (Value input : node->inputs()) stack.push_back(input.node);
  }
  return false;
}

// Of an addition of equal shapes that alone reads the layer's output; not if layers before that
// path are still to be tuned.
std::optional<Use> SkipPathBehind(const Graph& prepared, const TunedLayer& layer,
                                  const ShapeMap& shapes, const std::set<const Node*>& waiting) {
  Node& end = layer.bias_add ? *layer.bias_add : layer.node();
  const std::vector<Use> uses = prepared.Uses(end);
  if (uses.size() != 1 || prepared.CountUses(end.output()) != 1) return std::nullopt;
  const auto [add, input] = uses[0];
  if (add->op() != "Add" && add->op() != "AddV2") return std::nullopt;
  const Value other = add->input(1 - input);
  const Shape& shape = shapes[other].shape;
  if (!(shape == shapes[end.output()].shape) || !shape.known_rank()) return std::nullopt;
  for (int i = 1; i < shape.rank(); ++i) {
    if (shape[i] == Shape::kUnknown) return std::nullopt;  // may be 1, for all
  }
  if (IsBehind(other, waiting)) return std::nullopt;
  return Use{add, 1 - input};
}

}  // namespace

bool WantsTuning(const std::vector<PlannedLayer>& plan) {
  return std::any_of(plan.begin(), plan.end(), CanTune);
}

Graph TuneWeights(const Graph& prepared, const Graph& rounded, Record* record,
                  const std::vector<PlannedLayer>& plan, const Dataset& data,
                  const TuneOptions& options) {
  SetNumThreads(options.num_threads);
  const bool in_order = options.in_order.value_or(RoundsToFewBits(plan));
  const auto stages = MakeStages(prepared, record, plan, in_order ? 0 : options.most_bytes);
  Graph tuned = rounded.Clone();
  const int64_t samples = std::min(options.samples, data.size());
  const int64_t all = samples * static_cast<int64_t>(stages.size());
  int64_t done = 0;
  const GatherOptions gather = {
      .samples = samples, .rows = in_order ? 4 * options.rows : options.rows, .after_sample = [&] {
        if (options.progress) options.progress(++done, all);
      }};
  const ShapeMap shapes = InferShapes(prepared);
  std::set<const Node*> waiting;
  for (const auto& stage : stages) {
    for (const StagedLayer& staged : stage) waiting.insert(staged.planned->node);
  }
  for (const auto& stage : stages) {
    std::vector<TunedLayer> layers;
    for (const StagedLayer& staged : stage) {
      layers.push_back({staged.planned, staged.record,
                        ConstBiasAddBehind(prepared, *staged.planned->node), staged.rounds,
                        staged.form, LayerMoments(staged.form, staged.rounds)});
    }
    if (in_order) {
      layers[0].skip_path = SkipPathBehind(prepared, layers[0], shapes, waiting);
      Graph without_outputs = tuned.Clone();  // whose names would replace those of layers
      without_outputs.SetOutputs(std::vector<GraphOutput>());
      GatherMomentsBehind(prepared, BuildFakeQuantGraph(without_outputs, *record), layers[0], data,
                          gather);
    } else {
      GatherMoments(prepared, layers, data, gather);
    }
    for (const TunedLayer& layer : layers) {
      AdaptLayer(tuned, layer, options.damping);
      waiting.erase(&layer.node());
    }
  }
  return tuned;
}

}  // namespace adze
