#include "cli/command_line.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <new>

#include "adze/cancel.h"
#include "adze/near_names.h"
#include "adze/process_group.h"
#include "adze/registry.h"
#include "cli/command.h"

namespace adze {
namespace {

// Exit codes, as --help tells them.
enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2, kCancelledExit = 130 };

constexpr const char* kDescription =
    "adze compresses TensorFlow models: calibration, retraining, tensor decomposition, int8 "
    "execution.\n";
constexpr const char* kFooter =
    "Start with `adze info model.pb`, then `adze quantize --help`.\n"
    "Exit codes: 0 done, 1 something is wrong with the model, the data or the machine,\n"
    "2 wrong usage, 130 stopped by Ctrl-C.";

// Of several processes that failed the first one says why.
int Complain(const std::string& message, ExitCode code) {
  ProcessGroup& group = ProcessGroup::World();
  using Outcome = ProcessGroup::Outcome;
  const int first = group.Settle(group.stopped_by_other() ? Outcome::kStopped : Outcome::kFailed);
  if (first < group.size() && first != group.rank()) return code;
  std::cerr << "adze: " << message << '\n';
  return code;
}

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// A misspelt verb or flag, before the parser sees it: the parser knows no near names.
std::string FindTypo(CLI::App& app, int argc, char** argv) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  const CLI::App* verb = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") break;
    if (!verb && !word.starts_with("-")) {
      if (std::find(verbs.begin(), verbs.end(), word) == verbs.end()) {
        return "no verb '" + word + "'" + DidYouMean(word, verbs) + "; see `adze --help`";
      }
      verb = app.get_subcommand(word);
    } else if (word.starts_with("--")) {
      const std::string flag = word.substr(0, word.find('='));
      std::vector<std::string> known = OptionNames(app);
      if (verb) {
        const std::vector<std::string> more = OptionNames(*verb);
        known.insert(known.end(), more.begin(), more.end());
      }
      if (std::find(known.begin(), known.end(), flag) == known.end()) {
        return "no option '" + flag + "'" + DidYouMean(flag, known) + "; see `adze" +
               (verb ? " " + verb->get_name() : "") + " --help`";
      }
    }
  }
  return "";
}

void SetLogLevel(bool verbose, bool quiet) {
  auto log = spdlog::stderr_color_mt("adze");
  log->set_pattern("%^%l%$: %v");
  log->set_level(verbose ? spdlog::level::debug : quiet ? spdlog::level::err : spdlog::level::warn);
  spdlog::set_default_logger(log);
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  InstallCancelHandler();
  CLI::App app{kDescription, "adze"};
  app.footer(kFooter);
  app.set_version_flag("--version", "adze " ADZE_VERSION);
  app.require_subcommand(1);
  bool verbose = false, quiet = false;
  auto* verbose_flag =
      app.add_flag("-v,--verbose", verbose, "Say what is done, and how long it takes");
  app.add_flag("-q,--quiet", quiet, "No progress, no warnings")->excludes(verbose_flag);
  app.parse_complete_callback([&] { SetLogLevel(verbose, quiet); });
  for (const auto& [name, command] : Builtin<CommandRegistry>().all()) {
    CLI::App* verb = app.add_subcommand(name, command.summary);
    verb->footer("Examples:\n" + command.examples);
    verb->fallthrough();
    command.declare(*verb);
  }
  try {
    if (const std::string typo = FindTypo(app, argc, argv); !typo.empty()) {
      return Complain(typo, kUsage);
    }
    app.parse(argc, argv);
    ProcessGroup& group = ProcessGroup::World();
    return group.Settle(ProcessGroup::Outcome::kFine) < group.size() ? kFailed : kOk;
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const std::vector<CLI::App*> verbs = app.get_subcommands();
    const std::string verb = verbs.empty() ? "" : " " + verbs[0]->get_name();
    return Complain(std::string(error.what()) + "; see `adze" + verb + " --help`", kUsage);
  } catch (const Error& error) {
    return Complain(error.what(), error.code() == ErrorCode::kCancelled ? kCancelledExit : kFailed);
  } catch (const std::bad_alloc&) {
    return Complain("out of memory; lower --batch-size", kFailed);
  } catch (const std::exception& error) {
    return Complain(std::string("internal error: ") + error.what(), kFailed);
  }
}

}  // namespace adze
