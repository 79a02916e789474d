// Conv2D, Conv2DBackpropInput and MatMul on codes: sums over the taps of a window, computed in
// tiles of pixels by channels.
#include <algorithm>
#include <cstring>

#include "adze/parallel.h"
#include "engine/huge_memory.h"
#include "engine/integer/instructions.h"
#include "engine/integer/layer_kernel.h"
#include "engine/integer/window_taps.h"
#include "engine/round_up.h"

namespace adze {
namespace {

using namespace integer;

// Output channels in panels of equal width; the last may have fewer vectors.
struct Panels {
  int64_t count, vectors, last_vectors;
  explicit Panels(int64_t channels) {
    const int64_t all = CeilDiv(channels, kLanes);
    count = CeilDiv(all, kMostVectors);
    vectors = CeilDiv(all, count);
    count = CeilDiv(all, vectors);
    last_vectors = all - vectors * (count - 1);
  }
  int VectorsOf(int64_t panel) const {
    return static_cast<int>(panel + 1 == count ? last_vectors : vectors);
  }
};

// Weights of one phase: [panel][tap][quad][channel of the panel][4 codes of the quad].
struct PackedWeights {
  HugeMemory memory;
  ChannelSums sums;
};

// Reads the weight of a term: tap (y, x) of the kernel, input channel, output channel.
struct WeightReader {
  const int8_t* data;
  int64_t row, column, in, out;  // strides
  int8_t operator()(int64_t y, int64_t x, int64_t i, int64_t o) const {
    return data[y * row + x * column + i * in + o * out];
  }
};

WeightReader ReaderOf(const Node& node, const Tensor& weight) {
  const Shape& s = weight.shape();
  const int8_t* data = weight.data<int8_t>().data();
  if (s.rank() == 2) {
    if (node.attr<bool>("transpose_b", false)) return {data, 0, 0, 1, s[1]};
    return {data, 0, 0, s[1], 1};
  }
  const int64_t column = s[2] * s[3], row = column * s[1];
  if (FloatOpOf(node.op()) == "Conv2DBackpropInput") return {data, row, column, 1, s[3]};
  return {data, row, column, s[3], 1};
}

class Convolution : public LayerKernel {
 public:
  explicit Convolution(const KernelRequest& request)
      : LayerKernel(request),
        panels_(request.outputs[0].shape[request.outputs[0].shape.rank() - 1]),
        tile_rows_(RowsFor(static_cast<int>(panels_.vectors))),
        threads_(NumThreads()),
        slots_(ShareSlots()) {
    const Shape& source = request.inputs[inputs_.data].shape;
    const Shape& result = request.outputs[0].shape;
    const bool is_matrix = source.rank() == 2;
    images_ = source[0];
    height_ = is_matrix ? 1 : source[1];
    width_ = is_matrix ? 1 : source[2];
    channels_ = source[source.rank() - 1];
    out_height_ = is_matrix ? 1 : result[1];
    out_width_ = is_matrix ? 1 : result[2];
    out_channels_ = result[result.rank() - 1];
    zeros_.assign(CeilDiv(channels_, 4) * 4, zero_);
    last_pixel_.assign(zeros_.size(), zero_);
    const Tensor* bias = ConstantOf(request, inputs_.bias);
    std::vector<double> largest;
    int number = 0;
    for (const Phase& phase : PhasesOf(request)) {
      PhasePlan plan{.phase = phase};
      PlanTaps(plan);
      const Tensor& weight = *request.constants[1];
      plan.weights = request.prepared->Get<PackedWeights>(
          weight, "integer " + std::to_string(number++), [&] { return Pack(request, plan); });
      plan.start = StartOf(plan.weights->sums, zero_, bias);
      const std::vector<double> of_phase = LargestOf(plan.weights->sums, bias);
      largest.resize(of_phase.size());
      for (size_t c = 0; c < largest.size(); ++c) largest[c] = std::max(largest[c], of_phase[c]);
      PlanTiles(plan);
      plans_.push_back(std::move(plan));
    }
    epilogue_ = EpilogueOf(request.node, *request.constants[inputs_.scale], largest);
  }

