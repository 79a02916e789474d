#include "adze/retrain.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>

#include "adze/checkpoint.h"
#include "adze/evaluate.h"
#include "adze/event_file.h"
#include "adze/export.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/parallel.h"
#include "adze/pass.h"
#include "adze/process_group.h"
#include "adze/tune.h"
#include "api/prepared_model.h"
#include "retrain/held_out.h"
#include "retrain/train.h"
#include "retrain/workers.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kCalibrationSamples = 256;

fs::path With(const fs::path& prefix, const char* suffix) { return prefix.string() + suffix; }

// The system's allocator gives the memory of large tensors back after every op and faults it in
// again; this lets it keep it.
void KeepMemory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
}

int64_t CountSteps(const TrainingOptions& options, int64_t samples) {
  Require(options.batch_size > 0, ErrorCode::kInvalidArgument, "--batch-size must be at least 1");
  if (options.steps > 0) return options.steps;
  const int64_t per_epoch = samples / options.batch_size;
  if (options.epochs > 0 || per_epoch == 0) return options.epochs * per_epoch;
  constexpr int64_t kLeastSteps = 300;
  return (kLeastSteps + per_epoch - 1) / per_epoch * per_epoch;
}

// Whether it learns from the float model's outputs rather than from labels.
bool Distils(const TrainingOptions& options, const Dataset& data) {
  return options.loss.empty() ? !data.Label(0).has_value() : options.loss != "cross-entropy";
}

// The command's ways to learn come before the config's.
void ChooseMethods(const RetrainOptions& options, Plan* plan) {
  const auto choose = [&](LayerConfig* config) {
    if (!options.activation_method.empty()) config->retrain.activation = options.activation_method;
    if (!options.weight_method.empty()) config->retrain.weight = options.weight_method;
  };
  for (auto& [name, config] : plan->config.layers) choose(&config);
  for (PlannedLayer& layer : plan->layers) choose(&layer.config);
}

int64_t CalibrationSamples(const Plan& plan, const TrainingOptions& training, int64_t samples) {
  if (!plan.config.for_retraining) return std::min(kCalibrationSamples, samples);
  return CountSamples(plan, true, training.batch_size, 0, samples);
}

// The model with its batch norms.
Graph LoadForTraining(const ModelSource& source) {
  Graph graph = LoadModel(source);
  ErrorScope scope("file", source.path.string());
  for (const std::string& warning : RunPasses(graph, TrainPipeline())) spdlog::debug("{}", warning);
  return graph;
}

double LearningRate(const RetrainOptions& options, const Plan& plan, bool distils) {
  const TrainingOptions& training = options.training;
  if (training.learning_rate > 0) return training.learning_rate;
  if (training.optimizer == "sgd" || options.in_float) return 1e-3;
  const bool has_few_bits =
      std::any_of(plan.layers.begin(), plan.layers.end(), [](const PlannedLayer& layer) {
        return layer.skip_reason.empty() &&
               std::min(layer.config.activation.num_bits, layer.config.weight.num_bits) < 8;
      });
  return (distils ? 1e-4 : 2e-4) * (has_few_bits ? 10 : 1);
}

std::string LossesAsCsv(const std::vector<float>& losses, const TrainingOptions& options) {
  std::string csv = "step,learning_rate,loss\n";
  const auto steps = static_cast<int64_t>(losses.size());
  for (int64_t step = 0; step < steps; ++step) {
    csv += fmt::format("{},{:.6g},{:.6g}\n", step + 1, LearningRateAt(options, step, steps),
                       losses[step]);
  }
  return csv;
}

