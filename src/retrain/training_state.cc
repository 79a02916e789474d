#include "retrain/training_state.h"

#include "adze/checkpoint.h"

namespace adze {
namespace {

std::string SlotKey(const TrainedVariable& variable, size_t slot) {
  return variable.name + "/slot_" + std::to_string(slot);
}

std::string BestKey(const TrainedVariable& variable) { return variable.name + "/best"; }

void CopyInto(const at::Tensor& to, const Tensor& from) {
  Require(ShapeOf(to) == from.shape(), ErrorCode::kBadFile, "the checkpoint has ",
          from.shape().ToString(), " where ", ShapeOf(to).ToString(), " is needed");
  const at::NoGradGuard constant;
  to.copy_(ToTorch(from));
}

}  // namespace

void SaveState(const TrainingState& state, const std::string& settings,
               const std::filesystem::path& prefix) {
  std::map<std::string, Tensor> tensors;
  for (const TrainedVariable& variable : state.variables) {
    tensors.emplace(variable.name, FromTorch(variable.value));
    for (size_t i = 0; i < variable.slots.size(); ++i) {
      tensors.emplace(SlotKey(variable, i), FromTorch(variable.slots[i]));
    }
  }
  if (state.best) {
    for (size_t i = 0; i < state.variables.size(); ++i) {
      tensors.emplace(BestKey(state.variables[i]), FromTorch(state.best->values()[i]));
    }
    tensors.emplace("adze_retrain/best_loss", Tensor::Scalar<double>(state.best->loss()));
  }
  tensors.emplace("adze_retrain/step", Tensor::Scalar<int64_t>(state.step));
  tensors.emplace("adze_retrain/losses", Tensor::Vector<float>(state.losses));
  tensors.emplace("adze_retrain/settings", Tensor::FromStrings({}, {settings}));
  WriteCheckpoint(prefix, tensors);
}

void LoadState(const std::filesystem::path& prefix, const std::string& settings,
               TrainingState* state) {
  const Checkpoint checkpoint(prefix);
  ErrorScope scope("checkpoint", prefix.string());
  const std::string found(checkpoint.Read("adze_retrain/settings").strings()[0]);
  Require(found == settings, ErrorCode::kInvalidArgument, "it is of a run with ", found,
          "; this one has ", settings, "; give the same settings, or start anew without --resume");
  for (TrainedVariable& variable : state->variables) {
    CopyInto(variable.value, checkpoint.Read(variable.name));
    for (size_t i = 0; i < variable.slots.size(); ++i) {
      CopyInto(variable.slots[i], checkpoint.Read(SlotKey(variable, i)));
    }
  }
  state->quantizers.Remember();
  if (state->best) {
    for (size_t i = 0; i < state->variables.size(); ++i) {
      CopyInto(state->best->values()[i], checkpoint.Read(BestKey(state->variables[i])));
    }
    state->best->set_loss(checkpoint.Read("adze_retrain/best_loss").data<double>()[0]);
  }
  state->step = checkpoint.Read("adze_retrain/step").data<int64_t>()[0];
  const Tensor losses = checkpoint.Read("adze_retrain/losses");
  state->losses.assign(losses.data<float>().begin(), losses.data<float>().end());
}

}  // namespace adze
