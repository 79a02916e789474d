// examples/cmake_consumer, built against what `cmake --install` installs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "adze/dataset.h"
#include "runtime/support.h"
#include "test_folder.h"

#ifndef ADZE_CONSUMER_FLAGS
#define ADZE_CONSUMER_FLAGS ""
#endif

namespace adze {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Standard output of a shell command that must succeed.
std::string Shell(const std::string& command, const fs::path& folder) {
  const std::string whole =
      "cd '" + folder.string() + "' && (" + command + ") >stdout 2>stderr </dev/null";
  const int status = std::system(whole.c_str());
  EXPECT_EQ(status, 0) << command << "\n" << ReadAll(folder / "stderr");
  return ReadAll(folder / "stdout");
}

// "index value" of the largest of each row.
std::string LargestOfRows(const Tensor& values) {
  const auto data = values.data<float>();
  const int64_t size = values.shape()[1];
  std::string text;
  for (auto row = data.begin(); row != data.end(); row += size) {
    const auto best = std::max_element(row, row + size);
    char line[64];
    std::snprintf(line, sizeof(line), "%td %.9g\n", best - row, static_cast<double>(*best));
    text += line;
  }
  return text;
}

TEST(SlowConsumer, BuildsAndRunsAgainstTheInstalledPackage) {
  const fs::path folder = TestFolder();
  const std::string prefix = (folder / "installed").string();
  Shell("cmake --install '" ADZE_BINARY_DIR "' --component runtime --prefix '" + prefix + "'",
        folder);
  Shell("cmake -S '" ADZE_SOURCE_DIR
        "/examples/cmake_consumer' -B consumer -DCMAKE_BUILD_TYPE=Debug"
        " -DCMAKE_C_FLAGS=" ADZE_CONSUMER_FLAGS " -DCMAKE_CXX_FLAGS=" ADZE_CONSUMER_FLAGS
        " -DCMAKE_PREFIX_PATH='" +
            prefix + "' && cmake --build consumer",
        folder);

  std::vector<float> pixels(8 * 28 * 28);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 37 % 101) / 101;
  const Tensor images = Tensor::From<float>({8, 28, 28, 1}, pixels);
  WriteNpy(images, folder / "x.npy");
  std::ofstream(folder / "x.f32", std::ios::binary)
      .write(static_cast<const char*>(images.raw()),
             static_cast<std::streamsize>(images.num_bytes()));

  const std::string adze = "'" ADZE_BINARY_DIR "/adze' ";
  const std::string model = "'" + ExampleModel().string() + "'";
  Shell(adze + "quantize " + model + " --data image=x.npy --batch-num 8 --output small", folder);
  Shell(adze + "run " + model + " --input x.npy --output probabilities=float.npy", folder);
  Shell(adze + "run small_quantized.pb --engine int8 --input x.npy --output probabilities=int8.npy",
        folder);
  const std::string real = LargestOfRows(ReadNpy(folder / "float.npy"));
  const std::string integer = LargestOfRows(ReadNpy(folder / "int8.npy"));
  EXPECT_NE(real, integer);  // the quantized model ran as such
  EXPECT_EQ(Shell("consumer/classify " + model + " x.npy", folder), real);
  EXPECT_EQ(Shell("consumer/classify_c " + model + " x.f32", folder), real);
  EXPECT_EQ(Shell("consumer/classify small_quantized.pb x.npy", folder), integer);
  EXPECT_EQ(Shell("consumer/classify_c small_quantized.pb x.f32 probabilities", folder), integer);

  EXPECT_EQ(Shell("! consumer/classify_c none.pb x.f32", folder), "");
  EXPECT_THAT(ReadAll(folder / "stderr"), testing::HasSubstr("classify_c: file 'none.pb'"));
}

}  // namespace
}  // namespace adze
