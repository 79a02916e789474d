#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adze/api.h"

namespace adze {

// How retraining runs.
struct TrainingOptions {
  int64_t epochs = 0;  // runs over the data; 0: one, or more until there are 300 steps
  int64_t steps = 0;   // instead of epochs, if not 0
  int64_t batch_size = 32;
  std::string optimizer = "adam";  // or "sgd" (momentum 0.9), "rmsprop"
  // Of adam and rmsprop relative to a variable's root mean square; of ranges (always by adam) to
  // the range. 0: by adam and rmsprop 2e-4 with labels, 1e-4 without, ten times as much below 8
  // bits; by sgd and in float 1e-3.
  double learning_rate = 0;
  std::string schedule = "cosine";  // to 0; or "step": a tenth after half, a hundredth after 3/4;
                                    // or "constant"
  // "cross-entropy" of labels, "mse" (to the float model's outputs), "distill" (to its classes).
  // Empty: cross-entropy where the data has labels, else distill.
  std::string loss = {};
  double weight_decay = 0;
  bool flip = false;  // augmentation: images mirrored left to right, half of them
  int64_t crop = 0;   // and moved by up to so many pixels
  double color = 0;   // and contrast, saturation and brightness changed by up to this fraction
  int label_offset = 0;
  uint64_t seed = 1;
  int num_threads = 0;         // 0: all cores
  std::string device = "cpu";  // or "cuda", "cuda:1"
  // Convolutions and matrix products in bfloat16, all else in float32: quantization, losses,
  // weights as they are learned.
  bool mixed_precision = false;
  int64_t checkpoint_every = 0;  // steps; 0: only when stopped
  bool resume = false;           // goes on from the checkpoint
  // Batch norm stays in the graph while it is trained (FusedBatchNorm between a layer and what
  // follows): for so many steps it normalizes with each batch's own mean and variance, then these
  // are estimated anew and frozen. 0: it is folded before training.
  int64_t batch_norm_steps = 0;
  // Where only a model's outputs are learned: one of so many samples is held out, and what did best
  // on those is kept, the start included. 0: none, the last step's result is.
  int64_t hold_out = 4;
};

struct RetrainOptions {
  ModelSource model;
  // Whose outputs "mse" and "distill" learn, and agreement is counted with; without a path: the
  // model itself, as it is before.
  ModelSource teacher = {};
  bool in_float = false;  // without quantization: fine-tunes, of the plan nothing is used
  DataSource train;
  DataSource validation = {};  // may be empty
  PlanOptions plan = {};
  // Override the config's ways to learn: "ulq", "lsq", "lsq_plus" or "tqt", and "arq", "ulq", "lsq"
  // or "tqt" (src/retrain/methods).
  std::string activation_method = {}, weight_method = {};
  TrainingOptions training = {};
  std::filesystem::path output_prefix;
  // Steps done, steps in all, loss.
  std::function<void(int64_t, int64_t, double)> progress = {};
};

struct RetrainResult {
  Record record;
  std::vector<std::filesystem::path> files;
  std::vector<std::string> warnings;
  int64_t steps = 0, samples = 0;        // samples: of this run, without what it was resumed from
  double first_loss = 0, last_loss = 0;  // means of the first and the last twentieth of the steps
  double seconds = 0;                    // of training
  // The loss on samples that were held out, at the start and of what was kept.
  std::optional<double> held_out_first = {}, held_out_best = {};
  // On the validation data, if there is any: top-1 and agreement with the float model, as
  // fractions.
  std::optional<double> float_top1 = {}, calibrated_top1 = {}, retrained_top1 = {};
  // Agreement is that with the teacher. What was calibrated is the model itself where it was
  // retrained in float.
  std::optional<double> calibrated_agreement = {}, retrained_agreement = {};
};

// Quantization-aware retraining (reference section 8): fake-quantization in the forward pass, whose
// ranges (ULQ) and weights (ARQ) are learned. Writes PREFIX_quantized.pb, PREFIX_fake_quant.pb,
// PREFIX_quant.json, PREFIX_record.txt and PREFIX_config.json as Quantize does, the learned float
// model as PREFIX_retrained.pb and as a TensorFlow checkpoint PREFIX_retrained.ckpt, and the losses
// as PREFIX_losses.csv and, for TensorBoard, PREFIX_events.out.tfevents. In float only these last
// four. In the library adze::retrain, which needs LibTorch.
RetrainResult Retrain(const RetrainOptions& options);

// What `adze retrain` calls; a program that links adze::retrain sets it to Retrain. Null: this
// program has none.
using Retrainer = RetrainResult (*)(const RetrainOptions&);
void SetRetrainer(Retrainer retrainer);
Retrainer GetRetrainer();

}  // namespace adze
