#include "retrain/batches.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "adze/error.h"

namespace adze {
namespace {

// Images of one row: sample i is i + 1 in every pixel but the last column, where it is -(i + 1).
class Numbered : public Dataset {
 public:
  explicit Numbered(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Tensor rows(DType::kFloat, {end - begin, 4, 4, 1});
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t p = 0; p < 16; ++p) {
        const auto number = static_cast<float>(i + 1);
        rows.mutable_data<float>()[(i - begin) * 16 + p] = p % 4 == 3 ? -number : number;
      }
    }
    return {{"x", rows}};
  }
  std::optional<int> Label(int64_t i) const override { return static_cast<int>(i % 3); }

 private:
  int64_t size_;
};

std::vector<float> FirstPixels(const Batch& batch) {
  std::vector<float> pixels;
  const auto data = batch.feeds.at("x").data<float>();
  for (size_t i = 0; i < data.size(); i += 16) pixels.push_back(data[i]);
  return pixels;
}

TEST(TrainingBatches, AnEpochHasEverySampleOnce) {
  const Numbered data(12);
  const TrainingBatches batches(data, 4, 7, {}, 1);
  ASSERT_EQ(batches.per_epoch(), 3);
  std::vector<float> first, second;
  for (int64_t step = 0; step < 6; ++step) {
    const Batch batch = batches.Read(step);
    const std::vector<float> pixels = FirstPixels(batch);
    (step < 3 ? first : second)
        .insert((step < 3 ? first : second).end(), pixels.begin(), pixels.end());
    for (size_t i = 0; i < pixels.size(); ++i) {
      EXPECT_EQ(batch.classes[i], static_cast<int64_t>(pixels[i] - 1) % 3 + 1);
    }
  }
  EXPECT_NE(first, second);
  for (std::vector<float>* epoch : {&first, &second}) {
    std::sort(epoch->begin(), epoch->end());
    for (int i = 0; i < 12; ++i) EXPECT_EQ((*epoch)[i], i + 1);
  }
}

TEST(TrainingBatches, FollowFromSeedAndNumber) {
  const Numbered data(64);
  const Augmentation augmentation{.flip = true, .crop = 1};
  const TrainingBatches one(data, 8, 7, augmentation, 0), other(data, 8, 7, augmentation, 0);
  const TrainingBatches seeded(data, 8, 8, augmentation, 0);
  const Batch late = one.Read(19);
  other.Read(3);
  const Batch again = other.Read(19);
  const auto same = again.feeds.at("x").data<float>();
  const auto found = late.feeds.at("x").data<float>();
  EXPECT_TRUE(std::equal(found.begin(), found.end(), same.begin()));
  const Batch another = seeded.Read(19);
  const auto different = another.feeds.at("x").data<float>();
  EXPECT_FALSE(std::equal(found.begin(), found.end(), different.begin()));
}

TEST(TrainingBatches, FlipsAndMoves) {
  const Numbered data(256);
  const Batch batch = TrainingBatches(data, 256, 1, {.flip = true}, 0).Read(0);
  const auto pixels = batch.feeds.at("x").data<float>();
  int flipped = 0;
  for (int i = 0; i < 256; ++i) {
    const float left = pixels[i * 16], right = pixels[i * 16 + 3];
    EXPECT_EQ(left, -right);
    flipped += left < 0;
  }
  EXPECT_GT(flipped, 90);
  EXPECT_LT(flipped, 166);
  const Batch moved = TrainingBatches(data, 256, 1, {.crop = 2}, 0).Read(0);
  int with_border = 0;
  for (int i = 0; i < 256; ++i) {
    const auto image = moved.feeds.at("x").data<float>().subspan(i * 16, 16);
    with_border += std::count(image.begin(), image.end(), 0.0f) > 0;
  }
  EXPECT_GT(with_border, 200);  // 24 of 25 places
}

TEST(TrainingBatches, ChangesColourWithinTheImagesRange) {
  const Numbered data(64);
  const TrainingBatches plain(data, 64, 1, {}, 0), colourful(data, 64, 1, {.color = 0.5}, 0);
  const Batch before = plain.Read(0), after = colourful.Read(0);
  const auto x = before.feeds.at("x").data<float>(), y = after.feeds.at("x").data<float>();
  int changed = 0;
  for (int i = 0; i < 64; ++i) {
    const auto image = x.subspan(i * 16, 16), result = y.subspan(i * 16, 16);
    const auto [low, high] = std::minmax_element(image.begin(), image.end());
    for (float value : result) {
      EXPECT_GE(value, *low);
      EXPECT_LE(value, *high);
    }
    changed += !std::equal(image.begin(), image.end(), result.begin());
  }
  EXPECT_GT(changed, 32);
}

// Two processes read what one reads, moved and mirrored alike.
TEST(TrainingBatches, PartsMakeTheWhole) {
  const Numbered data(64);
  const Augmentation augmentation{.flip = true, .crop = 1, .color = 0.2};
  const Batch whole = TrainingBatches(data, 8, 3, augmentation, 0).Read(9);
  const auto expected = whole.feeds.at("x").data<float>();
  for (int part = 0; part < 2; ++part) {
    const Batch half =
        TrainingBatches(data, 8, 3, augmentation, 0, {.index = part, .count = 2}).Read(9);
    const auto found = half.feeds.at("x").data<float>();
    ASSERT_EQ(found.size(), expected.size() / 2);
    EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.begin() + part * found.size()));
  }
  EXPECT_THROW(TrainingBatches(data, 8, 3, augmentation, 0, {.index = 0, .count = 3}), Error);
}

TEST(TrainingBatches, RefusesLessThanABatch) {
  const Numbered data(3);
  EXPECT_THROW(TrainingBatches(data, 4, 1, {}, 0), Error);
}

}  // namespace
}  // namespace adze
