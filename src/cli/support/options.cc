#include "cli/support/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "adze/graph_runner.h"
#include "adze/registry.h"
#include "cli/support/sibling_program.h"

namespace adze {
namespace {

// A line for each: "  percentile     what it does (max_percentile=0.9999, ...)".
std::string CalibratorList() {
  std::string list;
  for (const auto& [name, def] : Builtin<CalibratorRegistry>().all()) {
    std::string parameters;
    for (const CalibratorParameter& parameter : def.parameters) {
      parameters += fmt::format("{}{}={}", parameters.empty() ? " (" : ", ", parameter.name,
                                parameter.fallback);
    }
    list += fmt::format("{}  {:<14}  {}{}", list.empty() ? "" : "\n", name, def.summary,
                        parameters.empty() ? "" : parameters + ")");
  }
  return list;
}

std::pair<std::string, Shape> ParseInputShape(const std::string& text) {
  // The last ':' separates, so that "input:0:1,224,224,3" is the input "input:0".
  const size_t colon = text.rfind(':');
  const std::string name = text.substr(0, colon == std::string::npos ? 0 : colon);
  std::vector<int64_t> dims;
  bool ok = !name.empty();
  if (ok) {
    const char* at = text.data() + colon + 1;
    const char* end = text.data() + text.size();
    while (ok && at <= end) {
      int64_t dim = 0;
      const auto [next, error] = std::from_chars(at, end, dim);
      ok = error == std::errc() && (dim > 0 || dim == -1) && (next == end || *next == ',');
      dims.push_back(dim);
      at = next + 1;
    }
  }
  Require(ok && !dims.empty(), ErrorCode::kInvalidArgument, "--input-shape '", text,
          "' is not of the form NAME:N,H,W,C");
  return {name, Shape(dims)};
}

}  // namespace

void AddSourceFlags(CLI::App& app, ModelFlags& flags) {
  app.add_option("model", flags.path,
                 "Frozen graph (.pb, .pbtxt), SavedModel folder, or .meta file with a checkpoint")
      ->required()
      ->type_name("MODEL");
  app.add_option("--signature", flags.signature,
                 "Signature whose outputs are computed (default: serving_default, or the only one)")
      ->type_name("NAME");
  app.add_option("--tags", flags.tags, "Tags of the SavedModel's graph (default: serve)")
      ->delimiter(',')
      ->type_name("TAG,...");
  app.add_option("--checkpoint", flags.checkpoint,
                 "Checkpoint to take variables from (default: the one beside the graph)")
      ->type_name("PREFIX");
}

void AddModelFlags(CLI::App& app, ModelFlags& flags) {
  AddSourceFlags(app, flags);
  app.add_option("--outputs", flags.outputs,
                 "Output tensors, e.g. prob or prob:0 (default: the signature's, or nodes that "
                 "nobody reads)")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option("--input-shape", flags.input_shapes,
                 "Shape of an input whose placeholder leaves it open")
      ->take_all()
      ->allow_extra_args(false)
      ->type_name("NAME:N,H,W,C");
}

ModelSource ToModelSource(const ModelFlags& flags) {
  ModelSource source{.path = flags.path,
                     .outputs = flags.outputs,
                     .signature = flags.signature,
                     .tags = flags.tags,
                     .checkpoint = flags.checkpoint};
  for (const std::string& text : flags.input_shapes) {
    source.input_shapes.insert(ParseInputShape(text));
  }
  return source;
}

void AddFieldFlags(CLI::App& app, DataFlags& flags) {
  app.add_option("--field", flags.fields,
                 "Field of the TFRecords' examples that feeds an input, e.g. image/encoded")
      ->take_all()
      ->allow_extra_args(false)
      ->type_name("[NAME=]FIELD");
}

void AddPixelFlags(CLI::App& app, DataFlags& flags) {
  app.add_option(
         "--preprocess", flags.preprocess,
         "tf: x/127.5-1 (default); caffe: BGR minus the ImageNet mean; torch: ImageNet mean "
         "and std; unit: x/255; raw: 0..255")
      ->type_name("NAME");
  app.add_option("--mean", flags.mean, "Subtracted per channel, instead of the preset's")
      ->delimiter(',')
      ->type_name("A,B,C");
  app.add_option("--std", flags.std, "Divided by per channel, instead of the preset's")
      ->delimiter(',')
      ->type_name("A,B,C");
  app.add_flag("--bgr", flags.bgr, "Feed channels in the order blue, green, red");
  app.add_option("--resize", flags.resize, "squash: the whole image; crop: the centre 87.5 %")
      ->check(CLI::IsMember({"squash", "crop"}))
      ->type_name("HOW")
      ->capture_default_str();
  app.add_option("--limit", flags.limit, "Use at most so many samples")->type_name("N");
}

void AddDataFlags(CLI::App& app, DataFlags& flags) {
  app.add_option("--images", flags.images, "Folder of JPEG and PNG files")->type_name("DIR");
  app.add_option("--data", flags.arrays,
                 "Data of an input: an .npy or idx file, a folder of AMCT .bin files or of images, "
                 "cifar10:FILES, cifar100:FILES, or TFRecord files; FILES may be a pattern")
      ->take_all()
      ->allow_extra_args(false)
      ->type_name("[NAME=]FILE");
  AddFieldFlags(app, flags);
  app.add_option("--data-command", flags.command,
                 "Command that writes .npy arrays to its standard output: for each batch one for "
                 "each input, in the order of `adze info`")
      ->type_name("COMMAND");
  app.add_flag("--skip-bad", flags.skip_bad,
               "Leave out images and records that cannot be read, and say which");
  AddPixelFlags(app, flags);
}

DataSource ToDataSource(const DataFlags& flags) {
  DataSource source{.images = flags.images,
                    .label_field = flags.label_field,
                    .command = flags.command,
                    .labels = flags.labels,
                    .limit = flags.limit,
                    .skip_bad = flags.skip_bad};
  for (const std::string& text : flags.arrays) {
    const auto [name, file] = SplitAssignment(text);
    Require(source.arrays.emplace(name, file).second, ErrorCode::kInvalidArgument, "--data gives '",
            name, "' twice");
  }
  for (const std::string& text : flags.fields) {
    const auto [name, field] = SplitAssignment(text);
    Require(source.fields.emplace(name, field).second, ErrorCode::kInvalidArgument,
            "--field gives '", name, "' twice");
  }
  source.preprocess = PreprocessByName(flags.preprocess.empty() ? "tf" : flags.preprocess);
  if (!flags.mean.empty()) source.preprocess.mean = flags.mean;
  if (!flags.std.empty()) source.preprocess.std = flags.std;
  if (flags.bgr) source.preprocess.bgr = true;
  source.preprocess.resize = flags.resize;
  return source;
}

void AddEngineFlag(CLI::App& app, std::string& engine) {
  app.add_option("--engine", engine,
                 "float32 runs or simulates any graph; int8 runs a PREFIX_quantized.pb on integers")
      ->check(CLI::IsMember({"float32", "int8"}))
      ->capture_default_str();
}

void RequireData(const DataFlags& flags) {
  Require(!flags.images.empty() || !flags.arrays.empty() || !flags.command.empty(),
          ErrorCode::kInvalidArgument,
          "calibration needs data; give --images DIR, --data NAME=FILE or --data-command COMMAND");
}

void PrintScaling(const DataFlags& flags) {
  const bool has_pixels =
      !flags.images.empty() ||
      std::any_of(flags.arrays.begin(), flags.arrays.end(),
                  [](const std::string& data) { return !data.ends_with(".npy"); });
  if (!has_pixels || !flags.preprocess.empty() || !flags.mean.empty()) return;
  fmt::print("pixels were fed as x / 127.5 - 1; choose otherwise with --preprocess\n");
}

void PrintSkipped(const SkippedSamples& skipped) {
  if (skipped.count == 0) return;
  fmt::print("{} {} skipped: {}{}\n", skipped.count, skipped.count == 1 ? "sample" : "samples",
             fmt::join(skipped.first, "; "),
             skipped.count > static_cast<int64_t>(skipped.first.size()) ? "; ..." : "");
}

nlohmann::ordered_json SkippedAsJson(const SkippedSamples& skipped) {
  return {{"count", skipped.count}, {"first", skipped.first}};
}

void AddBatchFlags(CLI::App& app, BatchFlags& flags) {
  app.add_option("--batch-size", flags.size, "Samples at a time")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--batch-num", flags.num,
                 "Batches to calibrate on (default: all the data, at most 256 samples)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--threads", flags.threads, "Threads (default: all cores)")->type_name("N");
  app.add_option("--device", flags.device,
                 "Where calibration runs the model: cpu, or by LibTorch cuda or cuda:N")
      ->type_name("NAME")
      ->capture_default_str();
}

