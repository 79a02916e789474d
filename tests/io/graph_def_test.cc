#include "adze/graph_def.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/file.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "io/attr_codec.h"
#include "shared_folder.h"

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

}  // namespace
}  // namespace adze
