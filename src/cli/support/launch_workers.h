#pragma once

namespace adze {

// Starts this program `count` times with the same arguments, each with the environment variables by
// which torchrun tells a worker who it is (RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE,
// MASTER_ADDR, MASTER_PORT), waits for all, and ends with the exit status of the first one. Ctrl-C
// goes to all of them. A worker that a signal ended is named on standard error; the others are
// stopped if they do not end by themselves. What other workers than the first one write to standard
// error is shown only where the first one has not failed itself.
[[noreturn]] void LaunchWorkers(int count);

// Whether this process is a worker that LaunchWorkers or torchrun started, and if so, the first
// one.
bool IsWorker();
bool IsFirstWorker();

}  // namespace adze
