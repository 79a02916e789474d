// Calibration whose forward passes LibTorch runs. What is true on "cpu:0" is on a GPU, but for the
// arithmetic there.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "adze/cancel.h"
#include "adze/graph_runner.h"
#include "adze/record.h"
#include "api/prepared_model.h"
#include "cli/program.h"
#include "io/refusal.h"
#include "shared_folder.h"

namespace adze {
namespace {

using testing::HasSubstr;

// Pictures of waves; one of them may hold a NaN.
class Waves : public Dataset {
 public:
  explicit Waves(int64_t count, std::optional<int64_t> bad = {}) : count_(count), bad_(bad) {}
  int64_t size() const override { return count_; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    constexpr int64_t kSize = 28 * 28;
    Tensor images(DType::kFloat, {end - begin, 28, 28, 1});
    for (int64_t i = 0; i < images.num_elements(); ++i) {
      const int64_t sample = begin + i / kSize, pixel = i % kSize;
      images.mutable_data<float>()[i] =
          bad_ == sample && pixel == 9
              ? std::nanf("")
              : 0.5f + 0.5f * std::sin(0.01f * static_cast<float>((sample + 3) * pixel));
    }
    return {{"image", images}};
  }

 private:
  int64_t count_;
  std::optional<int64_t> bad_;
};

class CalibrateOnDevice : public testing::Test {
 protected:
  explicit CalibrateOnDevice(const PlanOptions& plan = {})
      : model_({.path = ADZE_SOURCE_DIR "/examples/fashion_mnist/fashion_mnist.pb"}, plan) {}
  void TearDown() override { ClearCancel(); }

  static CalibrateOptions Options() {
    return {.batch_size = 8, .num_threads = 2, .runner = RunOnDevice("cpu:0")};
  }
  Statistics Collect(const Dataset& data, const CalibrateOptions& options) const {
    return CollectStatistics(model_.graph, model_.plan.layers, data, options);
  }

  PreparedModel model_;
};

void ExpectNear(const Record& found, const Record& wanted) {
  ASSERT_EQ(found.layers.size(), wanted.layers.size());
  int64_t quantized = 0;
  for (size_t i = 0; i < wanted.layers.size(); ++i) {
    const auto &a = found.layers[i].activation, &b = wanted.layers[i].activation;
    ASSERT_EQ(a.has_value(), b.has_value()) << wanted.layers[i].name;
    if (!b) continue;
    ++quantized;
    EXPECT_NEAR(a->scale[0] / b->scale[0], 1, 1e-5) << wanted.layers[i].name;
    EXPECT_EQ(a->zero_point, b->zero_point) << wanted.layers[i].name;
  }
  EXPECT_GT(quantized, 0);
}

// 20 samples in batches of 8, so that the last one is smaller.
TEST_F(CalibrateOnDevice, FindsTheFactorsOfTheEngine) {
  for (const char* algorithm : {"ifmr", "min_max", "percentile"}) {
    std::vector<PlannedLayer> plan = model_.plan.layers;
    for (PlannedLayer& layer : plan) layer.config.activation.algorithm = algorithm;
    SCOPED_TRACE(algorithm);
    ExpectNear(Calibrate(model_.graph, plan, Waves(20), Options()),
               Calibrate(model_.graph, plan, Waves(20), {.batch_size = 8}));
  }
}

TEST_F(CalibrateOnDevice, NamesLayerAndSampleOfANan) {
  const std::string refusal = Refusal([&] { Collect(Waves(20, 13), Options()); });
  EXPECT_THAT(refusal, testing::ContainsRegex("^layer '.+': its input holds NaN for sample 13; "));
  CalibrateOptions shard = Options();
  shard.shard = {1, 2};
  EXPECT_EQ(Refusal([&] { Collect(Waves(20, 13), shard); }), refusal);
  shard.shard = {0, 2};
  EXPECT_EQ(Collect(Waves(20, 13), shard).num_samples(), 10);
}

TEST_F(CalibrateOnDevice, TellsOfItsProgressAndStops) {
  CalibrateOptions options = Options();
  std::vector<int64_t> told;
  options.progress = [&](int64_t done, int64_t all) {
    told.push_back(done);
    EXPECT_EQ(all, 3);
  };
  Collect(Waves(20), options);
  EXPECT_EQ(told, (std::vector<int64_t>{1, 2, 3}));
  told.clear();
  options.progress = [&](int64_t done, int64_t) {
    told.push_back(done);
    RequestCancel();
  };
  EXPECT_THAT(Refusal([&] { Collect(Waves(20), options); }), HasSubstr("stopped on request"));
  EXPECT_EQ(told, std::vector<int64_t>{1});
}

// A checkpoint comes at the end of a batch, so that the rest has the batches that it would have
// had.
TEST_F(CalibrateOnDevice, GoesOnFromACheckpoint) {
  const Statistics whole = Collect(Waves(20), Options());
  CalibrateOptions options = Options();
  std::vector<Statistics> checkpoints;
  options.checkpoint_every = 7;
  options.checkpoint = [&](const Statistics& seen) {
    checkpoints.push_back(ParseStatistics(SerializeStatistics(seen)));
  };
  EXPECT_EQ(SerializeStatistics(Collect(Waves(20), options)), SerializeStatistics(whole));
  ASSERT_EQ(checkpoints.size(), 2);
  EXPECT_EQ(checkpoints[0].num_samples(), 8);
  EXPECT_EQ(checkpoints[1].num_samples(), 16);
  for (const Statistics& seen : checkpoints) {
    options = Options();
    options.resume = &seen;
    EXPECT_EQ(SerializeStatistics(Collect(Waves(20), options)), SerializeStatistics(whole));
  }
}

TEST(Devices, AreNamed) {
  EXPECT_THAT(Refusal([] { RunOnDevice("gpu"); }),
              HasSubstr("there is no device 'gpu'; there are cpu, cuda and cuda:N"));
  if (at::hasCUDA()) GTEST_SKIP() << "there is a GPU";
  EXPECT_THAT(Refusal([] { RunOnDevice("cuda:1"); }),
              HasSubstr("--device cuda:1 needs a GPU and a LibTorch with CUDA"));
}

// The program, which becomes adze-retrain.
class DeviceFlag : public testing::Test {
 protected:
  DeviceFlag() : folder_(TestFolder()) { WriteTinyModel(folder_, 7); }
  void MustRun(const std::string& arguments, const std::string& before = "") {
    const ProgramResult result = RunAdze("-q " + arguments, folder_, before);
    ASSERT_EQ(result.exit_code, 0) << arguments << "\n" << result.err;
  }
  void ExpectError(const std::string& arguments, const std::string& message) {
    const ProgramResult result = RunAdze("-q " + arguments, folder_);
    EXPECT_EQ(result.exit_code, 1) << arguments;
    EXPECT_EQ(result.err, "adze: " + message + "\n");
  }
  Record Read(const std::string& prefix) { return ReadRecord(folder_ / (prefix + "_record.txt")); }

