#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace adze {

// The models of the shared folder that come with TensorFlow's output.
inline constexpr const char* kGoldenModels[] = {"deeplabv3_mobilenet_v2",
                                                "efficientpose",
                                                "fsrcnn_x2",
                                                "lenet_mnist",
                                                "mobilenet_v1_0.25_224",
                                                "mobilenet_v1_1.0_224",
                                                "mobilenet_v2_1.0_224",
                                                "mobilenet_v2_ham10000",
                                                "resnet8_cifar10",
                                                "selfie_segmentation"};

// For INSTANTIATE_TEST_SUITE_P.
inline std::string GoldenModelName(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

}  // namespace adze
