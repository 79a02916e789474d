#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "adze/cancel.h"
#include "adze/dataset.h"
#include "adze/error.h"
#include "adze/file.h"
#include "io/refusal.h"
#include "test_folder.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string Planes() {
  std::string planes;
  for (int i = 0; i < 3072; ++i) planes.push_back(static_cast<char>(i / 1024 * 50 + i % 7));
  return planes;
}

TEST(Cifar, PutsThePlanesTogether) {
  const fs::path folder = TestFolder();
  const InputSpec input = {.name = "x", .shape = {-1, 32, 32, 3}};
  WriteFileAtomically(folder / "data_batch_1.bin", "\x03" + Planes());
  WriteFileAtomically(folder / "data_batch_2.bin", "\x05" + Planes() + "\x09" + Planes());
  const auto open = [&](const std::string& path) {
    return OpenArrays({.inputs = {{"x", path}}}, {input});
  };
  const auto data = open("cifar10:" + (folder / "data_batch_*.bin").string());
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(data->Label(0), 3);
  EXPECT_EQ(data->Label(2), 9);
  EXPECT_EQ(data->SampleName(2), "data_batch_2.bin record 1");
  const std::vector<float> pixels = ToFloats(data->Read(1, 2).at("x"));
  for (int i = 0; i < 1024; ++i) {
    for (int c = 0; c < 3; ++c) ASSERT_EQ(pixels[3 * i + c], c * 50 + (c * 1024 + i) % 7);
  }
  WriteFileAtomically(folder / "train.bin", "\x01\x42" + Planes());
  EXPECT_EQ(open("cifar100:" + (folder / "train.bin").string())->Label(0), 0x42);
  EXPECT_THAT(Refusal([&] { open("cifar10:" + (folder / "train.bin").string()); }),
              HasSubstr("train.bin': has 3074 bytes, CIFAR-10 records are of 3073"));
  EXPECT_THAT(Refusal([&] { open("cifar10:absent-*.bin"); }), HasSubstr("no such file"));
}

TEST(Cifar, ReadsTheRealOne) {
  const char* home = std::getenv("HOME");
  const fs::path folder = fs::path(home ? home : "") / ".cache/adze/cifar10";
  if (!fs::exists(folder / "test_batch.bin")) GTEST_SKIP() << "needs CIFAR-10";
  const auto data = OpenArrays({.inputs = {{"x", "cifar10:" + (folder / "*.bin").string()}}},
                               {{.name = "x", .shape = {-1, 32, 32, 3}}});
  ASSERT_EQ(data->size(), 60000);
  std::vector<int> counts(10);
  for (int64_t i = 0; i < 50000; ++i) ++counts.at(*data->Label(i));
  EXPECT_THAT(counts, testing::Each(5000));
}

class Command : public testing::Test {
 protected:
  void SetUp() override {
    WriteNpy(Tensor::From<float>({2, 2}, std::vector<float>{0, 1, 2, 3}), folder_ / "x.npy");
    WriteNpy(Tensor::From<int32_t>({2, 1}, std::vector<int32_t>{7, 8}), folder_ / "y.npy");
    WriteNpy(Tensor::From<int32_t>({3, 1}, std::vector<int32_t>{7, 8, 9}), folder_ / "y3.npy");
  }
  std::unique_ptr<Dataset> Open(const std::string& command, int64_t limit = 0) {
    return OpenArrays(
        {.command = "cd '" + folder_.string() + "'; " + command, .limit = limit},
        {{.name = "x", .shape = {-1, 2}}, {.name = "y", .dtype = DType::kInt32, .shape = {-1, 1}}});
  }
  const fs::path folder_ = TestFolder();
};

TEST_F(Command, FeedsWhatItWrites) {
  const auto data = Open("cat x.npy y.npy x.npy y.npy");
  ASSERT_EQ(data->size(), 4);
  const auto feeds = data->Read(1, 4);
  EXPECT_THAT(ToFloats(feeds.at("x")), ElementsAre(2, 3, 0, 1, 2, 3));
  EXPECT_THAT(ToFloats(feeds.at("y")), ElementsAre(8, 7, 8));
  // One that goes on for ever is ended when there is enough.
  EXPECT_EQ(Open("while :; do cat x.npy y.npy; done", 5)->size(), 5);
}

TEST_F(Command, NamesWhatIsWrong) {
  const auto refusal = [&](const std::string& command) { return Refusal([&] { Open(command); }); };
  EXPECT_THAT(refusal("echo no data >&2; exit 3"),
              HasSubstr("ended with exit status 3: 'no data'"));
  EXPECT_THAT(refusal("cat x.npy y.npy; exit 4"), HasSubstr("ended with exit status 4"));
  EXPECT_THAT(refusal("cat x.npy y.npy; kill -9 $$"), HasSubstr("was ended by signal 9"));
  EXPECT_THAT(refusal("./absent"), HasSubstr("ended with exit status 127"));
  EXPECT_THAT(refusal("true"), HasSubstr("there is no data"));
  EXPECT_THAT(refusal("echo garbage of some length"),
              HasSubstr("batch '0': input 'x': no .npy array is where one is needed"));
  EXPECT_THAT(refusal("cat x.npy"), HasSubstr("ends in the middle of a batch"));
  EXPECT_THAT(refusal("cat x.npy y3.npy"), HasSubstr("has not as many samples as 'x'"));
  EXPECT_THAT(refusal("cat x.npy y.npy y.npy"), HasSubstr("the first one float32 [2, 2]"));
  EXPECT_THAT(refusal("head -c 130 x.npy"), HasSubstr("an array is cut off: it needs 16 bytes"));
  EXPECT_THAT(refusal("cat y.npy x.npy"), HasSubstr("input 'x' takes"));
}

TEST_F(Command, IsEndedByCtrlC) {
  std::thread stopper([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    RequestCancel();
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(Open("echo $$ > pid; exec sleep 60"), Error);
  stopper.join();
  ClearCancel();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_FALSE(fs::exists("/proc/" + std::to_string(std::stol(ReadFile(folder_ / "pid")))));
}

TEST(Arrays, TakeAFolderOfImagesBesideOtherFiles) {
  const fs::path folder = TestFolder(), images = fs::path(ADZE_SOURCE_DIR) / "tests/io/images";
  const InputSpec image = {.name = "image", .shape = {-1, 8, 8, 3}};
  const auto plain = OpenImageFolder({.folder = images}, image);
  const int64_t count = plain->size();
  WriteNpy(Tensor::Zeros(DType::kFloat, {count, 5}), folder / "y.npy");
  const auto data = OpenArrays({.inputs = {{"image", images}, {"y", folder / "y.npy"}}},
                               {image, {.name = "y", .shape = {-1, 5}}});
  ASSERT_EQ(data->size(), count);
  EXPECT_EQ(data->SampleName(1), plain->SampleName(1));
  EXPECT_EQ(ToFloats(data->Read(0, count).at("image")),
            ToFloats(plain->Read(0, count).at("image")));
}

}  // namespace
}  // namespace adze
