#include "api/prepared_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "adze/pass.h"

namespace adze {

PreparedModel::PreparedModel(const ModelSource& source, const PlanOptions& options)
    : graph(LoadModel(source)) {
  inputs = ModelInputs(graph, source);
  ErrorScope scope("file", source.path.string());
  // The config says what to fuse, and its layers are those of the fused graph; layers keep their
  // names when they are fused, so a first look at an unfused copy would find the same ones.
  warnings = PrepareModel(graph);
  plan = MakePlan(graph, options);
  if (!plan.config.do_fusion || !plan.config.skip_fusion_layers.empty()) {
    graph = LoadModel(source);
    warnings = PrepareModel(graph, plan.config);
    plan = MakePlan(graph, options);
  }
  if (plan.config.equalize) {
    // Layers stay, so the plan does too.
    for (std::string& warning : RunPasses(graph, {"equalize_cross_layers"},
                                          {.skip_fusion_layers = plan.config.skip_fusion_layers})) {
      warnings.push_back(std::move(warning));
    }
  }
  for (const std::string& warning : warnings) spdlog::warn("{}", warning);
}

int64_t CountSamples(const Plan& plan, bool has_config, int64_t batch_size, int64_t batch_num,
                     int64_t samples) {
  constexpr int64_t kMostByDefault = 256;
  Require(batch_size > 0, ErrorCode::kInvalidArgument, "--batch-size must be at least 1");
  Require(batch_num >= 0, ErrorCode::kInvalidArgument, "--batch-num must be at least 1");
  if (batch_num == 0 && has_config) batch_num = plan.config.batch_num;
  if (batch_num == 0) return std::min(samples, kMostByDefault);
  Require(batch_num <= samples / batch_size, ErrorCode::kInvalidArgument, "calibration needs ",
          batch_num, " batches of ", batch_size, ", the data has ", samples,
          " samples; lower --batch-num or --batch-size, or give more data");
  return batch_num * batch_size;
}

void RefuseEarlierRuns(const Plan& plan) {
  Require(!AsksForBalance(plan.layers), ErrorCode::kUnsupported,
          "the balancer (dmq_balancer) takes two runs over the data and so no statistics files; "
          "quantize with data, or leave the balancer out");
  Require(!plan.config.absorb_biases, ErrorCode::kUnsupported,
          "high-bias absorption takes a run over the data before calibration and so no statistics "
          "files; quantize with data, or leave it out");
}

DataSource FirstSamples(const DataSource& data, int64_t count) {
  DataSource first = data;
  first.limit = data.limit > 0 ? std::min(data.limit, count) : count;
  return first;
}

StatisticsOrigin OriginOf(const PreparedModel& model, const DataSource& data) {
  const Preprocess& preprocess = data.preprocess;
  std::string feeding = fmt::format("mean {}, std {}, {}, {}", fmt::join(preprocess.mean, " "),
                                    fmt::join(preprocess.std, " "), preprocess.bgr ? "BGR" : "RGB",
                                    preprocess.resize);
  for (const auto& [input, field] : data.fields) {
    feeding += fmt::format(", field {}{}{}", input, input.empty() ? "" : "=", field);
  }
  return {GraphDigest(model.graph), std::move(feeding)};
}

std::string NameOf(const DataSource& data) {
  const auto name = [](const std::filesystem::path& path) {
    return (path.has_filename() ? path : path.parent_path()).filename().string();
  };
  std::string text = name(data.images);
  // Labels say which images, in which order.
  if (!data.images.empty() && !data.labels.empty()) text += " " + name(data.labels);
  if (!data.command.empty()) text = data.command;
  for (const auto& [input, path] : data.arrays) text += (text.empty() ? "" : " ") + name(path);
  return text;
}

}  // namespace adze
