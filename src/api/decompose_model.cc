#include <chrono>

#include "adze/api.h"
#include "adze/checkpoint.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "export/output_names.h"

namespace adze {
namespace {

bool IsMeta(const std::filesystem::path& path) { return path.extension() == ".meta"; }

// Edits to a training graph without its variables' values.
DecomposeResult DecomposeMeta(const DecomposeJob& job) {
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  Require(!job.apply.empty() && IsMeta(job.model.path), kBad,
          "a training graph (.meta) is made of another one by the edits of a decomposition; give "
          "MODEL.meta and --apply, or write -o FILE.pb or --to-checkpoint PREFIX");
  Require(job.checkpoint.empty() && job.edits.empty() && job.picture.empty() && job.data.empty(),
          kBad,
          "a training graph (.meta) has no weights to learn from or to write; leave out data, "
          "--to-checkpoint, --edits and --picture");
  const auto start = std::chrono::steady_clock::now();
  const std::vector<DecompositionEdit> edits = ReadDecompositionEdits(job.apply);
  const std::string bytes = ReadFile(job.model.path);
  ErrorScope scope("file", job.model.path.string());
  EditedMetaGraph edited = DecomposeTrainingGraph(bytes, edits);
  DecomposeResult result{.layers = std::move(edited.layers), .files = {job.output}};
  WriteFileAtomically(job.output, edited.bytes);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  result.seconds = seconds.count();
  return result;
}

}  // namespace

DecomposeResult DecomposeModel(const DecomposeJob& job) {
  if (!job.output.empty()) CheckWritable(job.output);
  if (!job.checkpoint.empty()) CheckWritable(job.checkpoint.string() + ".meta");
  if (!job.edits.empty()) CheckWritable(job.edits);
  if (!job.picture.empty()) CheckWritable(job.picture);
  if (IsMeta(job.output)) return DecomposeMeta(job);
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
  std::optional<Graph> before;
  if (!job.picture.empty()) before = graph.Clone();
  const auto start = std::chrono::steady_clock::now();
  result.layers = Decompose(graph, options);
  result.timed = static_cast<int64_t>(table.size()) - known;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  result.seconds = seconds.count();
  std::string picture;
  if (before) {
    picture = DrawDecomposition(*before, graph, result.layers, job.model.path.filename().string());
  }
  KeepOutputNames(graph);
  if (result.timed > 0 && !job.latencies.empty()) {
    WriteLatencyTable(table, job.latencies);
    result.files.push_back(job.latencies);
  }
  if (!job.edits.empty()) {
    WriteDecompositionEdits(result.layers, job.edits);
    result.files.push_back(job.edits);
  }
  if (!job.picture.empty()) {
    WriteFileAtomically(job.picture, picture);
    result.files.push_back(job.picture);
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
