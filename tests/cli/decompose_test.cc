#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "adze/checkpoint.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "cli/program.h"

namespace adze {
namespace {

// x -> conv 3 x 3, 64 -> 64, with weights that are no noise.
void WriteModel(const std::filesystem::path& file, float last = 0.5f) {
  Graph graph(Builtin<OpRegistry>());
  const Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 8, 8, 64}}})
          .output();
  Tensor weight(DType::kFloat, {3, 3, 64, 64});
  const auto values = weight.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(0.37f * static_cast<float>(i % 1009));
  }
  values.back() = last;
  Node& conv = graph.Add(
      "conv", "Conv2D", {data, graph.AddConst("w", weight).output()},
      {{"T", DType::kFloat}, {"padding", "SAME"}, {"strides", std::vector<int64_t>{1, 1, 1, 1}}});
  graph.Add("out", "Relu", {conv.output()}, {{"T", DType::kFloat}});
  WriteGraphDef(graph, file);
}

TEST(DecomposeVerb, WritesGraphAndCheckpointAndTellsOfThem) {
  const auto folder = TestFolder();
  WriteModel(folder / "model.pb");
  const ProgramResult result =
      RunAdze("decompose model.pb -o out.pb --to-checkpoint train/out.ckpt --json", folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  const auto& layer = json.at("layers").at(0);
  EXPECT_EQ(layer.at("name"), "conv");
  EXPECT_EQ(layer.at("mode"), "SCFK");
  EXPECT_EQ(layer.at("ranks"), nlohmann::json({32}));
  EXPECT_EQ(layer.at("macs"), nlohmann::json({64 * 9 * 64 * 64, 64 * 2 * 3 * 64 * 32}));
  EXPECT_EQ(json.at("files").size(), 4u);
  const Graph graph = ReadGraphDef(folder / "out.pb", Builtin<OpRegistry>());
  EXPECT_TRUE(graph.Find("conv/decom_last/decom_last"));
  const Checkpoint checkpoint(folder / "train/out.ckpt");
  EXPECT_TRUE(checkpoint.Contains("conv/decom_first/kernel"));
}

// On the same weights the same bytes; on others the same shapes; on another model a line.
TEST(DecomposeVerb, AppliesEditsToAFreshGraph) {
  const auto folder = TestFolder();
  WriteModel(folder / "model.pb");
  for (const char* how :
       {"", "--method tucker --macs 0.5", "--method channel --size 0.4 --for-int8"}) {
    const std::string options = std::string("decompose model.pb ") + how;
    ASSERT_EQ(RunAdze(options + " -o a.pb --edits edits.json", folder).exit_code, 0);
    const ProgramResult again = RunAdze("decompose model.pb --apply edits.json -o b.pb", folder);
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(ReadFile(folder / "a.pb"), ReadFile(folder / "b.pb")) << how;
  }
  WriteModel(folder / "fresh.pb", 0.25f);
  ASSERT_EQ(RunAdze("decompose fresh.pb --apply edits.json --to-checkpoint c", folder).exit_code,
            0);
  EXPECT_TRUE(Checkpoint(folder / "c").Contains("conv/decom_first/kernel"));
  WriteFileAtomically(folder / "bad.json", "{\"layers\": 3}");
  EXPECT_THAT(RunAdze("decompose model.pb --apply bad.json", folder).err,
              testing::HasSubstr("no edits of a decomposition"));
  std::string edits = ReadFile(folder / "edits.json");
  edits.replace(edits.find("\"conv\""), 6, "\"cnov\"");
  WriteFileAtomically(folder / "bad.json", edits);
  EXPECT_THAT(RunAdze("decompose model.pb --apply bad.json", folder).err,
              testing::HasSubstr("layer 'cnov': the edits name it"));
  EXPECT_THAT(RunAdze("decompose model.pb --apply edits.json --macs 0.5", folder).err,
              testing::HasSubstr("leave out --method"));
}

// A training graph without its checkpoint: the same edits, and the decomposed model's checkpoint
// has what its new variables want.
TEST(DecomposeVerb, AppliesEditsToATrainingGraphAlone) {
  const auto folder = TestFolder();
  WriteModel(folder / "model.pb");
  ASSERT_EQ(RunAdze("checkpoint model.pb --output train", folder).exit_code, 0);
  std::filesystem::remove(folder / "train.index");
  for (const char* how : {"", "--method tucker --macs 0.5", "--method cp --macs 0.5",
                          "--method channel --macs 0.5"}) {
    const std::string options = std::string("decompose model.pb ") + how;
    ASSERT_EQ(
        RunAdze(options + " -o a.pb --edits edits.json --to-checkpoint a.ckpt", folder).exit_code,
        0);
    const ProgramResult result =
        RunAdze("decompose train.meta --apply edits.json -o out.meta", folder);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, testing::HasSubstr("wrote out.meta"));
    ASSERT_EQ(RunAdze("freeze out.meta --checkpoint a.ckpt --output frozen.pb", folder).exit_code,
              0);
    const Graph a = ReadGraphDef(folder / "a.pb", Builtin<OpRegistry>());
    const Graph frozen = ReadGraphDef(folder / "frozen.pb", Builtin<OpRegistry>());
    int kernels = 0;
    for (const Node* node : a.nodes()) {
      ASSERT_TRUE(frozen.Find(node->name())) << node->name();
      if (!node->IsConst()) {
        const Node& other = *frozen.Find(node->name());
        EXPECT_EQ(other.op(), node->op());
        const std::vector<int64_t> none;
        EXPECT_EQ(other.attr("strides", none), node->attr("strides", none));
        EXPECT_EQ(other.attr("padding", std::string()), node->attr("padding", std::string()));
        continue;
      }
      ++kernels;
      const auto want = node->const_value().data<float>();
      const auto got = frozen.Find(node->name())->const_value().data<float>();
      EXPECT_TRUE(std::equal(want.begin(), want.end(), got.begin(), got.end())) << how;
    }
    EXPECT_GE(kernels, 2);
    EXPECT_FALSE(frozen.Find("w"));
  }
  // What it is not for.
  EXPECT_THAT(RunAdze("decompose train.meta -o out.meta", folder).err,
              testing::HasSubstr("give MODEL.meta and --apply"));
  EXPECT_THAT(RunAdze("decompose model.pb --apply edits.json -o out.meta", folder).err,
              testing::HasSubstr("give MODEL.meta and --apply"));
  std::string edits = ReadFile(folder / "edits.json");
  edits.replace(edits.find("\"conv\""), 6, "\"cnov\"");
  WriteFileAtomically(folder / "bad.json", edits);
  const std::string before = ReadFile(folder / "out.meta");
  EXPECT_EQ(RunAdze("decompose train.meta --apply bad.json -o out.meta", folder).err,
            "adze: file 'train.meta': layer 'cnov': the edits name it, but the graph has no such "
            "convolution; export the graph by the code that made the decomposed model\n");
  EXPECT_EQ(ReadFile(folder / "out.meta"), before);
}

