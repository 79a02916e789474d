// A checkpoint that adze writes: read back by itself and restored by TensorFlow 1.15.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstring>

#include "adze/api.h"
#include "adze/checkpoint.h"
#include "adze/file.h"
#include "adze/session.h"
#include "shared_folder.h"
#include "test_folder.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

void ExpectSameTensors(const Checkpoint& a, const Checkpoint& b) {
  ASSERT_EQ(a.tensors(), b.tensors());
  for (const auto& [key, spec] : a.tensors()) {
    const Tensor x = a.Read(key), y = b.Read(key);
    EXPECT_EQ(std::memcmp(x.raw(), y.raw(), x.num_bytes()), 0) << key;
  }
}

TEST(TrainingCheckpointTest, IsReadBackBitForBit) {
  const fs::path model = fs::path(ADZE_SOURCE_DIR) / "examples/fashion_mnist/fashion_mnist.pb";
  const fs::path prefix = TestFolder() / "model.ckpt";
  const Graph graph = LoadModel({.path = model});
  WriteTrainingCheckpoint(prefix, graph);
  const Checkpoint checkpoint(prefix);
  EXPECT_GT(checkpoint.tensors().size(), 10u);
  const Graph again = LoadModel({.path = prefix});
  for (const auto& [key, spec] : checkpoint.tensors()) {
    const Tensor &want = graph.Find(key)->const_value(), &got = again.Find(key)->const_value();
    ASSERT_EQ(got.shape(), want.shape()) << key;
    EXPECT_EQ(std::memcmp(got.raw(), want.raw(), want.num_bytes()), 0) << key;
  }
  // And the model is the same.
  Tensor input = Tensor::Zeros(DType::kFloat, {1, 28, 28, 1});
  for (int i = 0; i < 784; ++i) input.mutable_data<float>()[i] = static_cast<float>(i % 7) / 7;
  const std::map<std::string, Tensor> feeds = {{"image", input}};
  const Tensor a = Session(graph).Run(feeds)[0], b = Session(again).Run(feeds)[0];
  EXPECT_EQ(ToFloats(a), ToFloats(b));
}

TEST(SlowTrainingCheckpointTest, TensorFlowRestoresAndSavesIt) {
  ADZE_NEED_SHARED();
  const fs::path source = SharedFolder() / "models/lenet_saved_model";
  const fs::path folder = TestFolder(), prefix = folder / "model.ckpt", again = folder / "again";
  const Graph graph = LoadModel({.path = source / "saved_model"});
  WriteTrainingCheckpoint(prefix, graph);
  fs::copy(source / "golden_in.npy", folder / "input.npy");
  fs::copy(source / "golden_out.npy", folder / "output.npy");
  const std::string command = "PYTHONPATH='" + (SharedFolder() / "tools").string() +
                              "' /usr/bin/python3 '" ADZE_SOURCE_DIR
                              "/tests/oracle/checkpoint_in_tensorflow.py' '" +
                              prefix.string() + "' MyInput:0 MySoftMax:0 '" + again.string() + "'";
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no TensorFlow 1.15 (tools/get-tensorflow)";
  ASSERT_EQ(WEXITSTATUS(status), 0);
  ExpectSameTensors(Checkpoint(prefix), Checkpoint(again));
}

}  // namespace
}  // namespace adze
