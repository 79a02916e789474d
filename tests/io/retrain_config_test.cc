// Configs of retraining (reference/amct-interfaces sections 5.2 and 6.2).
#include <gmock/gmock.h>

#include "adze/config.h"
#include "io/refusal.h"

namespace adze {
namespace {

using ::testing::HasSubstr;

const std::vector<LayerInfo>& Layers() {
  static const std::vector<LayerInfo> layers = {
      {.name = "conv", .op = "Conv2D", .per_channel = true},
      {.name = "fc", .op = "MatMul"},
      {.name = "pool", .op = "AvgPool", .has_weight = false}};
  return layers;
}

Config Read(const std::string& text) { return ParseConfig(text, Layers()); }
std::string RefusalOf(const std::string& text) {
  return Refusal([&] { Read(text); });
}
std::string Conv(const std::string& fields) {
  return R"({"version":1,"batch_num":1,"conv":{"retrain_enable":true,)" + fields + "}}";
}

TEST(JsonRetrainConfig, IsWrittenAsAmctDoes) {
  Config config = DefaultConfig(Layers());
  config.layers.erase("pool");
  config.layers.at("fc").retrain = {.clip_max = 3.5, .clip_min = -1.25, .fixed_min = false};
  const std::string text = SerializeRetrainConfig(config, {Layers()[0], Layers()[2]});
  EXPECT_EQ(text, R"({
    "version":1,
    "batch_num":1,
    "conv":{
        "retrain_enable":true,
        "retrain_data_config":{
            "algo":"ulq_quantize",
            "dst_type":"INT8"
        },
        "retrain_weight_config":{
            "algo":"arq_retrain",
            "channel_wise":true,
            "dst_type":"INT8"
        }
    },
    "fc":{
        "retrain_enable":true,
        "retrain_data_config":{
            "algo":"ulq_quantize",
            "dst_type":"INT8",
            "clip_max":3.5,
            "clip_min":-1.25,
            "fixed_min":false
        },
        "retrain_weight_config":{
            "algo":"arq_retrain",
            "channel_wise":false,
            "dst_type":"INT8"
        }
    },
    "pool":{
        "retrain_enable":false,
        "retrain_data_config":{
            "algo":"ulq_quantize",
            "dst_type":"INT8"
        },
        "retrain_weight_config":{
            "algo":"arq_retrain",
            "channel_wise":false,
            "dst_type":"INT8"
        }
    }
}
)");
}

TEST(JsonRetrainConfig, ReadsWhatItWrites) {
  Config config = DefaultConfig(Layers());
  config.batch_num = 3;
  config.layers.at("conv").retrain = {.activation = "lsq_plus", .weight = "tqt", .fixed_min = true};
  config.layers.at("conv").activation.num_bits = 4;
  config.layers.at("conv").weight = {.num_bits = 4, .per_channel = false};
  config.layers.at("pool").quantize = false;
  const Config read = Read(SerializeRetrainConfig(config, Layers()));
  EXPECT_TRUE(read.for_retraining);
  EXPECT_EQ(read.batch_num, 3);
  for (const LayerInfo& layer : Layers()) {
    const LayerConfig &want = config.layers.at(layer.name), &got = read.layers.at(layer.name);
    EXPECT_EQ(got.retrain, want.retrain) << layer.name;
    EXPECT_EQ(got.activation.num_bits, want.activation.num_bits);
    EXPECT_EQ(got.weight, want.weight);
    EXPECT_EQ(got.quantize, want.quantize);
  }
}

TEST(JsonRetrainConfig, LayersNotNamedStayInFloatAndTheRestHasDefaults) {
  const Config config = Read(Conv(R"("retrain_weight_config":{})"));
  EXPECT_EQ(config.layers.size(), 1);
  EXPECT_EQ(config.layers.at("conv").retrain, RetrainConfig());
  EXPECT_TRUE(config.layers.at("conv").weight.per_channel);
  const Config alias = Read(Conv(R"("retrain_data_config":{"algo":"arq_retrain"})"));
  EXPECT_EQ(alias.layers.at("conv").retrain.activation, "ulq");
}

TEST(JsonRetrainConfig, SaysWhichRuleIsBroken) {
  const auto data = [](const std::string& fields) {
    return RefusalOf(Conv("\"retrain_data_config\":{" + fields + "}"));
  };
  EXPECT_THAT(data(R"("clip_max":2)"),
              HasSubstr("layer 'conv': clip_max and clip_min go together"));
  EXPECT_THAT(data(R"("clip_max":-2,"clip_min":-3)"), HasSubstr("clip_max is -2"));
  EXPECT_THAT(data(R"("clip_max":2,"clip_min":0)"), HasSubstr("clip_min is 0"));
  EXPECT_THAT(data(R"("dst_type":"INT16")"), HasSubstr("must be INT8 or INT4"));
  EXPECT_THAT(data(R"("algo":"ulq")"), HasSubstr("must end in '_quantize'"));
  EXPECT_THAT(data(R"("clip":2)"), HasSubstr("unknown parameter 'clip'"));
  EXPECT_THAT(RefusalOf(Conv(R"("regular_prune_enable":true)")), HasSubstr("pruning"));
  EXPECT_THAT(RefusalOf(R"({"version":1,"conv":{"retrain_enable":true}})"),
              HasSubstr("batch_num is missing"));
  EXPECT_THAT(RefusalOf(R"({"version":1,"batch_num":1,"cony":{"retrain_enable":true}})"),
              HasSubstr("'cony' is neither"));
  EXPECT_THAT(RefusalOf(R"({"version":1,"batch_num":1,"conv":{"retrain_enable":false}})"),
              HasSubstr("no layer is enabled"));
  EXPECT_THAT(RefusalOf(R"({"version":1,"batch_num":1,"fc":{"retrain_enable":true,
                  "retrain_weight_config":{"channel_wise":true}}})"),
              HasSubstr("channel_wise is true, but a MatMul"));
  EXPECT_THAT(RefusalOf(R"({"version":1,"batch_num":1,"pool":{"retrain_enable":true,
                  "retrain_data_config":{"dst_type":"INT4"}}})"),
              HasSubstr("dst_type is INT4, which a AvgPool"));
}

