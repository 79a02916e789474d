#include <gtest/gtest.h>

#include "cli/program.h"

namespace adze {
namespace {

// The help of every verb, word for word. ADZE_UPDATE_GOLDEN=1 rewrites the expected text.
class Help : public testing::TestWithParam<std::string> {};

TEST_P(Help, IsAsWritten) {
  const ProgramResult result = RunAdze(GetParam() + " --help", TestFolder());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::filesystem::path golden = std::filesystem::path(ADZE_SOURCE_DIR) / "tests/golden/cli" /
                                       ((GetParam().empty() ? "adze" : GetParam()) + ".txt");
  if (std::getenv("ADZE_UPDATE_GOLDEN")) WriteFileAtomically(golden, result.out);
  EXPECT_EQ(result.out, ReadFile(golden));
}

INSTANTIATE_TEST_SUITE_P(Verbs, Help,
                         testing::Values("", "calibrate", "checkpoint", "convert", "decompose",
                                         "evaluate", "freeze", "info", "merge", "ops", "plan",
                                         "quantize", "retrain", "run", "verify"),
                         [](const auto& info) { return info.param.empty() ? "adze" : info.param; });

TEST(Usage, MisspeltVerbAndFlagAreNamedWithTheirNeighbours) {
  const auto folder = TestFolder();
  ProgramResult result = RunAdze("quantise model.pb", folder);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "adze: no verb 'quantise' (did you mean 'quantize'?); see `adze --help`\n");
  result = RunAdze("quantize model.pb --ouput out", folder);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err,
            "adze: no option '--ouput' (did you mean '--output', '--outputs'?); see `adze quantize "
            "--help`\n");
  result = RunAdze("quantize model.pb", folder);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "adze: --output is required; see `adze quantize --help`\n");
}

TEST(Usage, PageOfOpsIsCurrent) {
  const ProgramResult result = RunAdze("ops --markdown", TestFolder());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, ReadFile(std::filesystem::path(ADZE_SOURCE_DIR) / "docs/ops.md"))
      << "write it anew: build/adze ops --markdown > docs/ops.md";
}

TEST(Usage, VersionIsPrinted) {
  const ProgramResult result = RunAdze("--version", TestFolder());
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.out.starts_with("adze ")) << result.out;
}

}  // namespace
}  // namespace adze
