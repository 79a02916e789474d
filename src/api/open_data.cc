#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "adze/api.h"

namespace adze {
namespace {

std::string InputNames(const std::vector<InputSpec>& inputs) {
  std::string names;
  for (const InputSpec& input : inputs) names += (names.empty() ? "'" : ", '") + input.name + "'";
  return names;
}

// What is said of inputs, by the names of the inputs; one that is said of "" goes to the only one.
template <typename T>
std::map<std::string, T> ByInput(const std::map<std::string, T>& given,
                                 const std::vector<InputSpec>& inputs) {
  std::map<std::string, T> result;
  for (const auto& [name, value] : given) {
    std::string plain = name.ends_with(":0") ? name.substr(0, name.size() - 2) : name;
    if (plain.empty() && inputs.size() == 1) plain = inputs[0].name;
    const bool known = std::any_of(inputs.begin(), inputs.end(),
                                   [&](const InputSpec& input) { return input.name == plain; });
    Require(known, ErrorCode::kInvalidArgument, "the model has no input '", plain,
            "'; its inputs are ", InputNames(inputs));
    result[plain] = value;
  }
  return result;
}

std::unique_ptr<Dataset> OpenAll(const DataSource& source, const std::vector<InputSpec>& inputs) {
  const int kinds = !source.images.empty() + !source.arrays.empty() + !source.command.empty();
  Require(kinds <= 1, ErrorCode::kInvalidArgument,
          "give only one of --images, --data and --data-command");
  Require(source.labels.empty() || source.label_field.empty(), ErrorCode::kInvalidArgument,
          "give either --labels or --label-field, not both");
  if (!source.images.empty()) {
    Require(inputs.size() == 1, ErrorCode::kInvalidArgument, "the model has ", inputs.size(),
            " inputs, --images feeds one; give --data NAME=FILE for each");
    return OpenImageFolder({source.images, source.labels, source.preprocess, source.limit},
                           inputs[0]);
  }
  ArrayData arrays{.inputs = ByInput(source.arrays, inputs),
                   .label_field = source.label_field,
                   .command = source.command,
                   .labels = source.labels,
                   .preprocess = source.preprocess,
                   .limit = source.limit};
  for (const InputSpec& input : inputs) {
    Require(arrays.inputs.contains(input.name) || !source.command.empty(),
            ErrorCode::kInvalidArgument, "no data for input '", input.name,
            "'; give --images DIR or --data ", input.name, "=FILE");
  }
  // A field of no input in particular feeds every input that has none of its own.
  std::map<std::string, std::string> named = source.fields;
  if (const auto common = named.extract(""); !common.empty()) {
    arrays.fields[""] = common.mapped();
  }
  arrays.fields.merge(ByInput(named, inputs));
  return OpenArrays(arrays, inputs);
}

}  // namespace

std::unique_ptr<Dataset> OpenData(const DataSource& source, const std::vector<InputSpec>& inputs,
                                  SkippedSamples* skipped) {
  // A command's arrays are whole or an error, and it may go on for ever.
  if (!source.skip_bad || !source.command.empty()) return OpenAll(source, inputs);
  DataSource all = source;
  all.limit = 0;  // which counts what can be read
  SkippedSamples found;
  std::unique_ptr<Dataset> data = SkipBadSamples(OpenAll(all, inputs), source.limit, 0, &found);
  for (const std::string& fault : found.first) spdlog::warn("skipped: {}", fault);
  if (found.count > static_cast<int64_t>(found.first.size())) {
    spdlog::warn("skipped {} samples in all", found.count);
  }
  if (skipped) *skipped = std::move(found);
  return data;
}

}  // namespace adze
