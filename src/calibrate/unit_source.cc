#include "calibrate/unit_source.h"

#include <algorithm>
#include <utility>

#include "adze/error.h"

namespace adze {

UnitSource::UnitSource(const Dataset& data, int64_t batch_size, int num_readers)
    : data_(data), size_(data.size()), batch_size_(batch_size), num_readers_(num_readers) {}

void UnitSource::ReadBatch() {
  stopped_ = true;  // unless the batch can be read
  batch_ = {};      // whose memory the next one may need
  Unit batch{.first_sample = next_,
             .samples = std::min(reader_ ? read_size_ : batch_size_, size_ - next_)};
  if (reader_) {
    Check(reader_->Next(&batch.feeds, nullptr), "the data has as many batches");
  } else {
    batch.feeds = data_.Read(0, batch.samples);
  }
  batch_ = std::move(batch);
  stopped_ = false;
}

const Unit& UnitSource::First() {
  const std::lock_guard lock(mutex_);
  Check(next_ == 0, "the first batch is asked for first");
  if (batch_.samples == 0) ReadBatch();
  return batch_;
}

bool UnitSource::Next(int64_t end, bool by_sample, Unit* unit) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || next_ >= std::min(end, size_)) return false;
  if (next_ == batch_.first_sample + batch_.samples) {
    unit->first_sample = next_;
    ReadBatch();
  }
  if (!reader_ && batch_.samples < size_) {
    read_size_ = by_sample ? 1 : batch_size_;
    rest_.emplace(data_, batch_.samples, size_);
    reader_.emplace(*rest_, read_size_, num_readers_);
  }
  const int64_t begin = next_ - batch_.first_sample;
  if (begin == 0 && (!by_sample || batch_.samples == 1)) {
    *unit = batch_;
  } else {
    unit->first_sample = next_;
    unit->samples = by_sample ? 1 : batch_.samples - begin;
    unit->feeds.clear();
    for (const auto& [name, tensor] : batch_.feeds) {
      unit->feeds[name] = tensor.Rows(begin, begin + unit->samples);
    }
  }
  next_ += unit->samples;
  return true;
}

void UnitSource::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
}

}  // namespace adze
