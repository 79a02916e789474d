#include "adze/retrain.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "adze/progress.h"
#include "cli/command.h"
#include "cli/support/launch_workers.h"
#include "cli/support/options.h"
#include "cli/support/sibling_program.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  DataFlags data;  // what training and validation share
  std::vector<std::string> train, validation;
  std::string validation_labels;
  std::string config;
  std::vector<std::string> skip_layers;
  std::string teacher;
  bool in_float = false;
  int activation_bits = 0, weight_bits = 0;
  std::string activation_method, weight_method;
  TrainingOptions training;
  int processes = 1;
  std::string output;
  bool json = false;
};

// A folder is one of images unless an input is named.
DataSource SourceOf(const Flags& flags, const std::vector<std::string>& values,
                    const std::string& labels) {
  DataFlags data = flags.data;
  data.labels = labels;
  const bool is_folder = values.size() == 1 && values[0].find('=') == std::string::npos &&
                         std::filesystem::is_directory(values[0]);
  if (is_folder) {
    data.images = values[0];
  } else {
    data.arrays = values;
  }
  return ToDataSource(data);
}

nlohmann::ordered_json ToJson(const RetrainResult& result) {
  nlohmann::ordered_json json;
  json["steps"] = result.steps;
  json["samples"] = result.samples;
  json["seconds"] = result.seconds;
  json["first_loss"] = result.first_loss;
  json["last_loss"] = result.last_loss;
  const auto add = [&](const char* name, const std::optional<double>& value) {
    if (value) json[name] = *value;
  };
  add("held_out_first_loss", result.held_out_first);
  add("held_out_best_loss", result.held_out_best);
  add("float_top1", result.float_top1);
  add("calibrated_top1", result.calibrated_top1);
  add("retrained_top1", result.retrained_top1);
  add("calibrated_agreement", result.calibrated_agreement);
  add("retrained_agreement", result.retrained_agreement);
  json["files"] = nlohmann::ordered_json::array();
  for (const auto& file : result.files) json["files"].push_back(file.string());
  json["warnings"] = result.warnings;
  return json;
}

void Print(const RetrainResult& result, bool in_float) {
  const auto percent = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.2f} %", 100 * *value) : std::string("-");
  };
  if (result.calibrated_agreement) {
    fmt::print("{:<12} {:>9} {:>10}\n", "", "top-1", "agreement");
    fmt::print("{:<12} {:>9} {:>10}\n", in_float ? "teacher" : "float", percent(result.float_top1),
               "");
    fmt::print("{:<12} {:>9} {:>10}\n", in_float ? "before" : "calibrated",
               percent(result.calibrated_top1), percent(result.calibrated_agreement));
    fmt::print("{:<12} {:>9} {:>10}\n\n", "retrained", percent(result.retrained_top1),
               percent(result.retrained_agreement));
  }
  if (result.held_out_best) {
    fmt::print(
        "loss on samples held out: {}{:.4g} of what was kept\n",
        result.held_out_first ? fmt::format("{:.4g} at first, ", *result.held_out_first) : "",
        *result.held_out_best);
  }
  fmt::print(
      "{} steps in {:.1f} s ({:.0f} samples/s), loss {:.4g} at first, {:.4g} at last, wrote\n",
      result.steps, result.seconds,
      static_cast<double>(result.samples) / std::max(result.seconds, 1e-9), result.first_loss,
      result.last_loss);
  for (const auto& file : result.files) fmt::print("  {}\n", file.string());
}

