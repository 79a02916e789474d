#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adze/config.h"
#include "adze/dataset.h"
#include "adze/graph.h"
#include "adze/graph_runner.h"
#include "adze/record.h"
#include "adze/statistics.h"

namespace adze {

// One layer of a prepared graph, or one tensor that a node reads: to be quantized, or why not.
struct PlannedLayer {
  Node* node = nullptr;
  std::string skip_reason;  // empty: it is quantized
  LayerConfig config = {};
  std::vector<float> balance_factor = {};  // set by BalanceLayers; empty: not balanced
  bool observe_channels = false;  // whether its input's statistics hold ChannelStatistics too
  // Of a tensor: which input of `node` it is, and the value whose statistics decide its factors.
  std::optional<int> tensor = {};
  Value observed = {};

  bool is_layer() const { return !tensor; }
  std::string name() const;  // as records have it: the node's, or "add:0"
  int data_input() const;    // of the node
};

// Every node whose op has QuantTraits and whose data input is not constant, in topological order;
// with the reason for each that cannot be quantized (op constraint, weight not constant, config,
// skip list). Then, behind the layers that they follow, the tensors that the config names
// (tensor_quantize) and with joint_quant the addends of every skip path: both inputs of an Add or
// AddV2 of two values of one shape, at least one of which a quantized layer makes.
// kNotFound if `skip_layers` names neither a layer nor an addition whose inputs are quantized.
std::vector<PlannedLayer> PlanLayers(const Graph& prepared, const Config& config,
                                     const std::vector<std::string>& skip_layers = {});
// The layers a config may speak of: those that PlanLayers would quantize without a config.
std::vector<LayerInfo> QuantizableLayers(const Graph& prepared);
// Of the layers with weights those before which no other comes and those behind which none does;
// not what is both, and none if there is no other. They hold little of a model and suffer most from
// fewer bits.
std::vector<std::string> EdgeLayers(const Graph& prepared);

// One of `count` parts of the samples, as even as they can be: consecutive samples each.
struct Shard {
  int64_t index = 0;  // 0 .. count - 1
  int64_t count = 1;
};

// How threads share the work. The statistics are the same either way.
enum class Parallelism {
  kMeasured,  // the faster, found on the first batches
  kSamples,   // a thread runs a sample on its own
  kOps,       // all threads run the same sample
};

struct CalibrateOptions {
  int64_t batch_size = 1;
  int64_t num_samples = 0;  // the first so many; 0: all the data
  Shard shard = {};         // of those samples
  // What the statistics call the data: samples of two data sets of one name with the same index
  // count as the same sample.
  std::string data_name = {};
  StatisticsOrigin origin = {};  // of the statistics
  int num_threads = 0;           // 0: all cores
  Parallelism parallelism = Parallelism::kMeasured;
  double measure_from_seconds = 10;  // kMeasured: with less work left a thread runs a sample
  // Runs batches elsewhere: threads then share what is left to do with the values. The statistics
  // are those of whatever it computes. Null: sessions do.
  MakeGraphRunner runner = nullptr;
  // What an interrupted run of the same samples saw: only the rest is run. It must outlive the
  // call.
  const Statistics* resume = nullptr;
  // Called with what was seen so far each time that so many more samples were; 0: never.
  int64_t checkpoint_every = 0;
  std::function<void(const Statistics&)> checkpoint = {};
  // Called after each batch with batches done and batches in all.
  std::function<void(int64_t, int64_t)> progress = {};
};

// Runs the data through the float graph and returns statistics of what each planned layer reads, in
// memory that does not grow with the data. kInvalidArgument with layer and sample for NaN or Inf,
// and for a shard without samples; kCancelled after Ctrl-C.
Statistics CollectStatistics(const Graph& prepared, const std::vector<PlannedLayer>& plan,
                             const Dataset& data, const CalibrateOptions& options);
// kInvalidArgument unless `before` is a checkpoint of a run over the samples that the options name.
void CheckResumable(const Statistics& before, const Dataset& data, const CalibrateOptions& options);
// Where calibrators that compare outputs of layers (ComparesOutputs) get those from.
struct OutputData {
  static constexpr int64_t kSamples = 128;
  const Graph& prepared;
  const Dataset& data;
  int64_t samples = kSamples;  // at most so many, the first of the data
};
// Scale and zero point of each planned layer. Layers that read the same tensor with the same
// settings share one search. kInvalidArgument if the statistics lack a tensor, or if a layer's
// calibrator compares outputs and `outputs` is null; else that runs the data once more.
Record FindFactors(const std::vector<PlannedLayer>& plan, const Statistics& statistics,
                   const OutputData* outputs = nullptr);
// Both.
Record Calibrate(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
                 const CalibrateOptions& options);

// DMQ (reference/amct-algorithms section 7). Whether a layer of the plan asks for the balancer:
bool AsksForBalance(const std::vector<PlannedLayer>& plan);
// Runs the data once for the largest |x| of each channel, finds the factors of the layers that ask
// for the balancer, and applies them:
//   x -> layer(w)      x -> Mul(1 / f) -> layer(w f)
// Layers that cannot be balanced (shared weight, NCHW) stay as they are; returns a warning for
// each.
std::vector<std::string> BalanceLayers(Graph& prepared, std::vector<PlannedLayer>* plan,
                                       const Dataset& data, const CalibrateOptions& options);
// Applies the balance factors of a record to a graph that is not balanced yet.
void ApplyBalance(Graph& prepared, const Record& record);

// High-bias absorption (Nagel et al. 2019, "Data-free quantization through weight equalization and
// bias correction", section 4.1.3). A channel between two layers that never falls below c > 0 before
// its Relu is lowered by c, which the next layer's bias takes up:
//   W1, b1 -> Relu -> W2, b2    becomes    W1, b1 - c -> Relu -> W2, b2 + W2 c
// c is the channel's least value over the first `samples` samples, for which the graph computes what
// it did before; the paper, without data, takes beta - 3 gamma of the folded batch norm. Only in
// front of layers whose windows do not hang over the edge. Returns how many pairs of layers changed.
int64_t AbsorbBiases(Graph& prepared, const std::vector<std::string>& skip_fusion_layers,
                     const Dataset& data, int64_t samples);

// Biases become int32 integers of scale scale_w * scale_d. Where that is too fine for one, as with
// 16-bit data and a channel of tiny weights, raises scale_w, by which such weights lose nothing that
// would count beside the bias. Returns how many scales; layers with a cluster stay as they are.
int64_t FitBiases(const Graph& prepared, const std::vector<PlannedLayer>& plan, Record* record);

// Where the record has a cluster, moves the elements of the layer's weight to their nearest centres
// (MoveToCentres), so that the record's scales give exactly these integers.
void MoveWeightsToCentres(Graph& prepared, const Record& record);

}  // namespace adze
