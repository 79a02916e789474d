#include "adze/config.h"

#include <gmock/gmock.h>

#include <fstream>

#include "adze/error.h"
#include "adze/registry.h"
#include "test_folder.h"

namespace adze {
namespace {

using ::testing::HasSubstr;

const std::vector<LayerInfo>& Layers() {
  static const std::vector<LayerInfo> layers = {
      {.name = "conv", .op = "Conv2D", .per_channel = true},
      {.name = "dw", .op = "DepthwiseConv2dNative", .per_channel = true},
      {.name = "fc", .op = "MatMul"},
      {.name = "pool", .op = "AvgPool", .has_weight = false}};
  return layers;
}

Config Read(const std::string& text) {
  const auto path = TestFolder() / "config";
  std::ofstream(path) << text;
  return ReadConfig(path, Layers());
}

std::string Refusal(const std::string& text) {
  try {
    Read(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

double Parameter(const Config& config, const std::string& layer, const std::string& name) {
  return SettingsOf(config.layers.at(layer).activation)[name];
}

// A JSON config of the layer "conv" with these fields.
std::string Conv(const std::string& fields) { return "{\"version\":1,\"conv\":{" + fields + "}}"; }
std::string Activation(const std::string& fields) {
  return Conv("\"activation_quant_params\":{" + fields + "}");
}
std::string Weight(const std::string& fields) {
  return Conv("\"weight_quant_params\":{" + fields + "}");
}

TEST(JsonConfig, IsWrittenAsAmctDoes) {
  Config config = DefaultConfig(Layers());
  config.layers.erase("pool");
  config.layers.erase("dw");
  config.layers.at("fc").activation = {.algorithm = "min_max", .asymmetric = false};
  const std::string text = SerializeConfig(config, {Layers()[0], Layers()[2]});
  EXPECT_EQ(text, R"({
    "version":1,
    "batch_num":1,
    "activation_offset":true,
    "joint_quant":false,
    "do_fusion":true,
    "skip_fusion_layers":[],
    "conv":{
        "quant_enable":true,
        "activation_quant_params":{
            "num_bits":8,
            "max_percentile":0.999999,
            "min_percentile":0.999999,
            "search_range":[
                0.7,
                1.3
            ],
            "search_step":0.01,
            "act_algo":"ifmr",
            "asymmetric":true
        },
        "weight_quant_params":{
            "num_bits":8,
            "wts_algo":"arq_quantize",
            "channel_wise":true
        }
    },
    "fc":{
        "quant_enable":true,
        "activation_quant_params":{
            "num_bits":8,
            "act_algo":"min_max",
            "asymmetric":false
        },
        "weight_quant_params":{
            "num_bits":8,
            "wts_algo":"arq_quantize",
            "channel_wise":false
        }
    }
}
)");
  const Config read = Read(text);
  EXPECT_EQ(read.layers.size(), 2);
  EXPECT_EQ(SerializeConfig(read, {Layers()[0], Layers()[2]}), text);
}

TEST(JsonConfig, KeepsEveryWeightQuantizer) {
  Config config = DefaultConfig(Layers());
  config.layers.at("conv").weight = {.algorithm = "nuq", .num_steps = 16, .num_iterations = 3};
  config.layers.at("dw").weight = {.algorithm = "mse", .num_bits = 4};
  config.layers.at("fc").weight = {.algorithm = "mse", .per_channel = false};
  const std::string text = SerializeConfig(config, Layers());
  EXPECT_THAT(text, HasSubstr("\"num_of_iteration\":3"));
  const Config read = Read(text);
  for (const char* layer : {"conv", "dw", "fc"}) {
    EXPECT_EQ(read.layers.at(layer).weight, config.layers.at(layer).weight) << layer;
  }
}

TEST(JsonConfig, KeepsBalancerAndEqualization) {
  Config config = DefaultConfig(Layers());
  config.equalize = config.absorb_biases = true;
  config.layers.at("conv").migration_strength = 0.3;
  const std::string text = SerializeConfig(config, Layers());
  EXPECT_THAT(text, HasSubstr("\"dmq_balancer_param\":0.3"));
  const Config read = Read(text);
  EXPECT_TRUE(read.equalize);
  EXPECT_TRUE(read.absorb_biases);
  EXPECT_EQ(read.layers.at("conv").migration_strength, 0.3);
  EXPECT_EQ(read.layers.at("dw").migration_strength, std::nullopt);
  EXPECT_THAT(SerializeConfig(DefaultConfig(Layers()), Layers()),
              Not(HasSubstr("cross_layer_equalization")));
}

TEST(JsonConfig, KeepsJointQuantizationAndTensors) {
  Config config = DefaultConfig(Layers());
  config.joint_quant = true;
  config.tensors = {{"block/add", 1, {.algorithm = "hfmg", .asymmetric = false}}, {"pool", 0, {}}};
  const std::string text = SerializeConfig(config, Layers());
  const Config read = Read(text);
  EXPECT_TRUE(read.joint_quant);
  ASSERT_EQ(read.tensors.size(), 2);
  EXPECT_EQ(read.tensors[0].node, "block/add");
  EXPECT_EQ(read.tensors[0].input, 1);
  EXPECT_EQ(read.tensors[0].activation.algorithm, "hfmg");
  EXPECT_FALSE(read.tensors[0].activation.asymmetric);
  EXPECT_EQ(read.tensors[1].activation.algorithm, "ifmr");
  EXPECT_EQ(SerializeConfig(read, Layers()), text);
}

TEST(JsonConfig, RefusesBadTensors) {
  const auto tensors = [](const std::string& entries) {
    return Refusal(R"({"version":1,"tensor_quantize":[)" + entries + R"(],"conv":{}})");
  };
  EXPECT_THAT(tensors(R"({"layer_name":"add"})"), HasSubstr("needs layer_name and input_index"));
  EXPECT_THAT(tensors(R"({"layer_name":"add","input_index":-1})"), HasSubstr("negative"));
  EXPECT_THAT(
      tensors(R"({"layer_name":"add","input_index":0},{"layer_name":"add","input_index":0})"),
      HasSubstr("tensor_quantize has 'add:0' more than once"));
  EXPECT_THAT(tensors(R"({"layer_name":"add","input_index":0,"weights":1})"),
              HasSubstr("unknown parameter 'weights'"));
  EXPECT_THAT(tensors(R"({"layer_name":"add","input_index":0,
                          "activation_quant_params":{"act_algo":"none"}})"),
              HasSubstr("tensor 'add:0'"));
  // A tensor alone is enough.
  EXPECT_EQ(Read(R"({"version":1,"tensor_quantize":[{"layer_name":"add","input_index":0}]})")
                .tensors.size(),
            1);
}

TEST(SimplifiedConfig, TensorsToQuantize) {
  const Config config = Read(R"(
      joint_quant: true
      activation_offset: false
      tensor_quantize { layer_name: "add" input_index: 1 hfmg_quantize { num_of_bins: 2048 } }
      tensor_quantize { layer_name: "pool" input_index: 0 }
  )");
  EXPECT_TRUE(config.joint_quant);
  ASSERT_EQ(config.tensors.size(), 2);
  EXPECT_EQ(config.tensors[0].node, "add");
  EXPECT_EQ(config.tensors[0].input, 1);
  EXPECT_EQ(config.tensors[0].activation.algorithm, "hfmg");
  EXPECT_EQ(config.tensors[0].activation.parameters.at("num_of_bins"), 2048);
  EXPECT_EQ(config.tensors[1].activation.algorithm, "ifmr");
  EXPECT_FALSE(config.tensors[1].activation.asymmetric);
  EXPECT_THAT(Refusal("tensor_quantize { layer_name: \"add\" }"),
              HasSubstr("needs layer_name and input_index"));
}

TEST(JsonConfig, ReadsAmctsFormOfNonUniformWeights) {
  const Config config =
      Read(Weight("\"wts_algo\":\"nuq_quantize\",\"num_steps\":32,\"num_of_iteration\":1"));
  EXPECT_EQ(config.layers.at("conv").weight, (WeightConfig{.algorithm = "nuq"}));
}

TEST(JsonConfig, EveryCalibratorIsReadAsItIsWritten) {
  for (const auto& [name, def] : Builtin<CalibratorRegistry>().all()) {
    Config config = DefaultConfig(Layers());
    config.layers.at("conv").activation.algorithm = name;
    const CalibratorSettings defaults = SettingsOf(config.layers.at("conv").activation);
    const std::string text = SerializeConfig(config, Layers());
    const ActivationConfig read = Read(text).layers.at("conv").activation;
    EXPECT_EQ(read.algorithm, name);
    EXPECT_EQ(read.parameters, defaults.parameters);
    EXPECT_EQ(SerializeConfig(Read(text), Layers()), text) << name;
  }
}

TEST(JsonConfig, LayersItDoesNotNameStayInFloat) {
  const Config config = Read(Conv(""));
  EXPECT_EQ(config.layers.size(), 1);
  EXPECT_TRUE(config.layers.at("conv").quantize);
  const std::string text = SerializeConfig(config, Layers());
  EXPECT_THAT(text, HasSubstr("\"pool\":{\n        \"quant_enable\":false"));
}

TEST(JsonConfig, MissingParametersHaveDefaults) {
  const Config config = Read(R"({"batch_num":3,"activation_offset":false,
      "fc":{}, "conv":{"activation_quant_params":{"asymmetric":true,"search_range":[0.5,1.1]}}})");
  EXPECT_EQ(config.batch_num, 3);
  EXPECT_FALSE(config.layers.at("fc").activation.asymmetric);
  EXPECT_FALSE(config.layers.at("fc").weight.per_channel);
  EXPECT_TRUE(config.layers.at("conv").activation.asymmetric);
  EXPECT_TRUE(config.layers.at("conv").weight.per_channel);
  EXPECT_EQ(Parameter(config, "conv", "search_range_start"), 0.5);
  EXPECT_EQ(Parameter(config, "conv", "max_percentile"), 0.999999);
}

TEST(JsonConfig, EveryRuleHasItsMessage) {
  EXPECT_THAT(Refusal("{"), HasSubstr("config': is not JSON"));
  EXPECT_THAT(Refusal(R"({"version":2,"conv":{}})"), HasSubstr("must be 1"));
  EXPECT_THAT(Refusal(R"({"version":"1","conv":{}})"), HasSubstr("version must be an integer"));
  EXPECT_THAT(Refusal(R"({"batch_num":0,"conv":{}})"), HasSubstr("greater than zero"));
  EXPECT_THAT(Refusal(R"({"batch_num":1.5,"conv":{}})"), HasSubstr("batch_num must be an integer"));
  EXPECT_THAT(Refusal(R"({"activation_offset":1,"conv":{}})"), HasSubstr("must be true or false"));
  EXPECT_THAT(Refusal(R"({"conv":{},"conv":{}})"), HasSubstr("repeated keys: 'conv'"));
  EXPECT_THAT(Refusal(R"({"conv":{"quant_enable":true,"quant_enable":true}})"),
              HasSubstr("repeated keys: 'quant_enable'"));
  EXPECT_THAT(Refusal(R"({"cnv":{}})"), HasSubstr("'cnv' is neither"));
  EXPECT_THAT(Refusal(R"({"version":1})"), HasSubstr("no layer is enabled"));
  EXPECT_THAT(Refusal(Conv("\"quant_enable\":false")), HasSubstr("no layer is enabled"));
  EXPECT_THAT(Refusal(Conv("\"x\":1")), HasSubstr("layer 'conv': unknown parameter 'x'"));
  EXPECT_THAT(Refusal(Conv("\"dmq_balancer_param\":0.1")), HasSubstr("[0.2, 0.8]"));
  EXPECT_THAT(Refusal(R"({"conv":{},"pool":{"dmq_balancer_param":0.5}})"),
              HasSubstr("layer 'pool': has a dmq_balancer, but a AvgPool"));
  EXPECT_THAT(Refusal(R"({"conv":{},"cross_layer_equalization":1})"), HasSubstr("true or false"));

  EXPECT_THAT(Refusal(Activation("\"x\":1")), HasSubstr("'x' in activation_quant_params"));
  EXPECT_THAT(Refusal(Activation("\"act_algo\":\"kl\"")),
              HasSubstr("no calibrator 'kl'; there are aciq_gauss"));
  EXPECT_THAT(Refusal(Activation("\"act_algo\":\"min_mx\"")),
              HasSubstr("no calibrator 'min_mx' (did you mean 'min_max'?)"));
  EXPECT_THAT(Refusal(Activation("\"num_bits\":7")), HasSubstr("4, 8, 16"));
  EXPECT_THAT(Refusal(Activation("\"max_percentile\":0.5")),
              HasSubstr("max_percentile is 0.5, but must be in (0.5, 1]"));
  EXPECT_THAT(Refusal(Activation("\"min_percentile\":1.1")), HasSubstr("min_percentile is 1.1"));
  EXPECT_THAT(Refusal(Activation("\"search_range\":[0,1]")), HasSubstr("above 0"));
  EXPECT_THAT(Refusal(Activation("\"search_range\":[1,1]")), HasSubstr("below its end"));
  EXPECT_THAT(Refusal(Activation("\"search_range\":[1]")), HasSubstr("list of two"));
  EXPECT_THAT(Refusal(Activation("\"search_range\":1")), HasSubstr("must be a list"));
  EXPECT_THAT(Refusal(Activation("\"search_step\":0")), HasSubstr("above 0"));
  EXPECT_THAT(Refusal(Activation("\"search_step\":0.61")), HasSubstr("at most"));
  EXPECT_EQ(Refusal(Activation("\"search_step\":0.6")), "accepted");
  EXPECT_THAT(Refusal(Activation("\"search_step\":0.1,\"num_of_bins\":4096")),
              HasSubstr("act_algo is 'ifmr', but num_of_bins is a field of entropy, hfmg"));
  EXPECT_THAT(Refusal(Activation("\"act_algo\":\"hfmg\",\"search_step\":0.1")),
              HasSubstr("search_step is a field of ifmr"));
  EXPECT_THAT(Refusal(Activation("\"act_algo\":\"hfmg\",\"num_of_bins\":4000")),
              HasSubstr("num_of_bins is 4000, but must be one of 1024, 2048, 4096, 8192"));
  EXPECT_THAT(Refusal(Activation("\"act_algo\":\"hfmg\",\"num_of_bins\":1024.5")),
              HasSubstr("num_of_bins must be an integer"));
  EXPECT_THAT(Refusal(Activation("\"act_algo\":\"mse\",\"grid_steps\":1")),
              HasSubstr("grid_steps is 1, but must be in [2, 400]"));

  EXPECT_THAT(Refusal(Weight("\"num_bits\":5")), HasSubstr("4, 6, 7, 8"));
  EXPECT_THAT(Refusal(Weight("\"wts_algo\":\"x\"")),
              HasSubstr("arq_quantize, mse_quantize, nuq_quantize"));
  EXPECT_THAT(Refusal(Weight("\"wts_algo\":\"arq\"")), HasSubstr("arq_quantize"));
  const std::string nuq = "\"wts_algo\":\"nuq_quantize\"";
  EXPECT_THAT(Refusal(Weight(nuq + ",\"num_steps\":8")), HasSubstr("16, 32"));
  EXPECT_THAT(Refusal(Weight(nuq + ",\"num_of_iteration\":6")), HasSubstr("[0, 5]"));
  EXPECT_THAT(Refusal(Weight(nuq + ",\"num_bits\":4")), HasSubstr("must be one of 8"));
  EXPECT_THAT(Refusal("{\"dw\":{\"weight_quant_params\":{" + nuq + "}}}"),
              HasSubstr("layer 'dw': wts_algo is nuq_quantize, which a DepthwiseConv2dNative"));
  EXPECT_THAT(Refusal(Weight("\"num_steps\":32")), HasSubstr("does not belong"));
  EXPECT_THAT(Refusal(R"({"fc":{"weight_quant_params":{"channel_wise":true}}})"),
              HasSubstr("layer 'fc': channel_wise is true, but a MatMul"));
  EXPECT_THAT(Refusal(R"({"fc":{"weight_quant_params":{"num_bits":6}}})"), HasSubstr("MatMul"));
  EXPECT_THAT(Refusal(R"({"conv":{},"skip_fusion_layers":[1]})"), HasSubstr("strings"));
  EXPECT_THAT(Refusal(R"({"conv":{},"skip_fusion_layers":["conv","conv"]})"),
              HasSubstr("more than once"));
  EXPECT_THAT(Refusal(R"({"conv":{},"skip_fusion_layers":["x"]})"), HasSubstr("'x'"));
  EXPECT_THAT(Refusal(R"({"conv":{},"skip_fusion_layers":["pool"]})"), HasSubstr("AvgPool"));
}

TEST(SimplifiedConfig, EmptyMeansEveryLayerWithDefaults) {
  const Config config = Read("# nothing\n");
  EXPECT_EQ(SerializeConfig(config, Layers()), SerializeConfig(DefaultConfig(Layers()), Layers()));
}

TEST(SimplifiedConfig, NearerSettingsReplaceFartherOnesWhole) {
  const Config config = Read(R"(
      batch_num: 2
      skip_layers: "pool"
      common_config { arq_quantize { channel_wise: false } ifmr_quantize {
          search_range_start: 0.8 search_step: 0.02 asymmetric: false } }
      override_layer_types { layer_type: 'DepthwiseConv2dNative'
          calibration_config { ifmr_quantize { search_range_end: 1.2 } } }
      override_layer_configs { layer_name: "conv" calibration_config: {
          arq_quantize { quant_bits: 6 } ifmr_quantize { asymmetric: t } } })");
  EXPECT_EQ(config.batch_num, 2);
  EXPECT_FALSE(config.layers.at("pool").quantize);
  const LayerConfig& fc = config.layers.at("fc");
  EXPECT_EQ(Parameter(config, "fc", "search_range_start"), 0.8);
  EXPECT_EQ(Parameter(config, "fc", "search_step"), 0.02);
  EXPECT_FALSE(fc.activation.asymmetric);
  const LayerConfig& dw = config.layers.at("dw");
  EXPECT_EQ(Parameter(config, "dw", "search_range_start"), 0.7);
  EXPECT_EQ(Parameter(config, "dw", "search_range_end"), 1.2);
  EXPECT_TRUE(dw.weight.per_channel);
  EXPECT_FALSE(dw.activation.asymmetric);  // from common_config: the same algorithm
  const LayerConfig& conv = config.layers.at("conv");
  EXPECT_EQ(conv.weight.num_bits, 6);
  EXPECT_TRUE(conv.weight.per_channel);
  EXPECT_TRUE(conv.activation.asymmetric);
  EXPECT_EQ(Parameter(config, "conv", "search_range_start"), 0.7);
}

TEST(SimplifiedConfig, TheLastOneGivenWins) {
  const Config config = Read(R"(batch_num: 3 batch_num: 4
      activation_offset: true activation_offset: False
      common_config { hfmg_quantize {} ifmr_quantize { search_step: 0.05 } })");
  EXPECT_EQ(config.batch_num, 4);
  EXPECT_EQ(config.layers.at("conv").activation.algorithm, "ifmr");
  EXPECT_EQ(Parameter(config, "conv", "search_step"), 0.05);
  EXPECT_FALSE(config.layers.at("conv").activation.asymmetric);
}

TEST(SimplifiedConfig, CommonSettingsAreReducedWhereALayerCannotHaveThem) {
  const Config config = Read("common_config { arq_quantize { quant_bits: 7 } }");
  EXPECT_EQ(config.layers.at("conv").weight.num_bits, 7);
  EXPECT_EQ(config.layers.at("fc").weight.num_bits, 8);
}

TEST(SimplifiedConfig, ActivationsOfSixteenBits) {
  const Config config = Read(R"(
      common_config { ifmr_quantize { dst_type: INT16 } }
      override_layer_types { layer_type: "AvgPool"
          calibration_config { hfmg_quantize { num_of_bins: 8192 dst_type: INT16 } } }
      override_layer_configs { layer_name: "fc" calibration_config { act_quantize {
          act_algo: "mse" dst_type: INT8 } } })");
  EXPECT_EQ(config.layers.at("conv").activation.num_bits, 16);
  EXPECT_EQ(config.layers.at("pool").activation.num_bits, 16);
  EXPECT_EQ(Parameter(config, "pool", "num_of_bins"), 8192);
  EXPECT_EQ(config.layers.at("fc").activation.num_bits, 8);
}

TEST(SimplifiedConfig, WeightQuantizersGoByLayerTypeAndName) {
  const Config config = Read(R"(
      common_config { nuq_quantize { num_steps: 16 num_of_iteration: 2 } }
      override_layer_configs { layer_name: "conv" calibration_config {
          mse_quantize { channel_wise: false quant_bits: 4 } } })");
  EXPECT_EQ(config.layers.at("conv").weight,
            (WeightConfig{.algorithm = "mse", .num_bits = 4, .per_channel = false}));
  EXPECT_EQ(config.layers.at("fc").weight.algorithm, "nuq");
  EXPECT_EQ(config.layers.at("fc").weight.num_steps, 16);
  EXPECT_EQ(config.layers.at("fc").weight.num_iterations, 2);
  EXPECT_EQ(config.layers.at("dw").weight.algorithm, "arq");  // a depthwise weight has no centres
}

TEST(SimplifiedConfig, BalancerIsForLayersWithAWeight) {
  const Config config = Read(R"(
      cross_layer_equalization: true
      high_bias_absorption: true
      common_config { dmq_balancer {} }
      override_layer_configs { layer_name: "conv" calibration_config {
          dmq_balancer { migration_strength: 0.7 } } }
      override_layer_configs { layer_name: "dw" calibration_config {} })");
  EXPECT_TRUE(config.equalize);
  EXPECT_TRUE(config.absorb_biases);
  EXPECT_EQ(config.layers.at("conv").migration_strength, 0.7);
  EXPECT_EQ(config.layers.at("fc").migration_strength, 0.5);
  EXPECT_EQ(config.layers.at("dw").migration_strength, std::nullopt);
  EXPECT_EQ(config.layers.at("pool").migration_strength, std::nullopt);
  EXPECT_THAT(Refusal("override_layer_types { layer_type: 'AvgPool' calibration_config { "
                      "dmq_balancer {} } }"),
              HasSubstr("no weight to balance"));
}

TEST(SimplifiedConfig, NuqConfigIsForEveryLayerThatTakesCentres) {
  const Config config = Read("nuq_config { nuq_quantize { num_steps: 16 } }");
  EXPECT_EQ(config.layers.at("conv").weight.algorithm, "nuq");
  EXPECT_EQ(config.layers.at("conv").weight.num_steps, 16);
  EXPECT_EQ(config.layers.at("fc").weight.algorithm, "nuq");
  EXPECT_EQ(config.layers.at("dw").weight.algorithm, "arq");
  EXPECT_THAT(Refusal("nuq_config { mapping_file: 'x.json' }"), HasSubstr("mapping_file"));
}

TEST(SimplifiedConfig, AnyCalibratorByItsName) {
  const Config config = Read(R"(
      common_config { act_quantize { act_algo: "sqnr" asymmetric: false
          parameters { key: "gamma" value: 1.7 } parameters { key: "offset_candidates" value: 9 } } }
      override_layer_types { layer_type: "DepthwiseConv2dNative"
          calibration_config { act_quantize { act_algo: "sqnr" } } }
      override_layer_configs { layer_name: "fc" calibration_config { act_quantize {
          act_algo: "percentile" parameters { key: "max_percentile" value: 0.99 } } } })");
  EXPECT_EQ(config.layers.at("conv").activation.algorithm, "sqnr");
  EXPECT_EQ(Parameter(config, "conv", "gamma"), 1.7);
  EXPECT_EQ(Parameter(config, "conv", "offset_candidates"), 9);
  EXPECT_FALSE(config.layers.at("conv").activation.asymmetric);
  EXPECT_EQ(Parameter(config, "dw", "gamma"), 3);
  EXPECT_FALSE(config.layers.at("dw").activation.asymmetric);  // the same algorithm
  EXPECT_EQ(Parameter(config, "fc", "max_percentile"), 0.99);
  EXPECT_TRUE(config.layers.at("fc").activation.asymmetric);
  EXPECT_THAT(Refusal("common_config { act_quantize { } }"),
              HasSubstr("act_quantize needs act_algo"));
  EXPECT_THAT(Refusal("common_config { act_quantize { act_algo: 'sqnrr' } }"),
              HasSubstr("no calibrator 'sqnrr' (did you mean 'sqnr'"));
  EXPECT_THAT(Refusal("common_config { act_quantize { act_algo: 'sqnr' "
                      "parameters { key: 'gama' value: 1 } } }"),
              HasSubstr("calibrator sqnr has no parameter 'gama' (did you mean 'gamma'?)"));
  EXPECT_THAT(Refusal("common_config { act_quantize { act_algo: 'sqnr' "
                      "parameters { key: 'offset_candidates' value: 5.5 } } }"),
              HasSubstr("offset_candidates is 5.5, but must be a whole number"));
}

TEST(SimplifiedConfig, RefusesNamingTheRule) {
  EXPECT_THAT(Refusal("batch_nun: 1"), HasSubstr("is not a calibration config: line 1"));
  EXPECT_THAT(Refusal("batch_num: 0"), HasSubstr("greater than zero"));
  EXPECT_THAT(Refusal("skip_layers: 'x'"), HasSubstr("skip_layers has 'x'"));
  EXPECT_THAT(Refusal("skip_layers: 'fc' skip_layers: 'fc'"), HasSubstr("more than once"));
  EXPECT_THAT(Refusal("skip_layer_types: 'Conv4D'"), HasSubstr("'Conv4D'"));
  EXPECT_THAT(Refusal("override_layer_configs { layer_name: 'fc' }"),
              HasSubstr("needs layer_name and calibration_config"));
  EXPECT_THAT(Refusal("override_layer_configs { layer_name: 'x' calibration_config {} }"),
              HasSubstr("'x'"));
  EXPECT_THAT(Refusal("common_config { arq_quantize { channel_wise: true } }"),
              HasSubstr("channel_wise is true, but a MatMul"));
  EXPECT_THAT(Refusal("override_layer_types { layer_type: 'MatMul' calibration_config { "
                      "arq_quantize { quant_bits: 6 } } }"),
              HasSubstr("MatMul cannot have"));
  EXPECT_THAT(Refusal("common_config { ifmr_quantize { search_step: 0.7 } }"),
              HasSubstr("layer 'conv': search_step"));
  EXPECT_THAT(Refusal("common_config { dmq_balancer { migration_strength: 0.9 } }"),
              HasSubstr("[0.2, 0.8]"));
  EXPECT_THAT(Refusal("common_config { nuq_quantize { num_steps: 3 } }"), HasSubstr("16, 32"));
  EXPECT_THAT(Refusal("common_config { arq_quantize { quant_bits: 5 } }"), HasSubstr("4, 6, 7, 8"));
  EXPECT_THAT(
      Refusal("skip_layers: 'conv' skip_layers: 'dw' skip_layers: 'fc' skip_layers: 'pool'"),
      HasSubstr("no layer is enabled"));
}

}  // namespace
}  // namespace adze
