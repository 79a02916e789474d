#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace adze {

// The processes that run the same command together under `mpirun`. Without mpirun, or where this
// library was built without MPI, a process is alone and MPI is not touched.
class ProcessGroup {
 public:
  static ProcessGroup& World();
  ~ProcessGroup();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_first() const { return rank_ == 0; }
  // kUnsupported if mpirun started several processes, of which this build can know nothing.
  void CheckUsable() const;

  // Called by every process once it knows whether it failed; waits for all, and returns the first
  // one that did, or size(). Later calls return the same. A process that fails asks the others to
  // stop, see StopIfOtherFailed.
  enum class Outcome { kFine, kFailed, kStopped };
  int Settle(Outcome outcome);
  // Requests cancelling if another process has failed; to be called now and then during long work,
  // by one thread at a time.
  void StopIfOtherFailed();
  bool stopped_by_other() const { return stopped_by_other_; }

  void Send(int rank, std::string_view bytes) const;
  std::string Receive(int rank) const;

 private:
  ProcessGroup();

  int rank_ = 0, size_ = 1, first_failed_ = -1;
  bool stopped_by_other_ = false, serialized_ = true;
};

}  // namespace adze
