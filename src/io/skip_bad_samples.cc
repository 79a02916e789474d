#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "adze/cancel.h"
#include "adze/dataset.h"
#include "adze/error.h"
#include "adze/parallel.h"

namespace adze {
namespace {

// Chosen samples of another data set.
class ChosenSamples : public Dataset {
 public:
  ChosenSamples(std::unique_ptr<Dataset> data, std::vector<int64_t> chosen)
      : data_(std::move(data)), chosen_(std::move(chosen)) {}

  int64_t size() const override { return static_cast<int64_t>(chosen_.size()); }
  std::string SampleName(int64_t index) const override {
    return data_->SampleName(chosen_.at(index));
  }
  std::optional<int> Label(int64_t index) const override { return data_->Label(chosen_.at(index)); }

  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Check(begin >= 0 && begin <= end && end <= size(), "samples of a dataset");
    std::map<std::string, Tensor> batch;
    // Runs of samples that are neighbours are read together.
    for (int64_t i = begin, stop = begin; i < end; i = stop) {
      while (stop < end && chosen_[stop] - chosen_[i] == stop - i) ++stop;
      const auto part = data_->Read(chosen_[i], chosen_[i] + stop - i);
      if (stop - i == end - begin) return part;
      for (const auto& [name, rows] : part) CopyRows(rows, i - begin, end - begin, &batch[name]);
    }
    return batch;
  }

 private:
  // `rows` to row `at` of a batch of `count`.
  static void CopyRows(const Tensor& rows, int64_t at, int64_t count, Tensor* batch) {
    if (!*batch) {
      Shape shape = rows.shape();
      shape[0] = count;
      *batch = Tensor(rows.dtype(), shape);
    }
    const size_t row = batch->num_bytes() / count;
    std::copy_n(static_cast<const char*>(rows.raw()), rows.num_bytes(),
                static_cast<char*>(batch->mutable_raw()) + at * row);
  }

  std::unique_ptr<Dataset> data_;
  std::vector<int64_t> chosen_;
};

// What is wrong with a sample; empty: nothing.
std::string Fault(const Dataset& data, int64_t index) {
  try {
    data.Read(index, index + 1);
    data.Label(index);
    return "";
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadFile && error.code() != ErrorCode::kNotFound) throw;
    return error.what();
  }
}

// The faults of samples [begin, end).
std::vector<std::string> Faults(const Dataset& data, int64_t begin, int64_t end, int num_threads) {
  std::vector<std::string> faults(end - begin);
  std::vector<std::exception_ptr> errors(num_threads);
  std::atomic<int64_t> next = begin;
  std::vector<std::thread> threads;
  for (int t = 0; t < num_threads; ++t) {
    threads.emplace_back([&, t] {
      try {
        for (int64_t i; !CancelRequested() && (i = next++) < end;)
          faults[i - begin] = Fault(data, i);
      } catch (...) {
        errors[t] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  ThrowIfCancelled();
  return faults;
}

}  // namespace

std::unique_ptr<Dataset> SkipBadSamples(std::unique_ptr<Dataset> data, int64_t limit,
                                        int num_threads, SkippedSamples* skipped) {
  constexpr int64_t kPiece = 256;
  constexpr size_t kMostNamed = 5;
  if (num_threads <= 0) num_threads = NumThreads();
  const int64_t wanted = limit > 0 ? limit : data->size();
  std::vector<int64_t> good;
  const auto count = [&] { return static_cast<int64_t>(good.size()); };
  for (int64_t begin = 0; begin < data->size() && count() < wanted; begin += kPiece) {
    const int64_t end = std::min(data->size(), begin + kPiece);
    const std::vector<std::string> faults = Faults(*data, begin, end, num_threads);
    for (int64_t i = begin; i < end && count() < wanted; ++i) {
      const std::string& fault = faults[i - begin];
      if (fault.empty()) {
        good.push_back(i);
        continue;
      }
      ++skipped->count;
      if (skipped->first.size() < kMostNamed) skipped->first.push_back(fault);
    }
  }
  Require(!good.empty(), ErrorCode::kBadFile, "no sample can be read; the first: ",
          skipped->first.empty() ? "there is none" : skipped->first.front());
  return std::make_unique<ChosenSamples>(std::move(data), std::move(good));
}

}  // namespace adze
