#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adze/api.h"

namespace CLI {
class App;
}

namespace adze {

// Options that several verbs share, as they are typed; the functions below turn them into what the
// façade takes.
struct ModelFlags {
  std::string path;
  std::vector<std::string> outputs;
  std::vector<std::string> input_shapes;  // "name:n,h,w,c"
  std::string signature;
  std::vector<std::string> tags;
  std::string checkpoint;
};
void AddModelFlags(CLI::App& app, ModelFlags& flags);
// The part of them that says how to read a model that is not a frozen graph.
void AddSourceFlags(CLI::App& app, ModelFlags& flags);
ModelSource ToModelSource(const ModelFlags& flags);

// --engine float32 or int8.
void AddEngineFlag(CLI::App& app, std::string& engine);

struct DataFlags {
  std::string images;
  std::vector<std::string> arrays;  // "name=file" or "file"
  std::vector<std::string> fields;  // "name=field" or "field"
  std::string label_field, command;
  std::string labels;
  std::string preprocess;
  std::vector<float> mean, std;
  bool bgr = false;
  std::string resize = "squash";
  int64_t limit = 0;
  bool skip_bad = false;
};
void AddDataFlags(CLI::App& app, DataFlags& flags);
// The parts of them that name the fields of TFRecords, and that say what becomes of pixels.
void AddFieldFlags(CLI::App& app, DataFlags& flags);
void AddPixelFlags(CLI::App& app, DataFlags& flags);
DataSource ToDataSource(const DataFlags& flags);

// Refuses if there is none of --images, --data and --data-command.
void RequireData(const DataFlags& flags);

// Which preprocessing was the default, as a line for people; nothing if it was chosen.
void PrintScaling(const DataFlags& flags);

// "2 samples skipped: WHY; WHY" as a line for people; nothing if there are none.
void PrintSkipped(const SkippedSamples& skipped);
// {"count": 2, "first": ["WHY", "WHY"]}
nlohmann::ordered_json SkippedAsJson(const SkippedSamples& skipped);

// How much of the data calibration sees, and how.
struct BatchFlags {
  int64_t size = 1, num = 0;
  int threads = 0;
  std::string device = "cpu";
};
void AddBatchFlags(CLI::App& app, BatchFlags& flags);
// Becomes adze-retrain, which has LibTorch, if the device needs that and this program is without.
// kUnsupported if there is no adze-retrain. To be called before anything is done.
void BecomeProgramFor(const BatchFlags& flags);

struct PlanFlags {
  std::string config;
  std::vector<std::string> skip_layers;
  std::string calibrator;
  int activation_bits = 0;
  bool symmetric = false;
  std::string weights;
  int weight_bits = 0, edge_weight_bits = 0;
  std::string rounding;
  std::optional<bool> bias_correction;
  std::optional<double> balance;
  std::optional<bool> joint;
  bool equalize = false;
  bool absorb_biases = false;
};
void AddPlanFlags(CLI::App& app, PlanFlags& flags);
PlanOptions ToPlanOptions(const PlanFlags& flags);

// "name=file" split at the first '='; without one the name is "".
std::pair<std::string, std::string> SplitAssignment(const std::string& text);
// Whether -q was given.
bool IsQuiet(const CLI::App& verb);

}  // namespace adze
