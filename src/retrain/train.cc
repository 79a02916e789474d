#include "retrain/train.h"

#include <fmt/format.h>

#include <cmath>
#include <future>
#include <numbers>
#include <optional>
#include <set>

#include "adze/cancel.h"
#include "adze/evaluate.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/pass.h"
#include "adze/session.h"
#include "retrain/batch_norms.h"
#include "retrain/held_out.h"
#include "retrain/loss.h"
#include "retrain/training_state.h"

namespace adze {
namespace {

// Weights of layers and the constants that BiasAdds add: what retraining may change.
std::vector<const Node*> TrainableConstants(const Graph& graph) {
  std::vector<const Node*> constants;
  std::set<const Node*> seen;
  const auto add = [&](const Node* node) {
    const bool is_float = node->IsConst() && node->const_value().dtype() == DType::kFloat;
    if (is_float && seen.insert(node).second) constants.push_back(node);
  };
  for (const Node* node : graph.TopologicalOrder()) {
    if (node->def() && node->def()->quant && node->def()->quant->weight_input) {
      add(node->input(*node->def()->quant->weight_input).node);
    }
    if (node->op() == "BiasAdd") add(node->input(1).node);
  }
  return constants;
}

// Adam and RMSProp step all elements by about the learning rate, whatever the gradient's size. It
// is taken relative to the variable's own (as Adafactor does): weights of folded batch norms, and
// of pixels up to 255, differ by orders of magnitude.
double RelativeRate(OptimizerKind kind, const at::Tensor& value) {
  if (kind == OptimizerKind::kSgd) return 1;
  return std::max(value.detach().square().mean().sqrt().item<double>(), 1e-6);
}

std::map<std::string, at::Tensor> FeedsOf(const Batch& batch) {
  std::map<std::string, at::Tensor> feeds;
  for (const auto& [name, tensor] : batch.feeds) feeds.emplace(name, ToTorch(tensor));
  return feeds;
}

class Trainer {
 public:
  Trainer(const TrainInput& input, const TrainSettings& settings)
      : input_(input),
        settings_(settings),
        options_(settings.options),
        kind_(OptimizerByName(options_.optimizer)),
        device_(DeviceByName(options_.device)),
        workers_(settings.workers),
        graph_(input.student.Clone()),
        batch_norms_(&graph_),
        logits_(FindLogits(graph_)),
        quantizers_({input.plan, input.calibrated, graph_, input.initial}, device_),
        student_(graph_, Fetches(),
                 {.device = device_,
                  .hook = &quantizers_,
                  .sharers = has_others() ? workers_ : nullptr,
                  .mixed_precision = options_.mixed_precision}),
        batches_(input.data, options_.batch_size, options_.seed,
                 {.flip = options_.flip, .crop = options_.crop, .color = options_.color},
                 options_.label_offset, Part()) {
    ChooseLoss();
    AddVariables();
    if (input.held_out && loss_ != LossKind::kCrossEntropy) HoldOut();
  }

  TrainedModel Run();

 private:
  // Ranges are always stepped by Adam: their gradients add up over all activations, so that their
  // size says nothing.
  OptimizerKind KindOf(const TrainedVariable& variable) const {
    return variable.is_range ? OptimizerKind::kAdam : kind_;
  }
  BatchPart Part() const {
    return {.index = workers_ ? workers_->rank() : 0, .count = workers_ ? workers_->size() : 1};
  }
  bool trains_batch_norms() const { return options_.batch_norm_steps > 0 && !batch_norms_.empty(); }
  std::vector<Value> Fetches() const;
  bool is_first() const { return !workers_ || workers_->is_first(); }
  bool has_others() const { return workers_ && workers_->size() > 1; }
  void ChooseLoss();
  void AddVariables();
  void HoldOut();
  void CheckProgress();
  void FreezeBatchNorms();
  void StartAlike(TrainingState* state);
  void ShareGradients();
  double Average(double loss);
  at::Tensor MeanOfAll(at::Tensor values) const;
  void Learn(TrainingState* state);
  void Save(const TrainingState& state) const;
  std::string SettingsLine() const;
  at::Tensor LossOf(const Batch& batch);
  double Step(int64_t step, const Batch& batch);
  void CheckVariables(int64_t step) const;
  bool IsFiniteForAll(bool is_finite) const;
  void RefuseLoss(int64_t step, const Batch& batch, bool is_finite);
  TrainedModel Result(std::vector<float> losses);