TEST(SimplifiedRetrainConfig, TheNearestSettingCounts) {
  const Config config = Read(R"(
    batch_num: 2
    retrain_data_quant_config { lsq_plus_quantize { dst_type: INT4 } }
    retrain_weight_quant_config { ulq_retrain { channel_wise: true dst_type: INT4 } }
    override_layer_types {
      layer_type: "MatMul"
      retrain_data_quant_config { ulq_quantize { clip_max_min { clip_max: 3.0 clip_min: -1.0 } } }
    }
    override_layer_configs {
      layer_name: "fc"
      retrain_weight_quant_config { arq_retrain { } }
    }
    quant_skip_types: "MatMul"  # which the overrides switch on again
    )");
  EXPECT_TRUE(config.for_retraining);
  EXPECT_EQ(config.batch_num, 2);
  const LayerConfig &conv = config.layers.at("conv"), &fc = config.layers.at("fc"),
                    &pool = config.layers.at("pool");
  EXPECT_EQ(conv.retrain, (RetrainConfig{.activation = "lsq_plus", .weight = "ulq"}));
  EXPECT_EQ(conv.activation.num_bits, 4);
  EXPECT_TRUE(conv.weight.per_channel);
  EXPECT_TRUE(fc.quantize);
  EXPECT_EQ(fc.retrain.activation, "ulq");
  EXPECT_EQ(fc.retrain.weight, "arq");
  EXPECT_EQ(*fc.retrain.clip_max, 3);
  EXPECT_EQ(fc.activation.num_bits, 8);
  EXPECT_FALSE(fc.weight.per_channel);
  EXPECT_EQ(pool.activation.num_bits, 8);  // what is said for all is made to fit
}

TEST(SimplifiedRetrainConfig, SaysWhichRuleIsBroken) {
  EXPECT_THAT(RefusalOf("quant_skip_layers: 'nope'"), HasSubstr("has 'nope'"));
  EXPECT_THAT(RefusalOf("prune_config { filter_pruner { balanced_l2_norm_filter_prune { "
                        "prune_ratio: 0.3 } } }"),
              HasSubstr("pruning is not supported"));
  EXPECT_THAT(RefusalOf("retrain_data_quant_config { ulq_quantize { clip_max_min { clip_max: 1.0 "
                        "} } }"),
              HasSubstr("clip_max"));
  EXPECT_THAT(RefusalOf("retrain_data_quant_config { nope { } }"),
              HasSubstr("is not a config of retraining: line 1"));
  EXPECT_THAT(RefusalOf("override_layer_configs { layer_name: 'pool' retrain_data_quant_config { "
                        "ulq_quantize { dst_type: INT4 } } }"),
              HasSubstr("dst_type is INT4, which a AvgPool"));
  EXPECT_FALSE(Read("batch_num: 1  # retrain_data_quant_config {}").for_retraining);
}

}  // namespace
}  // namespace adze
