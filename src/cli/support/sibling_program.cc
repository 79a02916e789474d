#include "cli/support/sibling_program.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "adze/error.h"

namespace adze {

void BecomeSibling(const std::string& name, const std::string& remedy) {
  std::error_code none;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", none);
  const auto program = self.parent_path() / name;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  std::vector<std::string> words;
  for (std::string word; std::getline(text, word, '\0');) words.push_back(word);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (std::filesystem::exists(program, none)) {
    // OpenBLAS has threads of its own, which nothing else binds; small products do not need them.
    setenv("OPENBLAS_NUM_THREADS", "1", /*overwrite=*/0);
    execv(program.c_str(), arguments.data());
  }
  throw Error(ErrorCode::kUnsupported, remedy);
}

}  // namespace adze
