#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace adze {

enum class ErrorCode { kInvalidArgument, kNotFound, kUnsupported, kBadFile, kInternal, kCancelled };

// What every function of this library throws. The message is one line and carries the scopes that
// were open where it was thrown: `file 'model.pb': node 'conv1/w': tensor_content has ...`.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message);
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// Names what is being done, for every error thrown while it lives:
//   ErrorScope scope("node", node.name());
class ErrorScope {
 public:
  ErrorScope(std::string kind, std::string name);
  ~ErrorScope();
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;
};

// Throws when the user, a file or a model is wrong.
template <typename... Parts>
void Require(bool ok, ErrorCode code, const Parts&... parts) {
  if (ok) return;
  std::ostringstream message;
  (message << ... << parts);
  throw Error(code, message.str());
}

// Throws when this library is wrong.
inline void Check(bool ok, const char* what, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  Require(ok, ErrorCode::kInternal, file, ':', line, ": ", what);
}

}  // namespace adze
