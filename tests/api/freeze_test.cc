// What TensorFlow saved, frozen: results equal TensorFlow's, and the frozen graph is whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "adze/api.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "relative_error.h"
#include "shared_folder.h"
#include "test_folder.h"

namespace adze {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct SavedCase {
  const char* name;
  const char* model;
};

class SavedModels : public testing::TestWithParam<SavedCase> {
 protected:
  fs::path Folder() const { return SharedFolder() / "models" / GetParam().name; }
  nlohmann::json Entry() const {
    return nlohmann::json::parse(ReadFile(SharedFolder() / "models/models.json"))
        .at(GetParam().name);
  }
  ModelSource Source() const {
    return {.path = Folder() / GetParam().model, .outputs = {Entry().at("output")}};
  }
};

float LargestDifference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  float largest = 0;
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    largest = std::max(largest, std::abs(a.data<float>()[i] - b.data<float>()[i]));
  }
  return largest;
}

TEST_P(SavedModels, FreezeToTensorFlowsResults) {
  ADZE_NEED_SHARED();
  const fs::path file = TestFolder() / "frozen.pb";
  WriteGraphDef(LoadModel(Source()), file);
  // Read anew: the file alone must do, with every name in it.
  Graph frozen = ReadGraphDef(file, Builtin<OpRegistry>());
  for (const Node* node : frozen.nodes()) {
    EXPECT_NE(node->def(), nullptr) << node->op();
    EXPECT_THAT(node->op(), testing::Not(testing::ContainsRegex("Variable|VarHandle|Call|Assign")));
  }
  frozen.SetOutputs(std::vector<std::string>{Entry().at("output")});
  const Tensor input = ReadNpy(Folder() / "golden_in.npy");
  const Tensor result = Session(frozen).Run({{Entry().at("input"), input}})[0];
  EXPECT_LE(LargestDifference(result, ReadNpy(Folder() / "golden_out.npy")), 1e-5f);
}

TEST_P(SavedModels, AreQuantizedDirectly) {
  ADZE_NEED_SHARED();
  std::string input = Entry().at("input");
  input.resize(input.find(':'));
  const QuantizeResult result = Quantize({
      .model = Source(),
      .data = {.arrays = {{input, Folder() / "golden_in.npy"}}},
      .output_prefix = TestFolder() / "out",
      .batch_size = 1,
  });
  ASSERT_FALSE(result.layers.empty());
  int quantized = 0;
  for (const LayerSummary& layer : result.layers) {
    quantized += layer.record.activation.has_value();
    EXPECT_GT(layer.cosine.value_or(1), 0.9) << layer.record.name;
  }
  EXPECT_GE(quantized, 5);
}

INSTANTIATE_TEST_SUITE_P(Models, SavedModels,
                         testing::Values(SavedCase{"lenet_saved_model", "saved_model"},
                                         SavedCase{"kws_dscnn_saved_model", "saved_model"},
                                         SavedCase{"fsrcnn_x2", "checkpoint/fsrcnn_ckpt.meta"}),
                         [](const auto& info) { return info.param.name; });

