#include "decompose/training_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "decompose/random_tensor.h"
#include "proto/saved_model.pb.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// x -> conv 3 x 3, whose kernel is a variable with weight decay, an initialiser that a group waits
// for, and a saver.
Graph TrainingGraph() {
  Graph graph(Builtin<OpRegistry>());
  const AttrMap type = {{"T", DType::kFloat}};
  const Value x =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{-1, 8, 8, 64}}})
          .output();
  Node& kernel = graph.Add("conv/kernel", "VariableV2", {},
                           {{"dtype", DType::kFloat}, {"shape", Shape{3, 3, 64, 64}}});
  Node& zeros =
      graph.AddConst("conv/kernel/Initializer/zeros", Tensor::Zeros(DType::kFloat, {3, 3, 64, 64}));
  Node& assign = graph.Add("conv/kernel/Assign", "Assign", {kernel.output(), zeros.output()}, type);
  assign.SetAttr("_class", std::vector<std::string>{"loc:@conv/kernel"});
  Node& read = graph.Add("conv/kernel/read", "Identity", {kernel.output()}, type);
  Node& conv = graph.Add("conv/Conv2D", "Conv2D", {x, read.output()},
                         {{"T", DType::kFloat},
                          {"padding", std::string("SAME")},
                          {"strides", std::vector<int64_t>{1, 2, 2, 1}}});
  graph.Add("relu", "Relu", {conv.output()}, type);
  Node& decay = graph.Add("decay/L2Loss", "L2Loss", {read.output()}, type);
  decay.SetAttr("_class", std::vector<std::string>{"loc:@conv/kernel", "loc:@x"});
  graph.Add("loss", "Neg", {decay.output()}, type);
  graph.SetControlInputs(graph.Add("init", "NoOp", {}), {&assign});
  Node& file = graph.Add("save/Const", "Const", {},
                         {{"dtype", DType::kString}, {"value", Tensor::FromStrings({}, {"m"})}});
  Node& restore = graph.Add("save/RestoreV2", "RestoreV2", {file.output()},
                            {{"dtypes", std::vector<DType>{DType::kFloat}}});
  Node& restored = graph.Add("save/Assign", "Assign", {kernel.output(), restore.output()}, type);
  graph.SetControlInputs(graph.Add("save/restore_all", "NoOp", {}), {&restored});
  graph.Add("save/SaveV2", "SaveV2", {file.output(), kernel.output()},
            {{"dtypes", std::vector<DType>{DType::kFloat}}});
  return graph;
}

std::vector<DecompositionEdit> Edits() {
  return {{.name = "conv/Conv2D",
           .kernel = {3, 3, 64, 64},
           .method = "spatial",
           .mode = "SCFK",
           .ranks = {32},
           .kernels = {{3, 1, 64, 32}, {1, 3, 32, 64}}}};
}

TEST(TrainingGraphEdits, VariablesInitialisersAndWeightDecayAreThoseOfTheNewKernels) {
  Graph graph = TrainingGraph();
  const TrainingGraphChanges changes = EditTrainingGraph(graph, Edits());
  const std::string first = "conv/Conv2D/decom_first/", last = "conv/Conv2D/decom_last/";
  EXPECT_THAT(changes.layers.at(0).nodes, ElementsAre(first + "decom_first", last + "decom_last"));
  EXPECT_EQ(graph.Find("relu")->input(0).node, graph.Find(last + "decom_last"));
  const Node* variable = graph.Find(last + "kernel");
  ASSERT_TRUE(variable);
  EXPECT_EQ(variable->op(), "VariableV2");
  EXPECT_EQ(variable->attr<Shape>("shape"), (Shape{1, 3, 32, 64}));
  EXPECT_EQ(graph.Find(last + "decom_last")->input(1).node, graph.Find(last + "kernel/read"));
  EXPECT_EQ(graph.Find(first + "decom_first")->attr<std::vector<int64_t>>("strides"),
            (std::vector<int64_t>{1, 2, 1, 1}));
  // The group of initialisers waits for the new ones.
  const auto waits = graph.Find("init")->control_inputs();
  EXPECT_THAT(std::vector<Node*>(waits.begin(), waits.end()),
              ElementsAre(graph.Find(first + "kernel/Assign"), graph.Find(last + "kernel/Assign")));
  EXPECT_EQ(graph.Find("decay/L2Loss")->op(), "AddN");
  EXPECT_EQ(graph.Find("decay/L2Loss")->num_inputs(), 2);
  EXPECT_EQ(graph.Find("loss")->input(0).node, graph.Find("decay/L2Loss"));
  for (const Node* node : graph.nodes()) {
    EXPECT_FALSE(node->name().starts_with("save")) << node->name();
    EXPECT_FALSE(node->name().starts_with("conv/kernel")) << node->name();
    EXPECT_FALSE(node->attrs().contains("_class")) << node->name();
  }
}

