#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>

#include "adze/api.h"
#include "adze/export.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/parallel.h"
#include "adze/process_group.h"
#include "adze/report.h"
#include "adze/tune.h"
#include "api/collect_in_group.h"
#include "api/device_runners.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

struct OutputPaths {
  explicit OutputPaths(const fs::path& prefix) {
    for (const char* suffix :
         {"_quantized.pb", "_fake_quant.pb", "_quant.json", "_record.txt", "_config.json"}) {
      paths.push_back(prefix.string() + suffix);
    }
  }
  std::vector<fs::path> paths;
};

// Statistics from a file, if they are of this model and, where data is given, fed alike.
Statistics StatisticsFor(const PreparedModel& model, const QuantizeOptions& options) {
  Require(options.batch_size > 0, ErrorCode::kInvalidArgument, "--batch-size must be at least 1");
  StatisticsOrigin origin = OriginOf(model, options.data);
  if (options.data.empty()) origin.feeding.clear();
  Statistics statistics = ReadStatistics(options.statistics);
  ErrorScope scope("file", options.statistics.string());
  statistics.CheckComplete();
  statistics.CheckOrigin(origin);
  return statistics;
}

std::vector<LayerSummary> Summarize(const Record& record,
                                    const std::vector<LayerComparison>& comparisons) {
  std::vector<LayerSummary> layers;
  for (const LayerRecord& layer : record.layers) {
    LayerSummary summary{layer};
    auto found = std::find_if(comparisons.begin(), comparisons.end(),
                              [&](const LayerComparison& c) { return c.layer == layer.name; });
    if (found != comparisons.end()) {
      summary.cosine = found->cosine;
      summary.sqnr_db = found->sqnr_db;
    }
    layers.push_back(std::move(summary));
  }
  return layers;
}

// The same factors and weights without quantized addends.
std::optional<JointCost> CostOfJoint(const Graph& prepared, const Graph& rounded,
                                     const Graph& joint, const Record& record, const Dataset& data,
                                     int64_t samples) {
  Record strict = record;
  std::erase_if(strict.layers,
                [](const LayerRecord& entry) { return ParseTensorKey(entry.name).has_value(); });
  if (strict.layers.size() == record.layers.size()) return std::nullopt;
  const Graph strict_graph = BuildFakeQuantGraph(rounded, strict);
  const std::vector<OutputComparison> found =
      CompareOutputs(prepared, {&joint, &strict_graph}, data, std::min(samples, data.size()));
  if (found.empty()) return std::nullopt;
  return JointCost{found[0], found[1]};
}

}  // namespace

