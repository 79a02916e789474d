#include <gmock/gmock.h>

#include <limits>

#include "adze/export.h"
#include "export/five_layers.h"

namespace adze {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Case {
  const char* says;  // part of the message
  int layer;         // of FiveLayersRecord, which the message names
  void (*spoil)(LayerRecord&);
};

const Case kCases[] = {
    {"no node of this name", 0, [](LayerRecord& layer) { layer.name = "conv/Conv3D"; }},
    {"did you mean 'conv/Conv2D'", 0, [](LayerRecord& layer) { layer.name = "conv/Conv2d"; }},
    {"type Relu cannot be quantized", 0, [](LayerRecord& layer) { layer.name = "conv/Relu"; }},
    {"the record has it twice", 1, [](LayerRecord& layer) { layer.name = "conv/Conv2D"; }},
    {"calibration has not finished", 0, [](LayerRecord& layer) { layer.activation.reset(); }},
    {"scale_w and offset_w are missing", 5, [](LayerRecord& layer) { layer.weight.reset(); }},
    {"takes no scale_w", 4, [](LayerRecord& layer) { layer.weight = Symmetric({1}); }},
    {"2 scales; MatMul takes one", 5,
     [](LayerRecord& layer) {
       layer.weight = Symmetric({1, 1});
     }},
    {"3 scales; one or 8", 2,
     [](LayerRecord& layer) {
       layer.weight = Symmetric({1, 1, 1});
     }},
    {"8 scales; one or 3", 3,
     [](LayerRecord& layer) { layer.weight = Symmetric(std::vector<float>(8, 1)); }},
    {"offset 128 of the activation is outside of [-128, 127]", 0,
     [](LayerRecord& layer) { layer.activation->zero_point[0] = 128; }},
    {"offset 1 of the weight is not 0", 0,
     [](LayerRecord& layer) { layer.weight->zero_point[2] = 1; }},
    {"scale 0 is outside", 0, [](LayerRecord& layer) { layer.weight->scale[2] = 0; }},
    {"scale nan is outside", 4,
     [](LayerRecord& layer) {
       layer.activation->scale[0] = std::numeric_limits<float>::quiet_NaN();
     }},
    {"scale 1.4013e-45 is outside", 4,
     [](LayerRecord& layer) { layer.activation->scale[0] = 1e-45f; }},
    {"3 scales and 4 offsets", 0, [](LayerRecord& layer) { layer.weight->scale.pop_back(); }},
    {"the activation has 2 scales", 0,
     [](LayerRecord& layer) {
       layer.activation->scale.push_back(1);
       layer.activation->zero_point.push_back(0);
     }},
    {"the graph is not balanced by it", 0,
     [](LayerRecord& layer) {
       layer.balance_factor = {1, 2};
     }},
    {"the weight has 16 bits", 0, [](LayerRecord& layer) { layer.weight->spec.num_bits = 16; }},
};

TEST(CheckRecord, RefusesWhatDoesNotFitAndNamesTheLayer) {
  const Graph graph = ParseGraph(kFiveLayers);
  EXPECT_NO_THROW(CheckRecord(graph, FiveLayersRecord()));
  for (const Case& c : kCases) {
    Record record = FiveLayersRecord();
    c.spoil(record.layers[c.layer]);
    try {
      CheckRecord(graph, record);
      ADD_FAILURE() << "accepted: " << c.says;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("layer '" + record.layers[c.layer].name + "'"),
                                      HasSubstr(c.says)));
    }
  }
}

TEST(CheckRecord, RefusesLayersThatTheOpRefuses) {
  const Graph graph = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [4, 4]}
      w = Relu(x) {T: f32}
      a = MatMul(x, w) {T: f32}
      c = Const {value: f32[4,4] random(1)}
      b = MatMul(x, c) {T: f32, transpose_b: true}
      return a, b)");
  for (const auto& [name, says] :
       {std::pair("a", "its weight 'w' is not constant"), std::pair("b", "transpose_b is true")}) {
    const Record record{{{.name = name, .activation = Asymmetric(1, 0), .weight = Symmetric({1})}}};
    try {
      BuildQuantizedGraph(graph, record);
      ADD_FAILURE() << "accepted " << name;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(says));
    }
  }
}

TEST(CheckRecord, TakesLayersLeftInFloat) {
  Record record;
  record.layers = {{.name = "conv/Conv2D", .skip_fusion = true},
                   {.name = "side", .skip_reason = "skipped by the user"}};
  const Graph graph = ParseGraph(kFiveLayers);
  CheckRecord(graph, record);
  EXPECT_EQ(BuildQuantizedGraph(graph, record).Find("conv/Conv2D")->input(0).node->op(),
            "Placeholder");
}

TEST(CheckRecord, BiasBeyondInt32NamesTheLayer) {
  Record record = FiveLayersRecord();
  record.layers[0].activation->scale[0] = 1e-9f;
  try {
    BuildFakeQuantGraph(ParseGraph(kFiveLayers), record);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("conv/Conv2D"), HasSubstr("does not fit int32")));
  }
}

}  // namespace
}  // namespace adze
