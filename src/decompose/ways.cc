#include "decompose/ways.h"

#include <algorithm>
#include <set>

#include "adze/registry.h"
#include "decompose/int8_factors.h"
#include "decompose/latency.h"
#include "decompose/layer_data.h"

namespace adze {
namespace {

// Methods that the options ask for. Kernels of 1 x 1 that were asked for apart have one only.
std::vector<const DecompositionMethod*> MethodsFor(const Convolution& convolution,
                                                   const DecomposeOptions& options) {
  std::vector<const DecompositionMethod*> methods;
  const bool by_svd = options.pointwise && convolution.height() * convolution.width() == 1;
  for (const auto& [name, method] : Builtin<DecompositionMethodRegistry>().all()) {
    const bool is_small = convolution.kernel.num_elements() <= method.most_in_auto;
    const bool wanted = by_svd                     ? name == "channel"
                        : options.method == "auto" ? is_small
                                                   : options.method == name;
    if (wanted && method.takes(convolution)) methods.push_back(&method);
  }
  return methods;
}

// Ranks that are judged: where each takes time, some twenty a method.
int64_t RankStep(const Convolution& convolution, const DecomposeOptions& options) {
  constexpr int64_t kStep = 8;
  if (!options.for_int8 && options.rule != RankRule::kLatency) return kStep;
  const int64_t channels = std::min(convolution.inputs(), convolution.outputs());
  return kStep * std::max<int64_t>(1, channels / (16 * kStep));
}

int64_t CostOf(const SharedWeight& shared, const std::vector<Factor>& factors, RankRule rule) {
  const bool stays = factors.empty();
  if (rule != RankRule::kMacs) {
    return stays ? shared.first().kernel.num_elements() : WeightsOf(factors);
  }
  int64_t macs = 0;
  for (const Convolution* c : shared.readers) macs += stays ? MacsOf(*c) : MacsOf(*c, factors);
  return macs;
}

}  // namespace

Ways::Ways(const SharedWeight& shared, const DecomposeOptions& options)
    : for_int8_(options.for_int8) {
  const RankRule rule = options.rule;
  const Convolution& convolution = shared.first();
  const int64_t weights = convolution.kernel.num_elements();
  const int64_t all = CostOf(shared, {}, rule);
  ways_.push_back({.choice = {all, 0}});
  for (const DecompositionMethod* method : MethodsFor(convolution, options)) {
    std::unique_ptr<SplitKernel> split =
        method->split({convolution, shared.weight.data<float>(), shared.weighing(options.data)});
    for (const RankChoice& choice : split->Choices(RankStep(convolution, options))) {
      std::vector<Factor> factors = split->Shapes(choice.ranks);
      const int64_t cost = CostOf(shared, factors, rule);
      // More weights may still take less time, but not for long.
      if (rule == RankRule::kLatency ? WeightsOf(factors) >= 2 * weights : cost >= all) break;
      ways_.push_back({.method = method->name,
                       .ranks = choice.ranks,
                       .factors = std::move(factors),
                       .choice = {cost, choice.lost}});
    }
    splits_[method->name] = std::move(split);
  }
  const bool timed = rule == RankRule::kLatency || options.latency.leave_out_slower;
  if (timed && rule != RankRule::kLatency) KeepHulls(true);
  if (timed) Measure(shared, options);
  if (for_int8_) {
    KeepHulls(false);
    JudgeWithEightBits(shared, options);
  }
}

std::vector<LayerChoice> Ways::choices() const {
  std::vector<LayerChoice> choices;
  for (const Way& way : ways_) choices.push_back(way.choice);
  return choices;
}

std::vector<Factor> Ways::Solve(const Way& way) const {
  std::vector<Factor> factors = splits_.at(way.method)->Solve(way.ranks);
  if (for_int8_) BalanceFactors(&factors);
  return factors;
}

void Ways::Measure(const SharedWeight& shared, const DecomposeOptions& options) {
  LatencyTable own;
  LatencyTable* const table = options.latency.table ? options.latency.table : &own;
  std::vector<std::vector<Factor>> factors;
  for (const Way& way : ways_) factors.push_back(way.factors);
  for (const Convolution* reader : shared.readers) {
    MeasureLatencies(*reader, factors, options.latency, table);
    for (Way& way : ways_) {
      way.milliseconds = way.milliseconds.value_or(0) +
                         table->at(LatencyKey(*reader, way.factors, options.latency.num_threads));
    }
  }
  const double longest = *ways_[0].milliseconds;
  std::erase_if(
      ways_, [&](const Way& way) { return !way.factors.empty() && *way.milliseconds >= longest; });
  if (options.rule != RankRule::kLatency) return;
  for (Way& way : ways_) way.choice.cost = static_cast<int64_t>(1e6 * *way.milliseconds);
}

void Ways::JudgeWithEightBits(const SharedWeight& shared, const DecomposeOptions& options) {
  const std::span<const float> weight = shared.weight.data<float>();
  for (Way& way : ways_) {
    const std::vector<Factor> factors = way.factors.empty() ? way.factors : Solve(way);
    const double lost =
        RelativeInt8Loss(weight, factors, shared.first().outputs(), shared.weighing(options.data));
    way.choice.lost = std::min(lost * lost, 1.0);
  }
}

void Ways::KeepHulls(bool of_each_method) {
  std::set<size_t> kept = {0};
  std::set<std::string> methods = {""};
  if (of_each_method) {
    for (const auto& [name, split] : splits_) methods.insert(name);
  }
  for (const std::string& method : methods) {
    std::vector<size_t> numbers;
    std::vector<LayerChoice> choices;
    for (size_t i = 0; i < ways_.size(); ++i) {
      if (of_each_method && i > 0 && ways_[i].method != method) continue;
      numbers.push_back(i);
      choices.push_back(ways_[i].choice);
    }
    for (size_t i : LowerHull(choices)) kept.insert(numbers[i]);
  }
  std::vector<Way> ways;
  for (size_t i : kept) ways.push_back(std::move(ways_[i]));
  ways_ = std::move(ways);
}

int64_t Ways::MomentsBytes(const std::vector<SharedWeight>& weights,
                           const DecomposeOptions& options) {
  int64_t bytes = 0;
  for (const SharedWeight& shared : weights) {
    const Convolution& convolution = shared.first();
    if (!options.data.dataset || !HasRows(*convolution.node)) continue;
    const int64_t rows = convolution.kernel.num_elements() / convolution.outputs();
    // What is summed up over the data, and the means that are made of it.
    bytes += 2 * FloatBytes(rows * rows);
  }
  return bytes;
}

int64_t Ways::BytesFor(const std::vector<SharedWeight>& weights, const DecomposeOptions& options) {
  int64_t bytes = MomentsBytes(weights, options);
  for (const SharedWeight& shared : weights) {
    const Convolution& convolution = shared.first();
    const bool with_data = options.data.dataset && HasRows(*convolution.node);
    for (const DecompositionMethod* method : MethodsFor(convolution, options)) {
      bytes += method->bytes(convolution, with_data && options.data.weigh);
    }
  }
  return bytes;
}

}  // namespace adze
