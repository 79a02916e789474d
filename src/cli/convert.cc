#include <CLI/CLI.hpp>
#include <memory>

#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "cli/command.h"

namespace adze {

void register_convert(CommandRegistry& commands) {
  commands.Add({.name = "convert",
                .summary = "Rewrite a graph, binary or text, without changing it",
                .examples = "  adze convert model.pb model.pbtxt\n"
                            "  adze convert model.pbtxt model.pb",
                .declare = [](CLI::App& app) {
                  struct Flags {
                    std::string from, to;
                  };
                  auto flags = std::make_shared<Flags>();
                  app.add_option("from", flags->from, "Graph to read")->required();
                  app.add_option("to", flags->to, "File to write; .pbtxt gives text")->required();
                  app.callback([flags] {
                    WriteGraphDef(ReadGraphDef(flags->from, Builtin<OpRegistry>()), flags->to);
                  });
                }});
}

}  // namespace adze
