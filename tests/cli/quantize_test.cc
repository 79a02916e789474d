// The main job from end to end, through the program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "adze/dataset.h"
#include "cli/program.h"
#include "shared_folder.h"

namespace adze {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kFashionData = "/usr/share/datasets/fashion-mnist/";

class Quantize : public testing::Test {
 protected:
  Quantize() : folder_(TestFolder()) { WriteTinyModel(folder_, 6); }
  std::string Run(const std::string& arguments) {
    const ProgramResult result = RunAdze(arguments, folder_);
    EXPECT_EQ(result.exit_code, 0) << arguments << "\n" << result.err;
    return result.out;
  }
  std::filesystem::path folder_;
};

TEST_F(Quantize, WritesFiveFilesThatWork) {
  const json summary = json::parse(Run("quantize model.pbtxt --data x.npy --output out --json"));
  EXPECT_EQ(summary["samples"], 6);
  ASSERT_EQ(summary["layers"].size(), 3u);
  for (const json& layer : summary["layers"]) {
    EXPECT_TRUE(layer["quantized"]) << layer;
    EXPECT_GT(layer["cosine"], 0.99) << layer;
    EXPECT_EQ(layer["offset_uint8"].get<int>(), -layer["offset"].get<int>() - 128);
  }
  for (const char* graph : {"model.pbtxt", "out_fake_quant.pb", "out_quantized.pb"}) {
    Run(std::string("run ") + graph + " --input x.npy --output prob=" + graph + ".npy");
  }
  const std::vector<float> real = ToFloats(ReadNpy(folder_ / "model.pbtxt.npy"));
  const std::vector<float> simulated = ToFloats(ReadNpy(folder_ / "out_fake_quant.pb.npy"));
  const std::vector<float> deployed = ToFloats(ReadNpy(folder_ / "out_quantized.pb.npy"));
  ASSERT_EQ(real.size(), 18u);
  for (size_t i = 0; i < real.size(); ++i) {
    EXPECT_NEAR(simulated[i], real[i], 0.02);
    EXPECT_NEAR(simulated[i], deployed[i], 1e-5);
  }
}

// The tiny model with a second layer and a skip path over it.
std::string ModelWithSkipPath() {
  std::string text = kTinyModel;
  const std::string pooled = "op: \"AvgPool\" input: \"conv/Relu\"";
  text.replace(text.find(pooled), pooled.size(), "op: \"AvgPool\" input: \"sum\"");
  return text + R"(
node { name: "c2/w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "value" value { tensor { dtype: DT_FLOAT
    tensor_shape { dim { size: 1 } dim { size: 1 } dim { size: 2 } dim { size: 2 } }
    float_val: 0.5 float_val: -0.25 float_val: 0.125 float_val: 1 } } } }
node { name: "c2/Conv2D" op: "Conv2D" input: "conv/Relu" input: "c2/w"
  attr { key: "T" value { type: DT_FLOAT } } attr { key: "padding" value { s: "SAME" } }
  attr { key: "strides" value { list { i: 1 i: 1 i: 1 i: 1 } } } }
node { name: "sum" op: "AddV2" input: "c2/Conv2D" input: "conv/Relu"
  attr { key: "T" value { type: DT_FLOAT } } }
)";
}

