#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "adze/graph.h"

namespace adze {

// What passes are told and what they report.
struct PassOptions {
  std::vector<std::string> skip_fusion_layers;  // their batch norm, Mul and Add stay
};

struct PassContext {
  const PassOptions& options;
  // "node 'x': reason" for each thing that a user should know was not done.
  std::vector<std::string> warnings;
};

struct PassDef {
  std::string name;
  std::string summary;
  std::function<bool(Graph&, PassContext&)> run;  // true: the graph changed
  bool keeps_outputs = true;                      // then tests compare outputs before and after
};

class PassRegistry {
 public:
  void Add(PassDef def) {
    std::string name = def.name;
    Check(defs_.emplace(name, std::move(def)).second, "pass registered twice");
  }
  const PassDef& Get(const std::string& name) const;  // kNotFound
  const std::map<std::string, PassDef>& all() const { return defs_; }

 private:
  std::map<std::string, PassDef> defs_;
};

// The order of passes, with reasons: passes/pipelines.cc.
std::vector<std::string> FreezePipeline();   // before variables become constants
std::vector<std::string> PreparePipeline();  // before quantizing
std::vector<std::string> TrainPipeline();    // before training with batch norm kept

// Runs the passes in order, each repeated until it changes nothing, logs time and node counts at
// debug level, and returns the warnings.
std::vector<std::string> RunPasses(Graph& graph, const std::vector<std::string>& names,
                                   const PassOptions& options = {});

}  // namespace adze
