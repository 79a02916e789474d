#include "adze/decompose.h"

#include <algorithm>
#include <map>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/registry.h"
#include "decompose/amct.h"
#include "decompose/choose_ranks.h"
#include "decompose/layer_data.h"
#include "decompose/method.h"
#include "decompose/product_kernel.h"

namespace adze {
namespace {

// A weight that is to be decomposed, and the convolutions that read it.
struct SharedWeight {
  std::vector<Convolution*> readers;
  std::vector<float> moments;  // of the first reader's input; may be empty
  Tensor weight;
  LayerDecomposition found;  // what is the same for all readers
  std::vector<Factor> factors;

  const Convolution& first() const { return *readers[0]; }
  KernelToSplit kernel(bool weigh) const {
    return {first(), weight.data<float>(),
            weigh ? std::span<const float>(moments) : std::span<const float>()};
  }
};

int64_t CostOf(const SharedWeight& shared, const std::vector<Factor>* factors, RankRule rule) {
  if (rule != RankRule::kMacs) {
    return factors ? WeightsOf(*factors) : shared.first().kernel.num_elements();
  }
  int64_t macs = 0;
  for (const Convolution* c : shared.readers) macs += factors ? MacsOf(*c, *factors) : MacsOf(*c);
  return macs;
}

// Every way to decompose a weight, the first being to leave it.
struct Ways {
  struct Way {
    std::string method;
    std::vector<int64_t> ranks;
  };
  std::map<std::string, std::unique_ptr<SplitKernel>> splits;
  std::vector<Way> ways;
  std::vector<LayerChoice> choices;
};

Ways WaysOf(const SharedWeight& shared, const DecomposeOptions& options) {
  constexpr int64_t kStep = 8;
  Ways ways;
  const int64_t all = CostOf(shared, nullptr, options.rule);
  ways.ways.push_back({});
  ways.choices.push_back({all, 0});
  for (const auto& [name, method] : Builtin<DecompositionMethodRegistry>().all()) {
    if (options.method != "auto" && options.method != name) continue;
    std::unique_ptr<SplitKernel> split = method.split(shared.kernel(options.data.weigh));
    if (!split) continue;
    for (const RankChoice& choice : split->Choices(kStep)) {
      const std::vector<Factor> shapes = split->Shapes(choice.ranks);
      const int64_t cost = CostOf(shared, &shapes, options.rule);
      if (cost >= all) break;
      ways.ways.push_back({name, choice.ranks});
      ways.choices.push_back({cost, choice.lost});
    }
    ways.splits[name] = std::move(split);
  }
  return ways;
}

// The cheapest way that keeps the share of power.
size_t CheapestThatKeeps(const Ways& ways, double share) {
  size_t best = 0;
  for (size_t i = 1; i < ways.choices.size(); ++i) {
    const LayerChoice& choice = ways.choices[i];
    if (1 - choice.lost >= share && choice.cost < ways.choices[best].cost) best = i;
  }
  return best;
}

void SplitByRule(std::vector<SharedWeight>& weights, const DecomposeOptions& options) {
  std::vector<Ways> all;
  std::vector<std::vector<LayerChoice>> choices;
  int64_t done = 0;
  for (const SharedWeight& shared : weights) {
    ThrowIfCancelled();
    ErrorScope scope("layer", shared.first().node->name());
    all.push_back(WaysOf(shared, options));
    choices.push_back(all.back().choices);
    if (options.progress) options.progress(++done, static_cast<int64_t>(2 * weights.size()));
  }
  std::vector<size_t> chosen;
  if (options.rule == RankRule::kEnergy) {
    for (const Ways& ways : all) chosen.push_back(CheapestThatKeeps(ways, options.share));
  } else {
    chosen = ChooseWithin(choices, options.share,
                          options.rule == RankRule::kMacs ? "multiply-accumulates" : "weights");
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    ThrowIfCancelled();
    LayerDecomposition& found = weights[i].found;
    if (chosen[i] == 0) {
      found.reason = "decomposing others loses less";
      if (options.rule == RankRule::kEnergy) found.reason = "no cheaper way keeps as much of it";
    } else {
      const Ways::Way& way = all[i].ways[chosen[i]];
      const SplitKernel& split = *all[i].splits.at(way.method);
      found.method = way.method;
      found.mode = split.mode();
      found.ranks = way.ranks;
      weights[i].factors = split.Solve(way.ranks);
      found.error = RelativeLoss(weights[i].weight.data<float>(), ProductKernel(weights[i].factors),
                                 weights[i].first().outputs(), {});
    }
    all[i] = {};
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
  Require(is_amct || (options.share > 0 && options.share <= 1), kBad, "the share ", options.share,
          " is not above 0 and at most 1");
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
  std::vector<Convolution> convolutions = FindConvolutions(graph);
  std::vector<SharedWeight> weights;
  std::map<const Node*, size_t> by_weight;
  std::map<const Node*, std::string> reasons;
  for (Convolution& convolution : convolutions) {
    ErrorScope scope("layer", convolution.node->name());
    std::string reason = ReasonToStay(convolution, options.filter);
    if (reason.empty() && options.rule == RankRule::kMacs && !convolution.has_sizes()) {
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
