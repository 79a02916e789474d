// Calibrators on the statistics of real layers against their definitions on the same raw values.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "adze/calibrate.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "quant/calibrators/support/equal_bins.h"
#include "quant/calibrators/support/hfmg_search.h"
#include "quant/hfmg_literal.h"
#include "quant/raw_values.h"
#include "shared_folder.h"

namespace adze {
namespace {

// Keeps what the layers of a plan read.
class RawProbe : public Probe {
 public:
  explicit RawProbe(const std::vector<PlannedLayer>& plan) {
    for (const PlannedLayer& layer : plan) {
      const Value value = layer.node->input(layer.node->def()->quant->data_input);
      values_[{value.node, value.index}];
    }
  }
  bool Wants(Value value) const override { return values_.contains({value.node, value.index}); }
  void OnValue(Value value, const Tensor& tensor) override {
    const auto data = tensor.data<float>();
    values_.at({value.node, value.index}).assign(data.begin(), data.end());
  }
  const auto& values() const { return values_; }

 private:
  std::map<std::pair<const Node*, int>, std::vector<float>> values_;
};

// Reference section 5 on the values themselves: the least error of its candidates.
double LeastIfmrError(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  const size_t k = std::max<size_t>(1, n - static_cast<size_t>(0.999999 * static_cast<double>(n)));
  const float max = std::max(0.0f, values[n - k]), min = std::min(0.0f, values[k - 1]);
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 60; ++i) {
    const float high = max * static_cast<float>(0.7 + i * 0.01);
    const float scale = (high - min) / 255;
    least = std::min(
        least, RawError(values, scale, std::nearbyint(min / scale), std::nearbyint(high / scale)));
  }
  return least;
}

class SlowCalibratorsOnModels : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ADZE_NEED_SHARED();
    const auto file = SharedModelFile(GetParam());
    if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is absent";
    graph_ = std::make_unique<Graph>(ReadGraphDef(file, Builtin<OpRegistry>()));
    graph_->SetOutputs(std::vector<std::string>());
    RunPasses(*graph_, PreparePipeline());
    const auto plan = PlanLayers(*graph_, DefaultConfig(QuantizableLayers(*graph_)));
    const std::string input = graph_->Placeholders().at(0)->name();
    const auto data = OpenArrays(
        {.inputs = {{input, SharedFolder() / "reference/golden/calibration_u8.npy"}},
         .preprocess = PreprocessByName(GetParam().starts_with("resnet") ? "caffe" : "tf")},
        {{.name = input, .shape = {1, 224, 224, 3}}});
    probe_ = std::make_unique<RawProbe>(plan);
    Session session(*graph_, {}, probe_.get());
    session.Run(data->Read(0, 2));
  }

  std::unique_ptr<Graph> graph_;
  std::unique_ptr<RawProbe> probe_;
};

TEST_P(SlowCalibratorsOnModels, IfmrIsAsGoodAsOnRawValuesAndTwoSidedNoWorse) {
  double worst = 0, worst_two = 0, gain = 1;
  for (const auto& [value, values] : probe_->values()) {
    SCOPED_TRACE(value.first->name());
    const double least = LeastIfmrError(values);
    const double one = RawError(values, Calibrated("ifmr", values));
    const double two = RawError(values, Calibrated("ifmr_two_sided", values));
    EXPECT_LE(one, least * 1.001);
    EXPECT_LE(two, one);
    worst = std::max(worst, one / least);
    worst_two = std::max(worst_two, two / one);
    gain = std::min(gain, two / one);
  }
  RecordProperty("ifmr_over_raw", std::to_string(worst));
  RecordProperty("two_sided_over_ifmr_at_most", std::to_string(worst_two));
  RecordProperty("two_sided_over_ifmr_at_least", std::to_string(gain));
}

// Candidates that are as good as each other may lie far apart; the one found must be as good as the
// best, by the description's own loss on the raw values' bins.
TEST_P(SlowCalibratorsOnModels, HfmgChoosesWhatTheDescriptionDoesOnRawValues) {
  double worst = 0;
  int same = 0;
  for (const auto& [value, values] : probe_->values()) {
    SCOPED_TRACE(value.first->name());
    const HfmgLiteral literal = HfmgLiteralOf(values, 1024, 8);
    const BinRange found = LeastHfmgLoss(
        EqualBins(Distribution(HistogramOf(values)), literal.min, literal.max, 1024), 256);
    const BinRange best = literal.Best();
    const double loss = literal.Loss(found) / literal.Loss(best);
    EXPECT_LE(loss, 1.002) << found.first << ".." << found.second << " for " << best.first << ".."
                           << best.second;
    worst = std::max(worst, loss);
    same += std::abs(found.first - best.first) <= 4 && std::abs(found.second - best.second) <= 4;
  }
  EXPECT_GE(same, static_cast<int>(probe_->values().size() * 9 / 10));
  RecordProperty("loss", std::to_string(worst));
  RecordProperty("same", same);
  RecordProperty("layers", static_cast<int>(probe_->values().size()));
}

INSTANTIATE_TEST_SUITE_P(Models, SlowCalibratorsOnModels,
                         testing::Values("mobilenet_v1_0.25_224", "mobilenet_v1_1.0_224",
                                         "mobilenet_v2_1.0_224", "resnet50_v1"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace adze
