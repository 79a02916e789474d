#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "adze/api.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "cli/command.h"
#include "cli/support/options.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  std::string output;
};

void Run(const Flags& flags, bool quiet) {
  CheckWritable(flags.output);
  const ModelSource source = ToModelSource(flags.model);
  const Graph graph = LoadModel(source);
  WriteGraphDef(graph, flags.output);
  if (quiet) return;
  for (const InputSpec& input : ModelInputs(graph, source)) {
    fmt::print("input    {}  {} {}\n", input.name, Name(input.dtype), input.shape.ToString());
  }
  for (const GraphOutput& output : graph.outputs()) fmt::print("output   {}\n", output.name);
  fmt::print("wrote {} ({} nodes)\n", flags.output, graph.size());
}

}  // namespace

void register_freeze(CommandRegistry& commands) {
  commands.Add({.name = "freeze",
                .summary = "Make a SavedModel or checkpoint a frozen graph: variables to constants",
                .examples =
                    "  adze freeze saved_model/ -o model.pb\n"
                    "  adze freeze saved_model/ -o model.pb --signature classify --tags serve\n"
                    "  adze freeze train/model.meta -o model.pb --outputs prob\n"
                    "  adze freeze graph.meta --checkpoint train/model-1000 -o model.pb",
                .declare = [](CLI::App& app) {
                  auto flags = std::make_shared<Flags>();
                  AddModelFlags(app, flags->model);
                  app.add_option("-o,--output", flags->output, "Frozen graph to write")
                      ->required()
                      ->type_name("FILE");
                  app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
                }});
}

}  // namespace adze
