#include "engine/avx512/convolution.h"

#include <algorithm>
#include <cstring>

#include "adze/parallel.h"
#include "engine/avx512/tile.h"
#include "engine/clamp_epilogue.h"
#include "engine/huge_memory.h"
#include "engine/round_up.h"

namespace adze::avx512 {
namespace {

// Weights as tiles read them: for each kColumns output channels (the last may be one vector) all
// terms in order. Zeros behind them, for what lies outside the image.
struct PackedFilter {
  HugeMemory memory;
  const float* zeros = nullptr;
};

int VectorsOf(int64_t columns) { return columns > kLanes ? 2 : 1; }

std::shared_ptr<PackedFilter> Pack(const Tensor& filter, int64_t terms, int64_t zeros) {
  const int64_t channels = filter.shape()[3];
  const int64_t packed = terms * RoundUp(channels, kLanes);
  auto result = std::make_shared<PackedFilter>();
  result->memory = HugeMemory((packed + zeros) * sizeof(float), "for the weights of a layer");
  float* const out = result->memory.floats();
  const float* in = filter.data<float>().data();
  // Threads share it, since a model's first run spends most of its time here, on untouched pages.
  ParallelFor((channels + kColumns - 1) / kColumns, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * kColumns;
      const int64_t columns = std::min<int64_t>(kColumns, channels - first);
      const int64_t width = VectorsOf(columns) * kLanes;
      float* to = out + terms * first;
      for (int64_t term = 0; term < terms; ++term, to += width) {
        std::copy_n(in + term * channels + first, columns, to);
        std::fill(to + columns, to + width, 0.0f);
      }
    }
  });
  std::fill_n(out + packed, zeros, 0.0f);
  result->zeros = out + packed;
  return result;
}

// What a convolution reads for one output pixel: `taps` runs of `depth` floats. A filter over few
// channels takes a row of the filter as one tap, a run through neighbouring pixels.
struct Geometry {
  int64_t images, height, width, channels;      // of the source
  int64_t out_height, out_width, out_channels;  // of the result
  int64_t taps, depth;
  bool row_taps;
  WindowAxis rows, columns;

  int64_t pixels() const { return images * out_height * out_width; }
  int64_t terms() const { return taps * depth; }
  // Whether it is the product of pixels and weights: result pixel i reads pixel i.
  bool is_product() const {
    return rows.kernel == 1 && columns.kernel == 1 && out_height == height && out_width == width &&
           rows.pad_before == 0 && columns.pad_before == 0;
  }
};

class Convolution : public Kernel {
 public:
  Convolution(const KernelRequest& request, const Geometry& geometry, const ClampEpilogue& epilogue)
      : g_(geometry), epilogue_(epilogue), threads_(NumThreads()), slots_(ShareSlots()) {
    const Tensor& filter = *request.constants[1];
    filter_ = request.prepared->Get<PackedFilter>(filter, "avx512", [&] {
      return Pack(filter, g_.terms(), std::max(g_.depth, g_.channels));
    });
    bias_.assign(RoundUp(g_.out_channels, kColumns), 0.0f);
    if (epilogue.bias) {
      const auto bias = epilogue.bias->data<float>();
      std::copy(bias.begin(), bias.end(), bias_.begin());
    }
    PlanPasses();
    PlanBlocks();
  }

  size_t scratch_bytes() const override { return slots_ * slot_bytes_; }

  void Run(const KernelArgs& args) override {
    const auto* source = static_cast<const float*>(args.inputs[0]);
    auto* result = static_cast<float*>(args.outputs[0]);
    const int64_t jobs = blocks_ * panels_;
    ParallelShares(jobs, slots_, [&](int slot, int64_t begin, int64_t end) {
      char* scratch = static_cast<char*>(args.scratch) + slot * slot_bytes_;
      int64_t prepared = -1;
      for (int64_t job = begin; job < end; ++job) {
        const int64_t block = job / panels_;
        if (block != prepared) FindSources(source, block, scratch);
        prepared = block;
        RunPanel(block, job % panels_, reinterpret_cast<const float**>(scratch), result);
      }
    });
  }

 private:
  // At most kTerms terms of a tile's sum.
  struct Pass {
    int64_t tap, taps, skip, depth;
    int64_t terms_before = 0;
  };

