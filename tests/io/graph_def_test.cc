#include "adze/graph_def.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "adze/file.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "io/attr_codec.h"
#include "shared_folder.h"
#include "test_folder.h"

namespace adze {
namespace {

const OpRegistry& Ops() { return Builtin<OpRegistry>(); }

TEST(GraphDef, EverySharedModelSurvivesReadingAndWriting) {
  ADZE_NEED_SHARED();
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SharedFolder() / "models")) {
    const std::filesystem::path path = entry.path() / "model.pb";
    if (!std::filesystem::exists(path)) continue;
    const Graph graph = ReadGraphDef(path, Ops());
    const std::string once = SerializeGraphDef(graph);
    EXPECT_EQ(SerializeGraphDef(ParseGraphDef(once, Ops())), once) << path;
    proto::GraphDef original;
    ASSERT_TRUE(original.ParseFromString(ReadFile(path)));
    EXPECT_TRUE(SerializeDeterministically(original) == once) << path;
    ++models;
  }
  EXPECT_GE(models, 10);
}

// Reads text, writes it and compares with what protobuf makes of the same text.
void ExpectLossless(const std::string& text) {
  proto::GraphDef original;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &original)) << text;
  const std::string bytes = SerializeDeterministically(original);
  EXPECT_EQ(SerializeGraphDef(ParseGraphDef(bytes, Ops())), bytes) << text;
}

// What a TensorFlow of years to come may write: another producer, attributes, ops and kinds of
// attribute that nobody knows, fields that the messages do not have.
TEST(GraphDef, NewerProducersLoseNothing) {
  ExpectLossless(R"(
    node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
           attr { key: "_of_the_future" value { list { i: 1 i: 2 } } } }
    node { name: "y" op: "OpOfTheFuture" input: "x" input: "^x" device: "/device:QPU:0"
           attr { key: "f" value { func { name: "g" attr { key: "a" value { b: true } } } } }
           attr { key: "_nothing" value { } } }
    versions { producer: 99999 min_consumer: 12 bad_consumers: 3 }
    library { function { signature { name: "g" } } })");
  // Field 600 of a node, of an attribute and of the graph, which the text form cannot say.
  const std::string field = "\xc2\x25\x03new";
  proto::GraphDef graph;
  proto::NodeDef& node = *graph.add_node();
  node.set_name("x");
  node.set_op("Relu");
  proto::AttrValue value;
  value.set_i(7);
  const std::string attr = value.SerializeAsString() + field;
  ASSERT_TRUE((*node.mutable_attr())["a"].ParseFromString(attr));
  ASSERT_TRUE(node.MergeFromString(field));
  ASSERT_TRUE(graph.MergeFromString(field));
  const std::string bytes = SerializeDeterministically(graph);
  ASSERT_NE(bytes.find("new"), bytes.rfind("new"));
  EXPECT_EQ(SerializeGraphDef(ParseGraphDef(bytes, Ops())), bytes);
}

std::string ConstOf(const std::string& dtype, const std::string& shape, const std::string& values) {
  return "node { name: 'c' op: 'Const' attr { key: 'dtype' value { type: " + dtype +
         " } } attr { key: 'value' value { tensor { dtype: " + dtype + " tensor_shape { " + shape +
         " } " + values + " } } } }";
}

Tensor ReadConst(const std::string& dtype, const std::string& shape, const std::string& values) {
  const std::string text = ConstOf(dtype, shape, values);
  ExpectLossless(text);
  proto::GraphDef message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  const Graph graph = ParseGraphDef(message.SerializeAsString(), Ops());
  return graph.Find("c")->const_value();
}

// Element types in the field that TensorFlow writes each in, all values given, and with the last
// one repeated; then the bytes themselves.
TEST(GraphDef, ConstantsOfEveryType) {
  const struct {
    const char *dtype, *values, *content;
  } kTypes[] = {
      {"DT_FLOAT", "float_val: [1, 2]", R"(\000\000\200\077\000\000\000\100)"},
      {"DT_DOUBLE", "double_val: [1, 2]", R"(\0\0\0\0\0\0\360\077\0\0\0\0\0\0\0\100)"},
      {"DT_HALF", "half_val: [15360, 16384]", R"(\000\074\000\100)"},
      {"DT_BFLOAT16", "half_val: [16256, 16384]", R"(\200\077\000\100)"},
      {"DT_INT8", "int_val: [1, 2]", R"(\001\002)"},
      {"DT_UINT8", "int_val: [1, 2]", R"(\001\002)"},
      {"DT_INT16", "int_val: [1, 2]", R"(\001\000\002\000)"},
      {"DT_UINT16", "int_val: [1, 2]", R"(\001\000\002\000)"},
      {"DT_INT32", "int_val: [1, 2]", R"(\001\000\000\000\002\000\000\000)"},
      {"DT_INT64", "int64_val: [1, 2]", R"(\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0)"},
  };
  for (const auto& type : kTypes) {
    SCOPED_TRACE(type.dtype);
    using Floats = std::vector<float>;
    EXPECT_EQ(ToFloats(ReadConst(type.dtype, "dim { size: 2 }", type.values)), (Floats{1, 2}));
    EXPECT_EQ(ToFloats(ReadConst(type.dtype, "dim { size: 2 } dim { size: 2 }", type.values)),
              (Floats{1, 2, 2, 2}));
    EXPECT_EQ(ToFloats(ReadConst(type.dtype, "dim { size: 2 }",
                                 std::string("tensor_content: '") + type.content + "'")),
              (Floats{1, 2}));
    EXPECT_EQ(ToFloats(ReadConst(type.dtype, "dim { size: 2 }", "")), (Floats{0, 0}));
    EXPECT_EQ(ReadConst(type.dtype, "dim { size: 0 } dim { size: 3 }", "").shape(), (Shape{0, 3}));
  }
  EXPECT_THAT(ReadConst("DT_BOOL", "dim { size: 3 }", "bool_val: [false, true]").data<bool>(),
              testing::ElementsAre(false, true, true));
  EXPECT_THAT(ReadConst("DT_STRING", "dim { size: 3 }", "string_val: ['a', '']").strings(),
              testing::ElementsAre("a", "", ""));
}

