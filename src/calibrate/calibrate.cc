#include "adze/calibrate.h"

#include <algorithm>
#include <exception>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/registry.h"
#include "calibrate/histogram_probe.h"

namespace adze {
namespace {

Value DataOf(const Node& node) { return node.input(node.def()->quant->data_input); }

// What layers can share: the data they read and how it is calibrated.
struct Search {
  Value value;
  ActivationConfig config;
  QuantParams params = {};
  std::vector<const PlannedLayer*> layers;
};

std::vector<Search> CollectSearches(const std::vector<PlannedLayer>& plan) {
  std::vector<Search> searches;
  for (const PlannedLayer& layer : plan) {
    if (!layer.skip_reason.empty()) continue;
    const Value value = DataOf(*layer.node);
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

void CheckCalibrators(const std::vector<Search>& searches) {
  for (const Search& search : searches) {
    ErrorScope scope("layer", search.layers[0]->node->name());
    Require(Builtin<CalibratorRegistry>().Find(search.config.algorithm),
            ErrorCode::kInvalidArgument, "there is no calibrator '", search.config.algorithm, "'");
  }
}

// Scales of the layer's weight; its integers follow from them.
std::optional<QuantParams> QuantizeWeightOf(const PlannedLayer& layer) {
  const QuantTraits& traits = *layer.node->def()->quant;
  if (!traits.weight_input) return std::nullopt;
  ErrorScope scope("layer", layer.node->name());
  const bool per_channel = traits.per_channel && layer.config.weight.per_channel;
  return WeightParamsArq(layer.node->input(*traits.weight_input).node->const_value(),
                         per_channel ? traits.channel_axes : std::vector<int>(),
                         layer.config.weight.num_bits);
}

// How many batches are run; the last may be short.
int64_t CountBatches(const Dataset& data, const CalibrateOptions& options) {
  const int64_t size = data.size(), batch_size = options.batch_size;
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  Require(batch_size > 0, kBad, "batch_size is ", batch_size, ", but must be greater than zero");
  Require(size > 0, kBad, "there is no data to calibrate on");
  const int64_t all = (size + batch_size - 1) / batch_size;
  Require(options.batch_num <= all, kBad, "the data has ", size, " samples, too few for ",
          options.batch_num, " batches of ", batch_size,
          "; lower batch_num or batch_size, or give more data");
  return options.batch_num == 0 ? all : options.batch_num;
}

void RunData(const Graph& prepared, const Dataset& data, const CalibrateOptions& options,
             HistogramProbe& probe) {
  const int64_t batches = CountBatches(data, options);
  Session session(prepared, {}, &probe, {.num_threads = options.num_threads});
  BatchReader reader(data, options.batch_size, 1);
  std::map<std::string, Tensor> feeds;
  int64_t first_sample = 0;
  for (int64_t done = 0; done < batches;) {
    ThrowIfCancelled();
    Check(reader.Next(&feeds, &first_sample), "the data has as many batches");
    probe.StartBatch(first_sample, std::min(options.batch_size, data.size() - first_sample));
    session.Run(feeds);
    ++done;
    if (options.progress) options.progress(done, batches);
  }
  ThrowIfCancelled();
}

// Fills in the parameters of every search; on all cores, because each takes milliseconds.
void RunSearches(const HistogramProbe& probe, std::vector<Search>* searches) {
  const auto count = static_cast<int64_t>(searches->size());
  std::vector<std::exception_ptr> errors(count);
  ParallelFor(count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Search& search = (*searches)[i];
      try {
        ErrorScope scope("layer", search.layers[0]->node->name());
        search.params = CalibrateValues(probe.Merged(search.value), search.config);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  });
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace

Record Calibrate(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
                 const CalibrateOptions& options) {
  std::vector<Search> searches = CollectSearches(plan);
  Require(!searches.empty(), ErrorCode::kInvalidArgument,
          "no layer is left to quantize; `adze plan` tells the reason for each");
  CheckCalibrators(searches);
  SetNumThreads(options.num_threads);
  // Weights first: what is wrong with them is known without data.
  Record record;
  for (const PlannedLayer& layer : plan) {
    LayerRecord& entry =
        record.layers.emplace_back(LayerRecord{.name = layer.node->name(), .op = layer.node->op()});
    entry.skip_reason = layer.skip_reason;
    if (layer.skip_reason.empty()) entry.weight = QuantizeWeightOf(layer);
  }
  HistogramProbe probe(plan, data);
  RunData(prepared, data, options, probe);
  RunSearches(probe, &searches);
  for (const Search& search : searches) {
    for (const PlannedLayer* layer : search.layers) {
      record.layers[layer - plan.data()].activation = search.params;
    }
  }
  return record;
}

}  // namespace adze
