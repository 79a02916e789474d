#include "adze/retrain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "adze/cancel.h"
#include "adze/evaluate.h"
#include "adze/file.h"
#include "api/prepared_model.h"
#include "io/refusal.h"
#include "retrain/train.h"
#include "test_folder.h"

namespace adze {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kData = "/usr/share/datasets/fashion-mnist";

// The Fashion-MNIST example with 4-bit activations and weights, some steps on 256 images.
RetrainOptions Options(const std::string& name) {
  RetrainOptions options{
      .model = {.path = ADZE_SOURCE_DIR "/examples/fashion_mnist/fashion_mnist.pb"},
      .train = {.arrays = {{"image", kData / "train-images-idx3-ubyte.gz"}},
                .labels = kData / "train-labels-idx1-ubyte.gz",
                .preprocess = PreprocessByName("unit"),
                .limit = 256},
      .plan = {.activation_bits = 4, .weight_bits = 4},
      .training = {.steps = 12, .batch_size = 16, .num_threads = 1},
      .output_prefix = TestFolder() / name};
  return options;
}

class RetrainTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kData)) GTEST_SKIP() << "needs the package dataset-fashion-mnist";
  }
  void TearDown() override { ClearCancel(); }
};

std::string RefusalOf(const RetrainOptions& options) {
  return Refusal([&] { Retrain(options); });
}

TEST_F(RetrainTest, WinsBackWhatFourBitsLose) {
  RetrainOptions options = Options("a");
  options.training.steps = 150;
  options.train.limit = 4096;
  options.validation = {.arrays = {{"image", kData / "t10k-images-idx3-ubyte.gz"}},
                        .labels = kData / "t10k-labels-idx1-ubyte.gz",
                        .preprocess = PreprocessByName("unit"),
                        .limit = 1000};
  const RetrainResult result = Retrain(options);
  EXPECT_GT(*result.retrained_top1, *result.calibrated_top1 + 0.02);
  EXPECT_LT(result.last_loss, result.first_loss);
  for (const char* suffix :
       {"_quantized.pb", "_fake_quant.pb", "_quant.json", "_record.txt", "_retrained.pb",
        "_losses.csv", "_events.out.tfevents", "_retrained.ckpt.index"}) {
    EXPECT_TRUE(fs::exists(TestFolder() / (std::string("a") + suffix))) << suffix;
  }
  EXPECT_THAT(ReadFile(TestFolder() / "a_losses.csv"), HasSubstr("\n150,"));
}

// What is learned from and what is written are the same numbers.
TEST_F(RetrainTest, DeployedGraphAgreesWithTheSimulation) {
  const RetrainOptions options = Options("a");
  Retrain(options);
  const Graph simulated = LoadModel({.path = TestFolder() / "a_fake_quant.pb"});
  const Graph deployed = LoadModel({.path = TestFolder() / "a_quantized.pb"});
  const auto data = OpenData(options.train, ModelInputs(simulated, {}));
  const Evaluation evaluation = Evaluate(deployed, *data, {}, &simulated);
  EXPECT_EQ(*evaluation.agreement, 1);
  EXPECT_GT(*evaluation.sqnr_db, 60);
}

TEST_F(RetrainTest, ResumesToTheSameBits) {
  Retrain(Options("whole"));
  RetrainOptions part = Options("part");
  part.progress = [](int64_t step, int64_t, double) {
    if (step == 7) RequestCancel();
  };
  EXPECT_THAT(RefusalOf(part), HasSubstr("stopped on request after step 7; the same command with "
                                         "--resume goes on"));
  EXPECT_FALSE(fs::exists(TestFolder() / "part_retrained.pb"));
  ClearCancel();
  part.progress = nullptr;
  part.training.resume = true;
  Retrain(part);
  for (const char* suffix : {"_retrained.pb", "_record.txt", "_losses.csv", "_quantized.pb"}) {
    EXPECT_EQ(ReadFile(TestFolder() / (std::string("whole") + suffix)),
              ReadFile(TestFolder() / (std::string("part") + suffix)))
        << suffix;
  }
}

TEST_F(RetrainTest, RefusesToResumeAnotherRun) {
  RetrainOptions options = Options("a");
  options.training.checkpoint_every = 6;
  Retrain(options);
  options.training.resume = true;
  options.training.learning_rate = 0.5;
  EXPECT_THAT(RefusalOf(options),
              HasSubstr("it is of a run with 12 steps of 16 by adam, rate 0.002"));
  options.output_prefix = TestFolder() / "b";
  EXPECT_THAT(RefusalOf(options), HasSubstr("b_retrain.ckpt"));
}

