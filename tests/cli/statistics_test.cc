// Calibration in parts: `calibrate`, `merge` and `quantize --statistics`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "adze/dataset.h"
#include "cli/program.h"

namespace adze {
namespace {

using testing::HasSubstr;

class StatisticsFiles : public testing::Test {
 protected:
  StatisticsFiles() : folder_(TestFolder()) { WriteTinyModel(folder_, 7); }
  std::string Run(const std::string& arguments) {
    const ProgramResult result = RunAdze(arguments, folder_);
    EXPECT_EQ(result.exit_code, 0) << arguments << "\n" << result.err;
    return result.out;
  }
  void ExpectError(const std::string& arguments, const std::string& part) {
    const ProgramResult result = RunAdze("-q " + arguments, folder_);
    EXPECT_EQ(result.exit_code, 1) << arguments;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr(part));
  }
  std::filesystem::path folder_;
};

TEST_F(StatisticsFiles, PartsGiveWhatTheWholeGives) {
  Run("quantize model.pbtxt --data x.npy --rounding nearest --no-bias-correction --output whole");
  Run("calibrate model.pbtxt --data x.npy --shard 0/3 --statistics s_0.bin");
  Run("calibrate model.pbtxt --data x.npy --shard 1/3 --statistics s_1.bin --batch-size 2");
  const auto summary = nlohmann::json::parse(
      Run("calibrate model.pbtxt --data x.npy --shard 2/3 --statistics s_2.bin --json"));
  EXPECT_EQ(summary["samples"], 3);
  EXPECT_EQ(summary["tensors"], 3);
  EXPECT_THAT(Run("merge s_2.bin s_0.bin s_1.bin -o s.bin"), HasSubstr("over 7 samples"));
  Run("quantize model.pbtxt --statistics s.bin --output merged");
  for (const char* file : {"_record.txt", "_quantized.pb", "_fake_quant.pb", "_config.json"}) {
    EXPECT_EQ(ReadFile(folder_ / (std::string("whole") + file)),
              ReadFile(folder_ / (std::string("merged") + file)));
  }
  // With data beside the statistics weights are rounded by it.
  Run("quantize model.pbtxt --data x.npy --output tuned");
  Run("quantize model.pbtxt --data x.npy --statistics s.bin --output merged_tuned");
  EXPECT_EQ(ReadFile(folder_ / "tuned_fake_quant.pb"),
            ReadFile(folder_ / "merged_tuned_fake_quant.pb"));
  EXPECT_NE(ReadFile(folder_ / "tuned_fake_quant.pb"), ReadFile(folder_ / "whole_fake_quant.pb"));
  ExpectError("quantize model.pbtxt --statistics s.bin --rounding adaround --output out",
              "need data beside the statistics");
}

TEST_F(StatisticsFiles, WhatDoesNotFitIsRefused) {
  ExpectError("calibrate model.pbtxt --data x.npy --shard 0/9 --statistics s.bin",
              "shard 0 of 9 is empty, there are only 7 samples");
  ExpectError("calibrate model.pbtxt --data x.npy --shard 3/3 --statistics s.bin",
              "--shard '3/3' is not of the form I/N");
  Run("calibrate model.pbtxt --data x.npy --statistics s.bin");
  ExpectError("merge s.bin s.bin -o m.bin",
              "file 's.bin': would count samples 0 to 6 of 'x.npy' twice");
  ExpectError("merge s.bin x.npy -o m.bin", "file 'x.npy': is not a statistics file");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "m.bin"));
  ExpectError("quantize model.pbtxt --data x.npy --bgr --statistics s.bin --output out",
              "file 's.bin': was made with other preprocessing: 'mean 127.5, std 127.5, RGB, "
              "squash' instead of 'mean 127.5, std 127.5, BGR, squash'");
  WriteFileAtomically(
      folder_ / "model.pbtxt",
      std::string(kTinyModel).replace(std::string(kTinyModel).find("0.125"), 5, "0.130"));
  ExpectError("quantize model.pbtxt --statistics s.bin --output out",
              "file 's.bin': was made from another graph");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out_record.txt"));
}

TEST_F(StatisticsFiles, ARunThatStopsGoesOnFromItsCheckpoint) {
  Run("calibrate model.pbtxt --data x.npy --statistics whole.bin");
  Tensor samples = ReadNpy(folder_ / "x.npy");
  const std::filesystem::path data = folder_ / "x.npy";
  Tensor bad = samples.Clone();
  bad.mutable_data<float>()[bad.num_elements() - 1] = std::nanf("");
  WriteNpy(bad, data);
  const std::string command =
      "calibrate model.pbtxt --data x.npy --statistics s.bin --checkpoint-every 2 --resume";
  ExpectError(command, "its input holds NaN for sample 6;");
  ExpectError(command, "is in 's.bin', go on from it with --resume");
  ExpectError("quantize model.pbtxt --statistics s.bin --output out",
              "file 's.bin': is not complete, it lacks sample 6 of 'x.npy'");
  ExpectError("calibrate model.pbtxt --data x.npy --statistics s.bin --limit 5 --resume",
              "file 's.bin': is no checkpoint of samples 0 to 4");
  WriteNpy(samples, data);
  EXPECT_THAT(Run(command), HasSubstr("over 7 samples"));
  EXPECT_EQ(ReadFile(folder_ / "s.bin"), ReadFile(folder_ / "whole.bin"));
}

}  // namespace
}  // namespace adze
