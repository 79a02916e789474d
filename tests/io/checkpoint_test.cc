// Checkpoints that TensorFlow 1.15 wrote (tests/io/checkpoints).
#include "adze/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <leveldb/env.h>
#include <leveldb/table.h>
#include <leveldb/table_builder.h>

#include "adze/file.h"
#include "adze/freeze.h"
#include "adze/op.h"
#include "adze/reference.h"
#include "adze/registry.h"
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

// The index of a checkpoint written anew by leveldb, its blocks compressed by snappy.
void CompressIndex(const fs::path& from, const fs::path& to) {
  leveldb::Env& env = *leveldb::Env::Default();
  leveldb::RandomAccessFile* file = nullptr;
  ASSERT_TRUE(env.NewRandomAccessFile(from.string(), &file).ok());
  const std::unique_ptr<leveldb::RandomAccessFile> file_owner(file);
  leveldb::Table* table = nullptr;
  ASSERT_TRUE(leveldb::Table::Open({}, file, fs::file_size(from), &table).ok());
  const std::unique_ptr<leveldb::Table> table_owner(table);
  leveldb::WritableFile* out = nullptr;
  ASSERT_TRUE(env.NewWritableFile(to.string(), &out).ok());
  const std::unique_ptr<leveldb::WritableFile> out_owner(out);
  leveldb::Options options;
  options.compression = leveldb::kSnappyCompression;
  leveldb::TableBuilder builder(options, out);
  const std::unique_ptr<leveldb::Iterator> entry(table->NewIterator({}));
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    builder.Add(entry->key(), entry->value());
  }
  ASSERT_TRUE(builder.Finish().ok());
  ASSERT_TRUE(out->Close().ok());
}

// Nothing of ours between: leveldb itself takes the file and finds every checksum right.
TEST(CheckpointTest, WrittenIndexOpensInLeveldb) {
  std::map<std::string, Tensor> tensors;
  for (int i = 0; i < 500; ++i) {
    tensors["layer_" + std::to_string(i)] = Tensor::Vector<float>({static_cast<float>(i), 0.5f});
  }
  const fs::path prefix = TestFolder() / "written";
  WriteCheckpoint(prefix, tensors);
  const std::string index = prefix.string() + ".index";
  leveldb::RandomAccessFile* file = nullptr;
  ASSERT_TRUE(leveldb::Env::Default()->NewRandomAccessFile(index, &file).ok());
  const std::unique_ptr<leveldb::RandomAccessFile> file_owner(file);
  leveldb::Options options;
  options.paranoid_checks = true;
  leveldb::Table* table = nullptr;
  ASSERT_TRUE(leveldb::Table::Open(options, file, fs::file_size(index), &table).ok());
  const std::unique_ptr<leveldb::Table> table_owner(table);
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  const std::unique_ptr<leveldb::Iterator> entry(table->NewIterator(checked));
  std::vector<std::string> keys;
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) keys.push_back(entry->key().ToString());
  EXPECT_TRUE(entry->status().ok()) << entry->status().ToString();
  ASSERT_EQ(keys.size(), tensors.size() + 1);
  EXPECT_EQ(keys[0], "");  // the header of a TensorBundle
  EXPECT_TRUE(std::equal(keys.begin() + 1, keys.end(), tensors.begin(),
                         [](const std::string& key, const auto& t) { return key == t.first; }));
  entry->Seek("layer_77");
  ASSERT_TRUE(entry->Valid());
  EXPECT_EQ(entry->key().ToString(), "layer_77");
}

TEST(CheckpointTest, IndexMayBeCompressed) {
  std::map<std::string, Tensor> tensors;
  for (int i = 0; i < 500; ++i) {
    tensors["network/block/layer_" + std::to_string(i) + "/weights"] =
        Tensor::Vector<float>({static_cast<float>(i), 0.5f});
  }
  const fs::path plain = TestFolder() / "plain", packed = TestFolder() / "packed";
  WriteCheckpoint(plain, tensors);
  CompressIndex(plain.string() + ".index", packed.string() + ".index");
  EXPECT_LT(fs::file_size(packed.string() + ".index"),
            fs::file_size(plain.string() + ".index") * 3 / 4);
  fs::copy_file(plain.string() + ".data-00000-of-00001", packed.string() + ".data-00000-of-00001",
                fs::copy_options::overwrite_existing);
  const Checkpoint checkpoint(packed);
  ASSERT_EQ(checkpoint.tensors().size(), tensors.size());
  for (const auto& [key, tensor] : tensors) {
    ASSERT_EQ(ToFloats(checkpoint.Read(key)), ToFloats(tensor)) << key;
  }
  // Cut or changed anywhere it is read or refused, and nothing else.
  const std::string bytes = ReadFile(packed.string() + ".index");
  int refused = 0;
  for (size_t at = 0; at < bytes.size(); at += 37) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    WriteFileAtomically(packed.string() + ".index", changed);
    refused +=
        MessageOf([&] { Checkpoint{packed}.Read("network/block/layer_7/weights"); }) != "no error";
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size() / 37 / 2));
}

// Two parts of a variable that lie in two files, as a partitioner leaves them.
TEST(CheckpointTest, PartitionedVariablesOfSeveralFilesAreFrozen) {
  Graph graph(Builtin<OpRegistry>());
  const auto strings = [&](const char* name, std::vector<std::string> values) {
    const Shape shape{static_cast<int64_t>(values.size())};
    return graph.AddConst(name, Tensor::FromStrings(shape, std::move(values))).output();
  };
  const Value prefix = strings("save/prefix", {"model"});
  const Value names = strings("save/names", {"whole", "whole"});
  const Value slices = strings("save/slices", {"200 4 0,100:0,4", "200 4 100,100:0,4"});
  Node& restore = graph.Add("save/RestoreV2", "RestoreV2", {prefix, names, slices},
                            {{"dtypes", std::vector<DType>{DType::kFloat, DType::kFloat}}});
  std::vector<Value> parts;
  for (int i = 0; i < 2; ++i) {
    const std::string name = "v/part_" + std::to_string(i);
    Node& part =
        graph.Add(name, "VariableV2", {}, {{"dtype", DType::kFloat}, {"shape", Shape{100, 4}}});
    graph.Add("save/" + name, "Assign", {part.output(), restore.output(i)});
    parts.push_back(graph.Add(name + "/read", "Identity", {part.output()}).output());
  }
  parts.push_back(graph.AddConst("axis", Tensor::Scalar<int32_t>(0)).output());
  graph.Add("v", "ConcatV2", parts, {{"N", 2}, {"T", DType::kFloat}});
  const VariableKeys keys = FindVariableKeys(graph);
  graph.SetOutputs(std::vector<std::string>{"v"});
  graph.Prune();
  const Checkpoint checkpoint(kFolder / "sharded");
  FreezeVariables(graph, keys, &checkpoint);
  const std::vector<Value> fetches = {graph.outputs()[0].value};
  const Tensor whole = RunReference(graph, {}, fetches)[0];
  ASSERT_EQ(whole.shape(), (Shape{200, 4}));
  for (int64_t i = 0; i < 800; ++i) ASSERT_EQ(whole.data<float>()[i], static_cast<float>(i));
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
