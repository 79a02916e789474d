#include "adze/reference.h"
#include "conformance.h"
#include "support.h"

namespace adze {
namespace {

// Cases whose functions jump, or bend at the values that they are fed, have no derivative there.
bool IsSmooth(const std::string& name) {
  for (const char* part : {"floor", "round", "argmax", "fakequant", "quantize", "grad", "maxpool",
                           "relu", "maximum", "minimum", "reduce_max", "reduce_min", "xent"}) {
    if (name.find(part) != std::string::npos) return false;
  }
  return true;
}

std::vector<std::string> Cases() {
  std::vector<std::string> names = conformance::ForwardCases();
  std::erase_if(names, [](const std::string& name) { return !IsSmooth(name); });
  return names;
}

class TorchGradient : public ::testing::TestWithParam<std::string> {};

// Along a random direction, the gradient's step against the function's own, by the ops' own
// `evaluate`.
TEST_P(TorchGradient, IsTheSlopeOfTheReference) {
  const std::filesystem::path folder = SharedFolder() / "conformance" / GetParam();
  const auto meta = nlohmann::json::parse(ReadFile(folder / "meta.json"));
  const Graph graph = ReadGraphDef(folder / "graph.pb", Builtin<OpRegistry>());
  const Value fetch = graph.FindValue(meta["outputs"][0].get<std::string>());
  std::map<std::string, at::Tensor> feeds, directions;
  at::manual_seed(1);
  for (const auto& [input, shape] : meta["inputs"].items()) {
    at::Tensor x = ToTorch(ReadNpy(folder / ("in_" + input + ".npy"))).clone();
    if (x.scalar_type() == at::kFloat) {
      x.set_requires_grad(true);
      directions[input] = at::randn(x.sizes());
    }
    feeds[input] = x;
  }
  const at::Tensor y = TorchSession(graph, {fetch}).Run(feeds)[0];
  if (!y.requires_grad()) GTEST_SKIP() << "the output does not depend on float inputs";
  const at::Tensor weights = at::randn(y.sizes());
  (y * weights).sum().backward();
  double slope = 0, scale = 0;
  for (const auto& [input, direction] : directions) {
    const at::Tensor gradient = feeds[input].grad();
    if (!gradient.defined()) continue;
    slope += (gradient * direction).sum().item<double>();
    scale += (gradient * direction).abs().sum().item<double>();
  }
  const double step = 1e-3;
  const auto at_distance = [&](double distance) {
    std::map<std::string, Tensor> moved;
    for (const auto& [input, x] : feeds) {
      const auto direction = directions.find(input);
      moved[input] = FromTorch(
          direction == directions.end() ? x : (x + distance * direction->second).to(at::kFloat));
    }
    const at::Tensor result = ToTorch(RunReference(graph, moved, std::vector<Value>{fetch})[0]);
    return (result.to(at::kDouble) * weights).sum().item<double>();
  };
  EXPECT_NEAR(slope, (at_distance(step) - at_distance(-step)) / (2 * step), 1e-2 * scale + 1e-3);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TorchGradient);
INSTANTIATE_TEST_SUITE_P(Cases, TorchGradient, ::testing::ValuesIn(Cases()), conformance::TestName);

}  // namespace
}  // namespace adze
