// Runs a fuzz target without libFuzzer: every file of a corpus folder as it is, then random changes
// of them, always the same ones, for a number of seconds or until so many inputs have run.
//   <name>_fuzz FOLDER [SECONDS | --inputs COUNT]
// A file instead of a folder is run once, which repeats a failure.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <random>
#include <vector>

#include "adze/file.h"
#include "fuzz/fuzz_reader.h"
#include "fuzz/heap_peak.h"

namespace adze {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kMostBytes = 1 << 16;
constexpr double kMostSeconds = 5;  // for one input; an honest one takes milliseconds

std::string current;  // what runs now, for KeepInput

// Writes the input that ended the program where it can be run again.
extern "C" void KeepInput(int signal) {
  std::FILE* file = std::fopen("fuzz-failure.bin", "wb");
  if (file) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
  }
  std::fprintf(stderr, "fuzz: signal %d; the input is in fuzz-failure.bin\n", signal);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> corpus) : corpus_(std::move(corpus)) {}

  std::string Next() {
    std::string bytes = Pick(corpus_);
    for (size_t i = 0, count = 1 + Below(6); i < count; ++i) Change(bytes);
    bytes.resize(std::min(bytes.size(), kMostBytes));
    return bytes;
  }

 private:
  size_t Below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const std::string& Pick(const std::vector<std::string>& from) { return from[Below(from.size())]; }

  void Change(std::string& bytes) {
    const size_t at = Below(bytes.size());
    const size_t length = 1 + Below(std::min<size_t>(64, bytes.size()));
    switch (Below(8)) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
        return;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<char>(Below(256));
        return;
      case 2: {  // a number at an edge, in either order
        static const std::vector<std::string> kEdges = {
            std::string(4, '\xff'), std::string(4, '\0'),   "\x7f\xff\xff\xff",
            "\xff\xff\xff\x7f",     std::string(8, '\xff'), std::string(9, '\xff') + "\x01",
            "\x80\x80\x80\x80\x08"};
        const std::string& edge = Pick(kEdges);
        bytes.replace(at, std::min(edge.size(), bytes.size() - at), edge);
        return;
      }
      case 3: {  // digits are numbers in text
        static const std::vector<std::string> kNumbers = {
            "-1", "0", "99999999999999999999", "1e400", "4294967296", "nan"};
        const size_t digit = bytes.find_first_of("0123456789", at);
        if (digit != std::string::npos) bytes.replace(digit, 1, Pick(kNumbers));
        return;
      }
      case 4:
        bytes.erase(at, length);
        return;
      case 5:
        bytes.insert(at, bytes.substr(Below(bytes.size()), length));
        return;
      case 6:
        bytes.resize(at);
        return;
      default: {  // another file's end
        const std::string& other = Pick(corpus_);
        bytes.resize(at);
        bytes += other.substr(Below(other.size()));
        return;
      }
    }
  }

  std::vector<std::string> corpus_;
  std::mt19937_64 random_{20240607};
};

void RunOne(std::string bytes) {
  current = std::move(bytes);
  const Clock::time_point begin = Clock::now();
  const size_t before = ResetHeapPeak();
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current.data()), current.size());
  MustNot(HeapPeak() > before + 4 * current.size() + (size_t{64} << 20), "took too much memory");
  MustNot(std::chrono::duration<double>(Clock::now() - begin).count() > kMostSeconds, "hangs");
}

int Main(const fs::path& path, double seconds, int64_t inputs) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL})
    std::signal(signal, KeepInput);
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(path);
    seconds = inputs = 0;
  }
  std::vector<std::string> corpus;
  for (const fs::path& file : files) corpus.push_back(ReadFile(file));
  MustNot(corpus.empty(), "the corpus folder is empty");
  RunOne("");
  for (const std::string& bytes : corpus) RunOne(bytes);
  Mutator mutator(std::move(corpus));
  const Clock::time_point begin = Clock::now();
  int64_t runs = 0;
  const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  for (; runs < inputs || passed() < seconds; ++runs) {
    RunOne(mutator.Next());
  }
  std::printf("%lld changed inputs, no failure\n", static_cast<long long>(runs));
  return 0;
}

}  // namespace
}  // namespace adze

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER|FILE [SECONDS | --inputs COUNT]\n", argv[0]);
    return 2;
  }
  if (argc > 3 && std::string(argv[2]) == "--inputs") {
    return adze::Main(argv[1], 0, std::atoll(argv[3]));
  }
  return adze::Main(argv[1], argc > 2 ? std::atof(argv[2]) : 5, 0);
}
