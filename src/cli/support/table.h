#pragma once

#include <string>
#include <vector>

namespace adze {

// Text in columns for people: the first column and those named in `left` flush left, the others
// flush right. Long cells of the first column are shortened in front.
std::string FormatTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows,
                        const std::vector<size_t>& left = {0});

}  // namespace adze