  size_t scratch_bytes() const override { return copies_image_ ? ImageBytes() + 64 : 0; }

  void Run(const KernelArgs& args) override {
    const uint8_t* source = DataOf(args);
    if (copies_image_) {
      CopyImage(source, static_cast<uint8_t*>(args.scratch));
      source = static_cast<const uint8_t*>(args.scratch);
    } else if (channels_ % 4 != 0) {
      // The last pixel is read beyond its end.
      const int64_t pixels = images_ * height_ * width_;
      if (pixels > 0) std::copy_n(source + (pixels - 1) * channels_, channels_, last_pixel_.data());
    }
    if (source != known_source_) FindSources(source);
    known_source_ = source;
    const Places places = PlacesOf(args);
    int64_t jobs = 0;
    for (const PhasePlan& plan : plans_) jobs += plan.blocks * panels_.count;
    ParallelShares(jobs, slots_,
                   [&](int, int64_t begin, int64_t end) { RunJobs(begin, end, places); });
  }

 private:
  // Consecutive output pixels of one phase that are computed together.
  struct TilePlace {
    int64_t first, step;  // pixel of the result; pixels from row to row
    int rows;
  };
  struct PhasePlan {
    Phase phase;
    int64_t taps = 0, depth = 0;  // codes of a tap
    std::shared_ptr<PackedWeights> weights = nullptr;
    std::vector<int32_t> start = {};
    std::vector<TilePlace> tiles = {};
    int64_t blocks = 0;
    std::vector<const uint8_t*> sources = {};  // [tile][tap][tile_rows_]

    int64_t quads() const { return CeilDiv(depth, 4); }
    int64_t terms() const { return taps * quads() * 4; }
  };

  // A convolution of few channels takes a row of its kernel as one tap: a run through neighbouring
  // pixels of a copy of the image that has its padding around it.
  void PlanTaps(PhasePlan& plan) {
    const Phase& phase = plan.phase;
    const auto &rows = phase.rows.offset, &columns = phase.columns.offset;
    copies_image_ = channels_ < 16 && columns.size() > 1 && phase.columns.out_step == 1 &&
                    phase.rows.out_step == 1 && columns[1] == columns[0] + 1;
    const auto width = static_cast<int64_t>(columns.size());
    plan.taps = static_cast<int64_t>(rows.size()) * (copies_image_ ? 1 : width);
    plan.depth = channels_ * (copies_image_ ? width : 1);
    if (!copies_image_) return;
    top_ = -rows.front();
    left_ = -columns.front();
    copy_height_ = (phase.rows.count - 1) * phase.rows.source_step + rows.back() + top_ + 1;
    copy_width_ = (phase.columns.count - 1) * phase.columns.source_step + width;
  }

  int64_t ImageBytes() const { return images_ * copy_height_ * copy_width_ * channels_; }

  void CopyImage(const uint8_t* source, uint8_t* copy) const {
    const int64_t row_bytes = copy_width_ * channels_;
    const int64_t from = std::clamp<int64_t>(left_, 0, copy_width_);
    const int64_t to = std::clamp<int64_t>(left_ + width_, from, copy_width_);
    std::memset(copy + ImageBytes(), zero_, 64);
    ParallelFor(images_ * copy_height_, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / copy_height_, y = i % copy_height_ - top_;
        uint8_t* row = copy + i * row_bytes;
        if (y < 0 || y >= height_) {
          std::memset(row, zero_, row_bytes);
          continue;
        }
        std::memset(row, zero_, from * channels_);
        std::memcpy(row + from * channels_,
                    source + ((image * height_ + y) * width_ + from - left_) * channels_,
                    (to - from) * channels_);
        std::memset(row + to * channels_, zero_, row_bytes - to * channels_);
      }
    });
  }

