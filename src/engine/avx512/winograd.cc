#include "engine/avx512/winograd.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "adze/parallel.h"
#include "engine/avx512/tile.h"
#include "engine/avx512/winograd_tile.h"
#include "engine/clamp_epilogue.h"
#include "engine/huge_memory.h"
#include "engine/round_up.h"

namespace adze::avx512 {
namespace {

// The filter at kPoints points: [panel of kColumns outputs][point][input][output of the panel], and
// zeros for what lies outside the image.
struct PointFilter {
  HugeMemory memory;
  const float* zeros = nullptr;
};

// u = G g Gᵀ for the 3 x 3 filters g of neighbouring outputs, `next` floats from weight to weight.
void ToPoints(const float* g, int64_t next, int64_t count, float* u, int64_t stride) {
  const auto apply = [](double a, double b, double c) {
    return std::array<double, kPatch>{a, (a + b + c) / 2, (a - b + c) / 2, c};
  };
  for (int64_t o = 0; o < count; ++o) {
    std::array<std::array<double, kPatch>, 3> columns;
    for (int x = 0; x < 3; ++x) {
      const auto at = [&](int y) { return double{g[(y * 3 + x) * next + o]}; };
      columns[x] = apply(at(0), at(1), at(2));
    }
    for (int i = 0; i < kPatch; ++i) {
      const auto row = apply(columns[0][i], columns[1][i], columns[2][i]);
      for (int j = 0; j < kPatch; ++j) {
        u[(i * kPatch + j) * stride + o] = static_cast<float>(row[j]);
      }
    }
  }
}

std::shared_ptr<PointFilter> ToPoints(const Tensor& filter) {
  const int64_t inputs = filter.shape()[2], outputs = filter.shape()[3];
  const int64_t size = kPoints * inputs * outputs;
  auto result = std::make_shared<PointFilter>();
  result->memory = HugeMemory((size + inputs) * sizeof(float), "for the weights of a layer");
  float* const out = result->memory.floats();
  const float* const in = filter.data<float>().data();
  ParallelFor(CeilDiv(outputs, kColumns), 1, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin * kColumns; first < std::min(end * kColumns, outputs);
         first += kColumns) {
      const int64_t columns = std::min<int64_t>(kColumns, outputs - first);
      float* const panel = out + kPoints * inputs * first;
      for (int64_t c = 0; c < inputs; ++c) {
        ToPoints(in + c * outputs + first, inputs * outputs, columns, panel + c * columns,
                 inputs * columns);
      }
    }
  });
  std::fill_n(out + size, inputs, 0.0f);
  result->zeros = out + size;
  return result;
}

class Winograd : public Kernel {
 public:
  Winograd(const KernelRequest& request, const Window& window, const ClampEpilogue& epilogue)
      : source_(request.inputs[0].shape),
        result_(request.outputs[0].shape),
        top_(window.height.pad_before + request.pad.before[0]),
        left_(window.width.pad_before + request.pad.before[1]),
        slots_(ShareSlots()),
        finish_{.adds_result = epilogue.adds_residual,
                .clamps = epilogue.clamps,
                .low = epilogue.low,
                .high = epilogue.high} {
    const Tensor& filter = *request.constants[1];
    filter_ =
        request.prepared->Get<PointFilter>(filter, "winograd", [&] { return ToPoints(filter); });
    bias_.assign(outputs(), 0.0f);
    if (epilogue.bias) {
      const auto bias = epilogue.bias->data<float>();
      std::copy(bias.begin(), bias.end(), bias_.begin());
    }
    PlanBlocks();
  }

  size_t scratch_bytes() const override { return slots_ * slot_bytes_; }

  void Run(const KernelArgs& args) override {
    const auto* source = static_cast<const float*>(args.inputs[0]);
    auto* result = static_cast<float*>(args.outputs[0]);
    ParallelShares(blocks_, slots_, [&](int slot, int64_t begin, int64_t end) {
      char* const scratch = static_cast<char*>(args.scratch) + slot * slot_bytes_;
      Block block = {.patches = reinterpret_cast<float*>(scratch)};
      block.sums = block.patches + kPoints * patch_stride_;
      block.rows = reinterpret_cast<const float**>(block.sums + kPoints * sum_stride_);
      for (int64_t i = 0; i < block_tiles_; ++i) block.rows[i] = block.patches + i * inputs();
      for (int64_t job = begin; job < end; ++job) {
        block.first = job * block_tiles_;
        block.count = std::min(block_tiles_, tiles() - block.first);
        TakeSource(source, block);
        for (int64_t channel = 0; channel < outputs(); channel += kColumns) {
          Multiply(channel, block);
          PutResult(channel, block, result);
        }
      }
    });
  }

 private:
  // Some tiles of two by two results, image after image and row after row.
  struct Block {
    float* patches;      // [point][tile][input], points patch_stride_ apart
    float* sums;         // [point][tile][kColumns], points sum_stride_ apart
    const float** rows;  // of each tile: its patch's first point
    int64_t first, count;
  };
  struct Place {
    int64_t image, y, x;  // of the first result
  };

  int64_t inputs() const { return source_[3]; }
  int64_t outputs() const { return result_[3]; }
  int64_t tiles_down() const { return CeilDiv(result_[1], kSide); }
  int64_t tiles_across() const { return CeilDiv(result_[2], kSide); }
  int64_t tiles() const { return result_[0] * tiles_down() * tiles_across(); }
  Place PlaceOf(int64_t tile) const {
    const int64_t row = tile / tiles_across();
    return {row / tiles_down(), row % tiles_down() * kSide, tile % tiles_across() * kSide};
  }