TEST_F(Quantize, AddendsOfSkipPathsOnRequest) {
  WriteFileAtomically(folder_ / "skip.pbtxt", ModelWithSkipPath());
  const std::string text = Run("quantize skip.pbtxt --data x.npy --joint --output joint");
  EXPECT_THAT(text, HasSubstr("\nagainst the float model on 6 samples: joint SQNR "));
  EXPECT_THAT(text, HasSubstr("sum:1"));
  const std::string record = ReadFile(folder_ / "joint_record.txt");
  for (const char* key : {"\"sum:0\"", "\"sum:1\""}) EXPECT_THAT(record, HasSubstr(key));
  EXPECT_THAT(ReadFile(folder_ / "joint_config.json"), HasSubstr("\"joint_quant\":true"));

  // The config that was written says it all.
  const json again = json::parse(
      Run("quantize skip.pbtxt --data x.npy --config joint_config.json --output again --json"));
  EXPECT_EQ(again["joint"]["samples"], 6);
  EXPECT_GT(again["joint"]["sqnr_db"], 20);
  EXPECT_GE(again["strict"]["agreement"], 0.8);
  EXPECT_EQ(ReadFile(folder_ / "again_record.txt"), record);
  EXPECT_EQ(ReadFile(folder_ / "again_config.json"), ReadFile(folder_ / "joint_config.json"));
  EXPECT_EQ(ReadFile(folder_ / "again_quantized.pb"), ReadFile(folder_ / "joint_quantized.pb"));

  const json verified = json::parse(Run("verify joint_quantized.pb --data x.npy --json"));
  EXPECT_EQ(verified["differing"], 0);
  // x, the data of c2 and of the pool and of the MatMul.
  EXPECT_EQ(verified["values"], 6 * (8 * 8 * (3 + 2 + 2) + 2));

  const json strict = json::parse(Run(
      "quantize skip.pbtxt --data x.npy --config joint_config.json --strict --output s --json"));
  EXPECT_FALSE(strict.contains("joint"));
  EXPECT_THAT(ReadFile(folder_ / "s_record.txt"), Not(HasSubstr("sum:")));
  Run("quantize skip.pbtxt --data x.npy --joint --skip-layer sum --output skipped");
  EXPECT_EQ(ReadFile(folder_ / "skipped_record.txt"), ReadFile(folder_ / "s_record.txt"));
}

TEST_F(Quantize, WrittenConfigGivesTheSameRecord) {
  Run("quantize model.pbtxt --data x.npy --output a --skip-layer fc/MatMul --symmetric");
  Run("quantize model.pbtxt --data x.npy --output b --config a_config.json");
  EXPECT_EQ(ReadFile(folder_ / "a_record.txt"), ReadFile(folder_ / "b_record.txt"));
  EXPECT_EQ(ReadFile(folder_ / "a_config.json"), ReadFile(folder_ / "b_config.json"));
  EXPECT_THAT(ReadFile(folder_ / "a_record.txt"), Not(HasSubstr("fc/MatMul")));
}

TEST_F(Quantize, EveryWeightQuantizerIsAFlagAndGoesIntoTheConfig) {
  for (const char* flags :
       {"--weights arq --weight-bits 4", "--weights mse --weight-bits 6", "--weights nuq"}) {
    SCOPED_TRACE(flags);
    Run(std::string("quantize model.pbtxt --data x.npy --output a ") + flags);
    Run("quantize model.pbtxt --data x.npy --output b --config a_config.json");
    EXPECT_EQ(ReadFile(folder_ / "a_record.txt"), ReadFile(folder_ / "b_record.txt"));
    EXPECT_EQ(ReadFile(folder_ / "a_quantized.pb"), ReadFile(folder_ / "b_quantized.pb"));
    for (const char* graph : {"a_fake_quant.pb", "a_quantized.pb"}) {
      Run(std::string("run ") + graph + " --input x.npy --output prob=" + graph + ".npy");
    }
    const std::vector<float> simulated = ToFloats(ReadNpy(folder_ / "a_fake_quant.pb.npy"));
    const std::vector<float> deployed = ToFloats(ReadNpy(folder_ / "a_quantized.pb.npy"));
    for (size_t i = 0; i < simulated.size(); ++i) EXPECT_NEAR(simulated[i], deployed[i], 1e-5);
  }
  const std::string record = ReadFile(folder_ / "a_record.txt");
  EXPECT_THAT(record, HasSubstr("cluster: "));
  Run("quantize model.pbtxt --data x.npy --output c --weight-bits 4");
  EXPECT_THAT(ReadFile(folder_ / "c_record.txt"), HasSubstr("wts_type: \"INT4\""));
  // A MatMul cannot have 7 bits.
  Run("quantize model.pbtxt --data x.npy --output d --weight-bits 7");
  EXPECT_THAT(ReadFile(folder_ / "d_config.json"),
              AllOf(HasSubstr("\"num_bits\":7"), HasSubstr("\"num_bits\":8")));
}

