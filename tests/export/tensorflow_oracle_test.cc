// The exported fake-quant graph in the real TensorFlow 1.15 (tests/oracle).
#include <gtest/gtest.h>

#include <cstdlib>

#include "adze/dataset.h"
#include "adze/evaluate.h"
#include "adze/export.h"
#include "adze/file.h"
#include "adze/session.h"
#include "export/golden_record.h"

namespace adze {
namespace {

constexpr int kSkipped = 77;  // exit status of the script where there is no TensorFlow

struct LayerEnds {
  std::string layer;
  Value data, output;  // before the chain of fake quantization, behind the dequantization
};

std::vector<LayerEnds> EndsOf(const Graph& graph, const Record& record) {
  std::vector<LayerEnds> all;
  for (const LayerRecord& layer : record.layers) {
    Node& node = *graph.FindValue(layer.name).node;
    Value data = node.input(node.def()->quant->data_input);
    for (int step = 0; step < 6; ++step) data = data.node->input(0);
    // Through the bias to the dequantizing Mul.
    Value output = node.output();
    while (output.node->op() != "Mul") output = graph.Uses(output).at(0).user->output();
    all.push_back({layer.name, data, output});
  }
  return all;
}

// Writes each layer's ends as one run gives them.
class WriteEnds : public Probe {
 public:
  WriteEnds(std::vector<LayerEnds> ends, std::filesystem::path folder)
      : ends_(std::move(ends)), folder_(std::move(folder)) {}
  bool Wants(Value value) const override {
    for (const LayerEnds& ends : ends_) {
      if (ends.data == value || ends.output == value) return true;
    }
    return false;
  }
  void OnValue(Value value, const Tensor& tensor) override {
    for (size_t i = 0; i < ends_.size(); ++i) {
      const std::string end = std::to_string(i) + ".npy";
      if (ends_[i].data == value) WriteNpy(tensor, folder_ / ("data." + end));
      if (ends_[i].output == value) WriteNpy(tensor, folder_ / ("output." + end));
    }
  }

 private:
  std::vector<LayerEnds> ends_;
  std::filesystem::path folder_;
};

// "a:0", as TensorFlow's C library wants it.
std::string TensorName(Value value) {
  return value.node->name() + ":" + std::to_string(value.index);
}

class TensorFlowOracle : public ::testing::TestWithParam<GoldenModel> {};

TEST_P(TensorFlowOracle, LayersAgree) {
  ADZE_NEED_SHARED();
  const GoldenModel& model = GetParam();
  if (!std::filesystem::exists(ModelFile(model))) GTEST_SKIP() << "run tools/get-resnet50";
  const std::filesystem::path folder =
      std::filesystem::path(ADZE_BINARY_DIR) / "tensorflow_oracle" / model.name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);

  const Graph real = PreparedModel(model);
  const Record record = GoldenRecord(model, real);
  const Graph simulated = BuildFakeQuantGraph(real, record);
  WriteGraphDef(simulated, folder / "fake_quant.pb");

  const InputSpec input{model.input, DType::kFloat, Shape{1, 224, 224, 3}};
  const auto data = OpenArrays({.inputs = {{model.input, GoldenFolder() / "eval100_u8.npy"}},
                                .preprocess = PreprocessByName(model.preprocess)},
                               {input});
  const std::vector<LayerEnds> ends = EndsOf(simulated, record);
  WriteEnds write_ends(ends, folder);
  Session(simulated, {}, &write_ends).Run(data->Read(0, 1));

  const Value logits = FindLogits(simulated);
  Session session(simulated, {logits});
  std::vector<float> all;
  for (int64_t i = 0; i < data->size(); ++i) {
    const Tensor result = session.Run(data->Read(i, i + 1))[0];
    all.insert(all.end(), result.data<float>().begin(), result.data<float>().end());
  }
  const auto classes = static_cast<int64_t>(all.size()) / data->size();
  WriteNpy(Tensor::From(Shape{data->size(), classes}, all), folder / "logits.npy");
  WriteNpy(data->Read(0, data->size()).at(model.input), folder / "input.npy");

  nlohmann::json json{{"input", std::string(model.input) + ":0"}, {"logits", TensorName(logits)}};
  for (size_t i = 0; i < ends.size(); ++i) {
    json["layers"].push_back({{"layer", ends[i].layer},
                              {"data", TensorName(ends[i].data)},
                              {"output", TensorName(ends[i].output)},
                              {"index", i}});
  }
  WriteFileAtomically(folder / "case.json", json.dump(1));

  // The same class on 99 % of the images, and logits 40 dB apart.
  const std::string script = ADZE_SOURCE_DIR "/tests/oracle/fake_quant_in_tensorflow.py";
  const std::string command = "PYTHONPATH='" + (SharedFolder() / "tools").string() +
                              "' /usr/bin/python3 '" + script + "' '" + folder.string() +
                              "' 0.99 40";
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  std::filesystem::remove_all(folder);
  if (WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "no TensorFlow 1.15 (tools/get-tensorflow)";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

INSTANTIATE_TEST_SUITE_P(Slow, TensorFlowOracle, ::testing::ValuesIn(kGoldenModels),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace adze
