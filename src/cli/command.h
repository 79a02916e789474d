#pragma once

#include <functional>
#include <map>
#include <string>

#include "adze/error.h"

namespace CLI {
class App;
}

namespace adze {

// One verb of the command line; src/cli holds one a file, whose stem is its name.
struct CommandDef {
  std::string name;
  std::string summary;
  std::string examples;  // shown under --help, one command a line
  // Adds the verb's options to its parser and sets the parser's callback.
  std::function<void(CLI::App&)> declare;
};

class CommandRegistry {
 public:
  void Add(CommandDef def) {
    std::string name = def.name;
    Check(defs_.emplace(name, std::move(def)).second, "verb registered twice");
  }
  const std::map<std::string, CommandDef>& all() const { return defs_; }

 private:
  std::map<std::string, CommandDef> defs_;
};

}  // namespace adze
