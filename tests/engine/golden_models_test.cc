#include "golden_models.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "adze/dataset.h"
#include "adze/graph_def.h"
#include "adze/pass.h"
#include "shared_folder.h"
#include "support.h"

namespace adze {
namespace {

class GoldenModel : public testing::TestWithParam<const char*> {};

// TensorFlow 1.15's result, before and after the preparation passes.
TEST_P(GoldenModel, EqualsTensorFlow) {
  ADZE_NEED_SHARED();
  const std::filesystem::path folder = SharedFolder() / "models";
  std::ifstream file(folder / "models.json");
  const nlohmann::json entry = nlohmann::json::parse(file).at(GetParam());
  Graph graph = ReadGraphDef(folder / GetParam() / "model.pb", Builtin<OpRegistry>());
  graph.SetOutputs(std::vector<std::string>{entry.at("output")});
  const Tensor expected = ReadNpy(folder / GetParam() / "golden_out.npy");
  const Feeds feeds = {{entry.at("input"), ReadNpy(folder / GetParam() / "golden_in.npy")}};
  EXPECT_LT(RelativeError(Session(graph).Run(feeds)[0], expected), 1e-4);
  RunPasses(graph, PreparePipeline());
  EXPECT_LT(RelativeError(Session(graph).Run(feeds)[0], expected), 1e-4) << "prepared";
}

Tensor RowFourTimes(const Tensor& rows) {
  std::vector<int64_t> dims = rows.shape().dims();
  dims[0] = 4;
  Tensor four(rows.dtype(), Shape(dims));
  const auto row = rows.data<float>();
  for (int i = 0; i < 4; ++i) {
    std::copy(row.begin(), row.end(), four.mutable_data<float>().begin() + i * row.size());
  }
  return four;
}

TEST_P(GoldenModel, RunsAtBatchOneAndFour) {
  ADZE_NEED_SHARED();
  const std::filesystem::path folder = SharedFolder() / "models";
  std::ifstream file(folder / "models.json");
  const nlohmann::json entry = nlohmann::json::parse(file).at(GetParam());
  Graph graph = ReadGraphDef(folder / GetParam() / "model.pb", Builtin<OpRegistry>());
  graph.SetOutputs(std::vector<std::string>{entry.at("output")});
  const Tensor input = ReadNpy(folder / GetParam() / "golden_in.npy").Rows(0, 1);
  const Tensor expected = ReadNpy(folder / GetParam() / "golden_out.npy").Rows(0, 1);
  Session session(graph);
  EXPECT_LT(RelativeError(session.Run({{entry.at("input"), input}})[0], expected), 1e-4);
  EXPECT_LT(RelativeError(session.Run({{entry.at("input"), RowFourTimes(input)}})[0],
                          RowFourTimes(expected)),
            1e-4);
}

INSTANTIATE_TEST_SUITE_P(SlowModels, GoldenModel, testing::ValuesIn(kGoldenModels),
                         GoldenModelName);

}  // namespace
}  // namespace adze
