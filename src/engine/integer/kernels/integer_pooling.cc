// AvgPool and MaxPool on codes.
#include <algorithm>

#include "adze/parallel.h"
#include "adze/window.h"
#include "engine/integer/instructions.h"
#include "engine/integer/layer_kernel.h"

namespace adze {
namespace {

using namespace integer;

// Where windows lie over an image [N, H, W, C].
struct Pool {
  Window window;
  int64_t images, channels;

  explicit Pool(const KernelRequest& request)
      : window(PoolWindowOver(request.node, Padded(request.node, request.inputs[0].shape))),
        images(request.inputs[0].shape[0]),
        channels(request.inputs[0].shape[3]) {
    // The window over the image without the zeros of the node's own `pad`.
    const auto pad = request.node.attr<std::vector<int64_t>>("pad", {0, 0, 0, 0});
    inner = {pad[0], pad[0] + request.inputs[0].shape[1], pad[2],
             pad[2] + request.inputs[0].shape[2]};
  }
  struct Inner {
    int64_t top, bottom, left, right;
  } inner;

  struct Range {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
  };
  static Range Under(const WindowAxis& axis, int64_t position) {
    const int64_t begin = position * axis.stride - axis.pad_before;
    return {std::max<int64_t>(begin, 0), std::min(begin + axis.kernel, axis.input)};
  }
  static Range Within(Range range, int64_t low, int64_t high) {
    const int64_t begin = std::clamp(range.begin, low, high);
    return {begin, std::clamp(range.end, begin, high)};
  }

  // body(first element of the result, pixels under the window, reads padding, rows, columns) of
  // every output pixel; rows and columns are those of the image without padding.
  template <typename Body>
  void ForPixels(Body body) const {
    const int64_t columns = window.width.output;
    ParallelFor(images * window.height.output, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const Range tall = Under(window.height, row % window.height.output);
        const Range ys = Within(tall, inner.top, inner.bottom);
        for (int64_t x = 0; x < columns; ++x) {
          const Range wide = Under(window.width, x);
          const Range xs = Within(wide, inner.left, inner.right);
          const int64_t first_row = (row / window.height.output) * (inner.bottom - inner.top);
          body((row * columns + x) * channels, tall.size() * wide.size(),
               tall.size() * wide.size() != ys.size() * xs.size(),
               Range{first_row + ys.begin - inner.top, first_row + ys.end - inner.top},
               Range{xs.begin - inner.left, xs.end - inner.left});
        }
      }
    });
  }
};

class AvgPool : public LayerKernel {
 public:
  explicit AvgPool(const KernelRequest& request)
      : LayerKernel(request),
        pool_(request),
        epilogue_(EpilogueOf(request.node, *request.constants[inputs_.scale],
                             std::vector<double>(pool_.channels, 255))) {}

  void Run(const KernelArgs& args) override {
    const uint8_t* source = DataOf(args);
    const Places places = PlacesOf(args);
    const int64_t width = pool_.inner.right - pool_.inner.left, channels = pool_.channels;
    pool_.ForPixels([&](int64_t first, int64_t count, bool, Pool::Range ys, Pool::Range xs) {
      constexpr int64_t kBlock = 128;
      for (int64_t c = 0; c < channels; c += kBlock) {
        const int64_t block = std::min(kBlock, channels - c);
        int32_t sums[kBlock];
        std::fill_n(sums, block, -static_cast<int32_t>(count) * zero_);
        for (int64_t y = ys.begin; y < ys.end; ++y) {
          for (int64_t x = xs.begin; x < xs.end; ++x) {
            const uint8_t* codes = source + (y * width + x) * channels + c;
            for (int64_t i = 0; i < block; ++i) sums[i] += codes[i];
          }
        }
        // The simulation divides the sum before it multiplies it.
        float means[kBlock];
        for (int64_t i = 0; i < block; ++i) {
          means[i] = static_cast<float>(sums[i]) / static_cast<float>(count);
        }
        instructions_.finish_means(means, epilogue_.scale.data() + c, block, first + c, epilogue_,
                                   places);
      }
    });
  }

 private:
  const Instructions& instructions_ = CurrentInstructions();
  const Pool pool_;
  const Epilogue epilogue_;
};

// The code of a maximum is the maximum of the codes.
class MaxPool : public Kernel {
 public:
  explicit MaxPool(const KernelRequest& request)
      : pool_(request), zero_(static_cast<uint8_t>(request.node.attr<int64_t>("zero"))) {}

  void Run(const KernelArgs& args) override {
    const auto* source = static_cast<const uint8_t*>(args.inputs[0]);
    auto* result = static_cast<uint8_t*>(args.outputs[0]);
    const int64_t width = pool_.inner.right - pool_.inner.left, channels = pool_.channels;
    const auto largest = CurrentInstructions().largest;
    pool_.ForPixels([&](int64_t first, int64_t, bool pads, Pool::Range ys, Pool::Range xs) {
      uint8_t* out = result + first;
      std::fill_n(out, channels, pads ? zero_ : uint8_t{0});
      for (int64_t y = ys.begin; y < ys.end; ++y) {
        for (int64_t x = xs.begin; x < xs.end; ++x) {
          largest(source + (y * width + x) * channels, channels, out);
        }
      }
    });
  }

 private:
  const Pool pool_;
  const uint8_t zero_;
};

}  // namespace

void register_integer_pooling(KernelRegistry& kernels) {
  kernels.Add({.op = "IntegerAvgPool", .compile = [](const KernelRequest& request) {
                 return std::make_unique<AvgPool>(request);
               }});
  kernels.Add({.op = "IntegerMaxPool", .compile = [](const KernelRequest& request) {
                 return std::make_unique<MaxPool>(request);
               }});
}

}  // namespace adze
