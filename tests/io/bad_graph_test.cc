#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/error.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "test_folder.h"

namespace adze {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::filesystem::path kGraph =
    std::filesystem::path(ADZE_SOURCE_DIR) / "tests/fuzz/corpus/graph_def/net.pb";

std::string Message(const std::string& bytes) {
  const std::filesystem::path path = TestFolder() / "bad_graph_test_model.pb";
  WriteFileAtomically(path, bytes);
  try {
    ReadGraphDef(path, Builtin<OpRegistry>());
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::kInternal);
    const std::string message = error.what(), file = "file '" + path.string() + "': ";
    EXPECT_THAT(message, StartsWith(file));
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message.substr(std::min(message.size(), file.size()));
  }
  return "no error";
}

// A constant of the given shape (text of dims) and elements, in text form.
std::string Const(const std::string& shape, const std::string& elements) {
  return "node { name: 'w' op: 'Const' attr { key: 'value' value { tensor { dtype: DT_FLOAT "
         "tensor_shape { " +
         shape + " } " + elements + " } } } }";
}

TEST(BadGraph, AbsentEmptyTruncatedAndForeignFiles) {
  try {
    ReadGraphDef("/nonexistent/model.pb", Builtin<OpRegistry>());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_THAT(error.what(), StartsWith("file '/nonexistent/model.pb': cannot be opened"));
  }
  const std::string whole = ReadFile(kGraph);
  EXPECT_EQ(Message(whole), "no error");
  EXPECT_EQ(Message(""), "is empty, a GraphDef is needed");
  // At every length; where a cut falls between two nodes, a reader of the missing one may tell.
  int refused = 0;
  for (size_t size = 1; size < whole.size(); size += 7) {
    try {
      ParseGraphDef(whole.substr(0, size), Builtin<OpRegistry>());
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(whole.size() / 7 * 9 / 10));
  EXPECT_THAT(Message(whole.substr(0, whole.size() / 2)),
              HasSubstr("is not a GraphDef, or is cut off (2219 bytes)"));
  EXPECT_THAT(Message("\x89PNG\r\n\x1a\n 12345"), HasSubstr("is not a GraphDef, or is cut off"));
  EXPECT_THAT(Message("<html><body>404</body></html>"), HasSubstr("is not a GraphDef"));
  // A protobuf message without nodes: only versions { producer: 27 }.
  EXPECT_EQ(Message("\x22\x02\x08\x1b"), "holds no nodes; is it a frozen graph (GraphDef)?");
  EXPECT_EQ(Message("versions { producer: 27 }"),
            "holds no nodes; is it a frozen graph (GraphDef)?");
  EXPECT_EQ(
      Message("node { name: 'a' op: 'NoOp' }\nnode { nam: 'b' }"),
      "is not a GraphDef in text form: line 2, column 11: Message type \"adze.proto.NodeDef\" "
      "has no field named \"nam\".");
}

TEST(BadGraph, WrongEdges) {
  EXPECT_EQ(Message("node { name: 'a' op: 'Relu' input: 'b' }"),
            "node 'a': reads 'b', which is not in the graph");
  EXPECT_EQ(Message("node { name: 'a' op: 'Relu' input: '^b' }"),
            "node 'a': reads 'b', which is not in the graph");
  EXPECT_EQ(Message("node { name: 'a' op: 'NoOp' } node { name: 'b' op: 'Relu' input: 'a:-1' }"),
            "node 'b': input 'a:-1' is not a tensor name");
  EXPECT_EQ(Message("node { name: 'a' op: 'NoOp' } node { name: 'a' op: 'NoOp' }"),
            "two nodes are named 'a'");
  EXPECT_EQ(Message("node { op: 'NoOp' }"), "a node of op 'NoOp' has no name");
  EXPECT_EQ(Message("node { name: 'a' op: 'Relu' input: 'b' } "
                    "node { name: 'b' op: 'Relu' input: 'a' }"),
            "node 'a' is part of a cycle; adze takes graphs without loops "
            "(recurrent layers: unroll=True)");
  EXPECT_EQ(Message("node { name: 'a' op: 'Relu' input: 'a' }"),
            "node 'a' is part of a cycle; adze takes graphs without loops "
            "(recurrent layers: unroll=True)");
}

TEST(BadGraph, WrongConstants) {
  EXPECT_EQ(Message(Const("dim { size: 3 }", "tensor_content: '1234'")),
            "node 'w': tensor_content has 4 bytes, float32 [3] needs 12");
  EXPECT_EQ(Message(Const("dim { size: 1 }", "tensor_content: '12345678'")),
            "node 'w': tensor_content has 8 bytes, float32 [1] needs 4");
  EXPECT_EQ(Message(Const("dim { size: 1 }", "float_val: 1 float_val: 2")),
            "node 'w': tensor of shape [1] holds 2 values");
  EXPECT_EQ(Message(Const("dim { size: -1 }", "float_val: 1")),
            "node 'w': a constant has the unknown shape [?]");
  EXPECT_EQ(Message(Const("unknown_rank: true", "float_val: 1")),
            "node 'w': a constant has the unknown shape ?");
  EXPECT_EQ(Message(Const("dim { size: -5 }", "float_val: 1")),
            "node 'w': a shape has the dimension -5");
  EXPECT_EQ(Message(Const("dim { size: 9223372036854775807 } dim { size: 3 }", "float_val: 1")),
            "node 'w': shape [9223372036854775807, 3] has more than 2^48 elements");
  EXPECT_EQ(Message(Const("dim { size: 1000000 } dim { size: 1000 }", "float_val: 1")),
            "node 'w': a constant of shape [1000000, 1000] that is not in the file would take "
            "4000000000 bytes");
}

// Each constant is small enough, all of them together are not.
TEST(BadGraph, ManyConstantsThatAreNotInTheFile) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += "node { name: 'w" + std::to_string(i) +
            "' op: 'Const' attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape { "
            "dim { size: 1000000 } } } } } }\n";
  }
  EXPECT_EQ(Message(text),
            "node 'w12': a constant of shape [1000000] that is not in the file would take 4000000 "
            "bytes");
}

TEST(BadGraph, DeepNesting) {
  std::string open, close;
  for (int i = 0; i < 100000; ++i) {
    open += "func { attr { key: 'a' value { ";
    close += "} } }";
  }
  EXPECT_THAT(
      Message("node { name: 'a' op: 'X' attr { key: 'f' value { " + open + close + " } } }"),
      HasSubstr("is not a GraphDef in text form: "));
}

// A first node of 35 bytes makes the file begin with a line feed and '#'.
TEST(GraphDefForm, BinaryIsNotTakenForText) {
  const std::string name(27, 'n');
  const Graph graph =
      ParseGraphDef("node { name: '" + name + "' op: 'NoOp' }", Builtin<OpRegistry>());
  const std::string bytes = SerializeGraphDef(graph);
  EXPECT_THAT(bytes, StartsWith("\n#"));
  EXPECT_EQ(Message(bytes), "no error");
}

}  // namespace
}  // namespace adze
