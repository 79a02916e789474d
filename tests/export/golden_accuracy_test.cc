// Float and simulated accuracy of three classifiers with factors found by others.
#include <gtest/gtest.h>

#include "adze/dataset.h"
#include "adze/evaluate.h"
#include "adze/export.h"
#include "adze/report.h"
#include "export/golden_record.h"

namespace adze {
namespace {

class GoldenAccuracy : public ::testing::TestWithParam<GoldenModel> {
 protected:
  void SetUp() override {
    ADZE_NEED_SHARED();
    if (!std::filesystem::exists(ModelFile(GetParam()))) GTEST_SKIP() << "run tools/get-resnet50";
  }

  InputSpec Input() const { return {GetParam().input, DType::kFloat, Shape{1, 224, 224, 3}}; }

  std::unique_ptr<Dataset> StoredImages(int64_t limit = 0) const {
    return OpenArrays({.inputs = {{GetParam().input, GoldenFolder() / "eval100_u8.npy"}},
                       .labels = GoldenFolder() / "eval100_labels.txt",
                       .preprocess = PreprocessByName(GetParam().preprocess),
                       .limit = limit},
                      {Input()});
  }
};

TEST_P(GoldenAccuracy, IsThatOfTheReference) {
  const GoldenModel& model = GetParam();
  const Graph real = PreparedModel(model);
  const Record record = GoldenRecord(model, real);
  const Graph simulated = BuildFakeQuantGraph(real, record);
  const auto golden = ReadJson(GoldenFolder() / "accuracy.json")[model.name];

  const auto stored = StoredImages();
  const EvaluateOptions options{.batch_size = 4, .label_offset = model.label_offset};
  const Evaluation accuracy = Evaluate(simulated, *stored, options);
  EXPECT_EQ(accuracy.images, 100);
  EXPECT_NEAR(100 * accuracy.top1.value(), golden["ifmr"]["eval100"]["top1"].get<int>(), 3);

  const std::filesystem::path images = SharedFolder() / "images/eval";
  const auto first50 = OpenImageFolder({.folder = images,
                                        .labels = images / "labels.txt",
                                        .preprocess = PreprocessByName(model.preprocess),
                                        .limit = 50},
                                       Input());
  const Evaluation against_float = Evaluate(simulated, *first50, options, &real);
  EXPECT_EQ(against_float.images, 50);
  EXPECT_GE(against_float.sqnr_db.value(), model.least_sqnr_db);
  std::cout << model.name << ": top-1 " << 100 * *accuracy.top1 << " of 100, reference "
            << golden["ifmr"]["eval100"]["top1"] << "; logits " << *against_float.sqnr_db
            << " dB, reference " << golden["ifmr"]["logits_first50"]["sqnr_db"] << "\n";
}

// Every layer of the deployable graph gives about what the float layer gives.
TEST_P(GoldenAccuracy, LayersOfTheDeployableGraphAreNearTheFloatLayers) {
  const Graph real = PreparedModel(GetParam());
  const Record record = GoldenRecord(GetParam(), real);
  const auto layers =
      CompareLayers(real, BuildQuantizedGraph(real, record), record, *StoredImages(2), 2);
  EXPECT_EQ(layers.size(), record.layers.size());
  for (const LayerComparison& layer : layers) EXPECT_GT(layer.cosine, 0.8) << layer.layer;
}

INSTANTIATE_TEST_SUITE_P(Slow, GoldenAccuracy, ::testing::ValuesIn(kGoldenModels),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace adze