  std::filesystem::path folder_;
};

TEST_F(DeviceFlag, QuantizesAndCalibrates) {
  const std::string data = " model.pbtxt --data x.npy --batch-size 3 ";
  MustRun("quantize" + data + "--output engine");
  MustRun("quantize" + data + "--device cpu:0 --output torch");
  ExpectNear(Read("torch"), Read("engine"));
  MustRun("calibrate" + data + "--device cpu:0 --statistics s.bin");
  MustRun("quantize model.pbtxt --statistics s.bin --output parts");
  ExpectNear(Read("parts"), Read("engine"));
  // What has to be the same in each process is done without the device.
  MustRun("quantize" + data + "--balance 0.5 --output balanced");
  MustRun("quantize" + data + "--balance 0.5 --device cpu:0 --output balanced_torch");
  ExpectNear(Read("balanced_torch"), Read("balanced"));
}

TEST_F(DeviceFlag, IsTakenByEachProcess) {
  if (std::system("mpirun --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "mpirun is absent; packages libopenmpi-dev and openmpi-bin";
  }
  MustRun("quantize model.pbtxt --data x.npy --output engine");
  MustRun("quantize model.pbtxt --data x.npy --threads 1 --device cpu:0 --output torch",
          "env ASAN_OPTIONS=detect_leaks=0 mpirun --allow-run-as-root --oversubscribe -n 2");
  ExpectNear(Read("torch"), Read("engine"));
}

TEST_F(DeviceFlag, SaysWhatIsMissing) {
  ExpectError("quantize model.pbtxt --data x.npy --device gpu --output a",
              "there is no device 'gpu'; there are cpu, cuda and cuda:N");
  ExpectError("quantize model.pbtxt --statistics s.bin --device cpu:0 --output a",
              "--device cpu:0 is where calibration runs, which --statistics stands for; leave one "
              "of them out");
  if (at::hasCUDA()) GTEST_SKIP() << "there is a GPU";
  const std::string message =
      "--device cuda needs a GPU and a LibTorch with CUDA; here there is none of them";
  ExpectError("quantize model.pbtxt --data x.npy --device cuda --output a", message);
  ExpectError("calibrate model.pbtxt --data x.npy --device cuda --statistics a", message);
}

// Beside it there is no adze-retrain.
TEST_F(DeviceFlag, NeedsLibTorch) {
  std::filesystem::copy_file(ADZE_BINARY_DIR "/adze", folder_ / "adze");
  const std::string command = "cd '" + folder_.string() +
                              "' && ./adze calibrate model.pbtxt --data x.npy --device cuda "
                              "--statistics s.bin 2>errors";
  EXPECT_NE(std::system(command.c_str()), 0);
  EXPECT_EQ(ReadFile(folder_ / "errors"),
            "adze: --device cuda needs LibTorch, which this adze was built without; install "
            "libtorch-dev, then configure and build anew\n");
}

}  // namespace
}  // namespace adze
