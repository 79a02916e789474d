#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "adze/dataset.h"
#include "adze/graph_def.h"
#include "adze/pass.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "golden_models.h"
#include "relative_error.h"
#include "shared_folder.h"
#include "support.h"

namespace adze {
namespace {

class TorchModel : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ADZE_NEED_SHARED();
    const std::filesystem::path folder = SharedFolder() / "models";
    std::ifstream file(folder / "models.json");
    const nlohmann::json entry = nlohmann::json::parse(file).at(GetParam());
    if (!std::filesystem::exists(SharedModelFile(GetParam()))) {
      GTEST_SKIP() << "make it with ../shared/tools/get-resnet50";
    }
    graph_.emplace(ReadGraphDef(SharedModelFile(GetParam()), Builtin<OpRegistry>()));
    graph_->SetOutputs(std::vector<std::string>{entry.at("output")});
    feeds_ = {{entry.at("input"), ReadNpy(folder / GetParam() / "golden_in.npy").Rows(0, 1)}};
    expected_ = ReadNpy(folder / GetParam() / "golden_out.npy").Rows(0, 1);
  }

  std::optional<Graph> graph_;
  std::map<std::string, Tensor> feeds_;
  Tensor expected_;
};

TEST_P(TorchModel, EqualsTensorFlowAndTheSession) {
  const at::NoGradGuard inference;
  const Tensor result = FromTorch(TorchSession(*graph_).Run(ToTorch(feeds_))[0]);
  EXPECT_LT(RelativeError(result, expected_), 1e-4);
  RunPasses(*graph_, PreparePipeline());
  const Tensor prepared = FromTorch(TorchSession(*graph_).Run(ToTorch(feeds_))[0]);
  EXPECT_LT(RelativeError(prepared, Session(*graph_).Run(feeds_)[0]), 1e-4);
}

// At a batch of two, and with a gradient at every weight: a small step along it changes the output
// by what it says.
TEST_P(TorchModel, HasGradientsOfEveryWeight) {
  RunPasses(*graph_, PreparePipeline());
  std::vector<Value> outputs;
  TorchSession session(*graph_);
  std::vector<at::Tensor> variables;
  for (const Node* node : graph_->TopologicalOrder()) {
    if (node->def() && node->def()->quant && node->def()->quant->weight_input &&
        node->input(*node->def()->quant->weight_input).node->IsConst()) {
      variables.push_back(session.Variable(*node->input(*node->def()->quant->weight_input).node));
    }
  }
  ASSERT_FALSE(variables.empty());
  std::map<std::string, at::Tensor> feeds;
  for (const auto& [name, tensor] : feeds_) {
    feeds.emplace(name, at::cat({ToTorch(tensor), ToTorch(tensor) * 0.5}));
  }
  const at::Tensor y = session.Run(feeds)[0];
  at::manual_seed(1);
  const at::Tensor weights = at::randn(y.sizes());
  (y * weights).sum().backward();
  double slope = 0;
  for (const at::Tensor& variable : variables) {
    ASSERT_TRUE(variable.grad().defined());
    ASSERT_TRUE(variable.grad().isfinite().all().item<bool>());
    slope += variable.grad().square().sum().item<double>();
  }
  ASSERT_GT(slope, 0);
  const at::NoGradGuard inference;
  const auto value = [&](double distance) {
    for (const at::Tensor& variable : variables) variable.add_(variable.grad(), distance);
    const double sum = (session.Run(feeds)[0] * weights).sum().item<double>();
    for (const at::Tensor& variable : variables) variable.sub_(variable.grad(), distance);
    return sum;
  };
  // A long step meets bends, a short one the noise of float32.
  double least = 1;
  for (const double relative : {1e-3, 1e-4, 1e-5}) {
    const double step = relative * y.abs().sum().item<double>() / slope;
    least = std::min(least, std::abs((value(step) - value(-step)) / (2 * step * slope) - 1));
  }
  EXPECT_LT(least, 0.05);
}

INSTANTIATE_TEST_SUITE_P(SlowModels, TorchModel, testing::ValuesIn(kGoldenModels), GoldenModelName);
INSTANTIATE_TEST_SUITE_P(SlowResNet50, TorchModel, testing::Values("resnet50_v1"), GoldenModelName);

}  // namespace
}  // namespace adze
