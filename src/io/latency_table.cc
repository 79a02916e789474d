#include <cmath>
#include <nlohmann/json.hpp>

#include "adze/decompose.h"
#include "adze/error.h"
#include "adze/file.h"

namespace adze {

LatencyTable ReadLatencyTable(const std::filesystem::path& file) {
  ErrorScope scope("file", file.string());
  constexpr uint64_t kMostBytes = uint64_t{64} << 20;
  const auto json = nlohmann::json::parse(ReadFile(file, kMostBytes), nullptr, false);
  Require(json.is_object(), ErrorCode::kBadFile,
          "no table of measured times: not a JSON object; delete it to measure anew");
  LatencyTable table;
  for (const auto& [key, value] : json.items()) {
    const double time = value.is_number() ? value.get<double>() : 0;
    Require(std::isfinite(time) && time > 0, ErrorCode::kBadFile, "the time of '", key, "' is ",
            value.dump(), "; it must be a number of milliseconds above 0");
    table[key] = time;
  }
  return table;
}

void WriteLatencyTable(const LatencyTable& table, const std::filesystem::path& file) {
  WriteFileAtomically(file, nlohmann::json(table).dump(1) + "\n");
}

}  // namespace adze