  void PlanPasses() {
    int64_t before = 0;
    auto add = [&](Pass pass) {
      pass.terms_before = before;
      before += pass.taps * pass.depth;
      passes_.push_back(pass);
    };
    if (g_.depth > kTerms) {
      const int64_t parts = CeilDiv(g_.depth, kTerms);
      for (int64_t tap = 0; tap < g_.taps; ++tap) {
        for (int64_t i = 0; i < parts; ++i) {
          const int64_t from = g_.depth * i / parts, to = g_.depth * (i + 1) / parts;
          add({.tap = tap, .taps = 1, .skip = from, .depth = to - from});
        }
      }
    } else {
      const int64_t at_once = kTerms / g_.depth;
      for (int64_t tap = 0; tap < g_.taps; tap += at_once) {
        const int64_t taps = std::min(at_once, g_.taps - tap);
        add({.tap = tap, .taps = taps, .skip = 0, .depth = g_.depth});
      }
    }
  }

  // A block of pixels whose sources stay in the cache while all panels of weights pass by.
  void PlanBlocks() {
    constexpr int64_t kCacheBytes = 448 << 10, kMostPixels = 1024;
    panels_ = CeilDiv(g_.out_channels, kColumns);
    const int64_t bytes = g_.terms() * static_cast<int64_t>(sizeof(float));
    const int64_t most = std::clamp<int64_t>(kCacheBytes / bytes, kRows, kMostPixels);
    blocks_ = CeilDiv(g_.pixels(), most);
    if (panels_ % threads_ != 0) blocks_ = RoundUp(blocks_, threads_);
    block_pixels_ = RoundUp(CeilDiv(g_.pixels(), blocks_), kRows);
    blocks_ = CeilDiv(g_.pixels(), block_pixels_);
    const int64_t pointers = block_pixels_ * g_.taps * static_cast<int64_t>(sizeof(float*));
    slot_bytes_ = RoundUp(pointers + (g_.row_taps ? block_pixels_ * bytes : 0), 64);
  }

  // Where each tap of each pixel of the block begins, [tile][tap][kRows], at the beginning of
  // `scratch`. Behind them lie copies of runs that reach over the sides of the image.
  void FindSources(const float* source, int64_t block, char* scratch) const {
    const int64_t first = block * block_pixels_;
    const int64_t count = std::min(block_pixels_, g_.pixels() - first);
    auto** sources = reinterpret_cast<const float**>(scratch);
    if (g_.is_product()) {
      for (int64_t i = 0; i < count; ++i) sources[i] = source + (first + i) * g_.channels;
      return;
    }
    auto* copies = reinterpret_cast<float*>(sources + block_pixels_ * g_.taps);
    int64_t x = first % g_.out_width, y = first / g_.out_width % g_.out_height;
    int64_t image = first / g_.out_width / g_.out_height;
    for (int64_t i = 0; i < count; ++i) {
      const float** of_pixel = sources + i / kRows * kRows * g_.taps + i % kRows;
      const float* in_image = source + image * g_.height * g_.width * g_.channels;
      const int64_t top = y * g_.rows.stride - g_.rows.pad_before;
      const int64_t left = x * g_.columns.stride - g_.columns.pad_before;
      int64_t tap = 0;
      for (int64_t ky = 0; ky < g_.rows.kernel; ++ky) {
        const int64_t row = top + ky * g_.rows.dilation;
        const bool inside = row >= 0 && row < g_.height;
        const float* in_row = in_image + row * g_.width * g_.channels;
        if (g_.row_taps) {
          of_pixel[tap++ * kRows] = inside ? RunOf(in_row, left, &copies) : filter_->zeros;
          continue;
        }
        for (int64_t kx = 0; kx < g_.columns.kernel; ++kx) {
          const int64_t column = left + kx * g_.columns.dilation;
          of_pixel[tap++ * kRows] = inside && column >= 0 && column < g_.width
                                        ? in_row + column * g_.channels
                                        : filter_->zeros;
        }
      }
      if (++x < g_.out_width) continue;
      x = 0;
      if (++y < g_.out_height) continue;
      y = 0;
      ++image;
    }
  }

