#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "adze/dataset.h"
#include "adze/error.h"
#include "adze/file.h"
#include "example_writer.h"
#include "io/refusal.h"
#include "test_folder.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kImages = fs::path(ADZE_SOURCE_DIR) / "tests/io/images";
const InputSpec kImage = {.name = "x", .shape = {-1, 8, 8, 3}};
const InputSpec kPair = {.name = "x", .shape = {-1, 2}};

std::unique_ptr<Dataset> Open(const fs::path& files, const InputSpec& input,
                              const std::string& field = "f", const std::string& label = "",
                              int64_t limit = 0) {
  return OpenArrays(
      {.inputs = {{"x", files}}, .fields = {{"", field}}, .label_field = label, .limit = limit},
      {input});
}

std::vector<float> Row(const Dataset& data, int64_t row) {
  return ToFloats(data.Read(row, row + 1).at("x"));
}

std::string Pack(const std::string& bytes, int window_bits) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = bytes.size();
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = packed.size();
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

// Records of one pair of floats each, {i, -i}.
std::string Pairs(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += TfRecord(Example({{"f", FloatFeature({static_cast<float>(i), -static_cast<float>(i)})},
                               {"label", IntFeature({i})}}));
  }
  return bytes;
}

TEST(TfRecord, GivesTheImagesThatAFolderGives) {
  const fs::path folder = TestFolder();
  const auto images = OpenImageFolder({.folder = kImages}, kImage);
  std::string first, rest;
  for (int64_t i = 0; i < images->size(); ++i) {
    (i < 3 ? first : rest) += TfRecord(
        Example({{"image/class/label", IntFeature({i * 7})},
                 {"image/encoded", BytesFeature(ReadFile(kImages / images->SampleName(i)))}}));
  }
  // ImageNet's shards have no extension.
  WriteFileAtomically(folder / "train-00000-of-00002", first);
  WriteFileAtomically(folder / "train-00001-of-00002", rest);
  const auto data = Open(folder / "train-*", kImage, "image/encoded", "image/class/label");
  ASSERT_EQ(data->size(), images->size());
  EXPECT_EQ(data->SampleName(4), "train-00001-of-00002 record 1");
  EXPECT_EQ(data->Label(4), 28);
  EXPECT_EQ(ToFloats(data->Read(0, data->size()).at("x")),
            ToFloats(images->Read(0, images->size()).at("x")));
  EXPECT_EQ(Open(folder / "train-*", kImage, "image/encoded", "", 4)->size(), 4);
}

TEST(TfRecord, IsReadPackedToo) {
  const fs::path folder = TestFolder();
  const std::string bytes = Pairs(100);
  WriteFileAtomically(folder / "plain", bytes);
  WriteFileAtomically(folder / "gzip", Pack(bytes, 16 + MAX_WBITS));
  WriteFileAtomically(folder / "zlib", Pack(bytes, MAX_WBITS));
  for (const char* name : {"plain", "gzip", "zlib"}) {
    const auto data = Open(folder / name, kPair, "f", "label");
    ASSERT_EQ(data->size(), 100) << name;
    for (const int i : {0, 15, 16, 17, 99}) {
      EXPECT_THAT(Row(*data, i), ElementsAre(i, -i));
      EXPECT_EQ(data->Label(i), i);
    }
  }
  const std::string packed = Pack(bytes, 16 + MAX_WBITS);
  WriteFileAtomically(folder / "cut", packed.substr(0, packed.size() / 2));
  const auto cut = Open(folder / "cut", kPair);
  EXPECT_THAT(Refusal([&] { cut->Read(cut->size() - 1, cut->size()); }),
              HasSubstr("is cut off (gzip)"));
}

TEST(TfRecord, ReadsEveryKindOfFeature) {
  const fs::path file = TestFolder() / "x.tfrecord";
  const float pair[] = {3, 4};
  const std::string raw(reinterpret_cast<const char*>(pair), sizeof pair);
  WriteFileAtomically(file, TfRecord(Example({{"raw", BytesFeature(raw)},
                                              {"ints", IntFeature({-5, 6})},
                                              {"pixels", BytesFeature(std::string(192, 'A'))}})));
  EXPECT_THAT(Row(*Open(file, kPair, "raw"), 0), ElementsAre(3, 4));
  EXPECT_THAT(Row(*Open(file, kPair, "ints"), 0), ElementsAre(-5, 6));
  EXPECT_THAT(Row(*Open(file, kImage, "pixels"), 0), testing::Each('A'));
}

