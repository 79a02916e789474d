#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adze/calibrate.h"
#include "adze/config.h"
#include "adze/dataset.h"
#include "adze/decompose.h"
#include "adze/graph.h"
#include "adze/integer.h"
#include "adze/record.h"
#include "adze/report.h"

namespace adze {

// The façade that the command line and C++ users share: whole jobs, from files to files.

struct ModelSource {
  // A GraphDef (.pb, .pbtxt), a SavedModel folder, a .meta file, or a checkpoint's prefix or folder
  // with a .meta beside it.
  std::filesystem::path path;
  // Tensor names; empty: those of the signature, or nodes that nobody reads.
  std::vector<std::string> outputs = {};
  std::map<std::string, Shape> input_shapes = {};  // overrides a placeholder's shape
  std::string signature = {};                      // empty: "serving_default", or the only one
  std::vector<std::string> tags = {};              // of a SavedModel's graph; empty: "serve"
  std::filesystem::path checkpoint = {};           // prefix; empty: the one beside the graph
};
// The model frozen: outputs set, everything they do not need removed, functions inlined, variables
// constant. A frozen GraphDef comes as it is in the file.
Graph LoadModel(const ModelSource& source);
// The same of a deployable graph, its NCHW layers turned to NHWC; kInvalidArgument if it has no
// AscendQuant.
Graph LoadQuantized(const ModelSource& source);
// A deployable graph to run on integers. Warns of layers that stay simulated and of instructions
// that are missing.
IntegerGraph LoadIntegerModel(const ModelSource& source);
// Folds and fuses what quantization wants folded (adze/pass.h). Returns warnings.
std::vector<std::string> PrepareModel(Graph& graph, const Config& config = {});
// The inputs that the outputs depend on.
std::vector<InputSpec> ModelInputs(const Graph& graph, const ModelSource& source);

// Data for calibration or evaluation: a folder of images, a file (or pattern, or folder) per input
// as OpenArrays takes them, or a command.
struct DataSource {
  std::filesystem::path images = {};
  std::map<std::string, std::filesystem::path> arrays = {};  // input name (may be "") to file
  std::map<std::string, std::string> fields = {};  // input name (may be "") to TFRecord field
  std::string label_field = {};
  std::string command = {};  // writes .npy arrays, for each batch one for each input
  std::filesystem::path labels = {};
  Preprocess preprocess = {};
  int64_t limit = 0;      // at most so many samples; 0: all
  bool skip_bad = false;  // leave out what cannot be read; otherwise it is an error
  bool empty() const { return images.empty() && arrays.empty() && command.empty(); }
};
// With skip_bad, warns of what is left out and counts it in `skipped` (may be null).
std::unique_ptr<Dataset> OpenData(const DataSource& source, const std::vector<InputSpec>& inputs,
                                  SkippedSamples* skipped = nullptr);

struct Plan {
  std::vector<LayerInfo> quantizable;  // the layers a config may name
  std::vector<PlannedLayer> layers;    // nodes of the prepared graph
  Config config;
};
// How layers are chosen and treated.
struct PlanOptions {
  std::filesystem::path config = {};  // AMCT's JSON or simplified .cfg; may be empty
  std::vector<std::string> skip_layers = {};
  // Overrides the config's activation algorithm; a name, or as ParseCalibrator takes it.
  std::string calibrator = {};
  int activation_bits = 0;    // overrides the activations' num_bits; 0: does not
  bool symmetric = false;     // overrides the config's `asymmetric`
  std::string weights = {};   // overrides the config's weight quantizer, where a layer takes it
  int weight_bits = 0;        // overrides the weights' num_bits, likewise; 0: does not
  int edge_weight_bits = 0;   // instead of those, for EdgeLayers; 0: the same
  std::string rounding = {};  // overrides the config's; "nearest" or "adaround"
  std::optional<bool> bias_correction = {};  // overrides the config's
  // Migration strength of the DMQ balancer of every layer that has a weight, over the config's.
  std::optional<double> balance = {};
  // Whether the inputs of skip paths' additions are quantized too; overrides the config's.
  std::optional<bool> joint = {};
  bool equalize = false;  // cross-layer equalization, also where the config does not ask for it
  bool absorb_biases = false;     // high-bias absorption, likewise
  bool takes_retraining = false;  // whether the config may be one of retraining
};
Plan MakePlan(const Graph& prepared, const PlanOptions& options);

// Statistics of what the planned layers read, for Quantize to find factors from: on other machines,
// part by part, on more data.
struct CollectOptions {
  ModelSource model;
  DataSource data;
  PlanOptions plan = {};
  std::filesystem::path statistics;  // the file to write
  int64_t batch_size = 1;
  int64_t batch_num = 0;  // of the whole, before it is cut into shards; 0: as for Quantize
  Shard shard = {};
  int num_threads = 0;           // 0: all cores
  std::string device = "cpu";    // or "cuda", "cuda:1" by LibTorch (adze/graph_runner.h)
  int64_t checkpoint_every = 0;  // writes the file each time that so many samples were seen; 0: not
  bool resume = false;           // goes on after the last checkpoint, if there is one
  std::function<void(int64_t, int64_t)> progress = {};
};
struct CollectResult {
  int64_t samples = 0, tensors = 0;
  double seconds = 0;
  std::vector<std::string> warnings = {};
  SkippedSamples skipped = {};
};
// Under mpirun the processes share the samples and the first one writes; the others return {}.
CollectResult Collect(const CollectOptions& options);
// Statistics files of parts of the data as one file, in any order.
CollectResult Merge(const std::vector<std::filesystem::path>& parts,
                    const std::filesystem::path& output);

struct QuantizeOptions {
  ModelSource model;
  DataSource data;                        // may be empty if there are statistics
  std::filesystem::path statistics = {};  // of Collect or Merge, instead of a run over the data
  PlanOptions plan = {};
  std::filesystem::path output_prefix;
  int64_t batch_size = 1;
  int64_t batch_num = 0;  // 0: all the data, at most 256 samples
  int num_threads = 0;    // 0: all cores
  // Where the data is run through the model for the layers' ranges: "cpu", or "cuda", "cuda:1" by
  // LibTorch (adze/graph_runner.h). Everything else is done on the processor.
  std::string device = "cpu";
  int64_t compare_samples = 4;                          // for the comparison of layers; 0: none
  int64_t joint_samples = 64;                           // for JointCost; 0: none
  std::function<void(int64_t, int64_t)> progress = {};  // of calibration: batches
  std::function<void(int64_t, int64_t)> tune_progress = {};  // of rounding: samples
};
struct LayerSummary {
  LayerRecord record;
  std::optional<double> cosine, sqnr_db;  // simulated against float, of the layer's output
};
// What joint quantization costs: the simulation with quantized addends and without, each against
// the float model.
struct JointCost {
  OutputComparison joint, strict;
};
struct QuantizeResult {
  std::vector<LayerSummary> layers;
  std::optional<JointCost> joint_cost = {};  // with joint_quant, where there is data
  std::vector<std::filesystem::path> files;
  std::vector<std::string> warnings;
  int64_t samples = 0;
  SkippedSamples skipped = {};
  double calibration_seconds = 0;
  double tuning_seconds = 0;  // of rounding and bias correction
};
// Writes PREFIX_quantized.pb, PREFIX_fake_quant.pb, PREFIX_quant.json, PREFIX_record.txt and
// PREFIX_config.json: all of them, or on any error none. Under mpirun the processes share the
// samples and the first one writes; the others return {}.
QuantizeResult Quantize(const QuantizeOptions& options);

struct DecomposeJob {
  ModelSource model;
  DecomposeOptions options = {};  // whose dataset is that of `data`
  DataSource data = {};           // may be empty
  // The graph to write; may be empty. Named *.meta the training graph itself with `apply` done to
  // it, for which no checkpoint is needed.
  std::filesystem::path output;
  // Prefix of a checkpoint to write, to go on training from in TensorFlow; may be empty.
  std::filesystem::path checkpoint = {};
  // Measured times of ways to decompose: taken from this file if it is there, and all written to
  // it. May be empty.
  std::filesystem::path latencies = {};
  std::filesystem::path edits = {};    // what was done, to write as JSON; may be empty
  std::filesystem::path apply = {};    // edits to do instead of choosing; may be empty
  std::filesystem::path picture = {};  // SVG of the graph before and after; may be empty
};
struct DecomposeResult {
  std::vector<LayerDecomposition> layers;
  std::vector<std::filesystem::path> files;
  double seconds = 0;
  int64_t timed = 0;  // ways to decompose a layer that this run has timed
  SkippedSamples skipped = {};
};
// Decomposes a model's convolutions (adze/decompose.h) and writes it.
DecomposeResult DecomposeModel(const DecomposeJob& job);

}  // namespace adze
