// Records and commands as data of `adze quantize`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "adze/tensor.h"
#include "cli/program.h"
#include "example_writer.h"

namespace adze {
namespace {

using testing::HasSubstr;
using testing::Not;

class Data : public testing::Test {
 protected:
  static constexpr int kCount = 4, kElements = 8 * 8 * 3;

  Data() : folder_(TestFolder()) {
    WriteFileAtomically(folder_ / "model.pbtxt", kTinyModel);
    Tensor all(DType::kFloat, {kCount, 8, 8, 3});
    for (int i = 0; i < kCount; ++i) {
      std::vector<float> sample(kElements);
      for (int j = 0; j < kElements; ++j) sample[j] = 0.01f * static_cast<float>(i * j % 77);
      std::copy(sample.begin(), sample.end(), all.mutable_data<float>().begin() + i * kElements);
      records_.push_back(TfRecord(Example({{"f", FloatFeature(sample)}})));
    }
    WriteNpy(all, folder_ / "x.npy");
  }

  ProgramResult Quantize(const std::string& output, const std::string& data) {
    return RunAdze("-q quantize model.pbtxt --preprocess raw --output " + output + " " + data,
                   folder_);
  }
  std::string Record(const std::string& output) {
    return ReadFile(folder_ / (output + "_record.txt"));
  }
  void WriteRecords(const std::string& name, const std::vector<std::string>& records) {
    std::string bytes;
    for (const std::string& record : records) bytes += record;
    WriteFileAtomically(folder_ / name, bytes);
  }

  std::filesystem::path folder_;
  std::vector<std::string> records_;
};

TEST_F(Data, OfRecordsAndCommandsGivesTheRecordOfAnArray) {
  WriteRecords("x.tfrecord", records_);
  for (const auto& [output, data] :
       std::map<std::string, std::string>{{"array", "--data x.npy"},
                                          {"records", "--data x.tfrecord --field f"},
                                          {"command", "--data-command 'cat x.npy'"}}) {
    const ProgramResult result = Quantize(output, data);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(Record(output), Record("array"));
  }
  const ProgramResult failed = Quantize("failed", "--data-command 'echo no feed >&2; exit 3'");
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.err, HasSubstr("ended with exit status 3: 'no feed'"));
}

// Whose process tells what its own environment is.
TEST_F(Data, CommandSeesThatWaitingThreadsSpinBriefly) {
  const auto spins = [&](const std::string& launcher) {
    RunAdze("-q quantize model.pbtxt --data-command 'env >env.txt; exit 1' --output out", folder_,
            "env -u OMP_WAIT_POLICY " + launcher);
    return ReadFile(folder_ / "env.txt");
  };
  EXPECT_THAT(spins("-u GOMP_SPINCOUNT"), HasSubstr("GOMP_SPINCOUNT=3000\n"));
  EXPECT_THAT(spins("GOMP_SPINCOUNT=77"), HasSubstr("GOMP_SPINCOUNT=77\n"));
  EXPECT_THAT(spins("-u GOMP_SPINCOUNT OMP_WAIT_POLICY=active"), Not(HasSubstr("GOMP_SPINCOUNT")));
}

TEST_F(Data, DefaultScalingOfPixelsIsToldWithTheResultOnly) {
  const ProgramResult failed =
      RunAdze("quantize model.pbtxt --data nothing.tfrecord --field f --output out", folder_);
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(std::count(failed.err.begin(), failed.err.end(), '\n'), 1) << failed.err;
  WriteRecords("x.tfrecord", records_);
  const ProgramResult done =
      RunAdze("quantize model.pbtxt --data x.tfrecord --field f --output out", folder_);
  EXPECT_THAT(done.out, HasSubstr("pixels were fed as x / 127.5 - 1"));
  EXPECT_THAT(RunAdze("quantize model.pbtxt --data x.npy --output out", folder_).out,
              Not(HasSubstr("pixels")));
}

// Statistics of one field are not those of another.
TEST_F(Data, StatisticsRememberTheField) {
  WriteRecords("x.tfrecord", records_);
  const std::string statistics =
      "model.pbtxt --data x.tfrecord --preprocess raw --statistics s.bin";
  ASSERT_EQ(RunAdze("-q calibrate " + statistics + " --field f", folder_).exit_code, 0);
  EXPECT_EQ(Quantize("out", "--data x.tfrecord --field f --statistics s.bin").exit_code, 0);
  const ProgramResult refused = Quantize("no", "--data x.tfrecord --field g --statistics s.bin");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("squash, field f' instead of"));
  EXPECT_THAT(refused.err, HasSubstr("squash, field g'"));
}

TEST_F(Data, SkipsBadRecordsAndSaysSo) {
  std::vector<std::string> bad = records_, rest = records_;
  bad[2][100] ^= 1;
  rest.erase(rest.begin() + 2);
  WriteRecords("bad.tfrecord", bad);
  WriteRecords("rest.tfrecord", rest);
  const std::string reason =
      "file 'bad.tfrecord': record '2': is damaged: its bytes have a wrong checksum\n";
  const ProgramResult refused = Quantize("refused", "--data bad.tfrecord --field f");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.err, "adze: " + reason);
  ASSERT_EQ(Quantize("rest", "--data rest.tfrecord --field f").exit_code, 0);
  for (const std::string threads : {"1", "2"}) {
    const ProgramResult result =
        Quantize("bad" + threads, "--data bad.tfrecord --field f --skip-bad --threads " + threads);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("1 sample skipped: " + reason));
    EXPECT_EQ(Record("bad" + threads), Record("rest"));
  }
}

}  // namespace
}  // namespace adze
