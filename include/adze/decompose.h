#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adze/dataset.h"
#include "adze/graph.h"
#include "adze/shape.h"

namespace adze {

// Which convolutions are decomposed. All must have a constant weight, one group and dilation 1.
enum class DecomposeFilter {
  kCurrent,  // AMCT's current rule: kernel, stride and channels large enough to gain something
  kSquare,   // AMCT's older one: square kernels larger than 2 x 2
  kAny,      // every kernel, also 1 x 1
};

// What a layer is known by, and what is corrected by it.
struct DecomposeData {
  const Dataset* dataset = nullptr;  // null: none
  int64_t samples = 64;              // at most so many, the first ones
  int64_t rows = 8192;               // output positions of a layer to learn from, over all samples
  double damping = 0.01;  // of the data's mean square, added to it: keeps kernels near their own
  bool weigh = true;      // losses count by what the data shows; false: as if all inputs were alike
  bool correct = true;    // afterwards, refit the last convolution of each layer
};

// How ranks are chosen.
enum class RankRule {
  kEvbmf,    // AMCT's, per layer; method "amct" only
  kEnergy,   // per layer the least that keeps a share of the kernel's (output's) power
  kMacs,     // for all layers together: within a share of their multiply-accumulates
  kSize,     // within a share of their weights
  kLatency,  // within a share of the time that they take on this machine
};

// Milliseconds of a sample, by what was timed: "2 threads, 14x14 SAME 1x1: 3x3x256x256" is a
// convolution, "...: 3x1x256x128, 1x3x128x256" what stands for it.
using LatencyTable = std::map<std::string, double>;

// A JSON object of them. kBadFile names an entry that is no time.
LatencyTable ReadLatencyTable(const std::filesystem::path& file);
void WriteLatencyTable(const LatencyTable& table, const std::filesystem::path& file);

// How ways to decompose a layer are timed: each in this library's float32 engine, one sample at a
// time, with random weights.
struct LatencyOptions {
  // Leave out ways that take longer than the layer. Always so where time is the budget.
  bool leave_out_slower = false;
  int num_threads = 1;
  int rounds = 9;  // in each of which every way runs once; the median counts
  // Times that are known; those that are not are added. May be null.
  LatencyTable* table = nullptr;
};

// What was done to a layer, to be done to another graph that has it.
struct DecompositionEdit {
  std::string name;  // of the convolution
  Shape kernel;      // [height, width, inputs, outputs]
  std::string method, mode;
  std::vector<int64_t> ranks;
  std::vector<Shape> kernels;  // of what stands for it
  bool weighed = false;        // by data
  bool balanced = false;       // for int8
};

struct DecomposeOptions {
  // "amct"; "spatial", "channel", "tucker" or "cp"; or "auto": for each layer the best of the first
  // three of these.
  std::string method = "amct";
  RankRule rule = RankRule::kEvbmf;
  double share = 0;  // of power to keep, or of the cost of the layers that pass the filter
  DecomposeFilter filter = DecomposeFilter::kCurrent;
  // 1 x 1 convolutions and MatMuls too, whatever the filter, by truncated singular value
  // decomposition. Not with method "amct".
  bool pointwise = false;
  // Judge ways by what is left of them with 8-bit weights (a scale per output channel), and scale
  // the channels between their kernels so that both kernels have ranges alike.
  bool for_int8 = false;
  LatencyOptions latency = {};
  DecomposeData data = {};
  // If there are any, these layers are decomposed in these ways, from the weights that they have
  // in this graph; method, rule and filter do not count. kInvalidArgument names a layer that the
  // graph has not, or another one in its place.
  std::vector<DecompositionEdit> edits = {};
  // Called after each layer with those done and those to do.
  std::function<void(int64_t, int64_t)> progress = {};
};

// A convolution of the graph: what became of it, or why it stays.
struct LayerDecomposition {
  std::string name;
  std::string reason;  // why it stays as it is; empty: it is decomposed
  Shape kernel;        // [height, width, inputs, outputs]
  std::string method;  // "spatial", "channel", ...
  std::string mode;    // of "spatial": SCFK, SCSK, FCFK or FCSK
  std::vector<int64_t> ranks;
  bool weighed = false, balanced = false;  // by data; for int8
  std::optional<int64_t> evbmf_rank;       // before it is clamped and rounded
  double error = 0;                        // |W - W'| / |W|, Frobenius norms, before correction
  // |Y - Y'| / |Y| of the layer's output on the data, its input being right, before correction.
  std::optional<double> data_error;
  // The same (without data: as `error`) with 8-bit weights; of a budget for int8.
  std::optional<double> int8_error;
  std::vector<std::string> nodes;  // the convolutions in its place, first to last
  std::vector<Shape> kernels;      // of these
  int64_t weights_before = 0, weights_after = 0;
  // Multiply-accumulates of one sample, where the image's size is known.
  std::optional<int64_t> macs_before, macs_after;
  std::optional<double> ms_before, ms_after;  // where they were timed
};

// Replaces convolutions by several that do nearly the same with fewer multiplications. In AMCT's
// way a k x 1 and a 1 x k one through a bottleneck of channels, as wide as the analytic variational
// Bayes solution of the kernel says (EVBMF, Nakajima et al. 2013), within AMCT's limits.
//
//   x -> conv (h x w)  becomes  x -> conv/decom_first/decom_first -> conv/decom_last/decom_last
//
// Other methods and rules choose ranks from all layers' spectra at once. What stands behind conv
// (bias, batch norm) stands behind the last one. Returns every convolution in topological order.
// kBadFile names a layer whose weight holds a number that is not finite; kInvalidArgument one whose
// decomposition needs more memory than there is, before it is begun, or the least possible share
// where the given one cannot be met. MatMuls follow where they were asked for.
std::vector<LayerDecomposition> Decompose(Graph& graph, const DecomposeOptions& options = {});

// Does edits to a training graph alone, as AMCT's decompose_graph: `meta_graph` are the bytes of a
// MetaGraphDef (.meta) whose kernels are variables, made before the optimizer. Kernels of the new
// convolutions are new variables with random initial values, for a checkpoint of the decomposed
// model to be restored into; what saves and restores is left out. kInvalidArgument names the layer
// that is not as the edits say, or whose kernel something else reads.
struct EditedMetaGraph {
  std::vector<LayerDecomposition> layers;
  std::string bytes;
};
EditedMetaGraph DecomposeTrainingGraph(std::string_view meta_graph,
                                       const std::vector<DecompositionEdit>& edits);

// A JSON file of what was done. kBadFile names the entry that is none.
std::vector<DecompositionEdit> ReadDecompositionEdits(const std::filesystem::path& file);
void WriteDecompositionEdits(const std::vector<LayerDecomposition>& layers,
                             const std::filesystem::path& file);

// An SVG picture of a graph before and after Decompose, side by side: layers with kernel, channels
// and multiply-accumulates of one sample, branches, what was decomposed with its ranks, and totals.
std::string DrawDecomposition(const Graph& before, const Graph& after,
                              const std::vector<LayerDecomposition>& layers,
                              const std::string& title);

// Methods besides "amct" and "auto", with what they do.
std::map<std::string, std::string> DecompositionMethods();

}  // namespace adze
