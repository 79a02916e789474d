#include <chrono>

#include "adze/api.h"
#include "adze/checkpoint.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "export/output_names.h"

namespace adze {

DecomposeResult DecomposeModel(const DecomposeJob& job) {
  if (!job.output.empty()) CheckWritable(job.output);
  if (!job.checkpoint.empty()) CheckWritable(job.checkpoint.string() + ".meta");
  if (!job.edits.empty()) CheckWritable(job.edits);
  Graph graph = LoadModel(job.model);
  DecomposeResult result;
  std::unique_ptr<Dataset> data;
  DecomposeOptions options = job.options;
  if (!job.apply.empty()) options.edits = ReadDecompositionEdits(job.apply);
  if (!job.data.empty()) {
    data = OpenData(job.data, ModelInputs(graph, job.model), &result.skipped);
    options.data.dataset = data.get();
  }
  LatencyTable table;
  if (!job.latencies.empty()) {
    CheckWritable(job.latencies);
    if (std::filesystem::exists(job.latencies)) table = ReadLatencyTable(job.latencies);
  }
  options.latency.table = &table;
  const auto known = static_cast<int64_t>(table.size());
  ErrorScope scope("file", job.model.path.string());
  const auto start = std::chrono::steady_clock::now();
  result.layers = Decompose(graph, options);
  result.timed = static_cast<int64_t>(table.size()) - known;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  result.seconds = seconds.count();
  KeepOutputNames(graph);
  if (result.timed > 0 && !job.latencies.empty()) {
    WriteLatencyTable(table, job.latencies);
    result.files.push_back(job.latencies);
  }
  if (!job.edits.empty()) {
    WriteDecompositionEdits(result.layers, job.edits);
    result.files.push_back(job.edits);
  }
  if (!job.output.empty()) {
    WriteGraphDef(graph, job.output);
    result.files.push_back(job.output);
  }
  if (!job.checkpoint.empty()) {
    WriteTrainingCheckpoint(job.checkpoint, graph);
    for (const char* ending : {".meta", ".index", ".data-00000-of-00001"}) {
      result.files.push_back(job.checkpoint.string() + ending);
    }
  }
  return result;
}

}  // namespace adze
