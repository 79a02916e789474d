#include "adze/retrain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

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

// Of "a", on the first samples.
void ExpectDeployedAsSimulated(DataSource source) {
  const Graph simulated = LoadModel({.path = TestFolder() / "a_fake_quant.pb"});
  const Graph deployed = LoadModel({.path = TestFolder() / "a_quantized.pb"});
  source.limit = 64;
  const auto data = OpenData(source, ModelInputs(simulated, {}));
  const Evaluation evaluation = Evaluate(deployed, *data, {}, &simulated);
  EXPECT_EQ(*evaluation.agreement, 1);
  EXPECT_GT(*evaluation.sqnr_db, 60);
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
        "_config.json", "_losses.csv", "_events.out.tfevents", "_retrained.ckpt.index"}) {
    EXPECT_TRUE(fs::exists(TestFolder() / (std::string("a") + suffix))) << suffix;
  }
  EXPECT_THAT(ReadFile(TestFolder() / "a_losses.csv"), HasSubstr("\n150,"));
}

// Products in bfloat16 win as much, and what is written is quantized as precisely as without.
TEST_F(RetrainTest, WinsInMixedPrecision) {
  RetrainOptions options = Options("a");
  options.training.steps = 100;
  options.train.limit = 2048;
  const RetrainResult plain = Retrain(options);
  options.training.mixed_precision = true;
  const RetrainResult mixed = Retrain(options);
  EXPECT_LT(mixed.last_loss, 0.8 * mixed.first_loss);
  EXPECT_NEAR(mixed.last_loss, plain.last_loss, 0.2 * plain.last_loss);
  EXPECT_NE(mixed.last_loss, plain.last_loss);
  ExpectDeployedAsSimulated(options.train);
}

// What is learned from and what is written are the same numbers.
TEST_F(RetrainTest, DeployedGraphAgreesWithTheSimulation) {
  const RetrainOptions options = Options("a");
  Retrain(options);
  ExpectDeployedAsSimulated(options.train);
}

// Every way to learn, and what it writes is what it has learned with.
TEST_F(RetrainTest, EveryMethodWinsAndIsDeployed) {
  struct Case {
    const char *activation, *weight;
  };
  for (const Case& c : {Case{"lsq", "lsq"}, Case{"lsq_plus", "ulq"}, Case{"tqt", "tqt"}}) {
    RetrainOptions options = Options("a");
    options.activation_method = c.activation;
    options.weight_method = c.weight;
    options.training.steps = 100;
    options.train.limit = 2048;
    const RetrainResult result = Retrain(options);
    EXPECT_LT(result.last_loss, 0.8 * result.first_loss) << c.activation;
    SCOPED_TRACE(c.activation);
    ExpectDeployedAsSimulated(options.train);
    EXPECT_THAT(ReadFile(TestFolder() / "a_config.json"),
                HasSubstr(std::string("\"algo\":\"") + c.activation + "_quantize\""));
  }
}

// Batch norm in training: first by each batch, then frozen with statistics estimated anew.
TEST_F(RetrainTest, KeepsBatchNormsAndFoldsThemAtTheEnd) {
  RetrainOptions options = Options("a");
  options.train.limit = 4096;
  options.training.steps = 200;
  options.training.batch_norm_steps = 100;
  options.validation = {.arrays = {{"image", kData / "t10k-images-idx3-ubyte.gz"}},
                        .labels = kData / "t10k-labels-idx1-ubyte.gz",
                        .preprocess = PreprocessByName("unit"),
                        .limit = 1000};
  const RetrainResult result = Retrain(options);
  EXPECT_GT(*result.retrained_top1, *result.calibrated_top1 + 0.02);
  const Graph retrained = LoadModel({.path = TestFolder() / "a_retrained.pb"});
  for (const Node* node : retrained.nodes()) {
    EXPECT_THAT(node->op(), testing::Not(HasSubstr("BatchNorm")));
  }
  const Graph simulated = LoadModel({.path = TestFolder() / "a_fake_quant.pb"});
  const auto data = OpenData(options.validation, ModelInputs(simulated, {}));
  EXPECT_NEAR(*Evaluate(simulated, *data, {}).top1, *result.retrained_top1, 0.002);
}

TEST_F(RetrainTest, ResumesToTheSameBitsAcrossTheFreezingOfBatchNorms) {
  RetrainOptions whole = Options("whole");
  whole.training.batch_norm_steps = 7;
  Retrain(whole);
  RetrainOptions part = Options("part");
  part.training.batch_norm_steps = 7;
  for (const int64_t stop : {5, 7, 9}) {
    part.progress = [stop](int64_t step, int64_t, double) {
      if (step == stop) RequestCancel();
    };
    EXPECT_THAT(RefusalOf(part), HasSubstr("stopped on request after step"));
    ClearCancel();
    part.training.resume = true;
  }
  part.progress = nullptr;
  Retrain(part);
  for (const char* suffix : {"_retrained.pb", "_record.txt", "_losses.csv"}) {
    EXPECT_EQ(ReadFile(TestFolder() / (std::string("whole") + suffix)),
              ReadFile(TestFolder() / (std::string("part") + suffix)))
        << suffix;
  }
}

// Learning only ever loses at such a rate: the start is what is kept.
TEST_F(RetrainTest, KeepsWhatDidBestOnSamplesHeldOut) {
  RetrainOptions options = Options("a");
  options.plan = {};
  options.train.labels.clear();
  options.training.learning_rate = 0.05;
  const RetrainResult wild = Retrain(options);
  EXPECT_EQ(*wild.held_out_best, *wild.held_out_first);
  EXPECT_GT(wild.last_loss, 2 * *wild.held_out_best);
  options.training.learning_rate = 0;
  options.plan = {.activation_bits = 4, .weight_bits = 4};
  options.training.steps = 60;
  const RetrainResult calm = Retrain(options);
  EXPECT_LT(*calm.held_out_best, *calm.held_out_first);
  options.training.hold_out = 0;
  EXPECT_FALSE(Retrain(options).held_out_best.has_value());
}

TEST_F(RetrainTest, FollowsAConfigOfRetraining) {
  RetrainOptions options = Options("a");
  options.plan = {.config = TestFolder() / "retrain.cfg"};
  std::ofstream(options.plan.config) << R"(
    batch_num: 2
    retrain_data_quant_config { ulq_quantize { dst_type: INT4 } }
    retrain_weight_quant_config { ulq_retrain { dst_type: INT4 } }
    quant_skip_types: "AvgPool")";
  Retrain(options);
  const std::string config = ReadFile(TestFolder() / "a_config.json");
  EXPECT_THAT(config, HasSubstr("\"algo\":\"ulq_retrain\""));
  EXPECT_THAT(config, HasSubstr("\"retrain_enable\":false"));
  // What it writes says the same.
  RetrainOptions again = Options("b");
  again.plan = {.config = TestFolder() / "a_config.json"};
  Retrain(again);
  EXPECT_EQ(ReadFile(TestFolder() / "a_record.txt"), ReadFile(TestFolder() / "b_record.txt"));
  const PlanOptions plan = {.config = TestFolder() / "retrain.cfg"};
  EXPECT_THAT(Refusal([&] { PreparedModel(options.model, plan); }),
              HasSubstr("this is a config of retraining"));
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
  options = Options("a");
  options.weight_method = "lsq_plus";
  EXPECT_THAT(RefusalOf(options), HasSubstr("no way 'lsq_plus' to retrain weights"));
}

}  // namespace
}  // namespace adze
