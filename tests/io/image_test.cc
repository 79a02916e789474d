#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "adze/dataset.h"
#include "adze/error.h"
#include "adze/file.h"
#include "shared_folder.h"

namespace adze {
namespace {

// Pixels of Pillow 9.4 (libjpeg-turbo 2.1): decoded, resized as a whole to 224 x 224.
TEST(Image, DecodesAndResizesAsPillow) {
  ADZE_NEED_SHARED();
  const Tensor expected = ReadNpy(SharedFolder() / "reference/golden/calibration_u8.npy");
  std::ifstream names(SharedFolder() / "reference/golden/calibration_files.txt");
  int64_t index = 0, different = 0;
  for (std::string name; std::getline(names, name); ++index) {
    const Tensor image = DecodeImage(ReadFile(SharedFolder() / "images/calibration" / name));
    const Tensor resized = ResizeBilinear(image, 224, 224);
    const Tensor row = expected.Rows(index, index + 1);
    for (int64_t i = 0; i < resized.num_elements(); ++i) {
      different += resized.data<uint8_t>()[i] != row.data<uint8_t>()[i];
    }
  }
  EXPECT_EQ(index, 32);
  EXPECT_EQ(different, 0);
}

// tests/io/images/make_images.py writes the images and, from Pillow, what they hold.
const std::filesystem::path kImages = std::filesystem::path(ADZE_SOURCE_DIR) / "tests/io/images";

std::vector<uint8_t> Bytes(const Tensor& tensor) {
  return {tensor.data<uint8_t>().begin(), tensor.data<uint8_t>().end()};
}

TEST(Image, EveryKindBecomesRgbAsInPillow) {
  int images = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kImages)) {
    const std::filesystem::path path = entry.path();
    if (path.extension() != ".png" && path.extension() != ".jpg") continue;
    const Tensor expected = ReadNpy(path.string() + ".npy");
    const Tensor image = DecodeImage(ReadFile(path));
    EXPECT_EQ(image.shape(), expected.shape()) << path;
    EXPECT_EQ(Bytes(image), Bytes(expected)) << path;
    ++images;
  }
  EXPECT_EQ(images, 14);
}

TEST(Image, ResizesToAnySizeAsPillow) {
  const Tensor image = DecodeImage(ReadFile(kImages / "rgb.png"));
  for (const auto& [height, width] : std::vector<std::pair<int, int>>{
           {5, 4}, {40, 30}, {13, 3}, {60, 17}, {1, 1}, {13, 17}, {26, 9}}) {
    const std::string size = std::to_string(height) + "x" + std::to_string(width);
    EXPECT_EQ(Bytes(ResizeBilinear(image, height, width)),
              Bytes(ReadNpy(kImages / ("resized_" + size + ".npy"))))
        << size;
  }
  EXPECT_THROW(ResizeBilinear(image, 0, 5), Error);
  EXPECT_THROW(ResizeBilinear(Tensor(DType::kUint8, {2, 2, 2}), 5, 5), Error);
}

std::string Message(const std::string& bytes) {
  try {
    DecodeImage(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadFile);
    return error.what();
  }
  return "no error";
}

TEST(Image, SaysWhyAFileDoesNotDecode) {
  using testing::HasSubstr;
  EXPECT_THAT(Message(""), HasSubstr("is empty"));
  EXPECT_THAT(Message("GIF89a"), HasSubstr("neither a JPEG nor a PNG"));
  const std::string jpeg = ReadFile(kImages / "plain.jpg"), png = ReadFile(kImages / "rgb.png");
  for (const std::string& whole : {jpeg, png, ReadFile(kImages / "progressive.jpg")}) {
    for (const double part : {0.1, 0.5, 0.9}) {
      const auto size = static_cast<size_t>(part * static_cast<double>(whole.size()));
      EXPECT_THAT(Message(whole.substr(0, size)), HasSubstr("is not a ")) << size;
    }
  }
  std::string damaged = png;
  damaged[png.size() / 2] ^= 1;
  EXPECT_THAT(Message(damaged), HasSubstr("is not a PNG image: IDAT: "));
  // 60,000 x 60,000 pixels claimed in the frame header of a file of 1 KB.
  std::string huge = jpeg;
  const size_t frame = huge.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  huge.replace(frame + 5, 4, "\xea\x60\xea\x60");
  EXPECT_THAT(Message(huge), HasSubstr("claims to be an image of 60000 x 60000 pixels"));
}

}  // namespace
}  // namespace adze