std::string MessageOf(const ModelSource& source) {
  try {
    LoadModel(source);
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(LoadModelTest, SignatureGivesTheOutputs) {
  ADZE_NEED_SHARED();
  const fs::path model = SharedFolder() / "models/kws_dscnn_saved_model/saved_model";
  const Graph graph = LoadModel({.path = model});
  ASSERT_EQ(graph.outputs().size(), 1u);
  EXPECT_EQ(graph.outputs()[0].name, "StatefulPartitionedCall:0");
  EXPECT_EQ(graph.Placeholders().size(), 1u);
  EXPECT_THAT(MessageOf({.path = model, .signature = "serving_defualt"}),
              HasSubstr("has no signature 'serving_defualt' (did you mean 'serving_default'?)"));
  EXPECT_THAT(MessageOf({.path = model, .tags = {"train"}}),
              HasSubstr("has no graph with the tags 'train'; there are 'serve'"));
}

TEST(LoadModelTest, CheckpointIsFoundByPrefixFolderAndName) {
  ADZE_NEED_SHARED();
  const fs::path folder = SharedFolder() / "models/fsrcnn_x2/checkpoint";
  for (const fs::path& path : {folder, folder / "fsrcnn_ckpt", folder / "fsrcnn_ckpt.meta"}) {
    const Graph graph = LoadModel({.path = path, .outputs = {"NCHW_output"}});
    EXPECT_GT(graph.size(), 60u) << path;
  }
  EXPECT_THAT(MessageOf({.path = folder}), HasSubstr("name the model's output with --outputs"));
}

TEST(LoadModelTest, WhatCannotBeFrozenIsNamed) {
  ADZE_NEED_SHARED();
  const fs::path models = SharedFolder() / "models";
  const fs::path other = models / "lenet_saved_model/saved_model/variables/variables";
  EXPECT_THAT(MessageOf({.path = models / "fsrcnn_x2/checkpoint/fsrcnn_ckpt.meta",
                         .outputs = {"NCHW_output"},
                         .checkpoint = other}),
              HasSubstr("variables': has no tensor"));
  const fs::path folder = TestFolder();
  fs::copy(models / "lenet_saved_model/saved_model/saved_model.pb", folder);
  EXPECT_THAT(MessageOf({.path = folder}),
              AllOf(HasSubstr("has variables, such as '"),
                    HasSubstr("copy the SavedModel with that folder")));
}

TEST(LoadModelTest, OutputThatIsNotThereIsToldWithItsNeighboursOrTheEnds) {
  ADZE_NEED_SHARED();
  const fs::path models = SharedFolder() / "models";
  EXPECT_THAT(MessageOf({.path = models / "fsrcnn_x2/checkpoint", .outputs = {"NCHW_ouput"}}),
              HasSubstr("no node 'NCHW_ouput' in the graph (did you mean 'NCHW_output'"));
  EXPECT_THAT(
      MessageOf({.path = models / "kws_dscnn_saved_model/saved_model", .outputs = {"nope"}}),
      HasSubstr("no node 'nope' in the graph; its outputs may be 'StatefulPartitionedCall:0'"));
  EXPECT_THAT(MessageOf({.path = models / "fsrcnn_x2/checkpoint", .outputs = {"nope"}}),
              AllOf(HasSubstr("its outputs may be 'NCHW_output'"), Not(HasSubstr("Assign"))));
}

// A SavedModel with variables, copied to be damaged.
class DamagedSavedModel : public testing::Test {
 protected:
  void SetUp() override {
    ADZE_NEED_SHARED();
    fs::copy(SharedFolder() / "models/kws_dscnn_saved_model/saved_model", folder_,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      fs::permissions(entry, fs::perms::owner_write, fs::perm_options::add);
    }
  }

  const fs::path folder_ = TestFolder() / "model";
  const fs::path variables_ = folder_ / "variables/variables";
  const fs::path index_ = variables_.string() + ".index";
  const fs::path data_ = variables_.string() + ".data-00000-of-00001";
};

TEST_F(DamagedSavedModel, MissingShardIsNamed) {
  fs::remove(data_);
  EXPECT_THAT(MessageOf({.path = folder_}),
              AllOf(HasSubstr("node 'conv2d/kernel'"), HasSubstr(data_.string() + "': cannot be "),
                    HasSubstr("needs all of its data files beside its index")));
}

TEST_F(DamagedSavedModel, ShardThatIsCutOffIsNamed) {
  fs::resize_file(data_, 100);
  EXPECT_THAT(MessageOf({.path = folder_}),
              AllOf(HasSubstr("node 'conv2d/kernel'"), HasSubstr(data_.string() + "': has 100 "),
                    HasSubstr("cut off, copy it anew")));
}

TEST_F(DamagedSavedModel, IndexThatIsCutOffIsNamed) {
  for (const int size : {200, 0}) {
    fs::resize_file(index_, size);
    EXPECT_THAT(MessageOf({.path = folder_}),
                AllOf(HasSubstr(index_.string() + "': "), HasSubstr("copy it anew")));
  }
}

TEST_F(DamagedSavedModel, MissingIndexIsNamed) {
  fs::remove(index_);
  EXPECT_THAT(MessageOf({.path = folder_}), HasSubstr("there is no '" + index_.string()));
}

TEST_F(DamagedSavedModel, GraphThatIsCutOffIsNamed) {
  for (const int size : {1000, 0}) {
    fs::resize_file(folder_ / "saved_model.pb", size);
    EXPECT_THAT(MessageOf({.path = folder_}),
                AllOf(HasSubstr("saved_model.pb'"), HasSubstr("copy or export it anew")));
  }
}

TEST(LoadModelTest, FileOfASavedModelOrCheckpointStandsForAll) {
  ADZE_NEED_SHARED();
  const fs::path models = SharedFolder() / "models";
  EXPECT_EQ(LoadModel({.path = models / "kws_dscnn_saved_model/saved_model/saved_model.pb"}).size(),
            LoadModel({.path = models / "kws_dscnn_saved_model/saved_model"}).size());
  const fs::path data = models / "fsrcnn_x2/checkpoint/fsrcnn_ckpt.data-00000-of-00001";
  EXPECT_GT(LoadModel({.path = data, .outputs = {"NCHW_output"}}).size(), 60u);
  // A frozen graph keeps that right whatever its name is.
  const fs::path frozen = TestFolder() / "saved_model.pb";
  fs::copy_file(models / "lenet_mnist/model.pb", frozen, fs::copy_options::overwrite_existing);
  EXPECT_GT(LoadModel({.path = frozen}).size(), 5u);
}

TEST(LoadModelTest, PathThatIsNotThereIsToldWithItsNeighbours) {
  ADZE_NEED_SHARED();
  const fs::path folder = SharedFolder() / "models/fsrcnn_x2/checkpoint";
  EXPECT_THAT(MessageOf({.path = folder / "fsrcnn_ckpx"}),
              HasSubstr("No such file or directory (did you mean 'fsrcnn_ckpt'"));
  EXPECT_THAT(MessageOf({.path = folder / "fsrcnn_ckpt.meta",
                         .outputs = {"NCHW_output"},
                         .checkpoint = folder / "fsrcnn_ckpx"}),
              HasSubstr("fsrcnn_ckpx.index' (did you mean 'fsrcnn_ckpt'"));
  EXPECT_THAT(MessageOf({.path = SharedFolder() /
                                 "models/lenet_saved_model/saved_model/variables/variables"}),
              HasSubstr("a checkpoint has no graph in it"));
}

TEST(LoadModelTest, KerasFilesAreRefusedWithTheWayOut) {
  for (const char* name : {"model.h5", "model.keras"}) {
    EXPECT_THAT(MessageOf({.path = TestFolder() / name}), HasSubstr("model.export(FOLDER)"));
  }
  EXPECT_THAT(MessageOf({.path = TestFolder()}), HasSubstr("is no SavedModel"));
}

}  // namespace
}  // namespace adze