void Run(const Flags& flags, bool quiet) {
  Require(!flags.in_float || (flags.config.empty() && flags.skip_layers.empty() &&
                              flags.activation_bits == 0 && flags.weight_bits == 0),
          ErrorCode::kInvalidArgument,
          "--float quantizes nothing; leave out --config, --skip-layer and bits");
  RetrainOptions options{.model = ToModelSource(flags.model),
                         .teacher = {.path = flags.teacher},
                         .in_float = flags.in_float,
                         .train = SourceOf(flags, flags.train, flags.data.labels),
                         .plan = {.config = flags.config,
                                  .skip_layers = flags.skip_layers,
                                  .activation_bits = flags.activation_bits,
                                  .weight_bits = flags.weight_bits},
                         .activation_method = flags.activation_method,
                         .weight_method = flags.weight_method,
                         .training = flags.training,
                         .output_prefix = flags.output};
  if (!flags.validation.empty()) {
    options.validation = SourceOf(flags, flags.validation, flags.validation_labels);
    options.validation.limit = 0;
  }
  Require(flags.training.batch_size % flags.processes == 0, ErrorCode::kInvalidArgument,
          "a batch of ", flags.training.batch_size, " cannot be shared by ", flags.processes,
          " processes; make --batch-size a multiple of --nproc");
  if (flags.processes > 1 && !IsWorker()) LaunchWorkers(flags.processes);
  Progress progress("retrain", quiet || flags.json || !IsFirstWorker());
  options.progress = [&](int64_t done, int64_t total, double) { progress.Update(done, total); };
  if (!GetRetrainer()) {
    BecomeSibling("adze-retrain",
                  "this adze was built without LibTorch, which retraining runs on; install "
                  "libtorch-dev, then configure and build anew");
  }
  const RetrainResult result = GetRetrainer()(options);
  if (!IsFirstWorker()) return;
  if (flags.json) {
    fmt::print("{}\n", ToJson(result).dump(2));
  } else {
    Print(result, flags.in_float);
  }
}

