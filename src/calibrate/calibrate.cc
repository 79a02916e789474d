#include "adze/calibrate.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "adze/calibrator.h"
#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/session.h"
#include "calibrate/histogram_probe.h"

namespace adze {
namespace {

void RunData(const Graph& prepared, const Dataset& data, const CalibrateOptions& options,
             HistogramProbe& probe) {
  const int64_t all = (data.size() + options.batch_size - 1) / options.batch_size;
  const int64_t wanted = options.batch_num > 0 ? std::min(options.batch_num, all) : all;
  Session session(prepared, {}, &probe, {.num_threads = options.num_threads});
  BatchReader batches(data, options.batch_size, 1);
  std::map<std::string, Tensor> feeds;
  int64_t first = 0;
  for (int64_t done = 0; done < wanted && batches.Next(&feeds, &first);) {
    ThrowIfCancelled();
    probe.StartBatch(first, feeds.begin()->second.shape()[0]);
    session.Run(feeds);
    if (options.progress) options.progress(++done, wanted);
  }
  ThrowIfCancelled();
}

QuantParams QuantizeWeights(const Node& layer, const WeightConfig& config) {
  const QuantTraits& traits = *layer.def()->quant;
  Require(config.algorithm == "arq_quantize", ErrorCode::kUnsupported, "weight algorithm '",
          config.algorithm, "' is not there; use arq_quantize");
  const bool per_channel = config.per_channel && traits.per_channel;
  return QuantizeWeightArq(layer.input(*traits.weight_input).node->const_value(),
                           per_channel ? traits.channel_axes : std::vector<int>(), config.num_bits)
      .params;
}

}  // namespace

Record Calibrate(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
                 const CalibrateOptions& options) {
  Check(options.batch_size > 0, "batch size");
  const bool any = std::any_of(plan.begin(), plan.end(),
                               [](const PlannedLayer& l) { return l.skip_reason.empty(); });
  Require(any, ErrorCode::kInvalidArgument,
          "no layer is left to quantize; `adze plan` tells the reason for each");
  SetNumThreads(options.num_threads);
  // Weights first: what is wrong with them is known without data.
  Record record;
  for (const PlannedLayer& layer : plan) {
    ErrorScope scope("layer", layer.node->name());
    LayerRecord& entry =
        record.layers.emplace_back(LayerRecord{.name = layer.node->name(), .op = layer.node->op()});
    entry.skip_reason = layer.skip_reason;
    if (layer.skip_reason.empty() && layer.node->def()->quant->weight_input) {
      entry.weight = QuantizeWeights(*layer.node, layer.config.weight);
    }
  }
  HistogramProbe probe(plan, data);
  RunData(prepared, data, options, probe);
  for (size_t i = 0; i < plan.size(); ++i) {
    const PlannedLayer& layer = plan[i];
    if (!layer.skip_reason.empty()) continue;
    ErrorScope scope("layer", layer.node->name());
    const Value value = layer.node->input(layer.node->def()->quant->data_input);
    record.layers[i].activation = Calibrate(probe.Find(value), layer.config.activation);
  }
  return record;
}

}  // namespace adze
