#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adze/tensor.h"

namespace adze {

// What a program needs to run models, float or quantized; the CMake target adze::runtime. From C:
// adze/c_api.h.

enum class Engine {
  kAuto,     // integers for a deployable graph (PREFIX_quantized.pb), else float32
  kFloat32,  // a deployable graph is simulated
  kInt8,     // kInvalidArgument for a graph that is not deployable
};

struct ModelOptions {
  Engine engine = Engine::kAuto;
  int num_threads = 0;                    // 0: all cores
  std::vector<std::string> outputs = {};  // tensor names; empty: nodes that nobody reads
};

struct ModelInput {
  std::string name;  // of the placeholder
  DType dtype = DType::kFloat;
  Shape shape;  // -1 where a dimension is free; the batch may differ from what the graph says
};

// A frozen GraphDef, ready to run. Use one model per thread.
class Model {
 public:
  // kNotFound, kBadFile and kUnsupported name the file and what is wrong with it; kNotFound, with
  // near names, if it has no output of that name.
  explicit Model(const std::filesystem::path& path, const ModelOptions& options = {});
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  // What must be fed.
  const std::vector<ModelInput>& inputs() const;
  // What Run returns, in this order.
  const std::vector<std::string>& outputs() const;
  // kFloat32 or kInt8.
  Engine engine() const;

  // `feeds` by input name; kInvalidArgument names a missing, superfluous or badly shaped one. The
  // first run with feeds of a shape compiles the graph for it.
  std::vector<Tensor> Run(const std::map<std::string, Tensor>& feeds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adze
