#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "adze/api.h"
#include "adze/parallel.h"
#include "adze/session.h"
#include "cli/command.h"
#include "cli/support/options.h"
#include "cli/support/runnable_model.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  std::vector<std::string> inputs, outputs;
  std::string engine = "float32";
  int threads = 0;
};

void Run(const Flags& flags) {
  ModelSource source = ToModelSource(flags.model);
  std::vector<std::string> files;
  for (const std::string& text : flags.outputs) {
    const auto [name, file] = SplitAssignment(text);
    // "--output prob" prints, "--output prob=f.npy" writes.
    source.outputs.push_back(name.empty() ? file : name);
    files.push_back(name.empty() ? "" : file);
  }
  const RunnableModel model = LoadRunnableModel(source, flags.engine);
  const Graph& graph = model.graph();
  const std::vector<InputSpec> inputs = ModelInputs(graph, source);
  std::map<std::string, Tensor> feeds;
  for (const std::string& text : flags.inputs) {
    auto [name, file] = SplitAssignment(text);
    if (name.empty() && inputs.size() == 1) name = inputs[0].name;
    feeds[name] = ReadNpy(file);
  }
  SetNumThreads(flags.threads);
  Session session(graph, {}, nullptr, {.num_threads = flags.threads});
  const std::vector<Tensor> results = session.Run(feeds);
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string file = i < files.size() ? files[i] : "";
    if (!file.empty()) WriteNpy(results[i], file);
    fmt::print("{}: {} {}{}\n", graph.outputs()[i].name, Name(results[i].dtype()),
               results[i].shape().ToString(), file.empty() ? "" : " -> " + file);
  }
}

}  // namespace

void register_run(CommandRegistry& commands) {
  commands.Add(
      {.name = "run",
       .summary = "Run a model on arrays",
       .examples =
           "  adze run model.pb --input x.npy --output prob=prob.npy\n"
           "  adze run model.pb --input a=a.npy --input b=b.npy --output conv1/BiasAdd=c.npy\n"
           "  adze run out/model_quantized.pb --engine int8 --input x.npy --output prob=prob.npy",
       .declare = [](CLI::App& app) {
         auto flags = std::make_shared<Flags>();
         AddSourceFlags(app, flags->model);
         app.add_option("--input", flags->inputs, "Array fed to an input")
             ->required()
             ->take_all()
             ->allow_extra_args(false)
             ->type_name("[NAME=]FILE.npy");
         app.add_option("--output", flags->outputs,
                        "Tensor to compute, and where to write it (default: the model's outputs)")
             ->take_all()
             ->allow_extra_args(false)
             ->type_name("NAME[=FILE.npy]");
         AddEngineFlag(app, flags->engine);
         app.add_option("--threads", flags->threads, "Threads (default: all cores)")
             ->type_name("N");
         app.callback([flags] { Run(*flags); });
       }});
}

}  // namespace adze
