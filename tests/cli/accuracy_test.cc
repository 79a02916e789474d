// The float engine, the decoder and the resizer against TensorFlow's accuracies, through the
// program.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "shared_folder.h"

namespace adze {
namespace {

using nlohmann::json;

struct Classifier {
  std::string name, preprocess;
  // What quantization with default settings reaches at least; two images are noise.
  int agreement;   // of 500
  double sqnr_db;  // of the logits
};

std::filesystem::path ModelFile(const std::string& name) {
  const std::filesystem::path file = SharedFolder() / "models" / name / "model.pb";
  if (std::filesystem::exists(file) || name != "resnet50_v1") return file;
  const char* cache = std::getenv("ADZE_CACHE");
  const char* home = std::getenv("HOME");
  return cache ? std::filesystem::path(cache) / "resnet50_v1.pb"
               : std::filesystem::path(home ? home : ".") / ".cache/adze/resnet50_v1.pb";
}

json ReadJson(const std::filesystem::path& path) { return json::parse(ReadFile(path)); }

class SlowAccuracy : public testing::TestWithParam<Classifier> {
 protected:
  json Evaluate(const std::string& data) { return EvaluateFile(ModelFile(GetParam().name), data); }
  json EvaluateFile(const std::filesystem::path& file, const std::string& data) {
    const auto& [name, preprocess, agreement, sqnr] = GetParam();
    const json model = ReadJson(SharedFolder() / "models/models.json")[name];
    const ProgramResult result = RunAdze(
        "evaluate '" + file.string() + "' " + data + " --preprocess " + preprocess +
            " --label-offset " + std::to_string(model["label_offset"].get<int>()) + " --json",
        TestFolder());
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }
};

TEST_P(SlowAccuracy, EqualsTensorFlowOnPhotographs) {
  ADZE_NEED_SHARED();
  if (!std::filesystem::exists(ModelFile(GetParam().name))) GTEST_SKIP() << "the model is absent";
  const std::string images = (SharedFolder() / "images/eval").string();
  const json result = Evaluate("--images '" + images + "' --labels '" + images + "/labels.txt'");
  const json model = ReadJson(SharedFolder() / "models/models.json")[GetParam().name];
  EXPECT_EQ(result["images"], 500);
  EXPECT_NEAR(result["top1"].get<double>(), model["tf115_top1"].get<double>(), 3 / 500.0 + 1e-9);
  EXPECT_NEAR(result["top5"].get<double>(), model["tf115_top5"].get<double>(), 3 / 500.0 + 1e-9);
}

TEST_P(SlowAccuracy, EqualsTensorFlowOnStoredArrays) {
  ADZE_NEED_SHARED();
  if (!std::filesystem::exists(ModelFile(GetParam().name))) GTEST_SKIP() << "the model is absent";
  const std::filesystem::path golden = SharedFolder() / "reference/golden";
  const json accuracy = ReadJson(golden / "accuracy.json");
  if (!accuracy.contains(GetParam().name)) GTEST_SKIP() << "no stored accuracy of this model";
  const json result = Evaluate("--data '" + (golden / "eval100_u8.npy").string() + "' --labels '" +
                               (golden / "eval100_labels.txt").string() + "'");
  const json expected = accuracy[GetParam().name]["fp32"]["eval100"];
  EXPECT_EQ(result["images"], 100);
  EXPECT_NEAR(result["top1"].get<double>(), expected["top1"].get<int>() / 100.0, 1e-9);
  EXPECT_NEAR(result["top5"].get<double>(), expected["top5"].get<int>() / 100.0, 1e-9);
}

TEST_P(SlowAccuracy, SurvivesQuantizationWithDefaultSettings) {
  ADZE_NEED_SHARED();
  const std::filesystem::path model = ModelFile(GetParam().name);
  if (!std::filesystem::exists(model)) GTEST_SKIP() << "the model is absent";
  const std::filesystem::path images = SharedFolder() / "images", folder = TestFolder();
  const ProgramResult quantized =
      RunAdze("quantize '" + model.string() + "' --images '" + (images / "calibration").string() +
                  "' --preprocess " + GetParam().preprocess + " --batch-size 8 --output m --json",
              folder);
  ASSERT_EQ(quantized.exit_code, 0) << quantized.err;
  const json printed = json::parse(quantized.out);
  for (const json& layer : printed.at("layers")) {
    EXPECT_TRUE(layer["quantized"].get<bool>()) << layer;
  }
  const json result = EvaluateFile(folder / "m_fake_quant.pb",
                                   "--images '" + (images / "eval").string() + "' --labels '" +
                                       (images / "eval/labels.txt").string() + "' --reference '" +
                                       model.string() + "' --batch-size 8");
  EXPECT_GE(std::lround(result["agreement"].get<double>() * 500), GetParam().agreement);
  EXPECT_GE(result["sqnr_db"].get<double>(), GetParam().sqnr_db);
}

INSTANTIATE_TEST_SUITE_P(Classifiers, SlowAccuracy,
                         testing::Values(Classifier{"mobilenet_v1_0.25_224", "tf", 445, 19},
                                         Classifier{"mobilenet_v1_1.0_224", "tf", 479, 23},
                                         Classifier{"mobilenet_v2_1.0_224", "tf", 486, 23},
                                         Classifier{"resnet50_v1", "caffe", 494, 25}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace adze
