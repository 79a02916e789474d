// Runs every tests/golden/passes/*.test: the pass turns the first graph into the second, and both
// compute the same. With ADZE_UPDATE_GOLDEN=1 the expected parts are written anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <sstream>

#include "adze/file.h"
#include "adze/graph_text.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "adze/reference.h"
#include "adze/registry.h"

namespace adze {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(ADZE_SOURCE_DIR) / "tests/golden/passes";

//   # what it shows
//   pass: name, name, ...
//   skip_fusion_layers: layer, ...     (may be absent)
//   ----
//   graph
//   ----
//   expected graph and "# warning: ..." lines, or "# error: ..."
struct GoldenCase {
  std::vector<std::string> passes, skip_fusion_layers;
  std::string head, before, expected;
};

std::vector<std::string> SplitNames(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word.back() == ',') word.pop_back();
    names.push_back(word);
  }
  return names;
}

GoldenCase ReadCase(const std::filesystem::path& path) {
  const std::string text = ReadFile(path);
  const std::string rule = "----\n";
  const size_t first = text.find(rule), second = text.find(rule, first + rule.size());
  Require(second != std::string::npos, ErrorCode::kBadFile, "a golden test has three parts");
  GoldenCase golden;
  golden.head = text.substr(0, first);
  golden.before = text.substr(first + rule.size(), second - first - rule.size());
  golden.expected = text.substr(second + rule.size());
  std::istringstream lines(golden.head);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("pass: ")) golden.passes = SplitNames(line.substr(6));
    if (line.starts_with("skip_fusion_layers: "))
      golden.skip_fusion_layers = SplitNames(line.substr(20));
  }
  return golden;
}

// Numbers that a mistake in the algebra cannot leave unchanged; unknown dimensions are 2.
std::map<std::string, Tensor> RandomFeeds(const Graph& graph) {
  std::map<std::string, Tensor> feeds;
  std::mt19937 bits(3);
  std::uniform_real_distribution<double> uniform(-2, 2);
  for (const Node* node : graph.Placeholders()) {
    if (node->op() == "PlaceholderWithDefault") continue;
    Shape shape = node->attr<Shape>("shape");
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == Shape::kUnknown) shape[axis] = 2;
    }
    std::vector<double> values(shape.num_elements());
    for (double& value : values) value = uniform(bits);
    feeds[node->name()] = Cast(Tensor::From<double>(shape, values), node->attr<DType>("dtype"));
  }
  return feeds;
}

std::vector<Tensor> RunOutputs(const Graph& graph) {
  std::vector<Value> fetches;
  for (const GraphOutput& output : graph.outputs()) fetches.push_back(output.value);
  return RunReference(graph, RandomFeeds(graph), fetches);
}

void ExpectSameResults(const Graph& before, const Graph& after) {
  const std::vector<Tensor> want = RunOutputs(before), got = RunOutputs(after);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(after.outputs()[i].name, before.outputs()[i].name);
    ASSERT_EQ(got[i].shape(), want[i].shape());
    const std::vector<float> a = ToFloats(want[i]), b = ToFloats(got[i]);
    for (size_t k = 0; k < a.size(); ++k) {
      ASSERT_NEAR(b[k], a[k], 1e-5 * std::max(1.0f, std::abs(a[k])))
          << "output " << i << ", element " << k;
    }
  }
}

class GoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, GivesTheExpectedGraphAndTheSameResults) {
  const std::filesystem::path path = kFolder / (GetParam() + ".test");
  const GoldenCase golden = ReadCase(path);
  const Graph before = ParseGraphText(golden.before, Builtin<OpRegistry>());
  Graph after = before.Clone();
  std::string text;
  try {
    const auto warnings =
        RunPasses(after, golden.passes, {.skip_fusion_layers = golden.skip_fusion_layers});
    text = PrintGraphText(after);
    for (const std::string& warning : warnings) text += "# warning: " + warning + "\n";
    if (std::all_of(golden.passes.begin(), golden.passes.end(), [](const std::string& name) {
          return Builtin<PassRegistry>().Get(name).keeps_outputs;
        })) {
      ExpectSameResults(before, after);
    }
  } catch (const Error& error) {
    text = std::string("# error: ") + error.what() + "\n";
  }
  if (std::getenv("ADZE_UPDATE_GOLDEN") && text != golden.expected) {
    WriteFileAtomically(path, golden.head + "----\n" + golden.before + "----\n" + text);
    return;
  }
  EXPECT_EQ(text, golden.expected) << "(tests/golden/update rewrites " << GetParam() << ".test)";
}

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".test") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Passes, GoldenTest, testing::ValuesIn(CaseNames()),
                         [](const auto& info) { return info.param; });

// Each pass has a golden test of its own.
TEST(GoldenTest, CoversEveryPass) {
  std::set<std::string> covered;
  for (const std::string& name : CaseNames()) {
    const GoldenCase golden = ReadCase(kFolder / (name + ".test"));
    if (golden.passes.size() == 1) covered.insert(golden.passes[0]);
  }
  for (const auto& [name, pass] : Builtin<PassRegistry>().all()) {
    EXPECT_TRUE(covered.contains(name)) << name;
  }
}

}  // namespace
}  // namespace adze
