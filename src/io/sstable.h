#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace adze {

struct SsTableOptions {
  bool check_sums = true;  // false lets a fuzzer behind the checksums
};

// Every key and value of a sorted string table (leveldb's table format, which is also that of a
// TensorFlow checkpoint's index), in the order of the keys. kBadFile, naming what is wrong.
std::vector<std::pair<std::string, std::string>> ReadSsTable(std::string_view bytes,
                                                             const SsTableOptions& options = {});

// A table of the entries, whose keys must be in order.
std::string WriteSsTable(const std::vector<std::pair<std::string, std::string>>& entries);

}  // namespace adze
