#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/dataset.h"
#include "adze/error.h"
#include "adze/file.h"
#include "io/array_layout.h"
#include "shared_folder.h"
#include "test_folder.h"

namespace adze {
namespace {

using testing::HasSubstr;

std::string Message(const std::string& bytes) {
  try {
    ParseArray(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string Npy(const std::string& header, const std::string& elements) {
  std::string bytes = "\x93NUMPY";
  bytes += {'\x01', '\0', static_cast<char>(header.size()), '\0'};
  return bytes + header + elements;
}

TEST(Npy, WhatIsWrittenIsReadAgain) {
  const std::filesystem::path path = TestFolder() / "x.npy";
  for (const Shape& shape : {Shape{}, Shape{6}, Shape{2, 3}, Shape{1, 2, 3, 1}, Shape{0, 4}}) {
    std::vector<float> values(shape.num_elements());
    for (size_t i = 0; i < values.size(); ++i) values[i] = 1.5f * static_cast<float>(i) - 2;
    WriteNpy(Tensor::From<float>(shape, values), path);
    const Tensor again = ReadNpy(path);
    EXPECT_EQ(again.shape(), shape);
    EXPECT_EQ(ToFloats(again), values);
    EXPECT_EQ((ReadFile(path).size() - values.size() * 4) % 64, 0u);
  }
}

TEST(Npy, ReadsWhatNumPyWrote) {
  ADZE_NEED_SHARED();
  const Tensor images = ReadNpy(SharedFolder() / "reference/golden/calibration_u8.npy");
  EXPECT_EQ(images.dtype(), DType::kUint8);
  EXPECT_EQ(images.shape(), (Shape{32, 224, 224, 3}));
}

TEST(Npy, SwapsBigEndianElements) {
  const std::string header = "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }";
  EXPECT_EQ(ToInt64s(ParseArray(Npy(header, {"\x01\x02\xff\xfe", 4}))),
            (std::vector<int64_t>{258, -2}));
}

TEST(Npy, NamesWhatIsWrong) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  EXPECT_THAT(Message(Npy(good, "12345678")), HasSubstr("float32 [3] needs 12 bytes, it has 8"));
  EXPECT_THAT(Message(Npy(good, "").substr(0, 30)), HasSubstr("cut off in its header"));
  EXPECT_THAT(Message(Npy("{'descr': '<f4', 'shape': (3,), }", "")), HasSubstr("without type"));
  EXPECT_THAT(Message(Npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "")),
              HasSubstr("NumPy type '|O'"));
  EXPECT_THAT(Message(Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", "")),
              HasSubstr("Fortran order; save numpy.ascontiguousarray(x)"));
  EXPECT_THAT(Message(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", "")),
              HasSubstr("a dimension is not a size"));
  EXPECT_THAT(
      Message(
          Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9999999), }", "")),
      HasSubstr("more than 2^48"));
  EXPECT_THAT(Message("hello"), HasSubstr("neither a NumPy .npy file nor an idx file"));
  EXPECT_THAT(Message(""), HasSubstr("neither a NumPy .npy file nor an idx file (0 bytes)"));
}

TEST(Idx, ReadsBigEndianHeaderAndElements) {
  const std::string bytes("\0\0\x0b\x02\0\0\0\x01\0\0\0\x02\0\x05\xff\xff", 16);
  const Tensor tensor = ParseArray(bytes);
  EXPECT_EQ(tensor.shape(), (Shape{1, 2}));
  EXPECT_EQ(ToInt64s(tensor), (std::vector<int64_t>{5, -1}));
  EXPECT_THAT(Message(bytes.substr(0, 14)), HasSubstr("int16 [1, 2] needs 4 bytes, it has 2"));
  EXPECT_THAT(Message(bytes.substr(0, 10)), HasSubstr("cut off in its header"));
}

}  // namespace
}  // namespace adze
