#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "adze/op.h"
#include "adze/registry.h"
#include "cli/command.h"
#include "cli/support/table.h"

namespace adze {
namespace {

std::string Quantization(const OpDef& op) {
  if (!op.quant) return op.moves_data_only ? "passes integers on" : "";
  if (!op.quant->weight_input) return "int8 data";
  return op.quant->per_channel ? "int8, weights per channel" : "int8, weights per tensor";
}

void Run(bool markdown) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, op] : Builtin<OpRegistry>().all()) {
    rows.push_back({name, Quantization(op), op.summary});
  }
  if (!markdown) {
    fmt::print("{}", FormatTable({"op", "quantization", "what it computes"}, rows, {0, 1, 2}));
    return;
  }
  fmt::print(
      "# Ops\n\n"
      "The {} TensorFlow ops that adze runs, from their registry (`src/ops`). A model may hold "
      "other ops where its\noutputs do not need them. Written by `adze ops --markdown > "
      "docs/ops.md`.\n\n"
      "| op | quantization | what it computes |\n|---|---|---|\n",
      rows.size());
  for (const auto& row : rows) fmt::print("| {} | {} | {} |\n", row[0], row[1], row[2]);
}

}  // namespace

void register_ops(CommandRegistry& commands) {
  commands.Add({.name = "ops",
                .summary = "The TensorFlow ops that adze runs",
                .examples = "  adze ops\n"
                            "  adze ops --markdown > docs/ops.md",
                .declare = [](CLI::App& app) {
                  auto markdown = std::make_shared<bool>(false);
                  app.add_flag("--markdown", *markdown, "Print docs/ops.md");
                  app.callback([markdown] { Run(*markdown); });
                }});
}

}  // namespace adze
