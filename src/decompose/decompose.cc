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
  found.weighed = !shared->weighing(options.data).empty();
  found.balanced = options.for_int8;
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
      shared.found.balanced = true;
      BalanceFactors(&shared.factors);
      shared.found.int8_error =
          RelativeInt8Loss(shared.weight.data<float>(), shared.factors, shared.first().outputs(),
                           shared.weighing(options.data));
    }
    if (options.progress) options.progress(++done, static_cast<int64_t>(weights.size()));
  }
}

// Does again what was done to a layer of this kernel.
void SplitByEdit(const DecompositionEdit& edit, const DecomposeOptions& options,
                 SharedWeight* shared) {
  const Convolution& convolution = shared->first();
  LayerDecomposition& found = shared->found;
  const auto& methods = Builtin<DecompositionMethodRegistry>().all();
  const auto method = methods.find(edit.method);
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  Require(method != methods.end(), kBad, "the edits name a method '", edit.method,
          "'; there is none");
  Require(method->second.takes(convolution), kBad, "method ", edit.method,
          " of the edits is not for this layer");
  std::span<const float> moments;
  if (edit.weighed) moments = shared->weighing(options.data);
  const auto split = method->second.split({convolution, shared->weight.data<float>(), moments});
  const std::vector<int64_t> most = split->Most();
  const bool fits = std::equal(most.begin(), most.end(), edit.ranks.begin(), edit.ranks.end(),
                               [](int64_t a, int64_t b) { return a >= b; });
  Require(fits, kBad, "the ranks of the edits are more than the kernel has");
  std::vector<Shape> kernels;
  for (const Factor& factor : split->Shapes(edit.ranks)) kernels.push_back(factor.kernel);
  Require(kernels == edit.kernels, kBad, "the edits give kernels of other shapes",
          edit.weighed && moments.empty() ? "; they were chosen by data, so give --images or --data"
                                          : "; write them anew by decompose --edits");
  found.method = edit.method;
  found.mode = split->mode();
  found.ranks = edit.ranks;
  found.weighed = !moments.empty();
  found.balanced = edit.balanced;
  shared->factors = split->Solve(edit.ranks);
  if (edit.balanced) BalanceFactors(&shared->factors);
  found.error = RelativeLoss(shared->weight.data<float>(), ProductKernel(shared->factors),
                             convolution.outputs(), {});
}

using EditsByName = std::map<std::string, const DecompositionEdit*>;

void SplitByEdits(std::vector<SharedWeight>& weights, const EditsByName& edits,
                  const DecomposeOptions& options) {
  int64_t done = 0;
  for (SharedWeight& shared : weights) {
    ThrowIfCancelled();
    ErrorScope scope("layer", shared.first().node->name());
    SplitByEdit(*edits.at(shared.first().node->name()), options, &shared);
    if (options.progress) options.progress(++done, static_cast<int64_t>(weights.size()));
  }
}

// By name of the layer, each of which must be in the graph as it was.
EditsByName CheckEdits(const std::vector<Convolution>& convolutions,
                       const std::vector<DecompositionEdit>& edits) {
  EditsByName by_name;
  for (const DecompositionEdit& edit : edits) {
    ErrorScope scope("layer", edit.name);
    const auto found =
        std::find_if(convolutions.begin(), convolutions.end(),
                     [&](const Convolution& c) { return c.node->name() == edit.name; });
    Require(found != convolutions.end(), ErrorCode::kInvalidArgument,
            "the edits name it, but the graph has no such convolution; apply them to the model "
            "that they were made from");
    Require(found->weight && found->kernel == edit.kernel, ErrorCode::kInvalidArgument,
            "the kernel has shape ", found->kernel.ToString(), ", in the edits ",
            edit.kernel.ToString());
    const std::string reason = ReasonToStay(*found, DecomposeFilter::kAny, true);
    Require(reason.empty(), ErrorCode::kInvalidArgument, "it cannot be decomposed: ", reason);
    by_name[edit.name] = &edit;
  }
  return by_name;
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
  const bool by_edits = !options.edits.empty();
  if (!by_edits) CheckOptions(options);
  std::vector<Convolution> convolutions = FindConvolutions(graph, options.pointwise || by_edits);
  const EditsByName edits = CheckEdits(convolutions, options.edits);
  std::vector<SharedWeight> weights;
  std::map<const Node*, size_t> by_weight;
  std::map<const Node*, std::string> reasons;
  for (Convolution& convolution : convolutions) {
    ErrorScope scope("layer", convolution.node->name());
    std::string reason = ReasonToStay(convolution, options.filter, options.pointwise);
    if (by_edits) reason = edits.contains(convolution.node->name()) ? "" : "not in the edits";
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
  if (by_edits) {
    int64_t bytes = Ways::MomentsBytes(weights, options);
    const auto& methods = Builtin<DecompositionMethodRegistry>().all();
    for (const SharedWeight& shared : weights) {
      const DecompositionEdit& edit = *edits.at(shared.first().node->name());
      const auto method = methods.find(edit.method);
      if (method != methods.end()) bytes += method->second.bytes(shared.first(), edit.weighed);
    }
    RequireMemory(bytes, AvailableMemory(),
                  "decomposing " + std::to_string(weights.size()) + " layers");
  } else if (options.method == "amct") {
    for (const SharedWeight& shared : weights) {
      ErrorScope scope("layer", shared.first().node->name());
      RequireMemory(AmctBytes(shared.first().kernel) + Ways::MomentsBytes(weights, options),
                    AvailableMemory(), "the kernel's decomposition");
    }
  } else {
    RequireMemory(Ways::BytesFor(weights, options), AvailableMemory(),
                  "decomposing " + std::to_string(weights.size()) + " layers together");
  }
  std::optional<Graph> original;
  if (options.data.dataset) {
    original = graph.Clone();
    AddMoments(graph, weights, options.data);
  }
  if (by_edits) {
    SplitByEdits(weights, edits, options);
  } else if (options.method == "amct") {
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
