#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace adze {

// A folder of the running test's own under the build tree (tests run side by side), empty when the
// test begins.
inline std::filesystem::path TestFolder() {
  static const testing::TestInfo* cleared_for = nullptr;
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path folder = std::filesystem::path(ADZE_BINARY_DIR) / "test_files" /
                                       (std::string(test->test_suite_name()) + "." + test->name());
  if (cleared_for != test) std::filesystem::remove_all(folder);
  cleared_for = test;
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace adze