void AddTrainingFlags(CLI::App& app, TrainingOptions& training) {
  app.add_option("--epochs", training.epochs,
                 "Runs over the training data (default: 1, or more until there are 300 steps)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--steps", training.steps, "Batches to learn from, instead of epochs")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--batch-size", training.batch_size, "Samples in a batch")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--optimizer", training.optimizer, "How weights are stepped")
      ->check(CLI::IsMember({"sgd", "adam", "rmsprop"}))
      ->capture_default_str();
  app.add_option("--learning-rate", training.learning_rate,
                 "Of the first step (default: 2e-4, without labels 1e-4; ten times as much below 8 "
                 "bits; by sgd 1e-3)")
      ->check(CLI::PositiveNumber)
      ->type_name("X");
  app.add_option(
         "--schedule", training.schedule,
         "cosine: down to 0; step: a tenth after half of the steps, a hundredth after three "
         "quarters; constant")
      ->check(CLI::IsMember({"cosine", "step", "constant"}))
      ->capture_default_str();
  app.add_option("--loss", training.loss,
                 "cross-entropy: of the labels; distill: to the float model's classes; mse: to its "
                 "outputs (default: cross-entropy where there are labels, else distill)")
      ->check(CLI::IsMember({"cross-entropy", "distill", "mse"}));
  app.add_option("--weight-decay", training.weight_decay, "Times the weight, to its gradient")
      ->check(CLI::NonNegativeNumber)
      ->type_name("X");
  app.add_flag("--flip", training.flip, "Mirror half of the images, left to right");
  app.add_option("--crop", training.crop, "Move images by up to so many pixels")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--color", training.color,
                 "Change contrast, saturation and brightness by up to this fraction")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  app.add_option("--seed", training.seed, "Of the order of samples and of what is done to them")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--threads", training.num_threads,
                 "Threads of a process (default: all cores, shared by the processes)")
      ->type_name("N");
  app.add_option("--device", training.device, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_flag("--mixed-precision", training.mixed_precision,
               "Convolutions and MatMuls in bfloat16, all else in float32; made for GPUs");
  app.add_option("--checkpoint-every", training.checkpoint_every,
                 "Save PREFIX_retrain.ckpt each time that so many steps are done")
      ->check(CLI::PositiveNumber)
      ->type_name("STEPS");
  app.add_option(
         "--batch-norm-steps", training.batch_norm_steps,
         "Keep batch norm for so many steps, by each batch's statistics; then estimate them "
         "anew and freeze (default: fold it before training)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("STEPS");
  app.add_option(
         "--hold-out", training.hold_out,
         "Without labels: hold out one of N samples and keep what did best on them; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--resume", training.resume, "Go on from PREFIX_retrain.ckpt");
}

void Declare(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  AddModelFlags(app, flags->model);
  app.add_option("--train", flags->train,
                 "Training data: a folder of images, or what --data of other verbs takes")
      ->required()
      ->take_all()
      ->allow_extra_args(false)
      ->type_name("[NAME=]DATA");
  app.add_option("--labels", flags->data.labels, "Classes of the training data")->type_name("FILE");
  app.add_option("--validation", flags->validation,
                 "Data to compare the float, calibrated and retrained model on")
      ->take_all()
      ->allow_extra_args(false)
      ->type_name("[NAME=]DATA");
  app.add_option("--validation-labels", flags->validation_labels, "Its classes")->type_name("FILE");
  app.add_option("--label-offset", flags->training.label_offset,
                 "Added to labels; 1 for models whose class 0 is background")
      ->type_name("N");
  app.add_option("--label-field", flags->data.label_field, "Field of TFRecords that is the class")
      ->type_name("FIELD");
  AddFieldFlags(app, flags->data);
  AddPixelFlags(app, flags->data);
  app.add_flag("--float", flags->in_float,
               "Without quantization: fine-tune, e.g. what decompose wrote");
  app.add_option("--teacher", flags->teacher,
                 "Model whose outputs distill and mse learn (default: MODEL as it is)")
      ->type_name("MODEL");
  app.add_option("--config", flags->config,
                 "AMCT JSON config or simplified .cfg, of retraining or of calibration")
      ->type_name("FILE");
  app.add_option("--skip-layer", flags->skip_layers, "Leave this layer in float (may be repeated)")
      ->take_all()
      ->allow_extra_args(false)
      ->type_name("NAME");
  app.add_option("--activation-bits", flags->activation_bits, "Of activations (default: 8)")
      ->check(CLI::IsMember({4, 8}));
  app.add_option("--weight-bits", flags->weight_bits, "Of weights (default: 8)")
      ->check(CLI::IsMember({4, 8}));
  app.add_option(
         "--activation-method", flags->activation_method,
         "How ranges of activations are learned: ulq, lsq, lsq_plus or tqt (default: ulq, or "
         "the config's)")
      ->type_name("NAME");
  app.add_option("--weight-method", flags->weight_method,
                 "How scales of weights are: arq, ulq, lsq or tqt (default: arq, or the config's)")
      ->type_name("NAME");
  AddTrainingFlags(app, flags->training);
  app.add_option(
         "--nproc", flags->processes,
         "Processes that share every batch; across machines: start adze-retrain by torchrun")
      ->check(CLI::Range(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("-o,--output", flags->output,
                 "Prefix of the files to write: PREFIX_quantized.pb and so on")
      ->required()
      ->type_name("PREFIX");
  app.add_flag("--json", flags->json, "Print JSON");
  app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
}

}  // namespace

void register_retrain(CommandRegistry& commands) {
  commands.Add(
      {.name = "retrain",
       .summary = "Quantize a model by learning weights and ranges on training data",
       .examples =
           "  adze retrain model.pb --train images/ --preprocess tf --epochs 2 --output out/model\n"
           "  adze retrain model.pb --train 'cifar10:data_batch_*.bin' --preprocess raw \\\n"
           "      --validation cifar10:test_batch.bin --flip --crop 4 --epochs 10 \\\n"
           "      --weight-bits 4 --activation-bits 4 --learning-rate 1e-3 --output out/model\n"
           "  adze retrain model.pb --train x=x.npy --labels y.npy --steps 500 --nproc 2 \\\n"
           "      --checkpoint-every 100 --resume --output out/model\n"
           "  adze retrain decomposed.pb --float --teacher model.pb --train images/ --output "
           "out/tuned",
       .declare = Declare});
}

}  // namespace adze
