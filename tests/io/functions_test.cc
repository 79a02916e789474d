// SavedModels of the fuzz corpus, whose results can be told by looking at them.
#include "adze/functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/checkpoint.h"
#include "adze/file.h"
#include "adze/freeze.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/reference.h"
#include "adze/registry.h"
#include "test_folder.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

MetaGraph ReadCorpus(const char* name) {
  const std::filesystem::path folder =
      std::filesystem::path(ADZE_SOURCE_DIR) / "tests/fuzz/corpus/saved_model";
  return ParseSavedModel(ReadFile(folder / name), Builtin<OpRegistry>());
}

// y = relu(relu(relu(2 x))) and z = 2 x, through functions in functions and a StatelessIf.
TEST(InlineFunctionsTest, BodiesTakeThePlaceOfCalls) {
  MetaGraph model = ReadCorpus("tf2.pb");
  Graph& graph = model.graph;
  graph.SetOutputs(std::vector<std::string>{"y:0", "call:0"});
  InlineFunctions(graph, model.output_args);
  graph.Prune();
  std::vector<std::string> names;
  for (const Node* node : graph.nodes()) {
    EXPECT_NE(node->def(), nullptr) << node->op();
    names.push_back(node->name());
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"call/mul", "call/inner/relu", "call/direct/relu",
                                            "call/if/relu", "call", "done"}));
  EXPECT_EQ(graph.Find("call")->op(), "IdentityN");
  EXPECT_THAT(SerializeGraphDef(graph), testing::Not(HasSubstr("twice")));
  const std::vector<Value> fetches = {graph.outputs()[0].value, graph.outputs()[1].value};
  const auto results = RunReference(graph, {{"x", Tensor::Vector<float>({-3, 3})}}, fetches);
  EXPECT_THAT(results[0].data<float>(), ElementsAre(0, 6));
  EXPECT_THAT(results[1].data<float>(), ElementsAre(-6, 6));
}

std::string MessageOf(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// The last function of the text calls itself.
TEST(InlineFunctionsTest, EndlessRecursionIsRefused) {
  const std::string call = R"(attr { key: "f" value { func { name: "f" } } })";
  const std::string text =
      R"(node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
         node { name: "call" op: "PartitionedCall" input: "x" )" +
      call + R"( }
         library { function { signature { name: "f" input_arg { name: "v" type: DT_FLOAT }
             output_arg { name: "out" type: DT_FLOAT } }
           node_def { name: "a" op: "PartitionedCall" input: "v" )" +
      call + R"( }
           node_def { name: "b" op: "PartitionedCall" input: "a:output:0" )" +
      call + R"( }
           ret { key: "out" value: "b:output:0" } } })";
  Graph graph = ParseGraphDef(text, Builtin<OpRegistry>());
  EXPECT_THAT(MessageOf([&] { InlineFunctions(graph); }),
              HasSubstr("functions call each other without end"));
}

TEST(FreezeVariablesTest, RestoreOpsSayWhereVariablesAre) {
  MetaGraph model = ReadCorpus("tf1.pb");
  Graph& graph = model.graph;
  const VariableKeys keys = FindVariableKeys(graph);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys.at("v").slice, "4 0,2");
  EXPECT_EQ(keys.at("h").key, "h");
  const std::filesystem::path prefix = TestFolder() / "model";
  WriteCheckpoint(prefix,
                  {{"v", Tensor::Vector<float>({1, 2, 3, 4})}, {"h", Tensor::Vector<float>({5})}});
  const Checkpoint checkpoint(prefix);
  graph.SetOutputs(std::vector<std::string>{"y", "h/read"});
  graph.Prune();
  EXPECT_THAT(MessageOf([&] { FreezeVariables(graph, keys, nullptr); }),
              HasSubstr("node 'v': is a variable, and no checkpoint is given"));
  FreezeVariables(graph, keys, &checkpoint);
  EXPECT_THAT(graph.Find("v")->const_value().data<float>(), ElementsAre(1, 2));
  EXPECT_THAT(graph.Find("h")->const_value().data<float>(), ElementsAre(5));
  EXPECT_EQ(graph.Find("h/read")->op(), "Identity");
}

TEST(FreezeVariablesTest, MissingAndMisshapenValuesAreNamed) {
  MetaGraph model = ReadCorpus("tf1.pb");
  Graph& graph = model.graph;
  graph.SetOutputs(std::vector<std::string>{"y"});
  graph.Prune();
  const std::filesystem::path prefix = TestFolder() / "model";
  WriteCheckpoint(prefix, {{"other", Tensor::Vector<float>({1})}});
  const Checkpoint without(prefix);
  EXPECT_THAT(MessageOf([&] { FreezeVariables(graph, {}, &without); }),
              HasSubstr("node 'v': is a variable without a value"));
  WriteCheckpoint(prefix, {{"v", Tensor::Vector<float>({1, 2, 3})}});
  const Checkpoint misshapen(prefix);
  EXPECT_THAT(MessageOf([&] { FreezeVariables(graph, {}, &misshapen); }),
              HasSubstr("is a variable of shape [2], the checkpoint has [3]"));
  WriteCheckpoint(prefix, {{"v", Tensor::Vector<int32_t>({1, 2})}});
  const Checkpoint mistyped(prefix);
  EXPECT_THAT(MessageOf([&] { FreezeVariables(graph, {}, &mistyped); }),
              HasSubstr("is a variable of float32, the checkpoint has int32"));
}

}  // namespace
}  // namespace adze