QuantizeResult Quantize(const QuantizeOptions& options) {
  const OutputPaths outputs(options.output_prefix);
  const ProcessGroup& group = ProcessGroup::World();
  group.CheckUsable();
  for (const fs::path& path : outputs.paths) {
    if (group.is_first()) CheckWritable(path);
  }
  SetNumThreads(options.num_threads);
  Require(options.device == "cpu" || options.statistics.empty(), ErrorCode::kInvalidArgument,
          "--device ", options.device,
          " is where calibration runs, which --statistics stands for; leave one of them out");
  const MakeGraphRunner runner = RunnersOn(options.device);

  PlanOptions plan_options = options.plan;
  const bool without_data = options.data.empty() && !options.statistics.empty();
  if (without_data) {
    Require((plan_options.rounding.empty() || plan_options.rounding == "nearest") &&
                !plan_options.bias_correction.value_or(false),
            ErrorCode::kInvalidArgument,
            "rounding by data and bias correction need data beside the statistics; give "
            "--images DIR or --data NAME=FILE too");
    plan_options.rounding = "nearest";
    plan_options.bias_correction = false;
  }
  PreparedModel model(options.model, plan_options);
  Graph& graph = model.graph;
  Plan& plan = model.plan;
  QuantizeResult result;
  result.warnings = model.warnings;
  if (without_data) {
    result.warnings.push_back(
        "without data beside the statistics weights are rounded to the nearest integers");
    spdlog::warn("{}", result.warnings.back());
  }
  const auto count = [&](int64_t samples) {
    return CountSamples(plan, !options.plan.config.empty(), options.batch_size, options.batch_num,
                        samples);
  };
  std::unique_ptr<Dataset> data;
  if (!without_data) {
    const int64_t most = options.statistics.empty()
                             ? count(std::numeric_limits<int64_t>::max())
                             : std::max(TuneOptions{}.samples, options.compare_samples);
    data = OpenData(FirstSamples(options.data, most), model.inputs, &result.skipped);
  }
  const auto start = std::chrono::steady_clock::now();
  Record record;
  if (options.statistics.empty()) {
    result.samples = count(data->size());
    CalibrateOptions calibrate{.batch_size = options.batch_size,
                               .num_samples = result.samples,
                               .num_threads = options.num_threads,
                               .progress = options.progress};
    if (plan.config.absorb_biases) {  // by each process of a group on its own
      const int64_t pairs =
          AbsorbBiases(graph, plan.config.skip_fusion_layers, *data, result.samples);
      spdlog::info("high biases absorbed between {} pairs of layers", pairs);
    }
    if (AsksForBalance(plan.layers)) {  // by each process of a group on its own
      for (std::string& warning : BalanceLayers(graph, &plan.layers, *data, calibrate)) {
        spdlog::warn("{}", warning);
        result.warnings.push_back(std::move(warning));
      }
    }
    calibrate.runner = runner;  // only now: what came before has to be the same in each process
    if (group.size() > 1) {
      const auto statistics = CollectInGroup(model, options.data, *data, calibrate);
      if (!statistics) return {};
      const OutputData compared{graph, *data, std::min(OutputData::kSamples, result.samples)};
      record = FindFactors(plan.layers, *statistics, &compared);
    } else {
      record = Calibrate(graph, plan.layers, *data, calibrate);
    }
  } else {
    if (!group.is_first()) return {};
    RefuseEarlierRuns(plan);
    const Statistics statistics = StatisticsFor(model, options);
    result.samples = statistics.num_samples();
    std::optional<OutputData> compared;
    if (data)
      compared.emplace(OutputData{graph, *data, std::min(OutputData::kSamples, result.samples)});
    record = FindFactors(plan.layers, statistics, compared ? &*compared : nullptr);
  }
  if (const int64_t raised = FitBiases(graph, plan.layers, &record); raised > 0) {
    result.warnings.push_back("the weights of " + std::to_string(raised) +
                              " channels got larger scales, so that their biases fit int32");
    spdlog::warn("{}", result.warnings.back());
  }
  plan.config.batch_num =
      static_cast<int>((result.samples + options.batch_size - 1) / options.batch_size);
  result.calibration_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  Graph rounded = graph.Clone();  // `graph` stays what the layers are compared with
  MoveWeightsToCentres(rounded, record);
  if (WantsTuning(plan.layers)) {
    const auto begin = std::chrono::steady_clock::now();
    const TuneOptions tune = {.samples = std::min(TuneOptions{}.samples, result.samples),
                              .num_threads = options.num_threads,
                              .progress = options.tune_progress};
    rounded = TuneWeights(graph, rounded, &record, plan.layers, *data, tune);
    result.tuning_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  const Graph fake_quant = BuildFakeQuantGraph(rounded, record);
  const Graph quantized = BuildQuantizedGraph(rounded, record);
  std::vector<LayerComparison> comparisons;
  if (data && options.compare_samples > 0) {
    comparisons = CompareLayers(graph, fake_quant, record, *data,
                                std::min(options.compare_samples, data->size()));
  }
  result.layers = Summarize(record, comparisons);
  if (data && options.joint_samples > 0) {
    result.joint_cost =
        CostOfJoint(graph, rounded, fake_quant, record, *data, options.joint_samples);
  }

  const std::vector<std::string> contents = {
      SerializeGraphDef(quantized), SerializeGraphDef(fake_quant), QuantJson(quantized, record),
      SerializeRecord(record), SerializeConfig(plan.config, plan.quantizable)};
  std::vector<FileContent> files;
  for (size_t i = 0; i < contents.size(); ++i) files.push_back({outputs.paths[i], contents[i]});
  WriteFilesAtomically(files);
  result.files = outputs.paths;
  return result;
}

}  // namespace adze
