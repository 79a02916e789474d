#include "adze/near_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace adze {
namespace {

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row.back();
}

// Comparing costs the product of the lengths, so hostile graphs get no suggestions.
constexpr size_t kMostCandidates = 20000;

}  // namespace

std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates) {
  constexpr size_t kLongest = 200, kMostNames = 3;
  if (candidates.size() > kMostCandidates || name.size() > kLongest) return "";
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const bool is_tail = candidate.ends_with("/" + std::string(name));
    const size_t distance = is_tail ? 0 : EditDistance(name, candidate);
    if (distance <= 1 + name.size() / 4) near.emplace_back(distance, candidate);
  }
  std::sort(near.begin(), near.end());
  if (near.size() > kMostNames) near.resize(kMostNames);
  std::string text;
  for (const auto& [distance, candidate] : near) {
    text += (text.empty() ? "'" : ", '") + candidate + "'";
  }
  return text.empty() ? "" : " (did you mean " + text + "?)";
}

std::string DidYouMeanFile(const std::filesystem::path& path) {
  std::filesystem::path full = path;
  if (!full.has_filename()) full = full.parent_path();
  const std::filesystem::path folder = full.has_parent_path() ? full.parent_path() : ".";
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error), end;
  for (; !error && at != end && names.size() <= kMostCandidates; at.increment(error)) {
    names.push_back(at->path().filename().string());
    if (at->path().extension() == ".index") names.push_back(at->path().stem().string());
  }
  return DidYouMean(full.filename().string(), names);
}

}  // namespace adze