TEST(DecomposeVerb, DrawsThePicture) {
  const auto folder = TestFolder();
  WriteModel(folder / "model.pb");
  const ProgramResult result = RunAdze("decompose model.pb --picture drawn/out.svg", folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, testing::HasSubstr("wrote drawn/out.svg"));
  const std::string svg = ReadFile(folder / "drawn/out.svg");
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  EXPECT_THAT(svg, testing::HasSubstr("decom_first, rank 32"));
  // A run that fails leaves it.
  WriteModel(folder / "model.pb", std::numeric_limits<float>::infinity());
  EXPECT_EQ(RunAdze("decompose model.pb --picture drawn/out.svg", folder).exit_code, 1);
  EXPECT_EQ(ReadFile(folder / "drawn/out.svg"), svg);
}

TEST(DecomposeVerb, AnOutputKeepsItsName) {
  const auto folder = TestFolder();
  WriteModel(folder / "model.pb");
  ASSERT_EQ(RunAdze("decompose model.pb --outputs conv -o out.pb", folder).exit_code, 0);
  const Graph graph = ReadGraphDef(folder / "out.pb", Builtin<OpRegistry>());
  ASSERT_TRUE(graph.Find("conv"));
  EXPECT_EQ(graph.Find("conv")->op(), "Identity");
}

TEST(DecomposeVerb, AFailedRunLeavesTheEarlierFile) {
  const auto folder = TestFolder();
  WriteModel(folder / "model.pb", std::numeric_limits<float>::infinity());
  WriteFileAtomically(folder / "out.pb", "earlier");
  const ProgramResult result = RunAdze("decompose model.pb -o out.pb", folder);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "adze: file 'model.pb': layer 'conv': weight 'w' holds inf at element 36863; "
            "decomposition needs finite weights\n");
  EXPECT_EQ(ReadFile(folder / "out.pb"), "earlier");
}

TEST(DecomposeVerb, BudgetThatCannotBeMetSaysTheLeastPossible) {
  const auto folder = TestFolder();
  WriteModel(folder / "model.pb");
  ProgramResult result = RunAdze("decompose model.pb -q --method spatial --macs 0.01", folder);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "adze: file 'model.pb': the budget of 0.01 of the multiply-accumulates cannot be met; "
            "the least possible is 0.0833333\n");
  result = RunAdze("decompose model.pb --macs 0.5", folder);
  EXPECT_EQ(result.err,
            "adze: --method amct has AMCT's own ranks; give another method, such as auto\n");
  result = RunAdze("decompose model.pb --method auto", folder);
  EXPECT_EQ(result.err, "adze: --method auto needs --macs, --size, --latency or --energy\n");
}

TEST(DecomposeVerb, TableGivesTheReasonOfALayerThatStays) {
  const auto folder = TestFolder();
  WriteTinyModel(folder, 1);
  const ProgramResult result = RunAdze("decompose model.pbtxt", folder);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("stays: kernel 1x1 is smaller than 3x3; 2 channels"), std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("decomposed 0 of 1 convolutions"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace adze
