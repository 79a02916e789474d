// Graphs whose shapes depend on fed elements, against the ops' own evaluation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/graph_text.h"
#include "adze/reference.h"
#include "adze/session.h"
#include "support.h"

namespace adze {
namespace {

// A detector's end: boxes that are left are cut out of the features and classified.
constexpr const char* kDetector = R"(
image = Placeholder {dtype: f32, shape: [1, 8, 8, 3]}
boxes = Placeholder {dtype: f32, shape: [?, 4]}
weight = Const {value: f32[3,3,3,4] random(1)}
features = Conv2D(image, weight) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
active = Relu(features)
axes = Const {value: i32[2] [2, 3]}
scores_map = Sum(active, axes) {Tidx: i32, keep_dims: false}
first = Const {value: i32[] 0}
scores = Gather(scores_map, first)
most = Const {value: i32[] 4}
overlap = Const {value: f32[] 0.5}
kept = NonMaxSuppressionV2(boxes, scores, most, overlap)
kept_boxes = Gather(boxes, kept)
box_images = ZerosLike(kept)
size = Const {value: i32[2] [3, 3]}
crops = CropAndResize(active, kept_boxes, box_images, size)
second = Const {value: f32[3,3,4,5] random(2)}
convolved = Conv2D(crops, second) {T: f32, strides: [1, 1, 1, 1], padding: "VALID"}
classes = Softmax(convolved)
return active, kept, classes
)";

Feeds DetectorFeeds() {
  Tensor boxes = RandomTensor({8, 4}, 3, 0, 0.4f);
  for (int i = 0; i < 8; ++i) {
    for (int k = 2; k < 4; ++k) boxes.mutable_data<float>()[i * 4 + k] += 0.5f;
  }
  return {{"image", RandomTensor({1, 8, 8, 3}, 4)}, {"boxes", boxes}};
}

std::vector<Value> Fetches(const Graph& graph) {
  std::vector<Value> values;
  for (const GraphOutput& output : graph.outputs()) values.push_back(output.value);
  return values;
}

TEST(DataDependentShapes, AreRunLikeTheReference) {
  const Graph graph = ParseGraphText(kDetector, Builtin<OpRegistry>());
  const Feeds feeds = DetectorFeeds();
  const std::vector<Tensor> expected = RunReference(graph, feeds, Fetches(graph));
  Session session(graph);
  for (int run = 0; run < 2; ++run) {
    const std::vector<Tensor> results = session.Run(feeds);
    ASSERT_EQ(results.size(), 3u);
    for (size_t i = 0; i < results.size(); ++i) {
      ASSERT_EQ(results[i].shape(), expected[i].shape());
      if (results[i].dtype() == DType::kInt32) {
        EXPECT_EQ(ToInt64s(results[i]), ToInt64s(expected[i]));
      } else {
        EXPECT_LT(RelativeError(results[i], expected[i]), 1e-5);
      }
    }
    EXPECT_GT(results[1].num_elements(), 0);
    EXPECT_LT(results[1].num_elements(), 4 + 1);
  }
}

TEST(DataDependentShapes, MayBeEmpty) {
  const Graph graph = ParseGraphText(R"(
x = Placeholder {dtype: f32, shape: [?, 3]}
zero = Const {value: f32[] 0}
positive = Greater(x, zero)
where = Where(positive)
values = GatherNd(x, where) {Tparams: f32, Tindices: i64}
twice = Add(values, values)
return twice, where
)",
                                     Builtin<OpRegistry>());
  Session session(graph);
  const auto run = [&](std::vector<float> x) {
    return session.Run({{"x", Tensor::From<float>({static_cast<int64_t>(x.size()) / 3, 3}, x)}});
  };
  const std::vector<Tensor> some = run({-1, 2, 0, 3, -4, -5});
  EXPECT_EQ(ToFloats(some[0]), (std::vector<float>{4, 6}));
  EXPECT_EQ(ToInt64s(some[1]), (std::vector<int64_t>{0, 1, 1, 0}));
  const std::vector<Tensor> none = run({-1, -2, 0, -3, -4, -5});
  EXPECT_EQ(none[0].shape(), (Shape{0}));
  EXPECT_EQ(none[1].shape(), (Shape{0, 2}));
}

TEST(DataDependentShapes, LoopsAndBranchesAreRefusedInOneLine) {
  Graph graph(Builtin<OpRegistry>());
  const Value x = graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}}).output();
  graph.Add("loop", "StatelessWhile", {x});
  graph.SetOutputs(std::vector<std::string>{"loop"});
  try {
    Session session(graph);
    ADD_FAILURE() << "was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_STREQ(error.what(),
                 "cannot run these ops: StatelessWhile (node 'loop'); branches and loops that "
                 "depend on data are not run: export the model without them (Keras: unroll=True, "
                 "training=False)");
  }
}

// A probe sees values of both parts, each once.
class Counter : public Probe {
 public:
  bool Wants(Value) const override { return true; }
  void OnValue(Value value, const Tensor&) override { ++seen[ToString(value)]; }
  std::map<std::string, int> seen;
};

TEST(DataDependentShapes, AreShownToAProbe) {
  const Graph graph = ParseGraphText(kDetector, Builtin<OpRegistry>());
  Counter counter;
  Session session(graph, {}, &counter);
  session.Run(DetectorFeeds());
  for (const char* name :
       {"image", "features", "active", "kept", "crops", "convolved", "classes"}) {
    EXPECT_EQ(counter.seen[name], 1) << name;
  }
}

}  // namespace
}  // namespace adze
