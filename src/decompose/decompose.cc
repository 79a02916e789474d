#include "adze/decompose.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/registry.h"
#include "decompose/amct.h"
#include "decompose/choose_ranks.h"
#include "decompose/int8_factors.h"
#include "decompose/layer_data.h"
#include "decompose/memory.h"
#include "decompose/method.h"
#include "decompose/product_kernel.h"
#include "decompose/ways.h"

namespace adze {
namespace {

// The cheapest way that keeps the share of power.
size_t CheapestThatKeeps(const std::vector<LayerChoice>& choices, double share) {
  size_t best = 0;
  for (size_t i = 1; i < choices.size(); ++i) {
    if (1 - choices[i].lost >= share && choices[i].cost < choices[best].cost) best = i;
  }
  return best;
}

const char* UnitOf(RankRule rule) {
  switch (rule) {
    case RankRule::kMacs:
      return "multiply-accumulates";
    case RankRule::kLatency:
      return "measured time";
    default:
      return "weights";
  }
}

void Apply(const Ways& ways, const Way& way, const DecomposeOptions& options,
           SharedWeight* shared) {
  LayerDecomposition& found = shared->found;
  found.ms_before = ways.all()[0].milliseconds;
  found.ms_after = way.milliseconds;
  if (way.factors.empty()) {
    found.reason = ways.all().size() == 1              ? "no way costs less"
                   : options.rule == RankRule::kEnergy ? "no cheaper way keeps as much of it"
                                                       : "decomposing others loses less";
    return;
  }
  found.method = way.method;
  found.mode = ways.mode(way);
  found.ranks = way.ranks;
  shared->factors = ways.Solve(way);
  found.error = RelativeLoss(shared->weight.data<float>(), ProductKernel(shared->factors),
                             shared->first().outputs(), {});
  if (options.for_int8) found.int8_error = std::sqrt(way.choice.lost);
}

void SplitByRule(std::vector<SharedWeight>& weights, const DecomposeOptions& options) {
  std::vector<std::unique_ptr<Ways>> all;
  std::vector<std::vector<LayerChoice>> choices;
  int64_t done = 0;
  for (const SharedWeight& shared : weights) {
    ThrowIfCancelled();
    ErrorScope scope("layer", shared.first().node->name());
    all.push_back(std::make_unique<Ways>(shared, options));
    choices.push_back(all.back()->choices());
    if (options.progress) options.progress(++done, static_cast<int64_t>(2 * weights.size()));
  }
  std::vector<size_t> chosen;
  if (options.rule == RankRule::kEnergy) {
    for (const auto& layer : choices) chosen.push_back(CheapestThatKeeps(layer, options.share));
  } else {
    chosen = ChooseWithin(choices, options.share, UnitOf(options.rule));
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    ThrowIfCancelled();
    Apply(*all[i], all[i]->all()[chosen[i]], options, &weights[i]);
    all[i].reset();
    if (options.progress) options.progress(++done, static_cast<int64_t>(2 * weights.size()));
  }
}

void SplitAsAmct(std::vector<SharedWeight>& weights, const DecomposeOptions& options) {
  int64_t done = 0;
  for (SharedWeight& shared : weights) {
    ThrowIfCancelled();
    ErrorScope scope("layer", shared.first().node->name());
    AmctDecomposition amct = DecomposeAsAmct(shared.first().kernel, shared.weight.data<float>());
    shared.found.method = "spatial";
    shared.found.mode = amct.mode.name();
    shared.found.ranks = {amct.rank};
    shared.found.evbmf_rank = amct.evbmf_rank;
    shared.found.error = amct.error;
    shared.factors = std::move(amct.factors);
    if (options.for_int8) {
      BalanceFactors(&shared.factors);
      shared.found.int8_error =
          RelativeInt8Loss(shared.weight.data<float>(), shared.factors, shared.first().outputs(),
                           shared.weighing(options.data));
    }
    if (options.progress) options.progress(++done, static_cast<int64_t>(weights.size()));
  }
}

void CheckOptions(const DecomposeOptions& options) {
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  const bool is_amct = options.method == "amct";
  const auto& methods = Builtin<DecompositionMethodRegistry>().all();
  Require(is_amct || options.method == "auto" || methods.contains(options.method), kBad,
          "no method '", options.method, "'");
  Require(is_amct == (options.rule == RankRule::kEvbmf), kBad,
          is_amct ? "method amct has ranks of its own; choose another method for a budget"
                  : "this method needs a budget or a share of power to keep");
  Require(!is_amct || !options.pointwise, kBad,
          "method amct takes no 1x1 convolutions and no MatMul; choose another one");
  Require(is_amct || (options.share > 0 && options.share <= 1), kBad, "the share ", options.share,
          " is not above 0 and at most 1");
}

bool NeedsSizes(const DecomposeOptions& options) {
  return options.rule == RankRule::kMacs || options.rule == RankRule::kLatency ||
         options.latency.leave_out_slower;
}

void AddMoments(const Graph& graph, std::vector<SharedWeight>& weights, const DecomposeData& data) {
  std::vector<const Node*> layers;
  for (const SharedWeight& shared : weights) {
    if (HasRows(*shared.first().node)) layers.push_back(shared.first().node);
  }
  std::vector<std::vector<float>> moments = InputMoments(graph, layers, data);
  size_t next = 0;
  for (SharedWeight& shared : weights) {
    if (HasRows(*shared.first().node)) shared.moments = std::move(moments[next++]);
  }
}

// What became of one of the readers of a weight.
LayerDecomposition Describe(const Convolution& convolution, const SharedWeight& shared) {
  LayerDecomposition layer = shared.found;
  layer.name = convolution.node->name();
  layer.kernel = convolution.kernel;
  if (!layer.reason.empty()) return layer;
  for (const Factor& factor : shared.factors) layer.kernels.push_back(factor.kernel);
  layer.weights_before = convolution.kernel.num_elements();
  layer.weights_after = WeightsOf(shared.factors);
  if (convolution.has_sizes()) {
    layer.macs_before = MacsOf(convolution);
    layer.macs_after = MacsOf(convolution, shared.factors);
  }
  return layer;
}

}  // namespace

std::map<std::string, std::string> DecompositionMethods() {
  std::map<std::string, std::string> methods;
  for (const auto& [name, method] : Builtin<DecompositionMethodRegistry>().all()) {
    methods[name] = method.summary;
  }
  return methods;
}

std::vector<LayerDecomposition> Decompose(Graph& graph, const DecomposeOptions& options) {
  CheckOptions(options);
  std::vector<Convolution> convolutions = FindConvolutions(graph, options.pointwise);
  std::vector<SharedWeight> weights;
  std::map<const Node*, size_t> by_weight;
  std::map<const Node*, std::string> reasons;
  for (Convolution& convolution : convolutions) {
    ErrorScope scope("layer", convolution.node->name());
    std::string reason = ReasonToStay(convolution, options.filter, options.pointwise);
    if (reason.empty() && NeedsSizes(options) && !convolution.has_sizes()) {
      reason = "the size of its image is not known; give --input-shape";
    }
    if (!reason.empty()) {
      reasons[convolution.node] = reason;
      continue;
    }
    auto [found, is_new] = by_weight.try_emplace(convolution.weight, weights.size());
    if (is_new) weights.push_back({.weight = FiniteWeight(convolution)});
    weights[found->second].readers.push_back(&convolution);
  }
  if (options.method != "amct") {
    RequireMemory(Ways::BytesFor(weights, options), AvailableMemory(),
                  "decomposing " + std::to_string(weights.size()) + " layers together");
  }
  std::optional<Graph> original;
  if (options.data.dataset) {
    original = graph.Clone();
    AddMoments(graph, weights, options.data);
  }
  if (options.method == "amct") {
    SplitAsAmct(weights, options);
  } else {
    SplitByRule(weights, options);
  }
  for (SharedWeight& shared : weights) {
    if (!shared.moments.empty() && shared.found.reason.empty()) {
      shared.found.data_error =
          RelativeLoss(shared.weight.data<float>(), ProductKernel(shared.factors),
                       shared.first().outputs(), shared.moments);
    }
    shared.moments = {};
  }
  std::vector<LayerDecomposition> layers;
  std::map<const Node*, std::vector<Node*>> kernels;
  for (const Convolution& convolution : convolutions) {
    if (const auto stays = reasons.find(convolution.node); stays != reasons.end()) {
      layers.push_back({.name = convolution.node->name(), .reason = stays->second});
      layers.back().kernel = convolution.kernel;
      continue;
    }
    const SharedWeight& shared = weights[by_weight.at(convolution.weight)];
    layers.push_back(Describe(convolution, shared));
    if (!layers.back().reason.empty()) continue;
    std::vector<Node*>& own = kernels[convolution.weight];
    const bool is_new = own.empty();
    for (Node* node : is_new ? PutInPlace(graph, convolution, shared.factors)
                             : PutInPlace(graph, convolution, shared.factors, own)) {
      layers.back().nodes.push_back(node->name());
      if (is_new) own.push_back(node->input(1).node);
    }
  }
  graph.Prune();
  if (original && options.data.correct) CorrectLayers(*original, graph, layers, options.data);
  return layers;
}

}  // namespace adze
