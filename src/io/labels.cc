#include "io/labels.h"

#include <charconv>
#include <limits>

#include "adze/error.h"
#include "adze/file.h"
#include "io/array_layout.h"
#include "io/gzip.h"

namespace adze {
namespace {

std::vector<LabelLine> FromArray(const Tensor& tensor) {
  Require(tensor.shape().rank() >= 1 && tensor.num_elements() == tensor.shape()[0],
          ErrorCode::kBadFile, "holds ", tensor.shape().ToString(),
          " where one class a sample is needed");
  const DType dtype = tensor.dtype();
  Require(dtype != DType::kFloat && dtype != DType::kDouble && dtype != DType::kHalf,
          ErrorCode::kBadFile, "holds ", Name(dtype), " where classes are integers");
  std::vector<LabelLine> lines;
  for (const int64_t label : ToInt64s(tensor)) {
    Require(label >= 0 && label <= std::numeric_limits<int>::max(), ErrorCode::kBadFile,
            "holds the class ", label);
    lines.push_back({"", static_cast<int>(label)});
  }
  return lines;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

LabelLine ParseLine(std::string_view line) {
  const size_t space = line.find_last_of(" \t");
  const std::string_view number = line.substr(space == std::string_view::npos ? 0 : space + 1);
  LabelLine result;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), result.label);
  Require(error == std::errc() && end == number.data() + number.size() && result.label >= 0,
          ErrorCode::kBadFile, "'", line.substr(0, 80),
          "' does not end in a class number; lines are `file class` or `class`");
  if (space != std::string_view::npos) result.name = Trim(line.substr(0, space));
  return result;
}

}  // namespace

std::vector<LabelLine> ParseLabels(std::string_view bytes) {
  std::string unpacked;
  if (IsGzip(bytes)) bytes = unpacked = Gunzip(bytes);
  if (IsNpy(bytes) || bytes.starts_with(std::string_view("\0\0", 2))) {
    return FromArray(ParseArray(bytes));
  }
  std::vector<LabelLine> lines;
  for (int number = 1; !bytes.empty(); ++number) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = Trim(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (line.empty()) continue;
    ErrorScope scope("line", std::to_string(number));
    lines.push_back(ParseLine(line));
    Require(lines.back().name.empty() == lines.front().name.empty(), ErrorCode::kBadFile,
            "some lines name a file and some do not");
  }
  return lines;
}

std::vector<LabelLine> ReadLabels(const std::filesystem::path& path) {
  const std::string bytes = ReadFile(path);
  ErrorScope scope("file", path.string());
  std::vector<LabelLine> lines = ParseLabels(bytes);
  Require(!lines.empty(), ErrorCode::kBadFile, "holds no labels");
  return lines;
}

}  // namespace adze
