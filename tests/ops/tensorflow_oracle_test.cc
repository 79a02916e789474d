// Ops that have no stored conformance case, compared with the real TensorFlow 1.15.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "adze/dataset.h"
#include "adze/graph_def.h"
#include "adze/graph_text.h"
#include "adze/op.h"
#include "adze/reference.h"
#include "adze/registry.h"
#include "shared_folder.h"
#include "test_folder.h"

namespace adze {
namespace {

constexpr const char* kGraph = R"(
x = Const {value: f32[2,3,4] random(1)}
y = Const {value: f32[2,3,4] random(2)}
flat = Const {value: f32[6] [0, -1.5, 2.25, 0, 3, -4]}
zeros = Const {value: f32[6] [1, 0, 2, 0, -3, 0]}
i = Const {value: i32[6] [7, -7, 5, -5, 0, 9]}
j = Const {value: i32[6] [3, 3, -2, -2, 4, -4]}
image = Const {value: f32[2,5,7,3] random(3)}
zero = Const {value: i32[] 0}
one = Const {value: i32[] 1}
minus = Const {value: i32[] -1}
large = Const {value: f32[] 0.5}
small = Const {value: f32[] -0.25}

tan = Tan(x)
asin = Asin(x)
acos = Acos(x)
atan = Atan(x)
sinh = Sinh(x)
cosh = Cosh(x)
asinh = Asinh(x)
exp = Exp(x)
acosh_in = Add(exp, exp)
acosh = Acosh(acosh_in)
atanh = Atanh(x)
div_no_nan = DivNoNan(flat, zeros)
xdivy = Xdivy(zeros, flat)

acosh_in_row = Const {value: f32[6] [1, 2, 3, 4, 5, 6]}
xlogy = Xlogy(zeros, acosh_in_row)
atan2 = Atan2(x, y)
truncate_div = TruncateDiv(i, j)
truncate_mod = TruncateMod(i, j)
mod = Mod(i, j)
div = RealDiv(flat, zeros)
is_nan = IsNan(div)
is_inf = IsInf(div)
is_finite = IsFinite(div)
clip = ClipByValue(x, small, large)
cumsum = Cumsum(x, one) {Tidx: i32}
cumsum_exclusive = Cumsum(x, minus) {Tidx: i32, exclusive: true}
cumsum_reverse = Cumsum(x, zero) {Tidx: i32, reverse: true}
cumprod = Cumprod(x, minus) {Tidx: i32, exclusive: true, reverse: true}
depth = Const {value: i32[] 10}
one_hot = OneHot(i, depth, large, small) {T: f32, TI: i32, axis: -1}
one_hot_first = OneHot(j, depth, large, small) {T: f32, TI: i32, axis: 0}
places = Const {value: i32[2,2] [0, 2, 1, 0]}
gather_nd = GatherNd(x, places) {Tparams: f32, Tindices: i32}
axes = Const {value: i32[2] [0, -1]}
reverse = ReverseV2(x, axes) {Tidx: i32}
two = Const {value: i32[] 2}
top_k = TopKV2(x, two) {sorted: true}

depth_three = Const {value: i32[] 3}
top_equal = TopKV2(zeros, depth_three)
ensured = EnsureShape(x) {shape: [2, ?, 4]}
up = Const {value: i32[2] [9, 11]}
down = Const {value: i32[2] [3, 4]}
bicubic_up = ResizeBicubic(image, up) {align_corners: false}
bicubic_down = ResizeBicubic(image, down) {align_corners: false}
bicubic_corners = ResizeBicubic(image, up) {align_corners: true}
bicubic_half = ResizeBicubic(image, up) {align_corners: false, half_pixel_centers: true}
boxes = Const {value: f32[3,4] [0, 0, 1, 1, 0.25, 0.1, 0.75, 1.25, 0.9, 0.8, 0.2, 0.1]}
box_images = Const {value: i32[3] [0, 1, 1]}
crop = CropAndResize(image, boxes, box_images, down) {method: "bilinear", extrapolation_value: -1.0}
crop_nearest = CropAndResize(image, boxes, box_images, down) {method: "nearest"}
patches = ExtractImagePatches(image) {ksizes: [1, 3, 2, 1], strides: [1, 2, 2, 1], rates: [1, 1, 2, 1], padding: "SAME"}
argmax = MaxPoolWithArgmax(image) {ksize: [1, 2, 3, 1], strides: [1, 2, 1, 1], padding: "SAME", Targmax: i64}
argmax_batch = MaxPoolWithArgmax(image) {ksize: [1, 3, 2, 1], strides: [1, 1, 2, 1], padding: "VALID", Targmax: i64, include_batch_in_index: true}
rows_three = Const {value: i32[2,2] [2, 0, 1, 1]}
rows_two = Const {value: i32[2,3] [2, 0, 1, 1, 1, 3]}
gather_batch = GatherV2(x, rows_three, one) {Tparams: f32, Tindices: i32, Taxis: i32, batch_dims: 1}
gather_batch_inner = GatherV2(x, rows_two, two) {Tparams: f32, Tindices: i32, Taxis: i32, batch_dims: 1}
scatter_shape = Const {value: i32[3] [3, 2, 4]}
scatter_at = Const {value: i32[2,3,2] [0, 1, 2, 0, 0, 1, 1, 1, 2, 0, 2, 1]}
scatter = ScatterNd(scatter_at, x, scatter_shape) {T: f32, Tindices: i32}
sound = Const {value: f32[700,1] random(4)}
spectrogram = AudioSpectrogram(sound) {window_size: 200, stride: 80, magnitude_squared: true}
spectrogram_root = AudioSpectrogram(sound) {window_size: 256, stride: 100, magnitude_squared: false}
sample_rate = Const {value: i32[] 16000}
mfcc = Mfcc(spectrogram, sample_rate) {dct_coefficient_count: 10}
mfcc_wide = Mfcc(spectrogram_root, sample_rate) {upper_frequency_limit: 7600.0, lower_frequency_limit: 125.0, filterbank_channel_count: 20, dct_coefficient_count: 13}
patches_valid = ExtractImagePatches(image) {ksizes: [1, 2, 3, 1], strides: [1, 1, 3, 1], rates: [1, 2, 1, 1], padding: "VALID"}
)";

// Every element type that Dequantize takes, in every mode.
void AddDequantize(Graph& graph) {
  const Value low = graph.AddConst("range/low", Tensor::Scalar(-1.25f)).output();
  const Value high = graph.AddConst("range/high", Tensor::Scalar(3.5f)).output();
  for (const DType dtype : {DType::kQuint8, DType::kQint8, DType::kQint32}) {
    Tensor codes(dtype, {5});
    if (dtype == DType::kQint32) {
      const int32_t values[] = {INT32_MIN, -70000, 0, 1 << 30, 2147000000};
      std::copy_n(values, 5, static_cast<int32_t*>(codes.mutable_raw()));
    } else {
      const uint8_t values[] = {0, 1, 127, 128, 255};
      std::copy_n(values, 5, static_cast<uint8_t*>(codes.mutable_raw()));
    }
    const Value in = graph.AddConst("codes_" + Name(dtype), codes).output();
    for (const char* mode : {"MIN_COMBINED", "MIN_FIRST", "SCALED"}) {
      graph.Add("dequantize_" + Name(dtype) + "_" + mode, "Dequantize", {in, low, high},
                {{"T", dtype}, {"mode", mode}});
    }
  }
}

DType TypeOf(const ShapeMap& shapes, Value value) { return shapes[value].dtype; }

// Ops of detection, attention and recurrent networks; also of no elements. Halves of a box overlap
// it by the threshold itself.
constexpr const char* kMoreOps = R"(
boxes = Const {value: f32[7,4] [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 1, 11, 0, 10, 0, 10.1, 1, 11.1, 0, 100, 1, 101, 3, 3, 4, 4]}
scores = Const {value: f32[7] [0.9, 0.75, 0.6, 0.95, 0.5, 0.3, 0.85]}
half_boxes = Const {value: f32[3,4] [0, 0, 1, 1, 0, 0, 1, 0.5, 0, 0.5, 1, 1]}
half_scores = Const {value: f32[3] [0.5, 0.5, 0.5]}
five = Const {value: i32[] 5}
none = Const {value: i32[] 0}
overlap = Const {value: f32[] 0.5}
score = Const {value: f32[] 0.4}
sigma = Const {value: f32[] 0.25}
no_sigma = Const {value: f32[] 0.0}
no_boxes = Const {value: f32[0,4] []}
no_scores = Const {value: f32[0] []}
nms_1 = NonMaxSuppression(boxes, scores, five) {iou_threshold: 0.4}
nms_2 = NonMaxSuppressionV2(boxes, scores, five, overlap)
nms_2_half = NonMaxSuppressionV2(half_boxes, half_scores, five, overlap)
nms_2_empty = NonMaxSuppressionV2(no_boxes, no_scores, five, overlap)
nms_3 = NonMaxSuppressionV3(boxes, scores, five, overlap, score)
nms_3_none = NonMaxSuppressionV3(boxes, scores, none, overlap, score)
nms_4 = NonMaxSuppressionV4(boxes, scores, five, overlap, score)
nms_4_padded = NonMaxSuppressionV4(boxes, scores, five, overlap, score) {pad_to_max_output_size: true}
nms_4_empty = NonMaxSuppressionV4(no_boxes, no_scores, five, overlap, score) {pad_to_max_output_size: true}
nms_5 = NonMaxSuppressionV5(boxes, scores, five, overlap, score, sigma)
nms_5_hard = NonMaxSuppressionV5(boxes, scores, five, overlap, score, no_sigma) {pad_to_max_output_size: true}
four_boxes = Const {value: f32[2,6,1,4] random(5)}
own_boxes = Const {value: f32[2,6,3,4] random(6)}
class_scores = Const {value: f32[2,6,3] random(7)}
two = Const {value: i32[] 2}
combined = CombinedNonMaxSuppression(four_boxes, class_scores, two, five, overlap, no_sigma)
combined_own = CombinedNonMaxSuppression(own_boxes, class_scores, two, five, overlap, no_sigma) {clip_boxes: false}
nine = Const {value: i32[] 9}
combined_padded = CombinedNonMaxSuppression(own_boxes, class_scores, two, nine, overlap, no_sigma) {pad_per_class: true}
image = Const {value: f32[2,5,7,3] random(8)}
codes = Cast(image) {SrcT: f32, DstT: uint8}
no_images = Const {value: f32[0,5,7,3] []}
up = Const {value: i32[2] [9, 11]}
down = Const {value: i32[2] [3, 4]}
area_up = ResizeArea(image, up) {align_corners: false}
area_down = ResizeArea(image, down) {align_corners: false}
area_corners = ResizeArea(image, down) {align_corners: true}
area_codes = ResizeArea(codes, down) {align_corners: false}
area_none = ResizeArea(no_images, down) {align_corners: false}
matrix = Const {value: f32[3,4] [0, 1, 0, -2, 3, 0, 0, 0, 4, 5, 0, 6]}
where = Where(matrix)
where_none = Where(no_boxes)
from = Const {value: f32[] -1.0}
line = LinSpace(from, overlap, five) {Tidx: i32}
line_one_count = Const {value: i32[] 1}
line_one = LinSpace(from, overlap, line_one_count) {Tidx: i32}
order = Const {value: i32[4] [2, 0, 3, 1]}
inverse = InvertPermutation(order)
shape_a = Const {value: i32[3] [2, 1, 4]}
shape_b = Const {value: i32[2] [3, 1]}
broadcast = BroadcastArgs(shape_a, shape_b)
sequences = Const {value: f32[3,4,5] random(9)}
lengths = Const {value: i32[3] [4, 0, 2]}
lengths_of_last = Const {value: i64[4] [5, 1, 3, 0]}
turned = ReverseSequence(sequences, lengths) {seq_dim: 1, batch_dim: 0, Tlen: i32}
turned_last = ReverseSequence(sequences, lengths_of_last) {seq_dim: 2, batch_dim: 1, Tlen: i64}
turned_first = ReverseSequence(sequences, lengths_first) {seq_dim: 0, batch_dim: 1, Tlen: i32}
lengths_first = Const {value: i32[4] [3, 2, 1, 0]}
)";

