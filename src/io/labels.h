#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace adze {

struct LabelLine {
  std::string name;  // of the sample; empty where the file holds classes only
  int label = 0;
};

// Text of lines `name class` (the name may hold spaces) or `class`, not mixed, or a .npy or idx
// array of integers [n]. kBadFile with the line.
std::vector<LabelLine> ReadLabels(const std::filesystem::path& path);
std::vector<LabelLine> ParseLabels(std::string_view bytes);

}  // namespace adze