  std::shared_ptr<PackedWeights> Pack(const KernelRequest& request, const PhasePlan& plan) const {
    const WeightReader weight = ReaderOf(request.node, *request.constants[1]);
    const auto &ys = plan.phase.rows.tap, &xs = plan.phase.columns.tap;
    auto result = std::make_shared<PackedWeights>(
        PackedWeights{HugeMemory(CeilDiv(out_channels_, kLanes) * kLanes * plan.terms(),
                                 "for the weights of a layer"),
                      ChannelSums(out_channels_)});
    char* out = result->memory.bytes();
    std::vector<int8_t> line(kLanes * kMostVectors);
    for (int64_t panel = 0; panel < panels_.count; ++panel) {
      const int64_t first = panel * panels_.vectors * kLanes;
      const int64_t width = panels_.VectorsOf(panel) * kLanes;
      for (int64_t tap = 0; tap < plan.taps; ++tap) {
        for (int64_t term = 0; term < plan.quads() * 4; ++term) {
          // Where of the kernel the term is.
          const int64_t pixel = copies_image_ ? term / channels_ : tap % std::ssize(xs);
          const int64_t y = ys[copies_image_ ? tap : tap / std::ssize(xs)];
          for (int64_t c = 0; c < width; ++c) {
            int8_t value = 0;
            if (term < plan.depth && first + c < out_channels_) {
              value = weight(y, xs[pixel], copies_image_ ? term % channels_ : term, first + c);
              result->sums.Add(first + c, value);
            }
            out[(term / 4 * width + c) * 4 + term % 4] = static_cast<char>(value);
          }
        }
        out += plan.quads() * 4 * width;
      }
    }
    return result;
  }

