#include <gmock/gmock.h>

#include <cmath>

#include "adze/error.h"
#include "adze/file.h"
#include "adze/graph.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "adze/statistics.h"
#include "test_folder.h"

namespace adze {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Statistics Make(int first, SampleRange samples) {
  Statistics statistics;
  for (const char* tensor : {"x", "split:1"}) {
    TapStatistics& tap = statistics.taps.emplace_back();
    tap.tensor = tensor;
    std::vector<float> values(5000);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = std::sin(0.37f * static_cast<float>(first + i));
    }
    tap.histogram.Observe(values);
    if (statistics.taps.size() == 1) tap.channels.Observe(values, 5);
  }
  statistics.samples = {samples};
  statistics.origin = {"0123456789abcdef", "mean 0, std 1, RGB, squash"};
  return statistics;
}

std::string Refusal(std::string_view bytes) {
  try {
    ParseStatistics(bytes);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kBadFile);
    return e.what();
  }
  return "accepted";
}

// The reader refuses a file of another version before it reads on.
TEST(StatisticsFile, FuzzingStartsFromFilesOfThisVersion) {
  const std::filesystem::path corpus =
      std::filesystem::path(ADZE_SOURCE_DIR) / "tests/fuzz/corpus/statistics";
  EXPECT_EQ(ReadStatistics(corpus / "three_tensors.bin").taps.size(), 3u);
  // What the test below writes.
  EXPECT_EQ(ReadStatistics(corpus / "channels_and_rest.bin").rest, (SampleRange{"set", 20, 30}));
}

TEST(StatisticsFile, GivesBackWhatWasWritten) {
  Statistics written = Make(0, {"set", 3, 20});
  written.rest = {"set", 20, 30};
  const auto path = TestFolder() / "s.bin";
  WriteStatistics(written, path);
  const Statistics read = ReadStatistics(path);
  EXPECT_EQ(read.origin, written.origin);
  EXPECT_THAT(read.samples, ElementsAre(SampleRange{"set", 3, 20}));
  EXPECT_EQ(read.rest, (SampleRange{"set", 20, 30}));
  ASSERT_EQ(read.taps.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(read.taps[i].tensor, written.taps[i].tensor);
    EXPECT_TRUE(read.taps[i].histogram == written.taps[i].histogram);
    EXPECT_EQ(read.taps[i].channels, written.taps[i].channels);
  }
  EXPECT_EQ(SerializeStatistics(read), ReadFile(path));
}

TEST(StatisticsFile, RefusesWhatIsNotOne) {
  const std::string bytes = SerializeStatistics(Make(0, {"", 0, 5}));
  EXPECT_THAT(Refusal("GraphDef"), HasSubstr("is not a statistics file"));
  EXPECT_THAT(Refusal(""), HasSubstr("is not a statistics file"));
  for (const size_t size : {9u, 20u, 500u}) {
    EXPECT_THAT(Refusal(bytes.substr(0, size)), HasSubstr("is cut short or damaged")) << size;
  }
  EXPECT_THAT(Refusal(bytes + "x"), HasSubstr("is cut short or damaged"));
  for (size_t at = 9; at < bytes.size(); at += 41) {
    std::string changed = bytes;
    changed[at] ^= 0x10;
    EXPECT_THAT(Refusal(changed), HasSubstr("is cut short or damaged")) << at;
  }
  std::string later = bytes;
  later[8] = 3;
  EXPECT_THAT(Refusal(later), HasSubstr("is of version 3 of the format, this program has 2"));
}

TEST(StatisticsFile, MergedInAnyOrderIsTheSameBytes) {
  const auto folder = TestFolder();
  for (int i = 0; i < 3; ++i) {
    WriteStatistics(Make(i, {"set", i * 10, i * 10 + 10}), folder / std::to_string(i));
  }
  const std::string forward =
      SerializeStatistics(MergeStatistics({folder / "0", folder / "1", folder / "2"}));
  const std::string backward =
      SerializeStatistics(MergeStatistics({folder / "2", folder / "0", folder / "1"}));
  EXPECT_EQ(forward, backward);
  EXPECT_THAT(ParseStatistics(forward).samples, ElementsAre(SampleRange{"set", 0, 30}));
}

std::string MergeRefusal(const Statistics& other) {
  const auto folder = TestFolder();
  WriteStatistics(Make(0, {"set", 0, 10}), folder / "a");
  WriteStatistics(other, folder / "b");
  try {
    MergeStatistics({folder / "a", folder / "b"});
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

TEST(StatisticsFile, PartsThatDoNotBelongTogetherAreRefused) {
  Statistics other = Make(0, {"set", 10, 20});
  EXPECT_EQ(MergeRefusal(other), "accepted");
  other.origin.graph = "other";
  EXPECT_THAT(MergeRefusal(other), AllOf(HasSubstr("b': was made from another graph (other")));
  other = Make(0, {"set", 10, 20});
  other.origin.feeding = "mean 1";
  EXPECT_THAT(MergeRefusal(other), HasSubstr("b': was made with other preprocessing: 'mean 1'"));
  other = Make(0, {"set", 9, 20});
  EXPECT_THAT(MergeRefusal(other), HasSubstr("b': would count sample 9 of 'set' twice"));
  other = Make(0, {"set", 10, 20});
  other.rest = {"set", 20, 25};
  EXPECT_THAT(MergeRefusal(other),
              HasSubstr("b': is not complete, it lacks samples 20 to 24 of 'set'"));
}

Graph MakeGraph(float weight, const char* padding, const char* name) {
  Graph graph(Builtin<OpRegistry>());
  Node& x = graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}});
  Node& w = graph.AddConst("w", Tensor::Scalar(weight));
  graph.Add(name, "Mul", {x.output(), w.output()}, {{"padding", padding}});
  return graph;
}

TEST(GraphDigest, DiffersWhereTheGraphDoes) {
  const std::string digest = GraphDigest(MakeGraph(1, "SAME", "y"));
  EXPECT_EQ(digest, GraphDigest(MakeGraph(1, "SAME", "y")));
  EXPECT_NE(digest, GraphDigest(MakeGraph(std::nextafter(1.0f, 2.0f), "SAME", "y")));
  EXPECT_NE(digest, GraphDigest(MakeGraph(1, "VALID", "y")));
  EXPECT_NE(digest, GraphDigest(MakeGraph(1, "SAME", "z")));
}

}  // namespace
}  // namespace adze