  // A block's patches and sums stay in the cache while all panels of the filter pass by.
  void PlanBlocks() {
    constexpr int64_t kCacheBytes = 512 << 10, kMostTiles = 112;
    const int64_t bytes = kPoints * inputs() * static_cast<int64_t>(sizeof(float));
    const int64_t most = std::clamp<int64_t>(kCacheBytes / bytes, kRows, kMostTiles);
    blocks_ = RoundUp(CeilDiv(tiles(), most), NumThreads());
    block_tiles_ = RoundUp(CeilDiv(tiles(), blocks_), kRows);
    blocks_ = CeilDiv(tiles(), block_tiles_);
    // A line more, so that points do not share the same places in the cache.
    patch_stride_ = block_tiles_ * inputs() + kLanes;
    sum_stride_ = block_tiles_ * kColumns + kLanes;
    slot_bytes_ = kPoints * (patch_stride_ + sum_stride_) * static_cast<int64_t>(sizeof(float)) +
                  RoundUp(block_tiles_ * static_cast<int64_t>(sizeof(float*)), 64);
  }

  void TakeSource(const float* source, const Block& block) const {
    for (int64_t i = 0; i < block.count; ++i) {
      const auto [image, first_y, first_x] = PlaceOf(block.first + i);
      const float* pixels[kPoints];
      for (int64_t j = 0; j < kPoints; ++j) {
        const int64_t y = first_y - top_ + j / kPatch, x = first_x - left_ + j % kPatch;
        const bool inside = y >= 0 && y < source_[1] && x >= 0 && x < source_[2];
        const int64_t pixel = (image * source_[1] + y) * source_[2] + x;
        pixels[j] = inside ? source + pixel * inputs() : filter_->zeros;
      }
      PatchToPoints(pixels, inputs(), block.patches + i * inputs(), patch_stride_);
    }
  }

  void Multiply(int64_t channel, const Block& block) const {
    const int64_t columns = std::min<int64_t>(kColumns, outputs() - channel);
    const int vectors = static_cast<int>(columns / kLanes);
    const int64_t lines = inputs() * vectors;
    static constexpr float kNoBias[kColumns] = {};
    TilePass tile = {.sources = nullptr,
                     .taps = 1,
                     .depth = inputs(),
                     .skip = 0,
                     .weights = filter_->memory.floats() + kPoints * inputs() * channel,
                     .result = nullptr,
                     .result_stride = kColumns,
                     .columns = columns == kColumns ? ~0u : (1u << columns) - 1,
                     .bias = kNoBias,
                     .adds_result = false,
                     .clamps = false,
                     .low = 0,
                     .high = 0,
                     .next = nullptr,
                     .next_lines = CeilDiv(lines, CeilDiv(block.count, kRows))};
    for (int64_t point = 0; point < kPoints; ++point) {
      tile.skip = point * patch_stride_;
      tile.next = reinterpret_cast<const char*>(tile.weights) + lines * 64;
      for (int64_t i = 0; i < block.count; i += kRows) {
        tile.sources = block.rows + i;
        tile.result = block.sums + point * sum_stride_ + i * kColumns;
        RunTile(tile, static_cast<int>(std::min<int64_t>(kRows, block.count - i)), vectors);
        tile.next += tile.next_lines * 64;
      }
      tile.weights += inputs() * columns;
    }
  }

  void PutResult(int64_t channel, const Block& block, float* result) const {
    PointSums sums = finish_;
    sums.stride = sum_stride_;
    sums.vectors = static_cast<int>(std::min<int64_t>(kColumns, outputs() - channel) / kLanes);
    sums.bias = &bias_[channel];
    for (int64_t i = 0; i < block.count; ++i) {
      const auto [image, y, x] = PlaceOf(block.first + i);
      float* const first =
          result + ((image * result_[1] + y) * result_[2] + x) * outputs() + channel;
      float* const below = y + 1 < result_[1] ? first + result_[2] * outputs() : nullptr;
      const bool right = x + 1 < result_[2];
      float* const pixels[kSide * kSide] = {first, right ? first + outputs() : nullptr, below,
                                            right && below ? below + outputs() : nullptr};
      sums.at = block.sums + i * kColumns;
      PointsToResults(sums, pixels);
    }
  }

  const Shape source_, result_;
  const int64_t top_, left_;
  const int slots_;
  const PointSums finish_;
  std::shared_ptr<PointFilter> filter_;
  std::vector<float> bias_;
  int64_t blocks_ = 0, block_tiles_ = 0, patch_stride_ = 0, sum_stride_ = 0, slot_bytes_ = 0;
};

bool IsOfIntegers(const Tensor& filter) {
  return std::ranges::all_of(filter.data<float>(), [](float w) { return std::nearbyint(w) == w; });
}

}  // namespace

std::unique_ptr<Kernel> MakeWinograd(const KernelRequest& request, const Window& window) {
  const auto is_plain = [](const WindowAxis& axis) {
    return axis.kernel == 3 && axis.stride == 1 && axis.dilation == 1;
  };
  const auto epilogue = AsClampEpilogue(request.epilogue);
  const Tensor& filter = *request.constants[1];
  const int64_t inputs = filter.shape()[2], outputs = filter.shape()[3];
  const Shape& result = request.outputs[0].shape;
  // The choice depends on the layer alone, not on the batch: rows must not differ between batches.
  if (!IsAvailable() || !epilogue || !is_plain(window.height) || !is_plain(window.width) ||
      inputs != request.inputs[0].shape[3] || inputs % kLanes != 0 || outputs % kLanes != 0 ||
      inputs > kTerms || result[1] * result[2] <= 100 || IsOfIntegers(filter)) {
    return nullptr;
  }
  return std::make_unique<Winograd>(request, window, *epilogue);
}

}  // namespace adze::avx512
