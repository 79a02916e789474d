#include "io/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "adze/cancel.h"
#include "adze/error.h"
#include "io/unlinked_file.h"

namespace adze {
namespace {

constexpr int kPollMilliseconds = 50;  // how soon Ctrl-C is seen

// In the child: only what may be called between fork and exec.
[[noreturn]] void Exec(const char* command, int output, int errors) {
  setpgid(0, 0);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  dup2(output, 1);
  dup2(errors, 2);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) signal(number, SIG_DFL);
  execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
  _exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::string& command) {
  int ends[2] = {-1, -1};
  errors_ = MakeUnlinkedFile();
  if (errors_ >= 0 && pipe2(ends, O_CLOEXEC) == 0) {
    output_ = ends[0];
    pid_ = fork();
  }
  if (pid_ == 0) Exec(command.c_str(), ends[1], errors_);
  const int reason = errno;
  if (ends[1] >= 0) close(ends[1]);
  if (pid_ > 0) {
    setpgid(pid_, pid_);  // here too: who comes first does not matter
    return;
  }
  if (output_ >= 0) close(output_);
  if (errors_ >= 0) close(errors_);
  throw Error(ErrorCode::kInvalidArgument,
              std::string("cannot be started: ") + std::strerror(reason));
}

ChildProcess::~ChildProcess() {
  close(output_);
  close(errors_);
  if (pid_ <= 0) return;
  kill(-pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

size_t ChildProcess::Read(char* out, size_t count) {
  for (;;) {
    ThrowIfCancelled();
    pollfd ready = {.fd = output_, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kPollMilliseconds) <= 0) continue;
    const ssize_t got = read(output_, out, count);
    if (got >= 0) return got;
    Require(errno == EINTR || errno == EAGAIN, ErrorCode::kBadFile,
            "cannot be read: ", std::strerror(errno));
  }
}

std::string ChildProcess::LastComplaint() const {
  constexpr off_t kMost = 4096;
  constexpr size_t kMostShown = 200;
  const off_t size = lseek(errors_, 0, SEEK_END);
  std::string text(std::min(std::max<off_t>(size, 0), kMost), '\0');
  const ssize_t got = pread(errors_, text.data(), text.size(), std::max<off_t>(size - kMost, 0));
  text.resize(std::max<ssize_t>(got, 0));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  text.erase(0, text.find_last_of('\n') + 1);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text.empty() ? "" : ": '" + text.substr(0, kMostShown) + "'";
}

std::string ChildProcess::Wait() {
  int status = 0;
  for (;;) {
    ThrowIfCancelled();
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) break;
    Check(ended == 0 || errno == EINTR, "waiting for a child");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // What it left running goes too.
  kill(-pid_, SIGKILL);
  pid_ = -1;
  if (WIFSIGNALED(status)) {
    return std::string("was ended by signal ") + std::to_string(WTERMSIG(status)) + LastComplaint();
  }
  if (WEXITSTATUS(status) == 0) return "";
  return "ended with exit status " + std::to_string(WEXITSTATUS(status)) + LastComplaint();
}

}  // namespace adze
