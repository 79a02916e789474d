#include "adze/cancel.h"

#include <csignal>
#include <cstdlib>

#include "adze/error.h"

namespace adze {
namespace {

volatile std::sig_atomic_t cancel_requested = 0;

extern "C" void OnInterrupt(int signal) {
  if (cancel_requested) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  cancel_requested = 1;
}

}  // namespace

void InstallCancelHandler() {
  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
}

bool CancelRequested() { return cancel_requested != 0; }
void RequestCancel() { cancel_requested = 1; }
void ClearCancel() { cancel_requested = 0; }

void ThrowIfCancelled() {
  Require(!CancelRequested(), ErrorCode::kCancelled, "stopped on request; nothing was written");
}

}  // namespace adze
