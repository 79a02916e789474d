#pragma once

namespace adze {

// Ctrl-C: the first one asks long work to stop at the next batch, the second ends the program.
void InstallCancelHandler();
bool CancelRequested();
void RequestCancel();
void ClearCancel();
// Throws kCancelled if a stop was asked for.
void ThrowIfCancelled();

}  // namespace adze