// Ops whose element types TensorFlow knows without being told.
bool HasFixedTypes(const std::string& op) {
  static const std::set<std::string> kOps = {"AudioSpectrogram", "Mfcc", "NonMaxSuppression",
                                             "CombinedNonMaxSuppression", "Cast"};
  return kOps.contains(op);
}

class SlowOpsInTensorFlow : public testing::TestWithParam<const char*> {};

TEST_P(SlowOpsInTensorFlow, GiveTheSame) {
  ADZE_NEED_SHARED();
  const std::filesystem::path folder = TestFolder();
  Graph graph = ParseGraphText(GetParam(), Builtin<OpRegistry>());
  if (GetParam() == kGraph) AddDequantize(graph);
  const ShapeMap shapes = InferShapes(graph);
  int compared = 0;
  for (Node* node : graph.nodes()) {
    if (node->IsConst()) continue;
    // TensorFlow needs the element type, which the text leaves out where it follows.
    const bool typed = node->attrs().contains("T") || node->attrs().contains("Tparams") ||
                       HasFixedTypes(node->op());
    if (!typed) node->SetAttr("T", TypeOf(shapes, node->input(0)));
    const int outputs = std::max<int>(1, static_cast<int>(node->def()->output_names.size()));
    for (int i = 0; i < outputs; ++i) {
      const std::vector<Value> fetches = {node->output(i)};
      const Tensor result = RunReference(graph, {}, fetches)[0];
      WriteNpy(result, folder / (node->name() + "@" + std::to_string(i) + ".npy"));
      ++compared;
    }
  }
  EXPECT_GT(compared, 35);
  WriteGraphDef(graph, folder / "graph.pb");
  const std::string command = "PYTHONPATH='" + (SharedFolder() / "tools").string() +
                              "' /usr/bin/python3 '" ADZE_SOURCE_DIR
                              "/tests/oracle/ops_in_tensorflow.py' '" +
                              folder.string() + "'";
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no TensorFlow 1.15 (tools/get-tensorflow)";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
INSTANTIATE_TEST_SUITE_P(Groups, SlowOpsInTensorFlow, testing::Values(kGraph, kMoreOps));

}  // namespace
}  // namespace adze