TEST_F(Quantize, BalancesAndEqualizes) {
  for (const char* flags :
       {"--balance 0.5", "--equalize", "--equalize --balance 0.3 --weights mse"}) {
    SCOPED_TRACE(flags);
    Run(std::string("quantize model.pbtxt --data x.npy --output a ") + flags);
    Run("quantize model.pbtxt --data x.npy --output b --config a_config.json");
    EXPECT_EQ(ReadFile(folder_ / "a_record.txt"), ReadFile(folder_ / "b_record.txt"));
    EXPECT_EQ(ReadFile(folder_ / "a_quantized.pb"), ReadFile(folder_ / "b_quantized.pb"));
    for (const char* graph : {"model.pbtxt", "a_fake_quant.pb", "a_quantized.pb"}) {
      Run(std::string("run ") + graph + " --input x.npy --output prob=" + graph + ".npy");
    }
    const std::vector<float> real = ToFloats(ReadNpy(folder_ / "model.pbtxt.npy"));
    const std::vector<float> simulated = ToFloats(ReadNpy(folder_ / "a_fake_quant.pb.npy"));
    const std::vector<float> deployed = ToFloats(ReadNpy(folder_ / "a_quantized.pb.npy"));
    for (size_t i = 0; i < real.size(); ++i) {
      EXPECT_NEAR(simulated[i], real[i], 0.02);
      EXPECT_NEAR(simulated[i], deployed[i], 1e-5);
    }
  }
  EXPECT_THAT(ReadFile(folder_ / "a_record.txt"), HasSubstr("tensor_balance_factor: "));
  const ProgramResult result =
      RunAdze("calibrate model.pbtxt --data x.npy --statistics s.bin --balance 0.5", folder_);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("takes two runs over the data"));
}

TEST_F(Quantize, RefusesWeightQuantizersThatThereAreNot) {
  const auto refusal = [&](const std::string& flags) {
    const std::string command = "quantize model.pbtxt --data x.npy --output out " + flags;
    const ProgramResult result = RunAdze(command, folder_);
    EXPECT_EQ(result.exit_code, 1);
    return result.err;
  };
  EXPECT_THAT(refusal("--weights oracle"), HasSubstr("'oracle', but arq, mse, nuq"));
  EXPECT_THAT(refusal("--weights nuq --weight-bits 4"), HasSubstr("must be one of 8"));
}

TEST_F(Quantize, SameBytesForAnyBatchSizeAndThreads) {
  Run("quantize model.pbtxt --data x.npy --output a --batch-size 1 --threads 1");
  Run("quantize model.pbtxt --data x.npy --output b --batch-size 3 --threads 2");
  Run("quantize model.pbtxt --data x.npy --output c --batch-size 6 --threads 1");
  EXPECT_EQ(ReadFile(folder_ / "a_record.txt"), ReadFile(folder_ / "b_record.txt"));
  EXPECT_EQ(ReadFile(folder_ / "a_record.txt"), ReadFile(folder_ / "c_record.txt"));
  EXPECT_EQ(ReadFile(folder_ / "a_quantized.pb"), ReadFile(folder_ / "b_quantized.pb"));
}

TEST_F(Quantize, PlanAndInfoNameTheReason) {
  const std::string plan = Run("plan model.pbtxt --skip-layer conv/Conv2D");
  EXPECT_THAT(plan, HasSubstr("conv/Conv2D"));
  EXPECT_THAT(plan, HasSubstr("float: "));
  const json info = json::parse(Run("info model.pbtxt --json"));
  EXPECT_EQ(info["inputs"][0]["name"], "x");
  EXPECT_EQ(info["outputs"][0]["name"], "prob");
  EXPECT_EQ(info["layers"].size(), 3u);
}

