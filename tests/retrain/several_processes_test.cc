#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "adze/graph_def.h"
#include "adze/record.h"
#include "cli/program.h"

namespace adze {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kData = "/usr/share/datasets/fashion-mnist";

class SeveralProcesses : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kData)) GTEST_SKIP() << "needs the package dataset-fashion-mnist";
  }
  // The Fashion-MNIST example on its test images.
  static std::string Arguments(const std::string& rest) {
    return "-q retrain '" ADZE_SOURCE_DIR
           "/examples/fashion_mnist/fashion_mnist.pb' --train image=" +
           (kData / "t10k-images-idx3-ubyte.gz").string() + " --labels " +
           (kData / "t10k-labels-idx1-ubyte.gz").string() +
           " --preprocess unit --batch-size 16 --threads 1 --flip --crop 2 --learning-rate 1e-4 " +
           rest;
  }
};

std::vector<double> Losses(const fs::path& file) {
  std::istringstream lines(ReadFile(file));
  std::vector<double> losses;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) losses.push_back(std::stod(line.substr(line.rfind(',') + 1)));
  return losses;
}

// Each takes half of every batch: gradients, and so all that is learned, are those of one process
// up to the order of sums, and to what is rounded otherwise for it.
TEST_F(SeveralProcesses, LearnWhatOneLearns) {
  ASSERT_EQ(RunAdze(Arguments("--steps 12 --output one"), TestFolder()).exit_code, 0);
  const ProgramResult two = RunAdze(Arguments("--steps 12 --nproc 2 --output two"), TestFolder());
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_THAT(two.out, HasSubstr("12 steps in"));
  EXPECT_EQ(two.out.find("12 steps in"), two.out.rfind("12 steps in"));  // the first one speaks
  const auto one_losses = Losses(TestFolder() / "one_losses.csv");
  const auto two_losses = Losses(TestFolder() / "two_losses.csv");
  ASSERT_EQ(one_losses.size(), 12);
  ASSERT_EQ(two_losses.size(), 12);
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(one_losses[i], two_losses[i], 0.01);
  const Record one = ReadRecord(TestFolder() / "one_record.txt");
  const Record both = ReadRecord(TestFolder() / "two_record.txt");
  for (size_t i = 0; i < one.layers.size(); ++i) {
    if (!one.layers[i].activation) continue;
    const double scale = one.layers[i].activation->scale[0];
    EXPECT_NEAR(both.layers[i].activation->scale[0], scale, 0.01 * scale) << one.layers[i].name;
  }
}

// While batch norms learn they normalize by the whole batch, of which each process has a part.
TEST_F(SeveralProcesses, NormalizeByTheWholeBatch) {
  const std::string how = "--float --steps 12 --batch-norm-steps 8 --output ";
  ASSERT_EQ(RunAdze(Arguments(how + "one"), TestFolder()).exit_code, 0);
  const ProgramResult two = RunAdze(Arguments("--nproc 2 " + how + "two"), TestFolder());
  ASSERT_EQ(two.exit_code, 0) << two.err;
  const auto one_losses = Losses(TestFolder() / "one_losses.csv");
  const auto two_losses = Losses(TestFolder() / "two_losses.csv");
  ASSERT_EQ(one_losses.size(), 12);
  ASSERT_EQ(two_losses.size(), 12);
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(one_losses[i], two_losses[i], 2e-4) << "step " << i;
}

// Sample 300 holds a NaN: the process that has it says so, the one that meets it in a sum ends too.
TEST_F(SeveralProcesses, EndTogetherWhereALossIsNotFinite) {
  Tensor images(DType::kFloat, {320, 28, 28, 1});
  for (int64_t i = 0; i < images.num_elements(); ++i) {
    images.mutable_data<float>()[i] = 0.5f + 0.5f * std::sin(0.7f * static_cast<float>(i));
  }
  images.mutable_data<float>()[300 * 28 * 28] = std::nanf("");
  WriteNpy(images, TestFolder() / "x.npy");
  WriteNpy(Tensor::Vector(std::vector<int32_t>(320, 3)), TestFolder() / "y.npy");
  const ProgramResult result =
      RunAdze("-q retrain '" ADZE_SOURCE_DIR
              "/examples/fashion_mnist/fashion_mnist.pb' --train image=x.npy --labels y.npy "
              "--batch-size 16 --threads 1 --epochs 1 --nproc 2 --batch-norm-steps 20 --output a",
              TestFolder(), "timeout -k 5 100");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, testing::ContainsRegex(
                              "the loss of step [0-9]+ is NaN or Inf: what layer '.+' reads is"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

// Whichever is lost, another one saves what they have reached, and one alone can go on from there;
// with batch norms that learn others mostly notice it in a forward or backward pass.
TEST_F(SeveralProcesses, SaveWhatTheyHaveWhenOneIsLost) {
  for (const char* which : {"head", "tail"}) {
    fs::remove_all(TestFolder() / "a_retrain.ckpt.index");
    const std::string steps = std::string("--steps 5000 --output a") +
                              (which == std::string("tail") ? " --batch-norm-steps 5000" : "");
    // The child is killed once a checkpoint tells that steps are done.
    const std::string script =
        "sh -c '\"$@\" & adze=$!; while ! [ -e a_retrain.ckpt.index ]; do sleep 0.05; done; "
        "rm a_retrain.ckpt.index; kill -9 $(pgrep -P $adze | " +
        std::string(which) + " -n 1); wait $adze' run ";
    const ProgramResult lost =
        RunAdze(Arguments(steps + " --checkpoint-every 20 --nproc 2"), TestFolder(), script);
    EXPECT_EQ(lost.exit_code, 1);
    EXPECT_THAT(lost.err, testing::ContainsRegex("worker [01] of 2 was ended by signal 9"));
    EXPECT_THAT(lost.err,
                testing::ContainsRegex("another worker is gone \\(.+\\) after step [0-9]+; "
                                       "the same command with --resume goes on from"));
    EXPECT_TRUE(fs::exists(TestFolder() / "a_retrain.ckpt.index")) << which;
    // One process goes on, and stops at once.
    const ProgramResult again =
        RunAdze(Arguments(steps + " --resume"), TestFolder(), "timeout -s INT -k 60 8");
    EXPECT_THAT(again.err, testing::ContainsRegex("stopped on request after step [0-9]+"));
  }
}

TEST_F(SeveralProcesses, SayOnceWhatIsWrong) {
  ProgramResult result =
      RunAdze(Arguments("--steps 5 --nproc 2 --label-offset 4 --output a"), TestFolder());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("is no class of 0..9; check --label-offset"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  result = RunAdze(Arguments("--steps 5 --nproc 3 --output a"), TestFolder());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("a batch of 16 cannot be shared by 3 processes"));
}

TEST_F(SeveralProcesses, AreToldWhoTheyAreByTorchrunsVariables) {
  ProgramResult result = RunAdze(Arguments("--steps 5 --output a"), TestFolder(),
                                 "WORLD_SIZE=2 RANK=2 MASTER_ADDR=localhost");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("WORLD_SIZE is 2, which asks for RANK (0..1)"));
  result = RunAdze(Arguments("--steps 5 --output a"), TestFolder(), "WORLD_SIZE=two");
  EXPECT_THAT(result.err, HasSubstr("environment variable WORLD_SIZE is 'two'"));
}

}  // namespace
}  // namespace adze
