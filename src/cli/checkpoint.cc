#include "adze/checkpoint.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "adze/api.h"
#include "cli/command.h"
#include "cli/support/options.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  std::string output;
};

void Run(const Flags& flags, bool quiet) {
  WriteTrainingCheckpoint(flags.output, LoadModel(ToModelSource(flags.model)));
  if (!quiet) fmt::print("wrote {}.{{meta,index,data-00000-of-00001}}\n", flags.output);
}

}  // namespace

void register_checkpoint(CommandRegistry& commands) {
  commands.Add({.name = "checkpoint",
                .summary = "Make a frozen graph a checkpoint that TensorFlow can train on",
                .examples = "  adze checkpoint model.pb --output train/model.ckpt",
                .declare = [](CLI::App& app) {
                  auto flags = std::make_shared<Flags>();
                  AddModelFlags(app, flags->model);
                  app.add_option("-o,--output", flags->output,
                                 "Prefix of the files to write: PREFIX.meta, .index and .data-...")
                      ->required()
                      ->type_name("PREFIX");
                  app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
                }});
}

}  // namespace adze
