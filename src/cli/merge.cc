#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "adze/api.h"
#include "cli/command.h"

namespace adze {
namespace {

struct Flags {
  std::vector<std::string> parts;
  std::string output;
  bool json = false;
};

void Run(const Flags& flags) {
  const CollectResult result = Merge({flags.parts.begin(), flags.parts.end()}, flags.output);
  if (flags.json) {
    const nlohmann::ordered_json json = {
        {"samples", result.samples}, {"tensors", result.tensors}, {"file", flags.output}};
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("statistics of {} tensors over {} samples, wrote {}\n", result.tensors, result.samples,
             flags.output);
}

}  // namespace

void register_merge(CommandRegistry& commands) {
  commands.Add({.name = "merge",
                .summary = "Statistics of parts of the data as those of the whole",
                .examples = "  adze merge s_0.bin s_1.bin --output s.bin\n"
                            "  adze merge s_*.bin -o s.bin --json",
                .declare = [](CLI::App& app) {
                  auto flags = std::make_shared<Flags>();
                  app.add_option("parts", flags->parts, "Files of `adze calibrate`, in any order")
                      ->required()
                      ->type_name("FILE");
                  app.add_option("-o,--output", flags->output, "File to write")
                      ->required()
                      ->type_name("FILE");
                  app.add_flag("--json", flags->json, "Print JSON");
                  app.callback([flags] { Run(*flags); });
                }});
}

}  // namespace adze