TEST_F(Quantize, ConvertLosesNothing) {
  Run("convert model.pbtxt a.pb");
  Run("convert a.pb b.pbtxt");
  Run("convert b.pbtxt c.pb");
  EXPECT_EQ(ReadFile(folder_ / "a.pb"), ReadFile(folder_ / "c.pb"));
}

TEST_F(Quantize, ChannelOfTinyWeightsKeepsItsBias) {
  std::string model = kTinyModel;
  for (const char* weight : {"float_val: -0.25", "float_val: 1 ", "float_val: 0.75"}) {
    const size_t at = model.find(weight);
    ASSERT_NE(at, std::string::npos);
    model.replace(at, std::string(weight).size(), "float_val: 1e-4 ");
  }
  const size_t bias = model.find("float_val: -0.2");
  model.replace(bias, std::string("float_val: -0.2").size(), "float_val: 0.7");
  WriteFileAtomically(folder_ / "tiny.pbtxt", model);
  for (const std::string bits : {"8", "16"}) {
    Run("quantize tiny.pbtxt --data x.npy --activation-bits " + bits + " --output out");
    Run("run tiny.pbtxt --input x.npy --output conv/Relu=float.npy");
    Run("run out_fake_quant.pb --input x.npy --output conv/Relu=quantized.npy");
    const Tensor want = ReadNpy(folder_ / "float.npy"), got = ReadNpy(folder_ / "quantized.npy");
    for (int64_t i = 1; i < want.num_elements(); i += 2) {
      ASSERT_NEAR(got.data<float>()[i], want.data<float>()[i], 1e-5);
    }
  }
}

TEST_F(Quantize, CtrlCStopsAndLeavesEarlierFiles) {
  const std::string data = std::string(kFashionData) + "train-images-idx3-ubyte.gz";
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "package dataset-fashion-mnist is absent";
  WriteFileAtomically(folder_ / "out_record.txt", "earlier");
  // 60,000 samples one by one take far longer than the two seconds after which it is interrupted.
  const std::string command =
      "cd '" + folder_.string() +
      "' && timeout --foreground --preserve-status -s INT 2 '" ADZE_BINARY_DIR
      "/adze' -q quantize '" ADZE_SOURCE_DIR "/examples/fashion_mnist/fashion_mnist.pb' --data " +
      data + " --batch-num 60000 --output out 2>err";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_EQ(ReadFile(folder_ / "err"), "adze: stopped on request; nothing was written\n");
  EXPECT_EQ(ReadFile(folder_ / "out_record.txt"), "earlier");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out_quantized.pb"));
}

TEST_F(Quantize, FashionExampleKeepsItsAccuracy) {
  const std::string data(kFashionData);
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "package dataset-fashion-mnist is absent";
  const std::string model = ADZE_SOURCE_DIR "/examples/fashion_mnist/fashion_mnist.pb";
  Run("quantize " + model + " --data " + data + "train-images-idx3-ubyte.gz --limit 256" +
      " --preprocess unit --batch-size 8 --output out");
  auto evaluate = [&](const std::string& graph) {
    return json::parse(Run("evaluate " + graph + " --data " + data +
                           "t10k-images-idx3-ubyte.gz --labels " + data +
                           "t10k-labels-idx1-ubyte.gz --preprocess unit --limit 2000 --json" +
                           " --batch-size 50 --reference " + model));
  };
  const json real = evaluate(model), simulated = evaluate("out_fake_quant.pb"),
             deployed = evaluate("out_quantized.pb");
  EXPECT_EQ(real["agreement"], 1.0);
  EXPECT_EQ(real["images"], 2000);
  EXPECT_GT(real["top1"], 0.89);
  EXPECT_NEAR(simulated["top1"], real["top1"].get<double>(), 0.01);
  EXPECT_GT(simulated["agreement"], 0.97);
  EXPECT_GT(simulated["sqnr_db"], 20);
  EXPECT_NEAR(deployed["top1"], simulated["top1"].get<double>(), 0.001);
}

}  // namespace
}  // namespace adze