// Protobuf 3 packs repeated numbers; older writers put a tag before each.
TEST(GraphDef, UnpackedNumbersAreReadLikePackedOnes) {
  // TensorProto { dtype: DT_INT32, tensor_shape { dim { size: 3 } }, int_val: 5, 6, 300 }.
  const std::string head = "\x08\x03\x12\x04\x12\x02\x08\x03";
  const std::string packed = head + "\x3a\x04\x05\x06\xac\x02";
  const std::string unpacked = head + "\x38\x05\x38\x06\x38\xac\x02";
  for (const std::string& tensor : {packed, unpacked}) {
    const std::string attr =
        "\x42" + std::string(1, static_cast<char>(tensor.size())) + tensor;  // AttrValue.tensor
    const std::string entry =
        "\x0a\x05value\x12" + std::string(1, static_cast<char>(attr.size())) + attr;
    const std::string fields =
        "\x0a\x01"
        "c\x12\x05"
        "Const\x2a" +
        std::string(1, static_cast<char>(entry.size())) + entry;
    const std::string bytes = "\x0a" + std::string(1, static_cast<char>(fields.size())) + fields;
    const Graph read = ParseGraphDef(bytes, Ops());
    EXPECT_EQ(ToInt64s(read.Find("c")->const_value()), (std::vector<int64_t>{5, 6, 300}));
  }
}

// A file with a hole takes no room on the disk.
TEST(GraphDef, MoreThanTwoGibibytesAreRefused) {
  const std::filesystem::path path = TestFolder() / "large.pb";
  WriteFileAtomically(path, ReadFile(std::filesystem::path(ADZE_SOURCE_DIR) /
                                     "tests/fuzz/corpus/graph_def/net.pb"));
  std::filesystem::resize_file(path, (uint64_t{1} << 31) + 5);
  try {
    ReadGraphDef(path, Ops());
    ADD_FAILURE() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_STREQ(error.what(), ("file '" + path.string() +
                                "': is larger than 2 GiB, the most that a GraphDef can be")
                                   .c_str());
  }
  std::filesystem::remove(path);
}

// "^x" is a control edge to node x, "x:1" its second output; both also where names hold slashes.
TEST(GraphDef, EdgesWithCaretsAndColons) {
  const std::string text = R"(
    node { name: "scope/split" op: "Split" attr { key: "num_split" value { i: 2 } } }
    node { name: "a" op: "Relu" input: "scope/split:1" input: "^scope/split" }
    node { name: "b" op: "Add" input: "scope/split:0" input: "a:0" input: "^a" })";
  proto::GraphDef message;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  const Graph graph = ParseGraphDef(message.SerializeAsString(), Ops());
  Node *split = graph.Find("scope/split"), *a = graph.Find("a"), *b = graph.Find("b");
  EXPECT_EQ(a->input(0), split->output(1));
  EXPECT_THAT(a->control_inputs(), testing::ElementsAre(split));
  EXPECT_EQ(b->input(0), split->output(0));
  EXPECT_EQ(b->input(1), a->output(0));
  EXPECT_EQ(graph.FindValue("scope/split:1"), split->output(1));
  EXPECT_TRUE(graph.Find("^a") == nullptr);
  ExpectLossless(R"(
    node { name: "scope/split" op: "Split" attr { key: "num_split" value { i: 2 } } }
    node { name: "a" op: "Relu" input: "scope/split:1" input: "^scope/split" })");
}

// A chain as long as no call stack is deep: read, ordered, written, cleaned up.
TEST(GraphDef, AChainOf200000NodesDoesNotRecurse) {
  proto::GraphDef message;
  for (int i = 200000; i-- > 0;) {  // readers first
    proto::NodeDef& node = *message.add_node();
    node.set_name("n" + std::to_string(i));
    node.set_op(i == 0 ? "Placeholder" : "Relu");
    if (i > 0) node.add_input("n" + std::to_string(i - 1));
  }
  Graph graph = ParseGraphDef(message.SerializeAsString(), Ops());
  EXPECT_EQ(graph.TopologicalOrder().front()->name(), "n0");
  graph.SetOutputs(std::vector<std::string>{"n199999"});
  EXPECT_EQ(graph.Prune(), 0);
  EXPECT_EQ(graph.size(), 200000u);
}

TEST(GraphDef, FileThatCannotBeWrittenIsNamedOnce) {
  WriteFileAtomically(TestFolder() / "file", "");
  for (const char* name : {"x.pb", "x.pbtxt"}) {
    const std::string path = TestFolder() / "file" / name;
    try {
      WriteGraphDef(Graph(Ops()), path);
      FAIL() << "was written";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::StartsWith("file '" + path + "': cannot "));
    }
  }
}

}  // namespace
}  // namespace adze
