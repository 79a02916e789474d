// Checkpoints that TensorFlow 1.15 wrote (tests/io/checkpoints).
#include "adze/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/file.h"
#include "io/restore_slice.h"
#include "io/tensor_bundle.h"
#include "test_folder.h"

namespace adze {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kFolder = fs::path(ADZE_SOURCE_DIR) / "tests/io/checkpoints";

template <typename F>
std::string MessageOf(F f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    return error.what();
  }
  return "no error";
}

// A copy of a checkpoint with some bytes of one of its files changed.
fs::path Damaged(const std::string& name, const std::string& suffix,
                 const std::function<void(std::string&)>& change) {
  const fs::path folder = TestFolder();
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    const std::string file = entry.path().filename();
    if (!file.starts_with(name + ".")) continue;
    std::string bytes = ReadFile(entry.path());
    if (file == name + suffix) change(bytes);
    WriteFileAtomically(folder / file, bytes);
  }
  return folder / name;
}

TEST(CheckpointTest, EveryElementTypeIsReadAsTensorFlowWroteIt) {
  const Checkpoint checkpoint(kFolder / "types");
  const std::vector<float> want = {1, 6, 11, 16, 21, 26};
  for (const char* name : {"float", "double", "int32", "uint8", "int16", "int8", "int64", "uint16",
                           "half", "uint32", "uint64", "bfloat16"}) {
    const Tensor tensor = checkpoint.Read(name);
    EXPECT_EQ(Name(tensor.dtype()), Name(DTypeFromName(name)));
    EXPECT_EQ(tensor.shape(), (Shape{2, 3})) << name;
    EXPECT_EQ(ToFloats(tensor), want) << name;
  }
  const Tensor bools = checkpoint.Read("bool");
  EXPECT_THAT(bools.data<bool>(), ElementsAre(false, true, false, true, false, true));
  EXPECT_THAT(checkpoint.Read("string").strings(), ElementsAre("", "two", std::string("a\0b", 3)));
  EXPECT_THAT(checkpoint.Read("scalar").data<float>(), ElementsAre(2.5f));
  EXPECT_EQ(checkpoint.Read("scalar").shape(), Shape{});
  EXPECT_EQ(checkpoint.Read("empty").shape(), (Shape{0, 3}));
  EXPECT_EQ(checkpoint.tensors().size(), 16u);
}

TEST(CheckpointTest, PartsInSeveralFilesMakeOneTensor) {
  const Checkpoint checkpoint(kFolder / "sharded");
  const Tensor whole = checkpoint.Read("whole");
  ASSERT_EQ(whole.shape(), (Shape{200, 4}));
  for (int64_t i = 0; i < 800; ++i) ASSERT_EQ(whole.data<float>()[i], static_cast<float>(i));
  EXPECT_THAT(checkpoint.Read("small").data<float>(), ElementsAre(1, 2));
  EXPECT_EQ(checkpoint.tensors().size(), 2u);
}

TEST(CheckpointTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(MessageOf([] { Checkpoint(kFolder / "absent"); }), HasSubstr("there is no"));
  EXPECT_THAT(MessageOf([] { Checkpoint(kFolder / "types").Read("flaot"); }),
              HasSubstr("has no tensor 'flaot' (did you mean 'float'"));
  const std::string data = ".data-00000-of-00001";
  EXPECT_THAT(
      MessageOf([&] {
        Checkpoint(Damaged("types", data, [](std::string& b) { b.resize(9); })).Read("uint64");
      }),
      HasSubstr("the file is cut off"));
  const auto flip = [](std::string& bytes) {
    for (char& c : bytes) c = static_cast<char>(c ^ 1);
  };
  const fs::path flipped = Damaged("types", data, flip);
  for (const char* name : {"string", "uint8"}) {
    const std::string message = MessageOf([&] { Checkpoint(flipped).Read(name); });
    EXPECT_THAT(message, HasSubstr("tensor '" + std::string(name) + "': "));
    EXPECT_THAT(message, HasSubstr("types.data-00000-of-00001': its "));
  }
  for (const size_t keep : {size_t{0}, size_t{47}, size_t{300}}) {
    EXPECT_THAT(MessageOf([&] {
                  Checkpoint(Damaged("types", ".index", [&](auto& b) { b.resize(keep); }));
                }),
                HasSubstr("types.index': "));
  }
  EXPECT_THAT(
      MessageOf([&] { Checkpoint(Damaged("types", ".index", [](auto& b) { b[20] ^= 4; })); }),
      HasSubstr("checksum mismatch"));
}

TEST(CheckpointTest, DamagedIndexNeverGetsPastTheReader) {
  const std::string good = ReadFile(kFolder / "sharded.index");
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    for (const bool check_sums : {true, false}) {
      try {
        ParseBundleIndex(bytes, {.check_sums = check_sums});
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
      }
    }
  }
}

TEST(CheckpointTest, WritesTheBytesThatTensorFlowWrites) {
  const Checkpoint theirs(kFolder / "types");
  std::map<std::string, Tensor> tensors;
  for (const auto& [key, spec] : theirs.tensors()) tensors[key] = theirs.Read(key);
  const fs::path prefix = TestFolder() / "types";
  WriteCheckpoint(prefix, tensors);
  for (const char* suffix : {".data-00000-of-00001", ".index"}) {
    EXPECT_EQ(ReadFile(prefix.string() + suffix),
              ReadFile(kFolder / ("types" + std::string(suffix))))
        << suffix;
  }
}

TEST(RestoreSliceTest, CutsWhatRestoreV2Names) {
  std::vector<int32_t> values(24);
  for (int i = 0; i < 24; ++i) values[i] = i;
  const Tensor whole = Tensor::From<int32_t>(Shape{4, 3, 2}, values);
  EXPECT_EQ(ToInt64s(RestoreSlice(whole, "")).size(), 24u);
  const Tensor part = RestoreSlice(whole, "4 3 2 1,2:-:1,1");
  EXPECT_EQ(part.shape(), (Shape{2, 3, 1}));
  EXPECT_THAT(ToInt64s(part), ElementsAre(7, 9, 11, 13, 15, 17));
  for (const char* bad : {"4 3 2 0,5:-:-", "4 3 2 -", "4 3 0,1", "4 3 2 a:-:-", "4 3 2 -1,2:-:-"}) {
    EXPECT_THAT(MessageOf([&] { RestoreSlice(whole, bad); }), HasSubstr("part")) << bad;
  }
}

}  // namespace
}  // namespace adze
