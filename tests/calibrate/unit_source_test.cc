#include "calibrate/unit_source.h"

#include <gtest/gtest.h>

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
    return feeds;
  }

 private:
  const int64_t damaged_;
};

TEST(UnitSource, HandsOutNothingAfterABatchThatCannotBeRead) {
  const DamagedData data(5);
  UnitSource source(data, 2, 1);
  Unit unit;
  for (int64_t sample = 0; sample < 4; ++sample) {
    ASSERT_TRUE(source.Next(8, true, &unit));
    EXPECT_EQ(unit.first_sample, sample);
    EXPECT_EQ(unit.feeds.at("x").shape(), Shape({1}));
  }
  EXPECT_THROW(source.Next(8, true, &unit), Error);
  EXPECT_EQ(unit.first_sample, 4);
  EXPECT_FALSE(source.Next(8, true, &unit));
  EXPECT_FALSE(source.Next(8, false, &unit));
}

}  // namespace
}  // namespace adze
