#include "adze/process_group.h"

#include <cstdlib>

#include "adze/cancel.h"
#include "adze/error.h"

#ifdef ADZE_WITH_MPI
#include <mpi.h>
#endif

namespace adze {

namespace {

// Open MPI's mpirun tells its processes how many they are; initializing MPI anywhere else costs
// time and may print.
int CountProcesses() {
  const char* count = std::getenv("OMPI_COMM_WORLD_SIZE");
  return count ? std::atoi(count) : 1;
}

}  // namespace

ProcessGroup& ProcessGroup::World() {
  static ProcessGroup group;
  return group;
}

#ifdef ADZE_WITH_MPI

namespace {

enum Tag { kBytes = 1, kFailure = 2 };

}  // namespace

ProcessGroup::ProcessGroup() {
  if (CountProcesses() < 2) return;
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  serialized_ = provided >= MPI_THREAD_SERIALIZED;
}

void ProcessGroup::CheckUsable() const {
  Require(serialized_, ErrorCode::kUnsupported,
          "this MPI does not work with threads (MPI_THREAD_SERIALIZED)");
}

ProcessGroup::~ProcessGroup() {
  if (size_ > 1) MPI_Finalize();
}

int ProcessGroup::Settle(Outcome outcome) {
  if (first_failed_ >= 0) return first_failed_;
  if (size_ == 1) return first_failed_ = outcome == Outcome::kFine ? 1 : 0;
  if (outcome == Outcome::kFailed) {
    for (int other = 0; other < size_; ++other) {
      if (other != rank_) MPI_Send(nullptr, 0, MPI_BYTE, other, kFailure, MPI_COMM_WORLD);
    }
  }
  const int mine = outcome == Outcome::kFailed ? rank_ : size_;
  MPI_Allreduce(&mine, &first_failed_, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  // The messages of others that failed are taken, so that none is left at the end.
  for (int flag = 1; flag;) {
    MPI_Iprobe(MPI_ANY_SOURCE, kFailure, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
    if (flag) {
      MPI_Recv(nullptr, 0, MPI_BYTE, MPI_ANY_SOURCE, kFailure, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
  }
  return first_failed_;
}

void ProcessGroup::StopIfOtherFailed() {
  if (size_ == 1 || stopped_by_other_) return;
  int flag = 0;
  MPI_Iprobe(MPI_ANY_SOURCE, kFailure, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
  if (!flag) return;
  stopped_by_other_ = true;
  RequestCancel();
}

void ProcessGroup::Send(int rank, std::string_view bytes) const {
  Check(bytes.size() <= INT32_MAX, "a message fits MPI's sizes");
  MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, rank, kBytes, MPI_COMM_WORLD);
}

std::string ProcessGroup::Receive(int rank) const {
  MPI_Status status;
  MPI_Probe(rank, kBytes, MPI_COMM_WORLD, &status);
  int size = 0;
  MPI_Get_count(&status, MPI_BYTE, &size);
  std::string bytes(size, '\0');
  MPI_Recv(bytes.data(), size, MPI_BYTE, rank, kBytes, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  return bytes;
}

#else

ProcessGroup::ProcessGroup() = default;
ProcessGroup::~ProcessGroup() = default;

void ProcessGroup::CheckUsable() const {
  Require(CountProcesses() < 2, ErrorCode::kUnsupported,
          "mpirun needs a build with MPI; install libopenmpi-dev and build again, or use --shard");
}

int ProcessGroup::Settle(Outcome outcome) {
  if (first_failed_ < 0) first_failed_ = outcome == Outcome::kFine ? 1 : 0;
  return first_failed_;
}

void ProcessGroup::StopIfOtherFailed() {}
void ProcessGroup::Send(int, std::string_view) const { Check(false, "there is no other process"); }
std::string ProcessGroup::Receive(int) const {
  Check(false, "there is no other process");
  return "";
}

#endif

}  // namespace adze
