#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/tensor.h"

namespace adze {

// Looks at values while a session runs. Values that a probe wants are computed, so fewer ops fuse.
class Probe {
 public:
  virtual ~Probe() = default;
  // Called when the session compiles.
  virtual bool Wants(Value value) const = 0;
  // Called during Run, on the thread that called Run, as soon as the value is there; the tensor's
  // memory is reused afterwards.
  virtual void OnValue(Value value, const Tensor& tensor) = 0;
};

struct SessionOptions {
  int num_threads = 0;        // within an op; 0: all cores
  int compiling_threads = 0;  // that bring weights into another layout; 0: as num_threads
};

// Runs a graph on the CPU in float32, with oneDNN. Compiled once per set of feed shapes, on the
// first Run that has them or by Compile: batch size may change from run to run. The graph must
// outlive the session and not change. Use one session per thread.
class Session {
 public:
  // Checks that every op the outputs need can be run; kUnsupported lists every op and one node of
  // each that cannot. `fetches` are what Run returns; empty: graph.outputs().
  explicit Session(const Graph& graph, std::vector<Value> fetches = {}, Probe* probe = nullptr,
                   SessionOptions options = {});
  ~Session();
  Session(Session&&) noexcept;
  // A session of the same graph and fetches for another thread. Both share the weights and what is
  // made of them.
  Session Fork(Probe* probe, SessionOptions options) const;

  // Whether row i of every value comes from row i of the feeds only, so that samples may be run one
  // by one. False where that is not known.
  bool KeepsRowsApart(const std::map<std::string, Tensor>& feeds) const;
  // Compiles for feeds of these shapes, which are checked as Run does.
  void Compile(const std::map<std::string, Tensor>& feeds);
  // `feeds` by placeholder node name ("input" or "input:0"); kInvalidArgument names a missing,
  // superfluous or badly shaped one. Returns the fetches, in memory of their own.
  std::vector<Tensor> Run(const std::map<std::string, Tensor>& feeds);

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace adze
