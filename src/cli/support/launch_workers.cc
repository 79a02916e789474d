#include "cli/support/launch_workers.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "adze/cancel.h"
#include "adze/error.h"
#include "cli/support/sibling_program.h"

namespace adze {
namespace {

using std::chrono::steady_clock;

// How long workers may take to notice that another one is gone, and to save what they have.
constexpr std::chrono::seconds kGrace(30);

struct Worker {
  pid_t pid = -1;
  int errors = -1;  // what it wrote to standard error; -1: it goes to ours
  int status = 0;
  bool running = true;
};

// A port that nobody listens on now.
int FreePort() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool ok = socket >= 0 &&
                  bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const std::string why = std::strerror(errno);
  if (socket >= 0) close(socket);
  Require(ok, ErrorCode::kInvalidArgument, "no port for --nproc: ", why);
  return ntohs(address.sin_port);
}

void SetVariable(const char* name, int value) {
  setenv(name, std::to_string(value).c_str(), /*overwrite=*/1);
}

// An unnamed file for what a worker writes to standard error.
int SpoolFile() {
  const auto folder = std::filesystem::temp_directory_path();
  const int file = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  return file >= 0 ? file : open("/dev/null", O_RDWR | O_CLOEXEC);
}

Worker Start(int rank, int count, int port) {
  Worker worker;
  if (rank > 0) worker.errors = SpoolFile();
  const pid_t parent = getpid();
  worker.pid = fork();
  Require(worker.pid >= 0, ErrorCode::kInvalidArgument, "cannot start worker ", rank, ": ",
          std::strerror(errno));
  if (worker.pid > 0) return worker;
  setpgid(0, 0);  // Ctrl-C on a terminal comes by way of the parent, once
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  SetVariable("RANK", rank);
  SetVariable("LOCAL_RANK", rank);
  SetVariable("WORLD_SIZE", count);
  SetVariable("LOCAL_WORLD_SIZE", count);
  SetVariable("MASTER_PORT", port);
  setenv("MASTER_ADDR", "127.0.0.1", 1);
  if (worker.errors >= 0) dup2(worker.errors, STDERR_FILENO);
  try {
    BecomeSibling("adze-retrain", "adze-retrain is missing beside adze");
  } catch (const Error& error) {
    std::cerr << "adze: " << error.what() << std::endl;
  }
  _exit(1);
}

void Show(int file) {
  lseek(file, 0, SEEK_SET);
  char piece[4096];
  for (ssize_t n; (n = read(file, piece, sizeof(piece))) > 0;) std::cerr.write(piece, n);
}

bool HasFailed(const Worker& worker) {
  return !worker.running && !(WIFEXITED(worker.status) && WEXITSTATUS(worker.status) == 0);
}

class Team {
 public:
  explicit Team(int count) {
    const int port = FreePort();
    for (int rank = 0; rank < count; ++rank) workers_.push_back(Start(rank, count, port));
  }

  int Wait();

 private:
  int CountRunning() const {
    int running = 0;
    for (const Worker& worker : workers_) running += worker.running;
    return running;
  }
  void Signal(int signal) const {
    for (const Worker& worker : workers_) {
      if (worker.running) kill(worker.pid, signal);
    }
  }
  void Reap();
  void Press();

  std::vector<Worker> workers_;
  bool interrupted_ = false;
  int pressed_ = 0;  // how often those that are left were told to end
  steady_clock::time_point failed_at_{};
};

void Team::Reap() {
  for (size_t rank = 0; rank < workers_.size(); ++rank) {
    Worker& worker = workers_[rank];
    if (!worker.running || waitpid(worker.pid, &worker.status, WNOHANG) != worker.pid) continue;
    worker.running = false;
    if (!HasFailed(worker)) continue;
    if (failed_at_ == steady_clock::time_point()) failed_at_ = steady_clock::now();
    if (WIFSIGNALED(worker.status) && pressed_ == 0) {
      std::cerr << "adze: worker " << rank << " of " << workers_.size() << " was ended by signal "
                << WTERMSIG(worker.status) << " (" << strsignal(WTERMSIG(worker.status)) << ")"
                << std::endl;
    }
  }
}

// Those that do not notice by themselves that another one has failed.
void Team::Press() {
  if (failed_at_ == steady_clock::time_point()) return;
  const auto waited = steady_clock::now() - failed_at_;
  if (waited < (pressed_ + 1) * kGrace) return;
  Signal(pressed_ == 0 ? SIGTERM : SIGKILL);
  ++pressed_;
}

int Team::Wait() {
  while (CountRunning() > 0) {
    Reap();
    Press();
    if (CancelRequested() && !interrupted_) {
      interrupted_ = true;
      Signal(SIGINT);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const bool first_told = HasFailed(workers_[0]) && WIFEXITED(workers_[0].status);
  int code = WIFEXITED(workers_[0].status) ? WEXITSTATUS(workers_[0].status) : 1;
  for (size_t rank = 1; rank < workers_.size(); ++rank) {
    if (!HasFailed(workers_[rank])) continue;
    if (!first_told) Show(workers_[rank].errors);
    if (code == 0) code = 1;
  }
  return code;
}

}  // namespace

void LaunchWorkers(int count) {
  std::cout.flush();
  const int code = Team(count).Wait();
  std::exit(code);
}

bool IsWorker() {
  const char* size = std::getenv("WORLD_SIZE");
  return std::getenv("RANK") && size && std::atoi(size) > 1;
}

bool IsFirstWorker() { return !IsWorker() || std::atoi(std::getenv("RANK")) == 0; }

}  // namespace adze