std::string LossesAsEvents(const std::vector<float>& losses, const TrainingOptions& options) {
  const auto steps = static_cast<int64_t>(losses.size());
  std::vector<ScalarEvent> events;
  for (int64_t step = 0; step < steps; ++step) {
    const auto rate = static_cast<float>(LearningRateAt(options, step, steps));
    events.push_back({step + 1, {{"learning_rate", rate}, {"loss", losses[step]}}});
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return SerializeEvents(events, std::chrono::duration<double>(now).count());
}

double Mean(const std::vector<float>& values, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += values[i];
  return end > begin ? sum / static_cast<double>(end - begin) : 0;
}

void Validate(const PreparedModel& model, const Graph& teacher, const Graph& calibrated,
              const Graph& retrained, const RetrainOptions& options, RetrainResult* result) {
  const auto data = OpenData(options.validation, model.inputs);
  const EvaluateOptions how{
      .batch_size = 32, .label_offset = options.training.label_offset, .num_threads = NumThreads()};
  result->float_top1 = Evaluate(teacher, *data, how).top1;
  const Evaluation before = Evaluate(calibrated, *data, how, &teacher);
  const Evaluation after = Evaluate(retrained, *data, how, &teacher);
  result->calibrated_top1 = before.top1;
  result->calibrated_agreement = before.agreement;
  result->retrained_top1 = after.top1;
  result->retrained_agreement = after.agreement;
}

RetrainResult RetrainTogether(const RetrainOptions& options, Workers* workers) {
  TrainingOptions training = options.training;
  const fs::path& prefix = options.output_prefix;
  RetrainResult result;
  result.files = {With(prefix, "_retrained.pb"), With(prefix, "_losses.csv"),
                  With(prefix, "_events.out.tfevents")};
  if (!options.in_float) {
    result.files.insert(
        result.files.begin(),
        {With(prefix, "_quantized.pb"), With(prefix, "_fake_quant.pb"), With(prefix, "_quant.json"),
         With(prefix, "_record.txt"), With(prefix, "_config.json")});
  }
  if (workers->is_first()) {
    for (const fs::path& file : result.files) CheckWritable(file);
  }
  SetNumThreads(training.num_threads);
  if (training.num_threads == 0) SetNumThreads(std::max(1, NumThreads() / workers->on_machine()));
  at::set_num_threads(NumThreads());
  KeepMemory();

  PlanOptions plan_options = options.plan;
  plan_options.rounding = "nearest";  // learned instead, from labels
  plan_options.bias_correction = true;
  plan_options.takes_retraining = true;
  PreparedModel model(options.model, plan_options);
  ChooseMethods(options, &model.plan);
  result.warnings = model.warnings;
  RefuseEarlierRuns(model.plan);
  std::optional<PreparedModel> given_teacher;
  if (!options.teacher.path.empty()) given_teacher.emplace(options.teacher, PlanOptions{});
  const Graph& teacher = given_teacher ? given_teacher->graph : model.graph;
  const auto data = OpenData(options.train, model.inputs);
  const bool distils = Distils(training, *data);
  training.learning_rate = LearningRate(options, model.plan, distils);
  SampleSplit split =
      SplitSamples(data->size(), distils && training.batch_norm_steps == 0 ? training.hold_out : 0,
                   training.batch_size);
  const ChosenSamples learned(*data, std::move(split.learned));
  const ChosenSamples held_out(*data, std::move(split.held_out));
  std::vector<PlannedLayer> plan;
  Record calibrated;
  Graph initial = model.graph.Clone();
  if (!options.in_float) {
    plan = model.plan.layers;
    if (distils) {
      // Where only the float model is learned from, weights start in the middle of the best
      // integers: what can be learned from few images then moves biases and ranges long before it
      // moves those.
      for (PlannedLayer& layer : plan) layer.config.weight.rounding = "adaround";
    }
    calibrated = Calibrate(model.graph, plan, *data,
                           {.batch_size = 8,
                            .num_samples = CalibrationSamples(model.plan, training, data->size()),
                            .num_threads = NumThreads()});
    initial = TuneWeights(model.graph, model.graph, &calibrated, plan, *data,
                          {.samples = std::min(TuneOptions{}.samples, data->size()),
                           .in_order = false,  // training makes up for what they lose
                           .num_threads = NumThreads()});
  }

  const auto start = std::chrono::steady_clock::now();
  result.steps = CountSteps(training, learned.size());
  const bool keeps_norms = training.batch_norm_steps > 0;
  const Graph with_norms = keeps_norms ? LoadForTraining(options.model) : model.graph.Clone();
  const TrainedModel trained =
      Train({keeps_norms ? with_norms : model.graph, plan, keeps_norms ? with_norms : initial,
             calibrated, learned, teacher, held_out.size() > 0 ? &held_out : nullptr},
            {.options = training,
             .steps = result.steps,
             .checkpoint = With(prefix, "_retrain.ckpt"),
             .progress = workers->is_first() ? options.progress : nullptr,
             .workers = workers});
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.samples = (result.steps - trained.resumed_at) * training.batch_size;
  const size_t twentieth = std::max<size_t>(1, trained.losses.size() / 20);
  result.first_loss = Mean(trained.losses, 0, std::min(twentieth, trained.losses.size()));
  result.last_loss =
      Mean(trained.losses, trained.losses.size() - std::min(twentieth, trained.losses.size()),
           trained.losses.size());
  result.record = trained.record;
  result.held_out_first = trained.held_out_first;
  result.held_out_best = trained.held_out_best;
  if (!workers->is_first()) return result;

  std::vector<std::string> contents = {SerializeGraphDef(trained.graph),
                                       LossesAsCsv(trained.losses, training),
                                       LossesAsEvents(trained.losses, training)};
  if (!options.in_float) {
    const Graph quantized = BuildQuantizedGraph(trained.graph, trained.record);
    contents.insert(contents.begin(),
                    {SerializeGraphDef(quantized),
                     SerializeGraphDef(BuildFakeQuantGraph(trained.graph, trained.record)),
                     QuantJson(quantized, trained.record), SerializeRecord(trained.record),
                     SerializeRetrainConfig(model.plan.config, model.plan.quantizable)});
  }
  std::vector<FileContent> files;
  for (size_t i = 0; i < contents.size(); ++i) files.push_back({result.files[i], contents[i]});
  WriteFilesAtomically(files);
  WriteTrainingCheckpoint(With(prefix, "_retrained.ckpt"), trained.graph);
  result.files.push_back(With(prefix, "_retrained.ckpt"));
  if (!options.validation.empty()) {
    if (options.in_float) {
      Validate(model, teacher, model.graph, trained.graph, options, &result);
    } else {
      Validate(model, teacher, BuildFakeQuantGraph(initial, calibrated),
               BuildFakeQuantGraph(trained.graph, trained.record), options, &result);
    }
  }
  return result;
}

}  // namespace

RetrainResult Retrain(const RetrainOptions& options) {
  Require(ProcessGroup::World().size() == 1, ErrorCode::kUnsupported,
          "retraining does not run under mpirun; give --nproc N, or start it by torchrun");
  Workers workers(DeviceByName(options.training.device));
  try {
    return RetrainTogether(options, &workers);
  } catch (const LostWorker&) {
    throw;
  } catch (const std::exception& error) {
    workers.ReportFailure(error.what());
    throw;
  }
}

}  // namespace adze
