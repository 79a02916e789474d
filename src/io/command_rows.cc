#include "adze/error.h"
#include "io/child_process.h"
#include "io/npy_stream.h"
#include "io/row_source.h"

namespace adze {

std::vector<std::unique_ptr<RowSource>> OpenCommand(const std::string& command,
                                                    const std::vector<InputSpec>& inputs,
                                                    int64_t limit) {
  ErrorScope scope("command", command);
  ChildProcess child(command);
  bool ended = false;
  std::vector<std::unique_ptr<RowSource>> rows;
  std::string fault;
  try {
    rows = ReadNpyStream(
        [&](char* out, size_t count) {
          const size_t got = child.Read(out, count);
          ended = ended || got == 0;
          return got;
        },
        inputs, limit);
  } catch (const Error&) {
    // A command that failed is the reason for data that is cut off, and says more.
    if (!ended) throw;
    fault = child.Wait();
    if (fault.empty()) throw;
  }
  // Where there is enough the command is not waited for.
  if (ended && fault.empty()) fault = child.Wait();
  Require(fault.empty(), ErrorCode::kBadFile, fault);
  return rows;
}

}  // namespace adze
