#include "engine/row_pieces.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "adze/parallel.h"

namespace adze {
namespace {

// More do not make it faster (ResNet-50: 4 and 8 are the same), but need more memory.
constexpr int64_t kMostJoined = 4;

// Tensors for `rows` rows of what the program fetches.
std::vector<Tensor> RoomFor(const Program& program, int64_t rows) {
  std::vector<Tensor> room;
  for (const NamedBuffer& fetch : program.fetches) {
    Shape shape = fetch.spec.shape;
    Check(shape.rank() > 0, "rows of a fetch");
    shape[0] = rows;
    room.emplace_back(fetch.spec.dtype, shape);
  }
  return room;
}

std::vector<Tensor> RowsOf(std::span<const Tensor> tensors, int64_t begin, int64_t end) {
  std::vector<Tensor> rows;
  for (const Tensor& tensor : tensors) rows.push_back(tensor.Rows(begin, end));
  return rows;
}

}  // namespace

int64_t CountRows(const Feeds& feeds) {
  if (feeds.empty()) return 0;
  const Shape& first = feeds.begin()->second.shape();
  const int64_t rows = first.rank() > 0 ? first[0] : 0;
  for (const auto& [name, tensor] : feeds) {
    if (tensor.shape().rank() == 0 || tensor.shape()[0] != rows) return 0;
  }
  return rows;
}

Feeds RowsOf(const Feeds& feeds, int64_t begin, int64_t end) {
  Feeds rows;
  for (const auto& [name, tensor] : feeds) rows[name] = tensor.Rows(begin, end);
  return rows;
}

RowPieces::RowPieces(const Feeds& feeds, std::span<const Value> fetches, int workers,
                     const CompilePart& compile)
    : rows_(CountRows(feeds)) {
  std::unique_ptr<Program> row = compile(RowsOf(feeds, 0, 1), {}, fetches);
  ChooseSizes(*row, workers);
  if (joined_ == 0) return;
  workers_.resize(workers);
  if (cut_.empty() && piece_ == 1) workers_[0].heads[1] = std::move(row);
  row.reset();
  for (Worker& worker : workers_) CompileFor(worker, feeds, fetches, compile);
}

void RowPieces::ChooseSizes(const Program& row, int workers) {
  const int64_t share = (rows_ + workers - 1) / workers;
  const auto row_bytes = std::max<int64_t>(static_cast<int64_t>(row.arena_bytes), 1);
  piece_ = EvenSize(std::clamp<int64_t>(kCacheBytes / row_bytes, 1, share), workers);
  if (piece_ == 0) return;
  joined_ = piece_;
  const bool has_rows = std::all_of(row.cut.begin(), row.cut.end(), [](const CutValue& value) {
    return value.spec.shape.rank() > 0 && value.spec.shape[0] == 1;
  });
  const int64_t most = EvenSize(std::min(share, kMostJoined), workers);
  if (row.cut.empty() || !has_rows || most <= piece_) return;
  joined_ = most;
  for (const CutValue& value : row.cut) cut_.push_back(value.value);
}

int64_t RowPieces::EvenSize(int64_t most, int workers) const {
  for (int64_t size = most; size > 0; --size) {
    const int64_t rounds = ((rows_ + size - 1) / size + workers - 1) / workers;
    const int64_t busiest = std::min(rounds * size, rows_);
    if (static_cast<double>(busiest * workers) <= 1.15 * static_cast<double>(rows_)) return size;
  }
  return 0;
}

void RowPieces::CompileFor(Worker& worker, const Feeds& feeds, std::span<const Value> fetches,
                           const CompilePart& compile) const {
  for (int64_t taken : {joined_, rows_ % joined_}) {
    if (taken == 0) continue;
    if (!cut_.empty()) worker.tails[taken] = compile(RowsOf(feeds, 0, taken), cut_, fetches);
    for (int64_t rows : {std::min(piece_, taken), taken % piece_}) {
      if (rows == 0 || worker.heads[rows]) continue;
      worker.heads[rows] = compile(RowsOf(feeds, 0, rows), {}, cut_.empty() ? fetches : cut_);
    }
  }
  if (cut_.empty()) return;
  const std::vector<Tensor> room = RoomFor(*worker.heads.begin()->second, joined_);
  for (size_t i = 0; i < cut_.size(); ++i) worker.between[FeedName(cut_[i])] = room[i];
}

void RowPieces::RunOn(Worker& worker, const Feeds& feeds, int64_t begin, int64_t end,
                      std::span<Tensor> results) const {
  std::vector<Tensor> room = RowsOf(results, begin, end);
  Feeds between;
  if (!cut_.empty()) {
    between = adze::RowsOf(worker.between, 0, end - begin);
    room.clear();
    for (Value value : cut_) room.push_back(between.at(FeedName(value)));
  }
  for (int64_t from = begin; from < end; from += piece_) {
    const int64_t to = std::min(from + piece_, end);
    std::vector<Tensor> part = RowsOf(room, from - begin, to - begin);
    worker.heads.at(to - from)->Run(adze::RowsOf(feeds, from, to), worker.arena, nullptr, part);
  }
  if (cut_.empty()) return;
  std::vector<Tensor> part = RowsOf(results, begin, end);
  between.merge(adze::RowsOf(feeds, begin, end));
  worker.tails.at(end - begin)->Run(between, worker.arena, nullptr, part);
}

std::vector<Tensor> RowPieces::Run(const Feeds& feeds, std::deque<Arena>& arenas) {
  const auto count = static_cast<int>(workers_.size());
  arenas.resize(std::max(arenas.size(), workers_.size()));
  for (size_t i = 0; i < workers_.size(); ++i) {
    size_t bytes = 0;
    for (const auto* programs : {&workers_[i].heads, &workers_[i].tails}) {
      for (const auto& [rows, program] : *programs) bytes = std::max(bytes, program->arena_bytes);
    }
    workers_[i].arena = arenas[i].Reserve(bytes);
  }
  const auto& last = cut_.empty() ? workers_[0].heads : workers_[0].tails;
  std::vector<Tensor> results = RoomFor(*last.begin()->second, rows_);
  std::atomic<int64_t> next = 0;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  ParallelWorkers(count, [&](int w) {
    try {
      for (int64_t from = joined_ * next++; from < rows_; from = joined_ * next++) {
        RunOn(workers_[w], feeds, from, std::min(from + joined_, rows_), results);
      }
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
  return results;
}

}  // namespace adze
