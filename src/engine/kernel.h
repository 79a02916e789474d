#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "adze/op.h"
#include "adze/parallel.h"

namespace adze {

// What a primitive does to its result before storing it. In the order of computation.
struct EpilogueOp {
  enum class Kind { kBias, kResidual, kActivation };
  Kind kind;
  const Tensor* bias = nullptr;      // kBias: one element per channel
  const Node* activation = nullptr;  // kActivation: Relu, Relu6, Elu, LeakyRelu, Sigmoid
};

// Zeros that a folded Pad puts around rows and columns.
struct FoldedPad {
  std::array<int64_t, 2> before = {0, 0};
  std::array<int64_t, 2> after = {0, 0};
};

// What kernels made of constants (weights in another layout), shared by the compiled shapes of one
// session and of its forks on other threads.
class PreparedConstants {
 public:
  // Those of `other`, if there is one. What is not there yet is made on `num_threads` threads,
  // however many run the kernels.
  explicit PreparedConstants(int num_threads, const PreparedConstants* other = nullptr)
      : num_threads_(num_threads), shared_(other ? other->shared_ : std::make_shared<Shared>()) {}

  // `make()` the first time that this constant is asked for under `key`.
  template <typename T>
  std::shared_ptr<T> Get(const Tensor& constant, const std::string& key,
                         const std::function<std::shared_ptr<T>()>& make) {
    const std::lock_guard lock(shared_->mutex);
    Entry& entry = shared_->entries[{constant.raw(), key}];
    if (!entry.prepared) {
      const ThreadsScope threads(num_threads_);
      entry = {constant, make()};
    }
    return std::static_pointer_cast<T>(entry.prepared);
  }

 private:
  struct Entry {
    Tensor constant;  // so that its address stays its own
    std::shared_ptr<void> prepared;
  };
  struct Shared {
    std::mutex mutex;
    std::map<std::pair<const void*, std::string>, Entry> entries;
  };
  const int num_threads_;
  const std::shared_ptr<Shared> shared_;
};

// Everything a kernel is compiled for: shapes are known.
struct KernelRequest {
  const Node& node;
  std::vector<TensorSpec> inputs;
  std::vector<const Tensor*> constants;  // per input: its value where it does not depend on feeds
  std::vector<TensorSpec> outputs;
  std::vector<EpilogueOp> epilogue;
  FoldedPad pad;
  PreparedConstants* prepared = nullptr;
};

struct KernelArgs {
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  void* scratch = nullptr;
};

// A compiled op with whatever was fused into it.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // Working memory that Run needs; nothing is kept there between runs.
  virtual size_t scratch_bytes() const { return 0; }
  // Whether output 0 may lie in the memory of this input, which is of the same size.
  virtual bool runs_in_place(int /*input*/) const { return false; }
  // With a residual in the epilogue, output 0 holds it on entry.
  virtual void Run(const KernelArgs& args) = 0;
};

// How an engine runs an op faster than OpDef::evaluate.
struct KernelDef {
  std::string op;
  int data_input = 0;
  bool takes_epilogue = false;
  bool takes_pad = false;
  // Null if it cannot run this node with these shapes and this epilogue.
  std::function<std::unique_ptr<Kernel>(const KernelRequest&)> compile;
};

class KernelRegistry {
 public:
  void Add(KernelDef def) {
    std::string op = def.op;
    Check(defs_.emplace(op, std::move(def)).second, "kernel registered twice");
  }
  const KernelDef* Find(std::string_view op) const {
    auto it = defs_.find(op);
    return it == defs_.end() ? nullptr : &it->second;
  }

 private:
  std::map<std::string, KernelDef, std::less<>> defs_;
};

}  // namespace adze