TEST_F(RetrainTest, NamesStepAndLayerOfALossThatIsNotFinite) {
  RetrainOptions options = Options("a");
  options.training.optimizer = "sgd";
  options.training.learning_rate = 1e30;
  EXPECT_THAT(RefusalOf(options),
              testing::ContainsRegex("step [0-9]+ (has made|is NaN or Inf: what layer) '.+'"));
}

// The data of another, from some time on with a NaN in it.
class Poisoned : public Dataset {
 public:
  explicit Poisoned(const Dataset& data) : data_(data) {}
  int64_t size() const override { return data_.size(); }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    auto feeds = data_.Read(begin, end);
    if (poisoned) feeds.at("image").mutable_data<float>()[0] = NAN;
    return feeds;
  }
  bool poisoned = false;

 private:
  const Dataset& data_;
};

TEST_F(RetrainTest, NamesTheLayerThatReadsWhatIsNotANumber) {
  const RetrainOptions options = Options("a");
  const PreparedModel model(options.model, options.plan);
  const auto images = OpenData(options.train, model.inputs);
  Poisoned data(*images);
  const Record record = Calibrate(model.graph, model.plan.layers, data, {.num_samples = 16});
  data.poisoned = true;
  const std::string refusal = Refusal([&] {
    Train({model.graph, model.plan.layers, model.graph, record, data, model.graph},
          {.options = options.training, .steps = 3, .checkpoint = TestFolder() / "c"});
  });
  EXPECT_THAT(refusal, testing::ContainsRegex(
                           "the loss of step 1 is NaN or Inf: what layer '.+' reads is; lower"));
}

TEST_F(RetrainTest, LearnsFromTheFloatModelWithoutLabels) {
  RetrainOptions options = Options("a");
  options.train.labels.clear();
  options.training.steps = 60;
  const RetrainResult result = Retrain(options);
  EXPECT_LT(result.last_loss, result.first_loss);
  options.training.loss = "cross-entropy";
  EXPECT_THAT(RefusalOf(options), HasSubstr("needs labels; give --labels FILE, or --loss distill"));
}

// What was cut away comes back from the float model's outputs alone, without quantization.
TEST_F(RetrainTest, FineTunesInFloatToATeacher) {
  const fs::path student = TestFolder() / "student.pb";
  DecomposeModel({.model = Options("a").model,
                  .options = {.method = "channel",
                              .rule = RankRule::kMacs,
                              .share = 0.5,
                              .filter = DecomposeFilter::kAny},
                  .output = student});
  RetrainOptions options = Options("a");
  options.teacher = options.model;
  options.model = {.path = student};
  options.in_float = true;
  options.plan = {};
  options.train.labels.clear();
  options.train.limit = 2048;
  options.training.steps = 100;
  options.training.learning_rate = 5e-3;
  options.validation = {.arrays = {{"image", kData / "t10k-images-idx3-ubyte.gz"}},
                        .labels = kData / "t10k-labels-idx1-ubyte.gz",
                        .preprocess = PreprocessByName("unit"),
                        .limit = 500};
  const RetrainResult result = Retrain(options);
  EXPECT_GT(*result.retrained_agreement, *result.calibrated_agreement + 0.02);
  EXPECT_FALSE(fs::exists(TestFolder() / "a_quantized.pb"));
  const Graph tuned = LoadModel({.path = TestFolder() / "a_retrained.pb"});
  const auto data = OpenData(options.validation, ModelInputs(tuned, {}));
  EXPECT_NEAR(*Evaluate(tuned, *data, {}).top1, *result.retrained_top1, 1e-9);
  options.teacher = {.path = ADZE_SOURCE_DIR "/no_such_model.pb"};
  EXPECT_THAT(RefusalOf(options), HasSubstr("no_such_model.pb"));
}

TEST_F(RetrainTest, RefusesWrongSettings) {
  RetrainOptions options = Options("a");
  options.training.label_offset = 5;
  EXPECT_THAT(RefusalOf(options), HasSubstr("is no class of 0..9; check --label-offset"));
  options = Options("a");
  options.training.batch_size = 1000;
  EXPECT_THAT(RefusalOf(options), HasSubstr("fewer than one batch"));
  options = Options("a");
  options.training.optimizer = "lion";
  EXPECT_THAT(RefusalOf(options), HasSubstr("there are sgd, adam and rmsprop"));
}

}  // namespace
}  // namespace adze
