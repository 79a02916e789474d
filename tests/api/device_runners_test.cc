#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/api.h"
#include "io/refusal.h"
#include "test_folder.h"

namespace adze {
namespace {

// This program has no LibTorch.
TEST(Device, OtherThanTheProcessorNeedsARunner) {
  const std::string refusal = Refusal([] {
    Collect({.model = {.path = "model.pb"}, .statistics = TestFolder() / "s", .device = "cuda"});
  });
  EXPECT_THAT(refusal, testing::StartsWith("device 'cuda' needs LibTorch, which this program is "
                                           "without; link adze::retrain and call"));
}

}  // namespace
}  // namespace adze
