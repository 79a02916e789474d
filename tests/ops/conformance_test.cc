#include "conformance.h"

#include "adze/reference.h"

namespace adze {
namespace {

class ReferenceConformance : public ::testing::TestWithParam<std::string> {};

// The first op of the case that has no `evaluate` yet.
std::string MissingOp(const std::string& name) {
  const Graph graph =
      ReadGraphDef(SharedFolder() / "conformance" / name / "graph.pb", Builtin<OpRegistry>());
  for (const Node* node : graph.nodes()) {
    const bool runs = node->def() && node->def()->evaluate;
    if (!runs && node->op() != "Placeholder") return node->op();
  }
  return "";
}

TEST_P(ReferenceConformance, EqualsTensorFlow) {
  if (const std::string op = MissingOp(GetParam()); !op.empty()) {
    GTEST_SKIP() << "waits for " << op;
  }
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
