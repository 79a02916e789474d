#include "adze/cancel.h"

#include <atomic>
#include <csignal>
#include <cstdlib>

#include "adze/error.h"

namespace adze {
namespace {

std::atomic<bool> cancel_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler uses it");

extern "C" void OnInterrupt(int signal) {
  if (cancel_requested) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  cancel_requested = true;
}

}  // namespace

void InstallCancelHandler() {
  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
}

bool CancelRequested() { return cancel_requested; }
void RequestCancel() { cancel_requested = true; }
void ClearCancel() { cancel_requested = false; }

void ThrowIfCancelled() {
  Require(!CancelRequested(), ErrorCode::kCancelled, "stopped on request; nothing was written");
}

}  // namespace adze
