#include "calibrate/unit_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "adze/error.h"

namespace adze {
namespace {

// Samples of one value, of which one cannot be read.
class DamagedData : public Dataset {
 public:
  explicit DamagedData(int64_t damaged) : damaged_(damaged) {}
  int64_t size() const override { return 8; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Require(end <= damaged_ || begin > damaged_, ErrorCode::kBadFile, "is damaged");
    std::map<std::string, Tensor> feeds;
    feeds.emplace("x", Tensor(DType::kFloat, {end - begin}));
    const std::lock_guard lock(mutex_);
    int64_t& longest = longest_reads_[begin > 0];
    longest = std::max(longest, end - begin);
    return feeds;
  }
  // Of reads from the first sample on, and of others.
  std::vector<int64_t> longest_reads() const { return longest_reads_; }

 private:
  mutable std::mutex mutex_;
  mutable std::vector<int64_t> longest_reads_ = {0, 0};
  const int64_t damaged_;
};

TEST(UnitSource, HandsOutNothingAfterASampleThatCannotBeRead) {
  const DamagedData data(5);
  UnitSource source(data, 2, 1);
  Unit unit;
  for (int64_t sample = 0; sample < 5; ++sample) {
    ASSERT_TRUE(source.Next(8, true, &unit));
    EXPECT_EQ(unit.first_sample, sample);
    EXPECT_EQ(unit.feeds.at("x").shape(), Shape({1}));
  }
  EXPECT_THROW(source.Next(8, true, &unit), Error);
  EXPECT_EQ(unit.first_sample, 5);
  EXPECT_FALSE(source.Next(8, true, &unit));
}

TEST(UnitSource, HandsOutNothingAfterABatchThatCannotBeRead) {
  const DamagedData data(5);
  UnitSource source(data, 2, 1);
  EXPECT_EQ(source.First().samples, 2);
  Unit unit;
  for (int64_t sample = 0; sample < 4; sample += 2) {
    ASSERT_TRUE(source.Next(8, false, &unit));
    EXPECT_EQ(unit.first_sample, sample);
    EXPECT_EQ(unit.feeds.at("x").shape(), Shape({2}));
  }
  EXPECT_THROW(source.Next(8, false, &unit), Error);
  EXPECT_EQ(unit.first_sample, 4);
  EXPECT_FALSE(source.Next(8, false, &unit));
}

// What waits for its turn is not a batch but a few samples.
TEST(UnitSource, ReadsSamplesOneByOneBehindTheFirstBatch) {
  const DamagedData data(100);
  UnitSource source(data, 4, 1);
  Unit unit;
  while (source.Next(8, true, &unit)) EXPECT_EQ(unit.samples, 1);
  EXPECT_EQ(source.position(), 8);
  EXPECT_EQ(data.longest_reads(), (std::vector<int64_t>{4, 1}));
}

}  // namespace
}  // namespace adze
