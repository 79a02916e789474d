#include "retrain/batches.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "adze/error.h"

namespace adze {
namespace {

// SplitMix64: numbers that follow from a seed, on every machine alike.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // In [0, bound).
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(Next() % static_cast<uint64_t>(bound));
  }
  // In [0, 1).
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

// Pixel (y, x) of the result is pixel (y + dy, x + dx), mirrored or not, or 0 outside.
void MoveImage(const float* in, const Shape& shape, int64_t dy, int64_t dx, bool mirror,
               float* out) {
  const int64_t height = shape[1], width = shape[2], channels = shape[3];
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x, out += channels) {
      const int64_t from_y = y + dy, from_x = (mirror ? width - 1 - x : x) + dx;
      const bool inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
      if (inside) {
        std::copy_n(in + (from_y * width + from_x) * channels, channels, out);
      } else {
        std::fill_n(out, channels, 0.0f);
      }
    }
  }
}

// y = ((x - mean) contrast + mean + brightness deviation), then of three channels each moves away
// from their mean times saturation. Pixels have been scaled in ways that are not known here, so
// mean, deviation and range are the image's own.
void ChangeColor(double color, Random* random, int64_t channels, std::span<float> pixels) {
  if (pixels.empty()) return;
  const auto factor = [&] { return 1 + color * (2 * random->Fraction() - 1); };
  const auto contrast = static_cast<float>(factor()), saturation = static_cast<float>(factor());
  double sum = 0, squares = 0;
  for (float x : pixels) {
    sum += x;
    squares += double{x} * x;
  }
  const auto count = static_cast<double>(pixels.size());
  const double mean = sum / count;
  const double deviation = std::sqrt(std::max(squares / count - mean * mean, 0.0));
  const auto middle = static_cast<float>(mean);
  const auto moved = static_cast<float>(mean + (factor() - 1) * deviation);
  const auto [lowest, highest] = std::minmax_element(pixels.begin(), pixels.end());
  const float low = *lowest, high = *highest;
  for (float& x : pixels) x = (x - middle) * contrast + moved;
  for (size_t i = 0; channels == 3 && i + 3 <= pixels.size(); i += 3) {
    const float grey = (pixels[i] + pixels[i + 1] + pixels[i + 2]) / 3;
    for (size_t c = i; c < i + 3; ++c) pixels[c] = grey + (pixels[c] - grey) * saturation;
  }
  for (float& x : pixels) x = std::clamp(x, low, high);
}

// Row i is sample `first` + i of all that the seed speaks of.
Tensor Augment(const Tensor& rows, const Augmentation& augmentation, uint64_t seed, int64_t first) {
  const Shape& shape = rows.shape();
  if (rows.dtype() != DType::kFloat || shape.rank() != 4) return rows;
  Tensor result(DType::kFloat, shape);
  const int64_t size = rows.num_elements() / shape[0];
  for (int64_t i = 0; i < shape[0]; ++i) {
    Random random((seed + 1) * 7919 + static_cast<uint64_t>(first + i));
    const int64_t reach = 2 * augmentation.crop + 1;
    const int64_t dy = random.Below(reach) - augmentation.crop;
    const int64_t dx = random.Below(reach) - augmentation.crop;
    const bool mirror = augmentation.flip && random.Below(2) == 1;
    MoveImage(rows.data<float>().data() + i * size, shape, dy, dx, mirror,
              result.mutable_data<float>().data() + i * size);
    if (augmentation.color > 0) {
      ChangeColor(augmentation.color, &random, shape[3],
                  result.mutable_data<float>().subspan(i * size, size));
    }
  }
  return result;
}

}  // namespace

std::map<std::string, Tensor> ChosenSamples::Read(int64_t begin, int64_t end) const {
  Check(begin + 1 == end, "samples that were chosen are read one by one");
  return data_.Read(indices_[begin], indices_[begin] + 1);
}

TrainingBatches::TrainingBatches(const Dataset& data, int64_t batch_size, uint64_t seed,
                                 Augmentation augmentation, int label_offset, BatchPart part)
    : data_(data),
      batch_size_(batch_size),
      per_epoch_(data.size() / batch_size),
      seed_(seed),
      augmentation_(augmentation),
      label_offset_(label_offset),
      part_(part) {
  Require(batch_size % part.count == 0, ErrorCode::kInvalidArgument, "a batch of ", batch_size,
          " cannot be shared by ", part.count, " processes; make --batch-size a multiple of it");
  Require(per_epoch_ > 0, ErrorCode::kInvalidArgument, "the training data has ", data.size(),
          " samples, fewer than one batch of ", batch_size, "; lower --batch-size");
}

Batch TrainingBatches::Read(int64_t step) const {
  const int64_t epoch = step / per_epoch_;
  if (epoch != ordered_epoch_) {
    order_.resize(data_.size());
    std::iota(order_.begin(), order_.end(), 0);
    Random random(seed_ * 1000003 + static_cast<uint64_t>(epoch));
    for (int64_t i = data_.size() - 1; i > 0; --i)
      std::swap(order_[i], order_[random.Below(i + 1)]);
    ordered_epoch_ = epoch;
  }
  Batch batch;
  const int64_t count = batch_size_ / part_.count, before = part_.index * count;
  const int64_t first = step % per_epoch_ * batch_size_ + before;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t sample = order_[first + i];
    for (const auto& [name, row] : data_.Read(sample, sample + 1)) {
      Tensor& rows = batch.feeds[name];
      if (!rows) {
        std::vector<int64_t> dims = row.shape().dims();
        Check(!dims.empty() && dims[0] == 1, "a sample is one row");
        dims[0] = count;
        rows = Tensor(row.dtype(), Shape(std::move(dims)));
      }
      Require(
          static_cast<int64_t>(row.num_bytes()) * count == static_cast<int64_t>(rows.num_bytes()),
          ErrorCode::kBadFile, data_.SampleName(sample), " has another shape than others");
      std::memcpy(static_cast<char*>(rows.mutable_raw()) + i * row.num_bytes(), row.raw(),
                  row.num_bytes());
    }
    if (const std::optional<int> label = data_.Label(sample)) {
      batch.classes.push_back(int64_t{*label} + label_offset_);
    }
  }
  if (augmentation_.any()) {
    for (auto& [name, rows] : batch.feeds) {
      rows = Augment(rows, augmentation_, seed_, step * batch_size_ + before);
    }
  }
  return batch;
}

}  // namespace adze
