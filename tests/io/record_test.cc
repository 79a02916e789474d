#include "adze/record.h"

#include <gmock/gmock.h>

#include <fstream>

#include "adze/file.h"
#include "test_folder.h"

namespace adze {
namespace {

using ::testing::HasSubstr;

class RecordTest : public testing::Test {
 protected:
  std::filesystem::path Write(const std::string& text) {
    const auto path = TestFolder() / "record.txt";
    std::ofstream(path) << text;
    return path;
  }
  // What is said about a record of one layer with these fields.
  std::string Refusal(const std::string& fields) {
    return RefusalOfFile("record { key: \"c/Conv2D\" value { " + fields + " } }");
  }
  std::string RefusalOfFile(const std::string& text) {
    try {
      ReadRecord(Write(text));
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }
};

Record Example() {
  return {{{.name = "block1/depthwise/depthwise",
            .activation = QuantParams{{}, {6.0f / 255}, {-128}},
            .weight = QuantParams{{.symmetric = true}, {0.0128474627f, 1}, {0, 0}}},
           {.name = "head/MatMul", .skip_reason = "skipped"},
           {.name = "head/AvgPool",
            .activation = QuantParams{{.num_bits = 16, .symmetric = true}, {0.024f}, {0}},
            .skip_fusion = true}}};
}

TEST_F(RecordTest, IsWrittenAsAmctDoes) {
  EXPECT_EQ(SerializeRecord(Example()), R"(record {
  key: "block1/depthwise/depthwise"
  value {
    scale_d: 0.023529412
    offset_d: -128
    scale_w: 0.012847463
    scale_w: 1
    offset_w: 0
    offset_w: 0
  }
}
record {
  key: "head/AvgPool"
  value {
    scale_d: 0.024
    offset_d: 0
    skip_fusion: true
    act_type: "INT16"
  }
}
)");
}

TEST_F(RecordTest, ComesBack) {
  const auto path = TestFolder() / "written.txt";
  WriteRecord(Example(), path);
  const Record read = ReadRecord(path);
  ASSERT_EQ(read.layers.size(), 2);
  EXPECT_EQ(read.layers[0].activation, Example().layers[0].activation);
  EXPECT_EQ(read.layers[0].weight, Example().layers[0].weight);
  EXPECT_EQ(read.Find("head/AvgPool")->activation, Example().layers[2].activation);
  EXPECT_TRUE(read.Find("head/AvgPool")->skip_fusion);
  EXPECT_EQ(read.Find("head/AvgPool")->weight, std::nullopt);
  EXPECT_EQ(read.Find("head/MatMul"), nullptr);
  EXPECT_EQ(SerializeRecord(read), ReadFile(path));
}

TEST_F(RecordTest, EveryFloatComesBackFromItsShortestForm) {
  Record record{{{.name = "x",
                  .activation = QuantParams{{}, {1}, {0}},
                  .weight = QuantParams{{.symmetric = true}, {}, {}}}}};
  for (float scale = 1.2345678e-7f; scale < 1e4f; scale *= 1.0371f) {
    record.layers[0].weight->scale.push_back(scale);
    record.layers[0].weight->zero_point.push_back(0);
  }
  const Record read = ReadRecord(Write(SerializeRecord(record)));
  EXPECT_EQ(read.layers[0].weight, record.layers[0].weight);
}

TEST_F(RecordTest, TakesWhatAmctKnows) {
  const Record record = ReadRecord(Write(R"(# a comment
    record { key: 'a' value: { scale_d: .5 offset_d: 3 scale_w: [1, 2] offset_w: [0, 0]
      shift_bit: 0 shift_bit: 0 dst_type: 'INT8' act_type: "INT8" wts_type: "INT4" } }
    record { key: "b" value { skip_fusion: true } })"));
  ASSERT_EQ(record.layers.size(), 2);
  EXPECT_EQ(record.layers[0].activation->zero_point[0], 3);
  EXPECT_EQ(record.layers[0].weight->spec.num_bits, 4);
  EXPECT_FALSE(record.layers[1].activation);
  EXPECT_TRUE(record.layers[1].skip_fusion);
}

TEST_F(RecordTest, KeepsTheCentresOfNonUniformWeights) {
  Record record = Example();
  for (int32_t i = 0; i < 16; ++i) record.layers[0].cluster.push_back(8 * i - 60);
  const std::string text = SerializeRecord(record);
  EXPECT_THAT(text, HasSubstr("    offset_w: 0\n    cluster: -60\n    cluster: -52\n"));
  const Record read = ReadRecord(Write(text));
  EXPECT_EQ(read.layers[0].cluster, record.layers[0].cluster);
  EXPECT_EQ(SerializeRecord(read), text);
}

TEST_F(RecordTest, KeepsBalanceFactors) {
  Record record = Example();
  record.layers[0].balance_factor = {0.5f, 3};
  record.layers[1].balance_factor = {2};  // nothing else is known of this layer
  const std::string text = SerializeRecord(record);
  EXPECT_THAT(text, HasSubstr("    tensor_balance_factor: 0.5\n    tensor_balance_factor: 3\n"));
  const Record read = ReadRecord(Write(text));
  EXPECT_EQ(read.layers[0].balance_factor, record.layers[0].balance_factor);
  EXPECT_EQ(read.Find("head/MatMul")->balance_factor, record.layers[1].balance_factor);
  EXPECT_EQ(read.Find("head/MatMul")->activation, std::nullopt);
  EXPECT_EQ(SerializeRecord(read), text);
}

TEST_F(RecordTest, RefusesNamingFileAndLayer) {
  EXPECT_THAT(RefusalOfFile("record { key: 'a' valu {} }"),
              AllOf(HasSubstr("record.txt': is not a record file: line 1"), HasSubstr("valu")));
  EXPECT_THAT(RefusalOfFile("record { value { scale_d: 1 } }"), HasSubstr("record 1 has no key"));
  EXPECT_THAT(RefusalOfFile("record { key: 'a' }"),
              HasSubstr("layer 'a': its record has no value"));
  EXPECT_THAT(RefusalOfFile("record { key: 'a' value {} } record { key: 'a' value {} }"),
              HasSubstr("two records"));

  EXPECT_THAT(Refusal("scale_d: 1"),
              AllOf(HasSubstr("layer 'c/Conv2D': offset_d is missing"), HasSubstr("not finished")));
  EXPECT_THAT(Refusal("scale_w: 1 offset_w: 0"), HasSubstr("scale_d is missing"));
  EXPECT_THAT(Refusal("scale_d: 1 offset_d: 128"), HasSubstr("[-128, 127]"));
  EXPECT_THAT(Refusal("scale_d: 1 offset_d: 40000 act_type: 'INT16'"),
              HasSubstr("[-32768, 32767]"));
  EXPECT_THAT(Refusal("scale_d: 1 offset_d: 0 scale_w: 1 offset_w: 1"), HasSubstr("must be 0"));
  EXPECT_THAT(Refusal("scale_d: 1 offset_d: 0 scale_w: 1"), HasSubstr("must be equal"));
  EXPECT_THAT(Refusal("scale_d: 1 offset_d: 0 act_type: 'INT7'"), HasSubstr("INT4, INT8, INT16"));
  EXPECT_THAT(Refusal("scale_d: 1 offset_d: 0 wts_type: 'X' scale_w: 1 offset_w: 0"),
              HasSubstr("INT4, INT6, INT7, INT8"));
  EXPECT_THAT(Refusal("scale_d: 1 offset_d: 0 shift_bit: 3"), HasSubstr("delete it"));
  EXPECT_THAT(Refusal("cluster: 1"), HasSubstr("16 or 32"));
  const std::string centres = "cluster: [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,";
  EXPECT_THAT(Refusal(centres + "128]"), HasSubstr("[-128, 127]"));
  EXPECT_THAT(Refusal("scale_d: 1 offset_d: 0 " + centres + "15]"), HasSubstr("no scale_w"));
  EXPECT_THAT(
      Refusal("scale_d: 1 offset_d: 0 scale_w: 1 offset_w: 0 wts_type: 'INT4' " + centres + "15]"),
      HasSubstr("no scale_w of 8 bits"));
  EXPECT_THAT(Refusal("tensor_balance_factor: 0"), HasSubstr("tensor_balance_factor is 0"));
  for (const char* scale : {"0", "-1", "inf", "nan"}) {
    EXPECT_THAT(Refusal(std::string("offset_d: 0 scale_d: ") + scale), HasSubstr("positive"))
        << scale;
    EXPECT_THAT(Refusal(std::string("scale_d: 1 offset_d: 0 offset_w: 0 scale_w: ") + scale),
                HasSubstr("positive"))
        << scale;
  }
}

}  // namespace
}  // namespace adze
