#pragma once

#include <string>
#include <vector>

#include "adze/graph_text.h"
#include "adze/op.h"
#include "adze/record.h"
#include "adze/registry.h"

namespace adze {

inline Graph ParseGraph(const std::string& text) {
  return ParseGraphText(text, Builtin<OpRegistry>());
}

inline QuantParams Asymmetric(float scale, int32_t zero_point, int num_bits = 8) {
  return {{.num_bits = num_bits, .symmetric = false}, {scale}, {zero_point}};
}

inline QuantParams Symmetric(std::vector<float> scale, int num_bits = 8) {
  std::vector<int32_t> zeros(scale.size(), 0);
  return {{.num_bits = num_bits, .symmetric = true}, std::move(scale), std::move(zeros)};
}

// Each of the five kinds of layers, with and without bias, with and without a scope in its name,
// two readers of one value, and outputs that are a layer itself and the value of another node.
inline const char* const kFiveLayers = R"(
x = Placeholder {dtype: f32, shape: [?, 6, 6, 2]}
conv/w = Const {value: f32[3,3,2,4] random(1)}
conv/b = Const {value: f32[4] random(2)}
conv/Conv2D = Conv2D(x, conv/w) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
conv/BiasAdd = BiasAdd(conv/Conv2D, conv/b) {T: f32}
conv/Relu = Relu(conv/BiasAdd) {T: f32}
side_w = Const {value: f32[1,1,2,4] random(3)}
side = Conv2D(x, side_w) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
sum = AddV2(conv/Relu, side) {T: f32}
dw/w = Const {value: f32[3,3,4,2] random(4)}
dw/b = Const {value: f32[8] random(5)}
dw/depthwise = DepthwiseConv2dNative(sum, dw/w) {T: f32, strides: [1, 2, 2, 1], padding: "SAME"}
dw/BiasAdd = BiasAdd(dw/depthwise, dw/b) {T: f32}
up/sizes = Const {value: i32[4] [1, 6, 6, 3]}
up/w = Const {value: f32[2,2,3,8] random(6)}
up/b = Const {value: f32[3] random(7)}
up/deconv = Conv2DBackpropInput(up/sizes, up/w, dw/BiasAdd) {T: f32, strides: [1, 2, 2, 1], padding: "SAME"}
up/BiasAdd = BiasAdd(up/deconv, up/b) {T: f32}
pool/AvgPool = AvgPool(up/BiasAdd) {T: f32, ksize: [1, 3, 2, 1], strides: [1, 2, 2, 1], padding: "SAME"}
flat/shape = Const {value: i32[2] [-1, 27]}
flat = Reshape(pool/AvgPool, flat/shape) {T: f32, Tshape: i32}
fc/w = Const {value: f32[27,5] random(8)}
fc/MatMul = MatMul(flat, fc/w) {T: f32}
return fc/MatMul, total = sum
)";

// Scales that suit values of about [-1, 1] at x; all below float16's normal range for the MatMul.
inline Record FiveLayersRecord() {
  const QuantParams input = Asymmetric(0.0078125f, 3);
  Record record;
  record.layers = {
      {.name = "conv/Conv2D",
       .op = "Conv2D",
       .activation = input,
       .weight = Symmetric({1 / 127.f, 1 / 128.f, 0.004f, 1.f})},
      {.name = "side", .op = "Conv2D", .activation = input, .weight = Symmetric({1 / 127.f})},
      {.name = "dw/depthwise",
       .op = "DepthwiseConv2dNative",
       .activation = Asymmetric(0.05f, -60),
       .weight = Symmetric({.007f, .008f, .006f, .007f, .0071f, .008f, .006f, .0072f})},
      {.name = "up/deconv",
       .op = "Conv2DBackpropInput",
       .activation = Asymmetric(0.1f, 0),
       .weight = Symmetric({.007f, .008f, .006f})},
      {.name = "pool/AvgPool", .op = "AvgPool", .activation = Asymmetric(0.15f, 7)},
      {.name = "fc/MatMul",
       .op = "MatMul",
       .activation = Asymmetric(0.001f, -11),
       .weight = Symmetric({1 / 127.f})},
  };
  return record;
}

}  // namespace adze
