#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "adze/api.h"
#include "adze/export.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/parallel.h"
#include "adze/report.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostSamplesByDefault = 256;

struct OutputPaths {
  explicit OutputPaths(const fs::path& prefix) {
    for (const char* suffix :
         {"_quantized.pb", "_fake_quant.pb", "_quant.json", "_record.txt", "_config.json"}) {
      paths.push_back(prefix.string() + suffix);
    }
  }
  std::vector<fs::path> paths;
};

// How many samples to use; says what is missing if the data does not suffice.
int64_t CountSamples(const QuantizeOptions& options, const Plan& plan, int64_t samples) {
  Require(options.batch_size > 0, ErrorCode::kInvalidArgument, "--batch-size must be at least 1");
  Require(options.batch_num >= 0, ErrorCode::kInvalidArgument, "--batch-num must be at least 1");
  int64_t wanted = options.batch_num;
  if (wanted == 0 && !options.plan.config.empty()) wanted = plan.config.batch_num;
  if (wanted == 0) return std::min(samples, kMostSamplesByDefault);
  Require(wanted <= samples / options.batch_size, ErrorCode::kInvalidArgument, "calibration needs ",
          wanted, " batches of ", options.batch_size, ", the data has ", samples,
          " samples; lower --batch-num or --batch-size, or give more data");
  return wanted * options.batch_size;
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

}  // namespace

QuantizeResult Quantize(const QuantizeOptions& options) {
  const OutputPaths outputs(options.output_prefix);
  for (const fs::path& path : outputs.paths) CheckWritable(path);
  SetNumThreads(options.num_threads);

  QuantizeResult result;
  Graph graph = LoadModel(options.model);
  const std::vector<InputSpec> inputs = ModelInputs(graph, options.model);
  const std::unique_ptr<Dataset> data = OpenData(options.data, inputs);
  // The config says what to fuse, and its layers are those of the fused graph; layers keep their
  // names when they are fused, so a first look at an unfused copy would find the same ones.
  PlanOptions plan_options = options.plan;
  Plan plan;
  {
    ErrorScope scope("file", options.model.path.string());
    result.warnings = PrepareModel(graph);
    plan = MakePlan(graph, plan_options);
    if (!plan.config.do_fusion || !plan.config.skip_fusion_layers.empty()) {
      graph = LoadModel(options.model);
      result.warnings = PrepareModel(graph, plan.config);
      plan = MakePlan(graph, plan_options);
    }
  }
  for (const std::string& warning : result.warnings) spdlog::warn("{}", warning);

  result.samples = CountSamples(options, plan, data->size());
  plan.config.batch_num =
      static_cast<int>((result.samples + options.batch_size - 1) / options.batch_size);
  const CalibrateOptions calibrate{.batch_size = options.batch_size,
                                   .num_samples = result.samples,
                                   .num_threads = options.num_threads,
                                   .progress = options.progress};
  const auto start = std::chrono::steady_clock::now();
  const Record record = Calibrate(graph, plan.layers, *data, calibrate);
  result.calibration_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  const Graph fake_quant = BuildFakeQuantGraph(graph, record);
  const Graph quantized = BuildQuantizedGraph(graph, record);
  std::vector<LayerComparison> comparisons;
  if (options.compare_samples > 0) {
    comparisons = CompareLayers(graph, fake_quant, record, *data,
                                std::min(options.compare_samples, data->size()));
  }
  result.layers = Summarize(record, comparisons);

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
