#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/huge_memory.h"
#include "engine/program.h"

namespace adze {

using Feeds = std::map<std::string, Tensor>;

// Rows of every feed; 0 if they differ.
int64_t CountRows(const Feeds& feeds);
// Rows `begin` up to `end` of every feed, in the feeds' memory.
Feeds RowsOf(const Feeds& feeds, int64_t begin, int64_t end);

// Memory that all compiled shapes share; it grows and is never given back.
class Arena {
 public:
  char* Reserve(size_t bytes) {
    if (bytes > memory_.size()) {
      memory_ = HugeMemory();
      memory_ = HugeMemory(bytes, "between the layers; use a smaller batch");
    }
    return memory_.bytes();
  }

 private:
  HugeMemory memory_;
};

// A batch of independent rows that is run in pieces, one piece a worker at a time. Pieces stay in
// the cache where a batch does not, and a core that works on a piece alone waits for no other.
// Where weights outweigh data, at the end of most networks, several pieces are joined (from
// Program::cut on), so that the weights come from memory once for all of them.
class RowPieces {
 public:
  // Compiles what computes `fetches` for feeds of these shapes, if also the values `given` are fed
  // (see FeedName); to be run by one thread.
  using CompilePart = std::function<std::unique_ptr<Program>(
      const Feeds& feeds, std::span<const Value> given, std::span<const Value> fetches)>;

  // For feeds of these shapes.
  RowPieces(const Feeds& feeds, std::span<const Value> fetches, int workers,
            const CompilePart& compile);

  // False: rows do not divide evenly among the workers, so all of them better work on the whole
  // batch.
  bool worthwhile() const { return !workers_.empty(); }

  std::vector<Tensor> Run(const Feeds& feeds, std::deque<Arena>& arenas);

 private:
  struct Worker {
    // By their rows: most have piece_ or joined_, the batch's last ones what is left.
    std::map<int64_t, std::unique_ptr<Program>> heads, tails;  // tails: only with a cut
    Feeds between;                                             // what tails read
    char* arena = nullptr;
  };

  void ChooseSizes(const Program& row, int workers);
  // The largest size up to `most` that keeps all workers busy; 0 if there is none.
  int64_t EvenSize(int64_t most, int workers) const;
  void CompileFor(Worker& worker, const Feeds& feeds, std::span<const Value> fetches,
                  const CompilePart& compile) const;
  // Rows `begin` up to `end` of the batch.
  void RunOn(Worker& worker, const Feeds& feeds, int64_t begin, int64_t end,
             std::span<Tensor> results) const;

  int64_t rows_ = 0;
  int64_t piece_ = 0;       // rows of a piece
  int64_t joined_ = 0;      // rows that a worker takes at a time
  std::vector<Value> cut_;  // what the tail reads; empty: pieces run from end to end
  std::vector<Worker> workers_;
};

}  // namespace adze
