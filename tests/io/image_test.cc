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

}  // namespace
}  // namespace adze
