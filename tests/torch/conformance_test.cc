#include "conformance.h"

#include <set>

#include "support.h"

namespace adze {
namespace {

std::vector<Tensor> RunTorch(const Graph& graph, const std::map<std::string, Tensor>& feeds,
                             const std::vector<Value>& fetches) {
  std::vector<Tensor> results;
  for (const at::Tensor& result : TorchSession(graph, fetches).Run(ToTorch(feeds))) {
    results.push_back(FromTorch(result));
  }
  return results;
}

// Conversions to integer types that LibTorch does not have.
const std::set<std::string> kIntegerExecution = {
    "quantize_and_dequantize_v2_signed0", "quantize_and_dequantize_v2_signed1",
    "quantizev2_dequantize_min_combined", "quantizev2_dequantize_min_first",
    "quantizev2_dequantize_scaled"};

std::vector<std::string> Cases() {
  std::vector<std::string> names = conformance::AllCases();
  std::erase_if(names, [](const std::string& name) { return kIntegerExecution.contains(name); });
  return names;
}

class TorchConformance : public ::testing::TestWithParam<std::string> {};

// Forward and gradient cases.
TEST_P(TorchConformance, EqualsTensorFlow) { conformance::CheckCase(GetParam(), RunTorch, 1e-4); }

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TorchConformance);
INSTANTIATE_TEST_SUITE_P(Cases, TorchConformance, ::testing::ValuesIn(Cases()),
                         conformance::TestName);

TEST(TorchConformanceCases, AllButIntegerExecution) {
  ADZE_NEED_SHARED();
  EXPECT_EQ(Cases().size() + kIntegerExecution.size(), conformance::AllCases().size());
  EXPECT_GE(Cases().size(), 173u);
}

}  // namespace
}  // namespace adze