void BecomeProgramFor(const BatchFlags& flags) {
  if (flags.device == "cpu" || GetDeviceRunners()) return;
  BecomeSibling("adze-retrain", "--device " + flags.device +
                                    " needs LibTorch, which this adze was built without; install "
                                    "libtorch-dev, then configure and build anew");
}

void AddPlanFlags(CLI::App& app, PlanFlags& flags) {
  app.add_option("--config", flags.config, "AMCT JSON config or simplified .cfg")
      ->type_name("FILE");
  app.add_option("--skip-layer", flags.skip_layers, "Leave this layer in float (may be repeated)")
      ->take_all()
      ->allow_extra_args(false)
      ->type_name("LAYER");
  app.add_option("--calibrator", flags.calibrator,
                 "How activation ranges are found (default ifmr): a name of the list below, or "
                 "NAME:PARAMETER=NUMBER,...")
      ->type_name("NAME");
  app.add_option("--activation-bits", flags.activation_bits,
                 "Bits of the activations: 4, 8 (default) or 16")
      ->check(CLI::IsMember({4, 8, 16}))
      ->type_name("N");
  app.footer(app.get_footer() + "\n\nCalibrators:\n" + CalibratorList());
  app.add_flag("--symmetric", flags.symmetric, "Activations with zero point 0");
  app.add_option("--weights", flags.weights,
                 "How weight scales are found: arq (default), mse (default with fewer than 8 "
                 "bits) or nuq")
      ->type_name("NAME");
  app.add_option("--weight-bits", flags.weight_bits, "Bits of the weights: 4, 6, 7 or 8 (default)")
      ->check(CLI::IsMember({4, 6, 7, 8}))
      ->type_name("N");
  app.add_option("--edge-weight-bits", flags.edge_weight_bits,
                 "Bits of the weights of the first and the last layer, if there are others "
                 "(default: 8)")
      ->check(CLI::IsMember({4, 6, 7, 8}))
      ->type_name("N");
  app.add_option("--rounding", flags.rounding,
                 "How weights become integers: adaround (default without --config; least error of "
                 "a layer's output on the data; with fewer than 8 bits layer after layer, which "
                 "takes minutes) or nearest")
      ->check(CLI::IsMember({"nearest", "adaround"}))
      ->type_name("NAME");
  app.add_flag_function(
      "--bias-correction,!--no-bias-correction",
      [&flags](int64_t count) { flags.bias_correction = count > 0; },
      "Whether biases make up for what quantization takes from the mean of a channel "
      "(default without --config: they do)");
  app.add_option("--balance", flags.balance,
                 "DMQ balancer: move range from data to weights, 0.2 (little) to 0.8")
      ->check(CLI::Range(0.2, 0.8))
      ->type_name("STRENGTH");
  app.add_flag_function(
      "--joint,!--strict", [&flags](int64_t count) { flags.joint = count > 0; },
      "Whether both inputs of the addition that ends a skip path are quantized too: a faster "
      "integer engine, less accuracy (default: the config's joint_quant; --strict: they are not)");
  app.add_flag("--equalize", flags.equalize,
               "Cross-layer equalization: scale channels between layers to equal weight ranges");
  app.add_flag("--absorb-biases", flags.absorb_biases,
               "High-bias absorption: what a channel never falls below becomes bias of the next "
               "layer");
}

PlanOptions ToPlanOptions(const PlanFlags& flags) {
  return {.config = flags.config,
          .skip_layers = flags.skip_layers,
          .calibrator = flags.calibrator,
          .activation_bits = flags.activation_bits,
          .symmetric = flags.symmetric,
          .weights = flags.weights,
          .weight_bits = flags.weight_bits,
          .edge_weight_bits = flags.edge_weight_bits != 0 ? flags.edge_weight_bits
                              : flags.weight_bits != 0    ? 8
                                                          : 0,
          .rounding = flags.rounding,
          .bias_correction = flags.bias_correction,
          .balance = flags.balance,
          .joint = flags.joint,
          .equalize = flags.equalize,
          .absorb_biases = flags.absorb_biases};
}

std::pair<std::string, std::string> SplitAssignment(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return {"", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

bool IsQuiet(const CLI::App& verb) { return verb.get_parent()->count("--quiet") > 0; }

}  // namespace adze