  // kernel-many pixels of a row from column `left` on.
  const float* RunOf(const float* row, int64_t left, float** copies) const {
    if (left >= 0 && left + g_.columns.kernel <= g_.width) return row + left * g_.channels;
    const int64_t from = std::clamp<int64_t>(left, 0, g_.width);
    const int64_t to = std::clamp<int64_t>(left + g_.columns.kernel, from, g_.width);
    float* copy = *copies;
    *copies += g_.depth;
    std::fill_n(copy, g_.depth, 0.0f);
    std::copy(row + from * g_.channels, row + to * g_.channels, copy + (from - left) * g_.channels);
    return copy;
  }

  // One panel of weights over a block of pixels.
  void RunPanel(int64_t block, int64_t panel, const float** sources, float* result) const {
    const int64_t first = block * block_pixels_;
    const int64_t count = std::min(block_pixels_, g_.pixels() - first);
    const int64_t channel = panel * kColumns;
    const int64_t columns = std::min<int64_t>(kColumns, g_.out_channels - channel);
    const int vectors = VectorsOf(columns);
    const float* weights = filter_->memory.floats() + channel * g_.terms();
    for (const Pass& pass : passes_) {
      const float* of_pass = weights + pass.terms_before * vectors * kLanes;
      const int64_t lines = pass.taps * pass.depth * vectors;
      const int64_t lines_per_tile = CeilDiv(lines, CeilDiv(count, kRows));
      TilePass tile = {.sources = nullptr,
                       .taps = pass.taps,
                       .depth = pass.depth,
                       .skip = pass.skip,
                       .weights = of_pass,
                       .result = nullptr,
                       .result_stride = g_.out_channels,
                       .columns = columns == kColumns ? ~0u : (1u << columns) - 1,
                       .bias = &pass == &passes_.front() ? &bias_[channel] : nullptr,
                       .adds_result = epilogue_.adds_residual,
                       .clamps = epilogue_.clamps && &pass == &passes_.back(),
                       .low = epilogue_.low,
                       .high = epilogue_.high,
                       .next = reinterpret_cast<const char*>(of_pass) + lines * 64,
                       .next_lines = lines_per_tile};
      for (int64_t i = 0; i < count; i += kRows) {
        tile.sources = sources + i * g_.taps + pass.tap * kRows;
        tile.result = result + (first + i) * g_.out_channels + channel;
        RunTile(tile, static_cast<int>(std::min<int64_t>(kRows, count - i)), vectors);
        tile.next += lines_per_tile * 64;
      }
    }
  }

  const Geometry g_;
  const ClampEpilogue epilogue_;
  const int threads_, slots_;
  std::shared_ptr<PackedFilter> filter_;
  std::vector<float> bias_;
  std::vector<Pass> passes_;
  int64_t panels_ = 0, blocks_ = 0, block_pixels_ = 0, slot_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> MakeConvolution(const KernelRequest& request, const Window& window) {
  const auto epilogue = AsClampEpilogue(request.epilogue);
  const Shape& image = request.inputs[0].shape;
  const Shape& filter = request.constants[1]->shape();
  const Shape& result = request.outputs[0].shape;
  if (!IsAvailable() || !epilogue || filter[2] != image[3] || filter[3] < kLanes) return nullptr;
  Geometry g{.images = image[0],
             .height = image[1],
             .width = image[2],
             .channels = image[3],
             .out_height = result[1],
             .out_width = result[2],
             .out_channels = result[3],
             .rows = window.height,
             .columns = window.width};
  g.rows.pad_before += request.pad.before[0];
  g.columns.pad_before += request.pad.before[1];
  // The choice depends on the layer alone, not on the batch: rows must not differ between batches.
  const int64_t pixels = g.out_height * g.out_width;
  g.row_taps = g.channels < kLanes && g.columns.kernel > 1 && g.columns.dilation == 1;
  g.taps = g.rows.kernel * (g.row_taps ? 1 : g.columns.kernel);
  g.depth = g.channels * (g.row_taps ? g.columns.kernel : 1);
  const bool single = g.rows.kernel == 1 && g.columns.kernel == 1;
  // oneDNN leaves out taps outside the image.
  if (pixels < 7 || (!single && !g.row_taps && pixels > 100)) return nullptr;
  return std::make_unique<Convolution>(request, g, *epilogue);
}

}  // namespace adze::avx512
