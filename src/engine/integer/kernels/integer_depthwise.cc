// DepthwiseConv2dNative on codes.
#include <algorithm>

#include "adze/parallel.h"
#include "adze/window.h"
#include "engine/huge_memory.h"
#include "engine/integer/instructions.h"
#include "engine/integer/layer_kernel.h"

namespace adze {
namespace {

using namespace integer;

// Weights for every instruction set (DepthwiseRow), and their sums.
struct PackedFilter {
  HugeMemory memory;
  ChannelSums sums;
};

// Where channel i of 64 lies when four vectors hold them (DepthwiseRow).
int64_t MixedPlace(int64_t i) { return i % 16 / 4 * 16 + i / 16 * 4 + i % 4; }

std::shared_ptr<PackedFilter> Pack(const Tensor& filter) {
  const Shape& s = filter.shape();
  const int64_t channels = s[2] * s[3], quads = (s[0] + 3) / 4;
  const int64_t blocks = (channels + 63) / 64, bytes = blocks * quads * s[1] * 256;
  auto packed = std::make_shared<PackedFilter>(
      PackedFilter{HugeMemory(std::max<int64_t>(bytes, 1), "for the weights of a layer"),
                   ChannelSums(channels)});
  char* out = packed->memory.bytes();
  std::fill_n(out, bytes, 0);
  const int8_t* weight = filter.data<int8_t>().data();
  for (int64_t y = 0; y < s[0]; ++y) {
    for (int64_t x = 0; x < s[1]; ++x) {
      for (int64_t c = 0; c < channels; ++c, ++weight) {
        packed->sums.Add(c, *weight);
        const int64_t line = ((c / 64) * quads + y / 4) * s[1] + x;
        out[line * 256 + MixedPlace(c % 64) * 4 + y % 4] = static_cast<char>(*weight);
      }
    }
  }
  return packed;
}

template <typename T>
std::vector<T> Mixed(const std::vector<T>& plain) {
  std::vector<T> mixed(plain.size());
  for (size_t i = 0; i < plain.size(); ++i) mixed[i / 64 * 64 + MixedPlace(i % 64)] = plain[i];
  return mixed;
}

class Depthwise : public LayerKernel {
 public:
  explicit Depthwise(const KernelRequest& request)
      : LayerKernel(request), filter_(*request.constants[1]), slots_(ShareSlots()) {
    const Shape &image = request.inputs[0].shape, &filter = filter_.shape();
    const Shape& result = request.outputs[0].shape;
    const Window window =
        WindowOver(request.node, Padded(request.node, image), filter[0], filter[1]);
    const auto pad = request.node.attr<std::vector<int64_t>>("pad", {0, 0, 0, 0});
    images_ = image[0];
    height_ = image[1];
    in_channels_ = image[3];
    multiplier_ = filter[3];
    out_height_ = result[1];
    rows_ = window.height;
    rows_.pad_before += pad[0];
    packed_ =
        request.prepared->Get<PackedFilter>(filter_, "integer", [&] { return Pack(filter_); });
    const Tensor* bias = ConstantOf(request, inputs_.bias);
    start_ = StartOf(packed_->sums, zero_, bias);
    epilogue_ =
        EpilogueOf(request.node, *request.constants[inputs_.scale], LargestOf(packed_->sums, bias));
    mixed_start_ = Mixed(start_);
    mixed_scale_ = Mixed(epilogue_.scale);
    outside_.assign(result[3], zero_);
    row_ = {.outside = outside_.data(),
            .kernel_height = filter[0],
            .kernel_width = filter[1],
            .dilation = window.width.dilation,
            .stride = window.width.stride,
            .pad = window.width.pad_before + pad[2],
            .width = image[2],
            .out_width = result[2],
            .channels = result[3],
            .weights = filter_.data<int8_t>().data(),
            .start = start_.data(),
            .scale = epilogue_.scale.data(),
            .packed = reinterpret_cast<const int8_t*>(packed_->memory.bytes()),
            .packed_start = mixed_start_.data(),
            .packed_scale = mixed_scale_.data()};
    // Two rows of the result share most of what is under them.
    rows_at_once_ = rows_.stride == 1 && rows_.dilation == 1 && row_.stride == 1 ? 2 : 1;
    slot_bytes_ = (row_.scratch_bytes() + 63) / 64 * 64;
  }

  size_t scratch_bytes() const override { return slots_ * slot_bytes_ + RepeatedBytes(); }

  void Run(const KernelArgs& args) override {
    auto* scratch = static_cast<uint8_t*>(args.scratch);
    const uint8_t* source = DataOf(args);
    if (multiplier_ > 1) source = Repeat(source, scratch + slots_ * slot_bytes_);
    const Places places = PlacesOf(args);
    const int64_t of_image = (out_height_ + rows_at_once_ - 1) / rows_at_once_;
    const int64_t jobs = images_ * of_image;
    ParallelShares(jobs, slots_, [&](int slot, int64_t begin, int64_t end) {
      for (int64_t job = begin; job < end; ++job) {
        RunRows(source, job / of_image, job % of_image * rows_at_once_,
                scratch + slot * slot_bytes_, places);
      }
    });
  }

 private:
  int64_t RepeatedBytes() const {
    return multiplier_ > 1 ? images_ * height_ * row_.width * row_.channels : 0;
  }

  // Every channel as often as it has output channels.
  const uint8_t* Repeat(const uint8_t* source, uint8_t* out) const {
    ParallelFor(images_ * height_ * row_.width * in_channels_, 4096,
                [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i)
                    std::fill_n(out + i * multiplier_, multiplier_, source[i]);
                });
    return out;
  }

  // From row `y` of the result on.
  void RunRows(const uint8_t* source, int64_t image, int64_t y, uint8_t* scratch,
               const Places& places) const {
    const int64_t out_rows = std::min(rows_at_once_, out_height_ - y);
    std::vector<const uint8_t*> under(row_.kernel_height + out_rows - 1);
    for (int64_t k = 0; k < static_cast<int64_t>(under.size()); ++k) {
      const int64_t in = y * rows_.stride - rows_.pad_before + k * rows_.dilation;
      under[k] = in >= 0 && in < height_
                     ? source + (image * height_ + in) * row_.width * row_.channels
                     : row_.outside;
    }
    DepthwiseRow row = row_;
    row.rows = under.data();
    row.scratch = scratch;
    row.first = (image * out_height_ + y) * row_.out_width * row_.channels;
    row.out_rows = out_rows;
    instructions_.run_depthwise(row, epilogue_, places);
  }

  const Instructions& instructions_ = CurrentInstructions();
  const Tensor filter_;
  const int slots_;
  int64_t images_, height_, in_channels_, multiplier_, out_height_, rows_at_once_, slot_bytes_;
  WindowAxis rows_;
  std::shared_ptr<PackedFilter> packed_;
  Epilogue epilogue_;
  std::vector<int32_t> start_, mixed_start_;
  std::vector<float> mixed_scale_;
  std::vector<uint8_t> outside_;
  DepthwiseRow row_;
};

}  // namespace

void register_integer_depthwise(KernelRegistry& kernels) {
  kernels.Add({.op = "IntegerDepthwiseConv2dNative", .compile = [](const KernelRequest& request) {
                 return std::make_unique<Depthwise>(request);
               }});
}

}  // namespace adze