TEST(TrainingGraphEdits, CollectionsNameTheNewVariables) {
  proto::MetaGraphDef meta;
  meta.set_graph_def(SerializeGraphDef(TrainingGraph()));
  meta.mutable_saver_def()->set_restore_op_name("save/restore_all");
  proto::VariableDef variable;
  variable.set_variable_name("conv/kernel:0");
  variable.set_trainable(true);
  auto& collections = *meta.mutable_collection_def();
  collections["trainable_variables"].mutable_bytes_list()->add_value(variable.SerializeAsString());
  variable.set_variable_name("other:0");
  collections["trainable_variables"].mutable_bytes_list()->add_value(variable.SerializeAsString());
  collections["points"].mutable_node_list()->add_value("conv/Conv2D:0");
  collections["points"].mutable_node_list()->add_value("relu:0");
  const EditedMetaGraph edited = DecomposeTrainingGraph(meta.SerializeAsString(), Edits());
  proto::MetaGraphDef result;
  ASSERT_TRUE(result.ParseFromString(edited.bytes));
  EXPECT_FALSE(result.has_saver_def());
  const auto& list = result.collection_def().at("trainable_variables").bytes_list();
  ASSERT_EQ(list.value_size(), 3);
  std::vector<std::string> names;
  for (const std::string& bytes : list.value()) {
    proto::VariableDef read;
    ASSERT_TRUE(read.ParseFromString(bytes));
    EXPECT_TRUE(read.trainable());
    names.push_back(read.variable_name());
  }
  EXPECT_THAT(names, ElementsAre("conv/Conv2D/decom_first/kernel:0",
                                 "conv/Conv2D/decom_last/kernel:0", "other:0"));
  EXPECT_THAT(result.collection_def().at("points").node_list().value(),
              ElementsAre("conv/Conv2D/decom_last/decom_last:0", "relu:0"));
}

std::string Refusal(Graph& graph, const std::vector<DecompositionEdit>& edits) {
  try {
    EditTrainingGraph(graph, edits);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(TrainingGraphEdits, GraphWithItsOptimizerIsRefused) {
  Graph graph = TrainingGraph();
  graph.Add("train/ApplyGradientDescent", "ApplyGradientDescent",
            {graph.Find("conv/kernel")->output()});
  EXPECT_THAT(Refusal(graph, Edits()),
              HasSubstr("layer 'conv/Conv2D': its kernel 'conv/kernel' is read by "
                        "ApplyGradientDescent 'train/ApplyGradientDescent'; export the graph "
                        "before the optimizer"));
}

TEST(TrainingGraphEdits, EditsOfOtherShapesAreRefused) {
  Graph graph = TrainingGraph();
  std::vector<DecompositionEdit> edits = Edits();
  edits[0].kernel = {3, 3, 64, 128};
  EXPECT_EQ(Refusal(graph, edits),
            "layer 'conv/Conv2D': the kernel has shape [3, 3, 64, 64], in the edits "
            "[3, 3, 64, 128]");
  edits = Edits();
  edits[0].ranks = {48};
  EXPECT_THAT(Refusal(graph, edits), HasSubstr("the edits give kernels of other shapes"));
  edits[0].mode = "none";
  EXPECT_THAT(Refusal(graph, edits), HasSubstr("there is no mode 'none'"));
  edits = Edits();
  edits[0].name = "relu";
  EXPECT_THAT(Refusal(graph, edits), HasSubstr("has no such convolution"));
}

}  // namespace
}  // namespace adze
