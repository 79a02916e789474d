#include "conformance.h"

#include "adze/reference.h"

namespace adze {
namespace {

class ReferenceConformance : public ::testing::TestWithParam<std::string> {};

TEST_P(ReferenceConformance, EqualsTensorFlow) {
  conformance::CheckCase(GetParam(),
                         [](const Graph& graph, const auto& feeds, const auto& fetches) {
                           return RunReference(graph, feeds, fetches);
                         });
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ReferenceConformance);
INSTANTIATE_TEST_SUITE_P(Cases, ReferenceConformance,
                         ::testing::ValuesIn(conformance::ForwardCases()), conformance::TestName);

TEST(Conformance, EveryCaseIsRunOrListedAsWaiting) {
  ADZE_NEED_SHARED();
  const size_t all = conformance::AllCases().size(), forward = conformance::ForwardCases().size();
  EXPECT_EQ(all - forward, conformance::kWaiting.size()) << "a waiting case does not exist";
  EXPECT_EQ(conformance::kWaiting.size(), 23u);
  EXPECT_GE(forward, 155u);
}

}  // namespace
}  // namespace adze