  void PlanTiles(PhasePlan& plan) const {
    const AxisTaps &rows = plan.phase.rows, &columns = plan.phase.columns;
    // Runs of pixels whose places are evenly spaced.
    const bool is_whole = rows.out_step == 1 && columns.out_step == 1;
    const int64_t runs = is_whole ? 1 : images_ * rows.count;
    const int64_t length = is_whole ? images_ * rows.count * columns.count : columns.count;
    for (int64_t run = 0; run < runs; ++run) {
      const int64_t y = rows.origin + run % rows.count * rows.out_step;
      const int64_t begin =
          is_whole ? 0 : (run / rows.count * out_height_ + y) * out_width_ + columns.origin;
      const int64_t tiles = CeilDiv(length, tile_rows_);
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t from = length * i / tiles, to = length * (i + 1) / tiles;
        plan.tiles.push_back({.first = begin + from * columns.out_step,
                              .step = columns.out_step,
                              .rows = static_cast<int>(to - from)});
      }
    }
    // What a block reads stays in the cache from panel to panel.
    constexpr int64_t kBlockBytes = 200 << 10;
    const auto tiles = std::ssize(plan.tiles);
    const int64_t source_bytes = images_ * height_ * width_ * channels_;
    plan.blocks = std::max<int64_t>(CeilDiv(source_bytes, kBlockBytes), 1);
    if (threads_ > 1) {
      plan.blocks = std::max(plan.blocks, CeilDiv(8 * threads_, panels_.count));
      plan.blocks = std::min(plan.blocks, std::max<int64_t>(tiles / 4, 1));
    }
    plan.blocks = std::min<int64_t>(plan.blocks, tiles);
  }

  // Where the taps of every pixel begin. The memory between layers stays where it is, so that this
  // is done once.
  void FindSources(const uint8_t* source) {
    for (PhasePlan& plan : plans_) {
      const auto& rows = plan.phase.rows;
      const auto& columns = plan.phase.columns;
      plan.sources.assign(plan.tiles.size() * plan.taps * tile_rows_, zeros_.data());
      const uint8_t** out = plan.sources.data();
      int64_t x = 0, y = 0, image = 0;
      for (const TilePlace& tile : plan.tiles) {
        for (int r = 0; r < tile.rows; ++r) {
          for (int64_t tap = 0; tap < plan.taps; ++tap) {
            out[tap * tile_rows_ + r] = SourceOf(source, plan, tap, {image, y, x});
          }
          if (++x < columns.count) continue;
          x = 0;
          if (++y < rows.count) continue;
          y = 0;
          ++image;
        }
        out += plan.taps * tile_rows_;
      }
    }
  }

  struct Position {
    int64_t image, y, x;
  };
  const uint8_t* SourceOf(const uint8_t* source, const PhasePlan& plan, int64_t tap,
                          const Position& at) const {
    const AxisTaps &rows = plan.phase.rows, &columns = plan.phase.columns;
    if (copies_image_) {
      const int64_t y = at.y * rows.source_step + rows.offset[tap] + top_;
      const int64_t x = at.x * columns.source_step;
      return source + ((at.image * copy_height_ + y) * copy_width_ + x) * channels_;
    }
    const int64_t y = at.y * rows.source_step + rows.offset[tap / std::ssize(columns.tap)];
    const int64_t x = at.x * columns.source_step + columns.offset[tap % std::ssize(columns.tap)];
    if (y < 0 || y >= height_ || x < 0 || x >= width_) return zeros_.data();
    const int64_t pixel = (at.image * height_ + y) * width_ + x;
    const bool is_last = pixel + 1 == images_ * height_ * width_;
    return is_last && channels_ % 4 != 0 ? last_pixel_.data() : source + pixel * channels_;
  }

  void RunJobs(int64_t begin, int64_t end, const Places& places) const {
    int64_t before = 0;
    for (const PhasePlan& plan : plans_) {
      const int64_t jobs = plan.blocks * panels_.count;
      for (int64_t job = std::max(begin, before); job < std::min(end, before + jobs); ++job) {
        RunPanel(plan, (job - before) / panels_.count, (job - before) % panels_.count, places);
      }
      before += jobs;
    }
  }

  // One panel of channels over a block of tiles.
  void RunPanel(const PhasePlan& plan, int64_t block, int64_t panel, const Places& places) const {
    const auto all = std::ssize(plan.tiles);
    const int64_t from = all * block / plan.blocks, to = all * (block + 1) / plan.blocks;
    const int64_t channel = panel * panels_.vectors * kLanes;
    const int vectors = panels_.VectorsOf(panel);
    const char* weights = plan.weights->memory.bytes() + channel * plan.terms();
    const int64_t lines = CeilDiv(vectors * kLanes * plan.terms(), 64);
    const bool has_next = panel + 1 < panels_.count;
    const int64_t lines_per_tile = has_next ? CeilDiv(lines, to - from) : 0;
    Tile tile{.sources = plan.sources.data() + from * plan.taps * tile_rows_,
              .rows_apart = tile_rows_,
              .taps = plan.taps,
              .quads = plan.quads(),
              .weights = reinterpret_cast<const int8_t*>(weights),
              .start = plan.start.data() + channel,
              .scale = epilogue_.scale.data() + channel,
              .columns = std::min<int64_t>(vectors * kLanes, out_channels_ - channel),
              .next = weights + lines * 64,
              .next_lines = lines_per_tile};
    const TileFunction run = instructions_.run_tile;
    for (int64_t i = from; i < to; ++i) {
      const TilePlace& place = plan.tiles[i];
      tile.first = place.first * out_channels_ + channel;
      tile.step = place.step * out_channels_;
      run(tile, place.rows, vectors, epilogue_, places);
      tile.sources += plan.taps * tile_rows_;
      tile.next += lines_per_tile * 64;
    }
  }

  const Instructions& instructions_ = CurrentInstructions();
  const Panels panels_;
  const int64_t tile_rows_;
  const int threads_, slots_;
  int64_t images_, height_, width_, channels_;     // of the source
  int64_t out_height_, out_width_, out_channels_;  // of the result
  bool copies_image_ = false;
  int64_t top_ = 0, left_ = 0, copy_height_ = 0, copy_width_ = 0;
  std::vector<uint8_t> zeros_, last_pixel_;
  std::vector<PhasePlan> plans_;
  Epilogue epilogue_;
  const uint8_t* known_source_ = nullptr;
};

std::unique_ptr<Kernel> Compile(const KernelRequest& request) {
  return std::make_unique<Convolution>(request);
}

}  // namespace

void register_integer_convolution(KernelRegistry& kernels) {
  for (const char* op : {"IntegerConv2D", "IntegerConv2DBackpropInput", "IntegerMatMul"}) {
    kernels.Add({.op = op, .compile = Compile});
  }
}

}  // namespace adze