  const TrainInput& input_;
  const TrainSettings& settings_;
  const TrainingOptions& options_;
  OptimizerKind kind_;
  at::Device device_;
  Workers* workers_;  // null: alone
  Graph graph_;
  BatchNorms batch_norms_;
  Value logits_;
  Quantizers quantizers_;
  TorchSession student_;
  std::optional<Session> teacher_;
  TrainingBatches batches_;
  std::optional<TrainingBatches> held_out_;
  std::optional<BestSoFar> best_;
  std::optional<double> held_out_first_;
  LossKind loss_ = LossKind::kDistill;
  bool is_classifier_ = false;
  std::vector<const Node*> constants_;
  std::vector<TrainedVariable> variables_;
  // What workers add up: gradients in the order of variables_, then the loss, then how many were
  // asked to stop. Views of it are the gradients.
  at::Tensor shared_;
  std::vector<at::Tensor> shared_gradients_;
  bool stopping_ = false;
};

void Trainer::ChooseLoss() {
  const bool has_labels = input_.data.Label(0).has_value();
  if (options_.loss.empty()) {
    loss_ = has_labels ? LossKind::kCrossEntropy : LossKind::kDistill;
  } else {
    loss_ = LossByName(options_.loss);
  }
  Require(loss_ != LossKind::kCrossEntropy || has_labels, ErrorCode::kInvalidArgument,
          "--loss cross-entropy needs labels; give --labels FILE, or --loss distill, which needs "
          "none");
  is_classifier_ = !(logits_ == graph_.outputs()[0].value) || has_labels;
  if (loss_ != LossKind::kCrossEntropy) {
    teacher_.emplace(input_.teacher, std::vector<Value>{FindLogits(input_.teacher)}, nullptr,
                     SessionOptions{.num_threads = NumThreads()});
  }
}

void Trainer::AddVariables() {
  constants_ = TrainableConstants(graph_);
  if (trains_batch_norms()) {
    for (const auto& more : {batch_norms_.learned(), batch_norms_.estimated()}) {
      constants_.insert(constants_.end(), more.begin(), more.end());
    }
  }
  std::erase_if(constants_, [&](const Node* node) { return !student_.Reads(*node); });
  for (const Node* node : constants_) {
    const at::Tensor value = student_.Variable(*node);
    if (const Node* start = input_.initial.Find(node->name()); start && start->IsConst()) {
      const at::NoGradGuard constant;
      value.copy_(ToTorch(start->const_value()));
    }
    variables_.push_back(
        {.name = node->name(),
         .value = value,
         .rate = RelativeRate(kind_, value),
         .weight_decay = node->const_value().shape().rank() > 1 ? options_.weight_decay : 0});
  }
  for (const LearnedFactor& factor : quantizers_.factors()) {
    variables_.push_back(
        {.name = factor.name, .value = factor.value, .rate = factor.rate, .is_range = true});
  }
  for (TrainedVariable& variable : variables_) PrepareSlots(KindOf(variable), &variable);
}

void Trainer::HoldOut() {
  const int64_t size = input_.held_out->size();
  int64_t batch = std::min(options_.batch_size, size);
  batch -= batch % Part().count;
  if (batch == 0) return;
  held_out_.emplace(*input_.held_out, batch, options_.seed, Augmentation{}, options_.label_offset,
                    Part());
  best_.emplace(variables_);
}

// What fetches beyond the outputs are is said there.
std::vector<Value> Trainer::Fetches() const {
  std::vector<Value> fetches = {logits_};
  if (!trains_batch_norms()) return fetches;
  const std::vector<Value> statistics = batch_norms_.statistics();
  fetches.insert(fetches.end(), statistics.begin(), statistics.end());
  return fetches;
}

std::string Trainer::SettingsLine() const {
  return fmt::format(
      "{} steps of {} by {}, rate {}, {}, loss {}, seed {}, flip {}, crop {}, color {}, decay {}, "
      "{} samples, {} variables, batch norm {}, held out {}{}",
      settings_.steps, options_.batch_size, options_.optimizer, options_.learning_rate,
      options_.schedule, static_cast<int>(loss_), options_.seed, options_.flip, options_.crop,
      options_.color, options_.weight_decay, input_.data.size(), variables_.size(),
      options_.batch_norm_steps, best_ ? input_.held_out->size() : 0,
      options_.mixed_precision ? ", mixed precision" : "");
}

at::Tensor Trainer::LossOf(const Batch& batch) {
  const at::Tensor outputs = student_.Run(FeedsOf(batch))[0];
  if (loss_ == LossKind::kCrossEntropy) {
    const at::Tensor classes = ToTorch(Tensor::Vector<int64_t>(batch.classes));
    const int64_t count = outputs.size(-1);
    for (int64_t label : batch.classes) {
      Require(label >= 0 && label < count, ErrorCode::kInvalidArgument, "label ",
              label - options_.label_offset, " plus offset ", options_.label_offset,
              " is no class of 0..", count - 1, "; check --label-offset");
    }
    return CrossEntropyLoss(outputs, classes.to(device_));
  }
  const at::Tensor wanted = ToTorch(teacher_->Run(batch.feeds)[0]).to(device_);
  Require(wanted.sizes() == outputs.sizes(), ErrorCode::kInvalidArgument, "the teacher gives ",
          wanted.numel(), " numbers for a batch, the model ", outputs.numel(),
          "; both need the same outputs");
  return loss_ == LossKind::kMse ? MseLoss(outputs, wanted)
                                 : DistillLoss(outputs, wanted, is_classifier_);
}

double Trainer::Step(int64_t step, const Batch& batch) {
  CheckVariables(step);
  const at::Tensor loss = LossOf(batch);
  auto value = loss.item<double>();
  const bool is_finite = std::isfinite(value);
  if (!IsFiniteForAll(is_finite)) RefuseLoss(step, batch, is_finite);
  loss.backward();
  value = Average(value);
  const double rate = LearningRateAt(options_, step, settings_.steps);
  for (TrainedVariable& variable : variables_) {
    ApplyGradient(KindOf(variable), rate, step + 1, &variable);
  }
  quantizers_.Restore();
  return value;
}

void Trainer::ShareGradients() {
  int64_t size = 2;
  for (const TrainedVariable& variable : variables_) size += variable.value.numel();
  shared_ = at::zeros({size}, at::TensorOptions(at::kFloat).device(device_));
  int64_t first = 0;
  for (const TrainedVariable& variable : variables_) {
    // In the order that elements have in memory, whatever it is: that of all workers is the same.
    const at::Tensor& value = variable.value;
    shared_gradients_.push_back(value.is_non_overlapping_and_dense()
                                    ? shared_.as_strided(value.sizes(), value.strides(), first)
                                    : shared_.narrow(0, first, value.numel()).view(value.sizes()));
    first += value.numel();
  }
}

// Gradients become the mean of those of all workers; so does the loss that it returns.
double Trainer::Average(double loss) {
  if (!has_others()) return loss;
  const at::NoGradGuard constant;
  if (!shared_.defined()) ShareGradients();
  for (size_t i = 0; i < variables_.size(); ++i) {
    const at::Tensor& gradient = variables_[i].value.grad();
    if (gradient.defined()) shared_gradients_[i].copy_(gradient);
  }
  at::Tensor tail = shared_.narrow(0, shared_.numel() - 2, 2);
  tail[0].fill_(loss);
  tail[1].fill_(CancelRequested() ? 1 : 0);
  workers_->Sum(shared_);
  stopping_ = tail[1].item<double>() > 0;
  shared_.div_(workers_->size());
  for (size_t i = 0; i < variables_.size(); ++i) {
    at::Tensor& gradient = variables_[i].value.mutable_grad();
    if (gradient.defined()) gradient = shared_gradients_[i];
  }
  return tail[0].item<double>();
}

at::Tensor Trainer::MeanOfAll(at::Tensor values) const {
  if (!has_others()) return values;
  workers_->Sum(values);
  return values.div_(workers_->size());
}

// How well the held out samples do now; the best is kept.
void Trainer::CheckProgress() {
  const at::NoGradGuard constant;
  double loss = 0;
  const int64_t batches = held_out_->per_epoch();
  for (int64_t i = 0; i < batches; ++i) loss += LossOf(held_out_->Read(i)).item<double>();
  loss = MeanOfAll(at::full({1}, loss / static_cast<double>(batches),
                            at::TensorOptions(at::kFloat).device(device_)))
             .item<double>();
  best_->Offer(loss);
}

// Means and variances of the batch norms become what batches have with the weights as they are; all
// workers see those of whole batches.
void Trainer::FreezeBatchNorms() {
  constexpr int64_t kMostBatches = 32;
  const at::NoGradGuard constant;
  const std::vector<const Node*> targets = batch_norms_.estimated();
  std::vector<at::Tensor> sums;
  const int64_t batches = std::min(batches_.per_epoch(), kMostBatches);
  for (int64_t i = 0; i < batches; ++i) {
    const std::vector<at::Tensor> fetched = student_.Run(FeedsOf(batches_.Read(i)));
    for (size_t j = 0; j < targets.size(); ++j) {
      if (i == 0) {
        sums.push_back(fetched[j + 1].clone());
      } else {
        sums[j].add_(fetched[j + 1]);
      }
    }
  }
  for (size_t j = 0; j < targets.size(); ++j) {
    student_.Variable(*targets[j]).copy_(sums[j].div_(static_cast<double>(batches)));
  }
  batch_norms_.SetLearning(false);
}

// Whatever the machines make of the same data, all go on from what the first one has.
void Trainer::StartAlike(TrainingState* state) {
  if (!has_others()) return;
  std::vector<at::Tensor> tensors = {at::full({1}, state->step, at::kLong)};
  if (device_.is_cuda()) tensors[0] = tensors[0].to(device_);
  for (const TrainedVariable& variable : variables_) {
    tensors.push_back(variable.value);
    tensors.insert(tensors.end(), variable.slots.begin(), variable.slots.end());
  }
  workers_->Broadcast(tensors);
  state->step = tensors[0].item<int64_t>();
  quantizers_.Remember();
}

constexpr const char* kAdvice = "; lower --learning-rate, or leave the layer out by --skip-layer";

// What the last step made of them.
void Trainer::CheckVariables(int64_t step) const {
  for (const TrainedVariable& variable : variables_) {
    Require(variable.value.isfinite().all().item<bool>(), ErrorCode::kInvalidArgument, "step ",
            step, " has made '", variable.name, "' NaN or Inf", kAdvice);
  }
}

// Workers that meet in the forward pass, in batch norms that learn, do the same after it.
bool Trainer::IsFiniteForAll(bool is_finite) const {
  if (!has_others() || !batch_norms_.learning()) return is_finite;
  const at::Tensor bad =
      at::full({1}, is_finite ? 0 : 1, at::TensorOptions(at::kFloat).device(device_));
  workers_->Sum(bad);
  return bad.item<float>() == 0;
}

// Says where it began; returns only where this worker's own loss is finite, to hear of it from the
// one whose is not.
void Trainer::RefuseLoss(int64_t step, const Batch& batch, bool is_finite) {
  const at::NoGradGuard constant;
  quantizers_.WatchForNotFinite();
  LossOf(batch);
  if (is_finite) return;
  const std::string layer = quantizers_.first_not_finite();
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("the loss of step {} is NaN or Inf: {}{}", step + 1,
                          layer.empty() ? "the outputs behind the last layer are"
                                        : "what layer '" + layer + "' reads is",
                          kAdvice));
}

TrainedModel Trainer::Result(std::vector<float> losses) {
  Graph graph = graph_.Clone();
  for (size_t i = 0; i < constants_.size(); ++i) {
    graph.Find(constants_[i]->name())->SetAttr("value", FromTorch(variables_[i].value).Clone());
  }
  std::map<std::string, std::vector<float>> gains;
  if (trains_batch_norms()) {
    gains = BatchNormGains(graph, input_.plan);
    RunPasses(graph, PreparePipeline());
  }
  Record record = quantizers_.MakeRecord(graph, input_.calibrated, gains);
  return {.graph = std::move(graph),
          .record = std::move(record),
          .losses = std::move(losses),
          .held_out_first = held_out_first_,
          .held_out_best = best_ ? std::optional(best_->loss()) : std::nullopt};
}

void Trainer::Save(const TrainingState& state) const {
  SaveState(state, SettingsLine(), settings_.checkpoint);
}

void Trainer::Learn(TrainingState* state) {
  // The next batch is read while this one is learned from.
  std::future<Batch> next;
  const auto read = [this](int64_t step) {
    return std::async(std::launch::async, [this, step] { return batches_.Read(step); });
  };
  const int64_t norm_steps = trains_batch_norms() ? options_.batch_norm_steps : 0;
  // A checkpoint of that step was written before they were frozen.
  if (norm_steps > 0 && state->step <= norm_steps) batch_norms_.SetLearning(true);
  const int64_t check_every = std::max<int64_t>(1, settings_.steps / 10);
  if (best_ && state->step == 0) {
    CheckProgress();
    held_out_first_ = best_->loss();
  }
  if (state->step < settings_.steps) next = read(state->step);
  while (state->step < settings_.steps) {
    if (norm_steps > 0 && state->step == norm_steps) {
      next.wait();
      FreezeBatchNorms();
    }
    if (has_others() ? stopping_ : CancelRequested()) {
      next.wait();
      if (is_first()) Save(*state);
      throw Error(ErrorCode::kCancelled,
                  fmt::format("stopped on request after step {}; the same command with --resume "
                              "goes on from '{}'",
                              state->step, settings_.checkpoint.string()));
    }
    const Batch batch = next.get();
    if (state->step + 1 < settings_.steps) next = read(state->step + 1);
    state->losses.push_back(static_cast<float>(Step(state->step, batch)));
    ++state->step;
    const bool is_last = state->step == settings_.steps;
    if (best_ && (is_last || state->step % check_every == 0)) {
      CheckProgress();
    }
    const int64_t every = options_.checkpoint_every;
    if (is_first() && every > 0 && state->step % every == 0) Save(*state);
    if (settings_.progress) settings_.progress(state->step, settings_.steps, state->losses.back());
  }
  if (norm_steps > 0 && norm_steps >= settings_.steps) FreezeBatchNorms();
  if (best_) best_->Restore();
}

TrainedModel Trainer::Run() {
  TrainingState state{variables_, quantizers_, best_ ? &*best_ : nullptr};
  int64_t resumed_at = 0;
  try {
    if (options_.resume && is_first()) LoadState(settings_.checkpoint, SettingsLine(), &state);
    StartAlike(&state);
    resumed_at = state.step;
    Learn(&state);
  } catch (const LostWorker& lost) {
    if (lost.has_failed() || state.step == resumed_at) {
      throw LostWorker(lost.why(), lost.has_failed());
    }
    if (workers_->ClaimSaving()) Save(state);
    throw Error(lost.code(), fmt::format("{} after step {}; the same command with --resume goes on "
                                         "from '{}'",
                                         lost.why(), state.step, settings_.checkpoint.string()));
  }
  TrainedModel result = Result(std::move(state.losses));
  result.resumed_at = resumed_at;
  return result;
}

}  // namespace

double LearningRateAt(const TrainingOptions& options, int64_t step, int64_t steps) {
  const double done = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(steps, 1));
  if (options.schedule == "constant") return options.learning_rate;
  if (options.schedule == "step") {
    return options.learning_rate * (done < 0.5 ? 1 : done < 0.75 ? 0.1 : 0.01);
  }
  Require(options.schedule == "cosine", ErrorCode::kInvalidArgument, "there is no schedule '",
          options.schedule, "'; there are cosine, step and constant");
  return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

TrainedModel Train(const TrainInput& input, const TrainSettings& settings) {
  return Trainer(input, settings).Run();
}

}  // namespace adze
