#include "adze/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "adze/error.h"
#include "adze/file.h"
#include "shared_folder.h"
#include "test_folder.h"

namespace adze {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kImages = fs::path(ADZE_SOURCE_DIR) / "tests/io/images";
const InputSpec kSmall = {.name = "input", .shape = {-1, 8, 8, 3}};

template <typename F>
std::string Message(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<float> Floats(const Dataset& data, int64_t begin, int64_t end,
                          const std::string& name = "input") {
  return ToFloats(data.Read(begin, end).at(name));
}

std::vector<float> Iota(int64_t count) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return values;
}

TEST(ImageFolder, EqualsTheStoredArrays) {
  ADZE_NEED_SHARED();
  const InputSpec input = {.name = "input", .shape = {1, 224, 224, 3}};
  std::ifstream names(SharedFolder() / "reference/golden/calibration_files.txt");
  std::string lines;
  for (std::string name; std::getline(names, name);) lines += name + " 0\n";
  const fs::path labels = TestFolder() / "labels.txt";
  WriteFileAtomically(labels, lines);
  for (const std::string name : {"tf", "caffe", "torch"}) {
    const auto folder = OpenImageFolder({.folder = SharedFolder() / "images/calibration",
                                         .labels = labels,
                                         .preprocess = PreprocessByName(name)},
                                        input);
    const auto arrays =
        OpenArrays({.inputs = {{"input", SharedFolder() / "reference/golden/calibration_u8.npy"}},
                    .preprocess = PreprocessByName(name)},
                   {input});
    ASSERT_EQ(folder->size(), 32);
    ASSERT_EQ(arrays->size(), 32);
    EXPECT_EQ(folder->Read(3, 5).at("input").shape(), (Shape{2, 224, 224, 3}));
    EXPECT_TRUE(Floats(*folder, 3, 5) == Floats(*arrays, 3, 5));
  }
}

TEST(ImageFolder, ReadsLabelledImagesInTheOrderOfTheFile) {
  const fs::path labels = TestFolder() / "labels.txt";
  WriteFileAtomically(labels, "rgb.png 7\r\n\nplain.jpg\t0\n");
  const auto data = OpenImageFolder({.folder = kImages, .labels = labels}, kSmall);
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(data->SampleName(0), "rgb.png");
  EXPECT_EQ(data->Label(0), 7);
  EXPECT_EQ(data->Label(1), 0);
  const auto all = OpenImageFolder({.folder = kImages, .limit = 3}, kSmall);
  ASSERT_EQ(all->size(), 3);
  EXPECT_EQ(all->SampleName(0), "bits.png");
  EXPECT_EQ(all->Label(0), std::nullopt);
}

TEST(ImageFolder, NamesWhatIsWrong) {
  const fs::path folder = TestFolder(), labels = folder / "labels.txt";
  const auto open = [&](const InputSpec& input) {
    return Message([&] { OpenImageFolder({.folder = folder, .labels = labels}, input); });
  };
  EXPECT_THAT(Message([&] { OpenImageFolder({.folder = folder / "absent"}, kSmall); }),
              HasSubstr("absent' does not exist"));
  EXPECT_THAT(Message([&] { OpenImageFolder({.folder = folder}, kSmall); }),
              HasSubstr("NamesWhatIsWrong' holds no images"));
  EXPECT_THAT(open(kSmall), HasSubstr("labels.txt': cannot be opened"));
  WriteFileAtomically(labels, "\n");
  EXPECT_THAT(open(kSmall), HasSubstr("labels.txt': holds no labels"));
  WriteFileAtomically(labels, "a.png 1\nb c.png 2\n");
  EXPECT_THAT(open(kSmall), HasSubstr("names 'a.png' and 1 more, not found in folder"));
  WriteFileAtomically(labels, "1\n2\n");
  EXPECT_THAT(open(kSmall), HasSubstr("holds classes only"));
  WriteFileAtomically(labels, "1\nb.png 2\n");
  EXPECT_THAT(open(kSmall), HasSubstr("line '2': some lines name a file and some do not"));
  WriteFileAtomically(labels, "b.png cat\n");
  EXPECT_THAT(open(kSmall), HasSubstr("line '1': 'b.png cat' does not end in a class number"));

  EXPECT_THAT(open({.name = "x", .shape = {-1, -1, -1, 3}}), HasSubstr("known height and width"));
  EXPECT_THAT(open({.name = "x", .shape = {-1, 8, 8, 4}}), HasSubstr("images have 1 or 3"));
  EXPECT_THAT(open({.name = "x", .shape = {-1, 10}}), HasSubstr("images need [batch"));
  EXPECT_THAT(open({.name = "x", .dtype = DType::kInt64, .shape = {-1, 8, 8, 3}}),
              HasSubstr("input 'x': takes int64"));

  WriteFileAtomically(folder / "a.png", "no image");
  const auto data = OpenImageFolder({.folder = folder}, kSmall);
  EXPECT_THAT(Message([&] { data->Read(0, 1); }),
              HasSubstr("a.png': is neither a JPEG nor a PNG image"));
}

TEST(Preprocess, PresetsGiveTheTextbookValuesToTheLastBit) {
  const fs::path file = TestFolder() / "x.npy";
  std::vector<uint8_t> values(256 * 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i / 3);
  WriteNpy(Tensor::From<uint8_t>({1, 16, 16, 3}, values), file);
  const auto read = [&](const std::string& preset) {
    return Floats(*OpenArrays({.inputs = {{"x", file}}, .preprocess = PreprocessByName(preset)},
                              {{.name = "x", .shape = {-1, 16, 16, 3}}}),
                  0, 1, "x");
  };
  const std::vector<float> tf = read("tf"), caffe = read("caffe"), unit = read("unit"),
                           raw = read("raw"), torch = read("torch");
  const float blue_green_red[] = {103.939f, 116.779f, 123.68f};
  for (int i = 0; i < 256 * 3; ++i) {
    const float x = values[i];
    EXPECT_EQ(tf[i], x / 127.5f - 1);
    EXPECT_EQ(caffe[i], x - blue_green_red[i % 3]);
    EXPECT_EQ(unit[i], x / 255);
    EXPECT_EQ(raw[i], x);
  }
  EXPECT_NEAR(torch[0], -0.485 / 0.229, 1e-6);
  EXPECT_NEAR(torch[256 * 3 - 1], (1 - 0.406) / 0.225, 1e-6);
  EXPECT_THAT(Message([] { PreprocessByName("imagenet"); }),
              HasSubstr("there are tf, caffe, torch, unit and raw"));
}

TEST(Preprocess, ChannelsAreReordered) {
  const fs::path file = TestFolder() / "x.npy";
  WriteNpy(Tensor::From<uint8_t>({1, 1, 2, 3}, {1, 2, 3, 4, 5, 6}), file);
  const auto read = [&](const Shape& shape, const Preprocess& preprocess) {
    return Floats(*OpenArrays({.inputs = {{"x", file}}, .preprocess = preprocess},
                              {{.name = "x", .shape = shape}}),
                  0, 1, "x");
  };
  EXPECT_THAT(read({1, 1, 2, 3}, {}), testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(read({1, 1, 2, 3}, {.bgr = true}), testing::ElementsAre(3, 2, 1, 6, 5, 4));
  EXPECT_THAT(read({1, 3, 1, 2}, {}), testing::ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(read({1, 3, 1, 2}, {.mean = {1, 2, 3}, .bgr = true}),
              testing::ElementsAre(2, 5, 0, 3, -2, 1));
  // 0.299 R + 0.587 G + 0.114 B
  EXPECT_THAT(read({1, 1, 2, 1}, {}), testing::ElementsAre(2, 5));
  EXPECT_THAT(read({1, 6}, {}), testing::ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Preprocess, CropTakesTheMiddle) {
  const fs::path file = TestFolder() / "x.npy";
  Tensor image = Tensor::Zeros(DType::kUint8, {1, 16, 32, 1});
  for (int y = 1; y < 15; ++y) {
    for (int x = 2; x < 30; ++x) image.mutable_data<uint8_t>()[y * 32 + x] = 200;
  }
  WriteNpy(image, file);
  const auto read = [&](const char* resize) {
    return Floats(*OpenArrays({.inputs = {{"x", file}}, .preprocess = {.resize = resize}},
                              {{.name = "x", .shape = {-1, 4, 4, 1}}}),
                  0, 1, "x");
  };
  EXPECT_THAT(read("crop"), testing::Each(200));
  EXPECT_LT(read("squash")[0], 200);
  EXPECT_THAT(Message([&] { read("fit"); }), HasSubstr("it can be squash or crop"));
}

TEST(Arrays, FloatsAreFedAsTheyAre) {
  const fs::path folder = TestFolder();
  WriteNpy(Tensor::From<float>({3, 2}, Iota(6)), folder / "x.npy");
  WriteNpy(Tensor::From<int64_t>({3}, {5, 0, 2}), folder / "labels.npy");
  const auto data = OpenArrays({.inputs = {{"x", folder / "x.npy"}},
                                .labels = folder / "labels.npy",
                                .preprocess = PreprocessByName("tf")},
                               {{.name = "x", .shape = {1, 2}}});
  EXPECT_EQ(data->size(), 3);
  EXPECT_THAT(Floats(*data, 1, 3, "x"), testing::ElementsAre(2, 3, 4, 5));
  EXPECT_EQ(data->Label(2), 2);
  EXPECT_EQ(data->SampleName(2), "sample 2");
}

TEST(Arrays, NamesWhatIsWrong) {
  const fs::path folder = TestFolder(), x = folder / "x.npy", y = folder / "y.npy";
  WriteNpy(Tensor::From<float>({3, 2}, Iota(6)), x);
  WriteNpy(Tensor::From<float>({2, 2}, Iota(4)), y);
  const InputSpec in_x = {.name = "x", .shape = {1, 2}}, in_y = {.name = "y", .shape = {1, 2}};
  const auto open = [](const ArrayData& data, const std::vector<InputSpec>& inputs) {
    return Message([&] { OpenArrays(data, inputs); });
  };
  EXPECT_THAT(open({.inputs = {{"x", x}, {"y", y}}}, {in_x, in_y}),
              HasSubstr("y.npy' has 2 samples, file"));
  EXPECT_THAT(open({.inputs = {{"x", x}}}, {in_x, in_y}), HasSubstr("input 'y' has no data"));
  EXPECT_THAT(open({.inputs = {{"x", x}, {"z", y}}}, {in_x}), HasSubstr("there is no input 'z'"));
  EXPECT_THAT(open({.inputs = {{"x", x}}}, {{.name = "x", .shape = {1, 3}}}),
              HasSubstr("holds [3, 2], input 'x' takes [1, 3]"));
  EXPECT_THAT(open({.inputs = {{"x", x}}}, {{.name = "x", .dtype = DType::kInt32}}),
              HasSubstr("holds float32, input 'x' takes int32"));
  EXPECT_THAT(open({.inputs = {{"x", x}}, .labels = y}, {in_x}), HasSubstr("one class a sample"));
  WriteFileAtomically(folder / "labels.txt", "1\n2\n");
  EXPECT_THAT(open({.inputs = {{"x", x}}, .labels = folder / "labels.txt"}, {in_x}),
              HasSubstr("has 2 labels for 3 samples"));
  EXPECT_THAT(open({.inputs = {{"x", folder / "absent.npy"}}}, {in_x}), HasSubstr("absent.npy': "));
  WriteNpy(Tensor(DType::kFloat, {0, 2}), x);
  EXPECT_THAT(open({.inputs = {{"x", x}}}, {in_x}), HasSubstr("holds no samples"));
}

TEST(Arrays, ReadsAmctBatches) {
  const fs::path folder = TestFolder();
  const std::vector<float> values = Iota(12);
  const std::string_view bytes(reinterpret_cast<const char*>(values.data()), 48);
  WriteFileAtomically(folder / "batch_1.bin", bytes.substr(16));
  WriteFileAtomically(folder / "batch_0.bin", bytes.substr(0, 16));
  WriteFileAtomically(folder / "notes.txt", "not data");
  const auto open = [&](const Shape& shape) {
    return OpenArrays({.inputs = {{"x", folder}}, .preprocess = PreprocessByName("tf")},
                      {{.name = "x", .shape = shape}});
  };
  const auto data = open({-1, 2});
  EXPECT_EQ(data->size(), 6);
  EXPECT_THAT(Floats(*data, 1, 4, "x"), testing::ElementsAre(2, 3, 4, 5, 6, 7));
  EXPECT_EQ(data->SampleName(3), "batch_1.bin row 1");
  EXPECT_THAT(Message([&] { open({2, 2}); }), HasSubstr("batch_1.bin': has 32 bytes"));
  EXPECT_THAT(Message([&] { open({-1, 3}); }), HasSubstr("batch_0.bin': has 16 bytes"));
  EXPECT_THAT(Message([&] { open({-1, -1}); }), HasSubstr(".bin files need a known one"));
  fs::remove(folder / "batch_0.bin");
  fs::remove(folder / "batch_1.bin");
  EXPECT_THAT(Message([&] { open({-1, 2}); }), HasSubstr("holds no .bin files"));
}

TEST(Arrays, ReadsFashionMnist) {
  const fs::path folder = "/usr/share/datasets/fashion-mnist";
  if (!fs::exists(folder)) GTEST_SKIP() << "needs Debian's dataset-fashion-mnist";
  const auto data = OpenArrays({.inputs = {{"x", folder / "t10k-images-idx3-ubyte.gz"}},
                                .labels = folder / "t10k-labels-idx1-ubyte.gz",
                                .preprocess = PreprocessByName("unit")},
                               {{.name = "x", .shape = {-1, 28, 28, 1}}});
  EXPECT_EQ(data->size(), 10000);
  EXPECT_EQ(data->Label(0), 9);  // an ankle boot
  EXPECT_EQ(data->Read(0, 2).at("x").shape(), (Shape{2, 28, 28, 1}));
  const std::vector<float> boot = Floats(*data, 0, 1, "x");
  EXPECT_EQ(*std::max_element(boot.begin(), boot.end()), 1.0f);
}

TEST(BatchReader, GivesBatchesInOrder) {
  const fs::path file = TestFolder() / "x.npy";
  WriteNpy(Tensor::From<float>({1001, 1}, Iota(1001)), file);
  const auto data = OpenArrays({.inputs = {{"input", file}}}, {{.name = "input", .shape = {1, 1}}});
  for (const int threads : {0, 1, 5}) {
    BatchReader reader(*data, 4, threads);
    std::map<std::string, Tensor> feeds;
    int64_t first = -1, expected = 0;
    while (reader.Next(&feeds, &first)) {
      ASSERT_EQ(first, expected);
      ASSERT_EQ(feeds.at("input").shape()[0], std::min<int64_t>(4, 1001 - first));
      ASSERT_EQ(feeds.at("input").data<float>()[0], static_cast<float>(first));
      expected += 4;
    }
    EXPECT_EQ(expected, 1004);
    EXPECT_FALSE(reader.Next(&feeds, &first));
  }
}

TEST(BatchReader, RethrowsInOrderAndStopsEarly) {
  const fs::path folder = TestFolder();
  fs::copy(kImages / "rgb.png", folder / "0.png");
  WriteFileAtomically(folder / "1.png", "no image");
  for (int i = 2; i < 100; ++i) {
    fs::copy(kImages / "rgb.png", folder / (std::to_string(i) + ".png"));
  }
  const auto data = OpenImageFolder({.folder = folder}, kSmall);
  BatchReader reader(*data, 1, 3);
  std::map<std::string, Tensor> feeds;
  int64_t first = -1;
  EXPECT_TRUE(reader.Next(&feeds, &first));
  EXPECT_THAT(Message([&] { reader.Next(&feeds, &first); }), HasSubstr("1.png': is neither"));
  EXPECT_TRUE(reader.Next(&feeds, &first));
  EXPECT_EQ(first, 2);
  // The reader ends here with most images unread.
  EXPECT_THROW(BatchReader(*data, 0, 1), Error);
}

}  // namespace
}  // namespace adze
