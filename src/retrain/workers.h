#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <string>
#include <vector>

#include "adze/error.h"
#include "engine/torch/batch_sharers.h"

namespace adze {

// Another worker is gone, or has failed and said why.
class LostWorker : public Error {
 public:
  LostWorker(const std::string& why, bool has_failed)
      : Error(ErrorCode::kNotFound, why), why_(why), has_failed_(has_failed) {}
  // Without the scopes of where this one noticed it.
  const std::string& why() const { return why_; }
  bool has_failed() const { return has_failed_; }

 private:
  std::string why_;
  bool has_failed_;
};

// The processes that train one model together, each on its part of every batch: c10d over Gloo, or
// NCCL where tensors are on GPUs. All of them must call the same functions in the same order.
class Workers : public BatchSharers {
 public:
  // Joins the others that RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT speak of, which torchrun
  // and `adze retrain --nproc` set; alone where they are not set. kInvalidArgument if they make no
  // sense, kUnsupported without Gloo, LostWorker if not all come in time.
  explicit Workers(at::Device device);
  ~Workers() override;

  int rank() const { return rank_; }
  int size() const override { return size_; }
  bool is_first() const { return rank_ == 0; }
  // How many of them share this machine's cores, by LOCAL_WORLD_SIZE.
  int on_machine() const { return on_machine_; }

  // The first one's tensors replace those of the others. LostWorker.
  void Broadcast(const std::vector<at::Tensor>& tensors);
  // Sums the tensor over all, in place. LostWorker.
  void Sum(at::Tensor values) override;

  // Tells the others why this one fails; does nothing if one has failed before.
  void ReportFailure(const std::string& why);
  // After LostWorker: whether this one of those that are left is to save what they have reached.
  bool ClaimSaving();

 private:
  struct Group;
  template <typename Call>
  void Guard(const Call& call);

  int rank_ = 0, size_ = 1, on_machine_ = 1;
  std::unique_ptr<Group> group_;  // null if alone
};

// The device that "cpu", "cuda" or "cuda:1" names; "cuda" alone is the GPU of the process's number
// among those on this machine, which torchrun (LOCAL_RANK) and mpirun set. kInvalidArgument,
// kUnsupported if there is none.
at::Device DeviceByName(const std::string& name);

}  // namespace adze
