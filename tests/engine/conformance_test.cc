#include "conformance.h"

#include "adze/session.h"

namespace adze {
namespace {

class SessionConformance : public ::testing::TestWithParam<std::string> {};

TEST_P(SessionConformance, EqualsTensorFlow) {
  conformance::CheckCase(GetParam(),
                         [](const Graph& graph, const auto& feeds, const auto& fetches) {
                           return Session(graph, fetches).Run(feeds);
                         });
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SessionConformance);
INSTANTIATE_TEST_SUITE_P(Cases, SessionConformance,
                         ::testing::ValuesIn(conformance::ForwardCases()), conformance::TestName);

}  // namespace
}  // namespace adze
