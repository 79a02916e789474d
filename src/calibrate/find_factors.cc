#include <algorithm>

#include "adze/error.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "calibrate/factors.h"
#include "calibrate/output_errors.h"
#include "quant/squared_error.h"

namespace adze {
namespace {

// What layers can share: the data they read and how it is calibrated.
struct Search {
  Value value;
  ActivationConfig config;
  std::vector<QuantParams> candidates = {};  // in the end one
  std::vector<const PlannedLayer*> layers;
};

std::vector<Search> CollectSearches(const std::vector<PlannedLayer>& plan) {
  std::vector<Search> searches;
  for (const PlannedLayer& layer : plan) {
    if (!layer.skip_reason.empty()) continue;
    const Value value = DataOf(layer);
    auto same = std::find_if(searches.begin(), searches.end(), [&](const Search& search) {
      return search.value == value && search.config == layer.config.activation;
    });
    if (same == searches.end()) {
      same = searches.insert(searches.end(), {.value = value, .config = layer.config.activation});
    }
    same->layers.push_back(&layer);
  }
  return searches;
}

// Factors of the layer's weight; its integers follow from them.
void QuantizeWeightOf(const PlannedLayer& layer, LayerRecord* entry) {
  if (!layer.is_layer()) return;
  const QuantTraits& traits = *layer.node->def()->quant;
  if (!traits.weight_input) return;
  ErrorScope scope("layer", layer.node->name());
  const bool per_channel = traits.per_channel && layer.config.weight.per_channel;
  WeightFactors factors =
      CalibrateWeight(layer.node->input(*traits.weight_input).node->const_value(),
                      per_channel ? traits.channel_axes : std::vector<int>(), layer.config.weight);
  entry->weight = std::move(factors.params);
  entry->cluster = std::move(factors.cluster);
}

const FloatHistogram& ValuesFor(const Search& search, const Statistics& statistics) {
  const TapStatistics* tap = statistics.Find(ToString(search.value));
  Require(tap != nullptr, ErrorCode::kInvalidArgument, "the statistics do not have its input '",
          ToString(search.value), "'; make them with the settings that are used now");
  return tap->histogram;
}

// For layers whose outputs are not compared: the first with the least error of the values.
size_t LeastError(const FloatHistogram& values, const std::vector<QuantParams>& candidates) {
  const SquaredError error(values);
  std::vector<double> errors;
  for (const QuantParams& params : candidates) errors.push_back(error.Of(params));
  return std::min_element(errors.begin(), errors.end()) - errors.begin();
}

// Leaves each search one candidate.
void CompareOutputs(std::vector<Search>& searches, const Statistics& statistics,
                    const OutputData& outputs) {
  std::vector<OutputQuestion> questions;
  std::vector<Search*> asked;
  for (Search& search : searches) {
    if (search.candidates.size() < 2) continue;
    questions.push_back({search.layers, search.candidates});
    asked.push_back(&search);
  }
  if (asked.empty()) return;
  const std::vector<std::vector<double>> errors = OutputErrors(questions, outputs);
  for (size_t i = 0; i < asked.size(); ++i) {
    const size_t best =
        errors[i].empty()
            ? LeastError(ValuesFor(*asked[i], statistics), asked[i]->candidates)
            : std::min_element(errors[i].begin(), errors[i].end()) - errors[i].begin();
    asked[i]->candidates = {questions[i].candidates[best]};
  }
}

void CheckOutputs(const std::vector<Search>& searches, const OutputData* outputs) {
  for (const Search& search : searches) {
    if (outputs || !ComparesOutputs(search.config)) continue;
    ErrorScope scope("layer", search.layers[0]->name());
    throw Error(ErrorCode::kInvalidArgument,
                "calibrator " + search.config.algorithm +
                    " compares outputs of layers and needs data beside the statistics; give "
                    "--images DIR or --data NAME=FILE too, or another --calibrator");
  }
}

}  // namespace

Value DataOf(const PlannedLayer& layer) {
  return layer.is_layer() ? layer.node->input(layer.data_input()) : layer.observed;
}

void CheckPlan(const std::vector<PlannedLayer>& plan) {
  bool any = false;
  for (const PlannedLayer& layer : plan) {
    if (!layer.skip_reason.empty()) continue;
    any = true;
    ErrorScope scope("layer", layer.name());
    SettingsOf(layer.config.activation);
  }
  Require(any, ErrorCode::kInvalidArgument,
          "no layer is left to quantize; `adze plan` tells the reason for each");
}

Record FindWeightFactors(const std::vector<PlannedLayer>& plan) {
  Record record;
  for (const PlannedLayer& layer : plan) {
    LayerRecord& entry =
        record.layers.emplace_back(LayerRecord{.name = layer.name(), .op = layer.node->op()});
    entry.skip_reason = layer.skip_reason;
    entry.balance_factor = layer.balance_factor;
  }
  RunTasks(static_cast<int64_t>(plan.size()), [&](int64_t i) {
    if (plan[i].skip_reason.empty()) QuantizeWeightOf(plan[i], &record.layers[i]);
  });
  return record;
}

// On all cores, because each search takes milliseconds.
void FindActivationFactors(const std::vector<PlannedLayer>& plan, const Statistics& statistics,
                           const OutputData* outputs, Record* record) {
  std::vector<Search> searches = CollectSearches(plan);
  CheckOutputs(searches, outputs);
  RunTasks(static_cast<int64_t>(searches.size()), [&](int64_t i) {
    Search& search = searches[i];
    ErrorScope scope("layer", search.layers[0]->name());
    search.candidates = CandidatesFor(ValuesFor(search, statistics), search.config);
  });
  if (outputs) CompareOutputs(searches, statistics, *outputs);
  for (const Search& search : searches) {
    for (const PlannedLayer* layer : search.layers) {
      record->layers[layer - plan.data()].activation = search.candidates[0];
    }
  }
}

Record FindFactors(const std::vector<PlannedLayer>& plan, const Statistics& statistics,
                   const OutputData* outputs) {
  CheckPlan(plan);
  Record record = FindWeightFactors(plan);
  FindActivationFactors(plan, statistics, outputs, &record);
  return record;
}

}  // namespace adze
