// The record is the same bytes however the work is divided: among threads, batches, parts that are
// run apart and processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cli/program.h"
#include "shared_folder.h"

namespace adze {
namespace {

using testing::HasSubstr;

struct Job {
  std::string model, data;  // as arguments; the data has 24 samples or more
};

class SameBytes : public testing::Test {
 protected:
  SameBytes() : folder_(TestFolder()) {}

  ProgramResult Run(const std::string& arguments, const std::string& before = "") {
    return RunAdze("-q " + arguments, folder_, before);
  }
  void MustRun(const std::string& arguments, const std::string& before = "") {
    const ProgramResult result = Run(arguments, before);
    ASSERT_EQ(result.exit_code, 0) << before << " adze " << arguments << "\n" << result.err;
  }
  std::string Record(const std::string& prefix) {
    return ReadFile(folder_ / (prefix + "_record.txt"));
  }

  void Reference(const Job& job) {
    MustRun("quantize " + job.model + " " + job.data + " --threads 1 --output reference");
    EXPECT_THAT(Record("reference"), HasSubstr("scale_d"));
  }

  void ExpectSameForThreadsAndBatches(const Job& job) {
    Reference(job);
    for (const char* threads : {"1", "2", "4"}) {
      for (const char* batch : {"1", "3", "8", "32"}) {
        MustRun("quantize " + job.model + " " + job.data + " --threads " + threads +
                " --batch-size " + batch + " --output other");
        EXPECT_EQ(Record("other"), Record("reference")) << threads << " threads, batch " << batch;
      }
    }
  }

  void ExpectSameForShards(const Job& job) {
    Reference(job);
    for (const int count : {1, 2, 5}) {
      std::vector<std::string> parts;
      for (int i = 0; i < count; ++i) {
        parts.push_back("s_" + std::to_string(i) + ".bin");
        MustRun("calibrate " + job.model + " " + job.data + " --batch-size 2 --shard " +
                std::to_string(i) + "/" + std::to_string(count) + " --statistics " + parts.back());
      }
      for (int order = 0; order < 3; ++order) {
        std::string list;
        for (const std::string& part : parts) list += " " + part;
        MustRun("merge" + list + " --output merged.bin");
        MustRun("quantize " + job.model + " --statistics merged.bin --output other");
        EXPECT_EQ(Record("other"), Record("reference")) << count << " shards:" << list;
        std::next_permutation(parts.begin(), parts.end());
        std::reverse(parts.begin(), parts.end());
      }
    }
  }

  void ExpectSameForProcesses(const Job& job) {
    Reference(job);
    for (const int count : {1, 2, 3}) {
      MustRun("quantize " + job.model + " " + job.data + " --threads 1 --output other",
              MpiRun(count));
      EXPECT_EQ(Record("other"), Record("reference")) << count << " processes";
    }
  }

  // Root and more processes than cores need to be allowed. What Open MPI leaves allocated is not
  // ours to mend.
  static std::string MpiRun(int count) {
    return "env ASAN_OPTIONS=detect_leaks=0 mpirun --allow-run-as-root --oversubscribe -n " +
           std::to_string(count);
  }

  std::filesystem::path folder_;
};

constexpr const char* kFashionData = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";

Job Fashion() {
  return {ADZE_SOURCE_DIR "/examples/fashion_mnist/fashion_mnist.pb",
          std::string("--data ") + kFashionData + " --preprocess unit --limit 40"};
}

Job MobileNet() {
  return {(SharedFolder() / "models/mobilenet_v1_1.0_224/model.pb").string(),
          "--images '" + (SharedFolder() / "images/calibration").string() + "' --limit 26"};
}

#define ADZE_NEED_FASHION()                   \
  if (!std::filesystem::exists(kFashionData)) \
  GTEST_SKIP() << "package dataset-fashion-mnist is absent"
#define ADZE_NEED_MPI()                                     \
  if (std::system("mpirun --version >/dev/null 2>&1") != 0) \
  GTEST_SKIP() << "mpirun is absent; packages libopenmpi-dev and openmpi-bin"

TEST_F(SameBytes, ForThreadsAndBatches) {
  ADZE_NEED_FASHION();
  ExpectSameForThreadsAndBatches(Fashion());
}

TEST_F(SameBytes, ForShardsInAnyOrder) {
  ADZE_NEED_FASHION();
  ExpectSameForShards(Fashion());
}

TEST_F(SameBytes, ForProcesses) {
  ADZE_NEED_FASHION();
  ADZE_NEED_MPI();
  ExpectSameForProcesses(Fashion());
}

using SlowSameBytes = SameBytes;

TEST_F(SlowSameBytes, OfMobileNetForThreadsAndBatches) {
  ADZE_NEED_SHARED();
  ExpectSameForThreadsAndBatches(MobileNet());
}

TEST_F(SlowSameBytes, OfMobileNetForShardsInAnyOrder) {
  ADZE_NEED_SHARED();
  ExpectSameForShards(MobileNet());
}

TEST_F(SlowSameBytes, OfMobileNetForProcesses) {
  ADZE_NEED_SHARED();
  ADZE_NEED_MPI();
  ExpectSameForProcesses(MobileNet());
}

// What is wrong for one process, and what is wrong for all, is said once.
TEST_F(SameBytes, ProcessesFailWithOneMessage) {
  ADZE_NEED_MPI();
  WriteTinyModel(folder_, 6);
  Tensor samples = ReadNpy(folder_ / "x.npy");
  samples.mutable_data<float>()[samples.num_elements() - 1] = std::nanf("");
  WriteNpy(samples, folder_ / "bad.npy");
  const auto count = [](const std::string& text, const std::string& part) {
    int found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
      ++found;
    return found;
  };
  ProgramResult result = Run("quantize model.pbtxt --data bad.npy --output out", MpiRun(3));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_EQ(count(result.err, "adze: "), 1) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("adze: layer 'conv/Conv2D': its input holds NaN for sample 5;"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out_record.txt"));
  result = Run("quantize model.pbtxt --data none.npy --output out", MpiRun(3));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_EQ(count(result.err, "adze: "), 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("none.npy"));
}

}  // namespace
}  // namespace adze