TEST(TfRecord, NamesWhatIsWrong) {
  const fs::path file = TestFolder() / "x.tfrecord";
  const auto refusal = [&](const std::string& bytes, const InputSpec& input = kPair,
                           const std::string& field = "f", int64_t row = 0) {
    WriteFileAtomically(file, bytes);
    return Refusal([&] { Open(file, input, field, "label")->Read(row, row + 1); });
  };
  const std::string good = Pairs(3);
  EXPECT_EQ(refusal(good), "no error");
  EXPECT_THAT(refusal(good, kPair, ""), HasSubstr("--field image/encoded"));
  EXPECT_THAT(refusal(good, kPair, "g"),
              HasSubstr("has no field 'g'; its fields are 'f', 'label'"));
  EXPECT_THAT(refusal(good, kPair, "label"), HasSubstr("holds 1 numbers, input 'x' takes [2]"));
  EXPECT_THAT(refusal(good, {.name = "x", .shape = {-1, 3}}), HasSubstr("holds 2 numbers"));
  EXPECT_THAT(refusal(good, {.name = "x", .shape = {-1, 1}}), HasSubstr("has more than 1 values"));
  EXPECT_THAT(refusal(good, {.name = "x", .dtype = DType::kInt32, .shape = {-1, 2}}),
              HasSubstr("holds floats, input 'x' takes int32"));
  EXPECT_THAT(refusal(good, {.name = "x", .shape = {-1, -1}}), HasSubstr("give --input-shape"));
  EXPECT_THAT(refusal(""), HasSubstr("holds no records"));
  EXPECT_THAT(refusal(TfRecord("no example")), HasSubstr("record '0'"));
  EXPECT_THAT(refusal(TfRecord(Example({{"f", BytesFeature("no image")}})), kImage),
              HasSubstr("holds 8 bytes that are neither a JPEG or PNG image"));
  EXPECT_THAT(refusal(TfRecord(Example({{"f", BytesFeature(ReadFile(kImages / "rgb.png"))}}))),
              HasSubstr("images need [batch, height, width, channels]"));

  const size_t record = good.size() / 3;
  EXPECT_THAT(refusal(good.substr(0, good.size() - 1), kPair, "f", 2),
              HasSubstr("record '2': is cut off at byte " + std::to_string(2 * record)));
  std::string damaged = good;
  damaged[record + 20] ^= 1;
  EXPECT_THAT(refusal(damaged, kPair, "f", 1), HasSubstr("record '1': is damaged: its bytes"));
  EXPECT_EQ(refusal(damaged, kPair, "f", 2), "no error");
  damaged = good;
  damaged[record] ^= 1;
  EXPECT_THAT(refusal(damaged, kPair, "f", 1), HasSubstr("the length has a wrong checksum"));
  // Absurd lengths take no memory.
  const std::string huge = Fixed(uint64_t{1} << 60, 8);
  EXPECT_THAT(refusal(huge + Fixed(MaskedCrc32c(huge), 4) + "abcdef"), HasSubstr("should follow"));

  WriteFileAtomically(file, TfRecord(Example({{"label", FloatFeature({1})}})));
  EXPECT_THAT(Refusal([&] { Open(file, kPair, "f", "label")->Label(0); }),
              HasSubstr("field 'label': holds no integer"));
  EXPECT_THAT(Refusal([&] { Open(TestFolder() / "a-*", kPair); }), HasSubstr("no such file"));
}

TEST(SkipBadSamples, LeavesOutWhatCannotBeRead) {
  const fs::path file = TestFolder() / "x.tfrecord";
  std::string bytes = Pairs(40);
  const size_t at_7 = Pairs(7).size();
  bytes[at_7 + 20] ^= 1;
  WriteFileAtomically(file, bytes.substr(0, bytes.size() - 1));
  for (const int threads : {1, 2, 5}) {
    SkippedSamples skipped;
    const auto data = SkipBadSamples(Open(file, kPair, "f", "label"), 0, threads, &skipped);
    EXPECT_EQ(skipped.count, 2);
    EXPECT_THAT(skipped.first, ElementsAre(HasSubstr("record '7'"), HasSubstr("record '39'")));
    ASSERT_EQ(data->size(), 38);
    EXPECT_EQ(data->SampleName(7), "x.tfrecord record 8");
    EXPECT_EQ(data->Label(7), 8);
    const std::vector<float> all = ToFloats(data->Read(0, 38).at("x"));
    for (int i = 0; i < 38; ++i) EXPECT_EQ(all[2 * i], i + (i >= 7));
    EXPECT_THAT(Row(*data, 6), ElementsAre(6, -6));
  }
  SkippedSamples skipped;
  EXPECT_EQ(SkipBadSamples(Open(file, kPair), 10, 2, &skipped)->size(), 10);
  EXPECT_EQ(skipped.count, 1);  // what follows the tenth good one is not looked at
  WriteFileAtomically(file, TfRecord("no example"));
  EXPECT_THAT(Refusal([&] { SkipBadSamples(Open(file, kPair), 0, 1, &skipped); }),
              HasSubstr("no sample can be read"));
}

}  // namespace
}  // namespace adze
