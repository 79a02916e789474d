#include "cli/support/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace adze {

std::string FormatTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows,
                        const std::vector<size_t>& left) {
  constexpr size_t kWidestFirst = 52;
  auto shorten = [](const std::string& cell, size_t column) {
    if (column > 0 || cell.size() <= kWidestFirst) return cell;
    return "..." + cell.substr(cell.size() - (kWidestFirst - 3));
  };
  std::vector<size_t> width(header.size());
  for (size_t i = 0; i < header.size(); ++i) {
    width[i] = header[i].size();
    for (const auto& row : rows) width[i] = std::max(width[i], shorten(row[i], i).size());
  }
  auto format = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const bool is_left = std::find(left.begin(), left.end(), i) != left.end();
      const std::string cell = shorten(row[i], i);
      line += (i ? "  " : "") + (is_left ? fmt::format("{:<{}}", cell, width[i])
                                         : fmt::format("{:>{}}", cell, width[i]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
  };
  std::string text = format(header);
  for (const auto& row : rows) text += format(row);
  return text;
}

}  // namespace adze
