#include "quant/fake_quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "adze/error.h"
#include "adze/parallel.h"
#include "quant/simd.h"

namespace adze {
namespace {

constexpr int64_t kBlock = 16384;  // values that a thread takes at a time
constexpr int kLanes = 16;

// A loop over values, compiled for each kind of vector instructions; all give the same bits.
#if defined(__x86_64__)
#define ADZE_FOR_EACH_SIMD(Name, Arguments, Call)                                             \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) void Name##Avx512 Arguments { \
    Call;                                                                                     \
  }                                                                                           \
  __attribute__((target("avx2"))) void Name##Avx2 Arguments { Call; }                         \
  void Name##Portable Arguments { Call; }
#define ADZE_BEST_SIMD(Name)                  \
  (BestSimd() == Simd::kAvx512 ? Name##Avx512 \
   : BestSimd() == Simd::kAvx2 ? Name##Avx2   \
                               : Name##Portable)
#else
#define ADZE_FOR_EACH_SIMD(Name, Arguments, Call) \
  void Name##Portable Arguments { Call; }
#define ADZE_BEST_SIMD(Name) Name##Portable
#endif

// q = clip(round(x * inverse) + offset), then (q - offset) * scale.
struct Affine {
  float scale, inverse, offset, lowest, highest;
  Affine(float s, int32_t zero_point, int num_bits)
      : scale(s),
        inverse(1.0f / s),
        offset(static_cast<float>(zero_point)),
        lowest(static_cast<float>(QuantMin(num_bits))),
        highest(static_cast<float>(QuantMax(num_bits))) {}
};

[[gnu::always_inline]] inline void Forward(const float* in, float* out, int64_t n,
                                           const Affine& a) {
  for (int64_t i = 0; i < n; ++i) {
    const float q = std::nearbyint(in[i] * a.inverse) + a.offset;
    out[i] = (std::min(std::max(q, a.lowest), a.highest) - a.offset) * a.scale;
  }
}
ADZE_FOR_EACH_SIMD(Forward, (const float* in, float* out, int64_t n, const Affine& a),
                   Forward(in, out, n, a))

struct UlqTerms {
  float below, above;  // x beyond these is saturated
  float clip_min, clip_max, scale, levels;
};

// t = (x, or the end that cuts it off) / scale; e = (round(t) - t) / levels
// d clip_max = sum((e + above) dy);  d clip_min = sum((below - e) dy)
[[gnu::always_inline]] inline void Backward(const float* x, const float* dy, float* dx, int64_t n,
                                            const UlqTerms& terms, float* max_sum, float* min_sum) {
  const auto step = [&](int64_t i, int lane) __attribute__((always_inline)) {
    const float value = x[i], gradient = dy[i];
    const bool above = value > terms.above, below = value < terms.below;
    const float t = (above ? terms.clip_max : below ? terms.clip_min : value) / terms.scale;
    const float e = (std::nearbyint(t) - t) / terms.levels;
    max_sum[lane] += (e + (above ? 1.0f : 0.0f)) * gradient;
    min_sum[lane] += ((below ? 1.0f : 0.0f) - e) * gradient;
    dx[i] = above || below ? 0.0f : gradient;
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) step(i + lane, lane);
  }
  for (int lane = 0; i < n; ++i, ++lane) step(i, lane);
}
ADZE_FOR_EACH_SIMD(Backward,
                   (const float* x, const float* dy, float* dx, int64_t n, const UlqTerms& terms,
                    float* max_sum, float* min_sum),
                   Backward(x, dy, dx, n, terms, max_sum, min_sum))

// Minimum and maximum of a run; NaN is passed over, so whoever calls adds up what is not finite.
[[gnu::always_inline]] inline void Extremes(const float* in, int64_t n, float* least, float* most,
                                            float* finite) {
  std::array<float, kLanes> low, high, zero{};
  low.fill(*least);
  high.fill(*most);
  const auto step = [&](float value, int lane) __attribute__((always_inline)) {
    low[lane] = value < low[lane] ? value : low[lane];
    high[lane] = value > high[lane] ? value : high[lane];
    zero[lane] += value * 0.0f;  // NaN if the value is not finite
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) step(in[i + lane], lane);
  }
  for (int lane = 0; i < n; ++i, ++lane) step(in[i], lane);
  for (int lane = 0; lane < kLanes; ++lane) {
    *least = std::min(*least, low[lane]);
    *most = std::max(*most, high[lane]);
    *finite += zero[lane];
  }
}
ADZE_FOR_EACH_SIMD(Extremes, (const float* in, int64_t n, float* least, float* most, float* finite),
                   Extremes(in, n, least, most, finite))

// The addition of 0 makes 0 of -0, as the way through an integer does.
[[gnu::always_inline]] inline void RoundRun(const float* in, float* out, int64_t n, float scale,
                                            float lowest, float highest) {
  for (int64_t i = 0; i < n; ++i) {
    const float q = std::nearbyint(in[i] / scale);
    out[i] = (std::min(std::max(q, lowest), highest) + 0.0f) * scale;
  }
}
ADZE_FOR_EACH_SIMD(RoundRun,
                   (const float* in, float* out, int64_t n, float scale, float lowest,
                    float highest),
                   RoundRun(in, out, n, scale, lowest, highest))

[[gnu::always_inline]] inline void RoundRow(const float* in, float* out, int64_t n,
                                            const float* scale, float lowest, float highest) {
  for (int64_t i = 0; i < n; ++i) {
    const float q = std::nearbyint(in[i] / scale[i]);
    out[i] = (std::min(std::max(q, lowest), highest) + 0.0f) * scale[i];
  }
}
ADZE_FOR_EACH_SIMD(RoundRow,
                   (const float* in, float* out, int64_t n, const float* scale, float lowest,
                    float highest),
                   RoundRow(in, out, n, scale, lowest, highest))

float ScaleOf(float least, float most, float finite, int num_bits) {
  Require(finite == 0, ErrorCode::kInvalidArgument, "a weight is NaN or Inf");
  return ParamsFromRange(least, most, {.num_bits = num_bits, .symmetric = true}).scale[0];
}

// Channels one after the other in memory, each a run.
void FakeQuantizeRuns(std::span<const float> in, const ChannelLayout& layout, int num_bits,
                      std::span<float> out) {
  const auto extremes = ADZE_BEST_SIMD(Extremes);
  const auto round_run = ADZE_BEST_SIMD(RoundRun);
  const auto size = static_cast<int64_t>(in.size());
  const int64_t inner = layout.channels == 1 ? size : layout.inner;
  const auto lowest = static_cast<float>(QuantMin(num_bits));
  const auto highest = static_cast<float>(QuantMax(num_bits));
  std::vector<float> least(layout.channels, 0), most(layout.channels, 0),
      finite(layout.channels, 0);
  for (int64_t run = 0; run * inner < size; ++run) {
    const int64_t c = run % layout.channels;
    extremes(in.data() + run * inner, inner, &least[c], &most[c], &finite[c]);
  }
  std::vector<float> scale(layout.channels);
  for (int64_t c = 0; c < layout.channels; ++c) {
    scale[c] = ScaleOf(least[c], most[c], finite[c], num_bits);
  }
  ParallelFor(size / inner, 1 + kBlock / inner, [&](int64_t begin, int64_t end) {
    for (int64_t run = begin; run < end; ++run) {
      round_run(in.data() + run * inner, out.data() + run * inner, inner,
                scale[run % layout.channels], lowest, highest);
    }
  });
}

// Channels side by side: each row has one element of each.
void FakeQuantizeRows(std::span<const float> in, int64_t channels, int num_bits,
                      std::span<float> out) {
  const auto round_row = ADZE_BEST_SIMD(RoundRow);
  const int64_t rows = static_cast<int64_t>(in.size()) / channels;
  std::vector<float> least(channels, 0), most(channels, 0), scale(channels), finite(channels, 0);
  for (int64_t row = 0; row < rows; ++row) {
    const float* x = in.data() + row * channels;
    for (int64_t c = 0; c < channels; ++c) {
      least[c] = std::min(least[c], x[c]);
      most[c] = std::max(most[c], x[c]);
      finite[c] += x[c] * 0.0f;
    }
  }
  for (int64_t c = 0; c < channels; ++c) {
    scale[c] = ScaleOf(least[c], most[c], finite[c], num_bits);
  }
  for (int64_t row = 0; row < rows; ++row) {
    round_row(in.data() + row * channels, out.data() + row * channels, channels, scale.data(),
              static_cast<float>(QuantMin(num_bits)), static_cast<float>(QuantMax(num_bits)));
  }
}

}  // namespace

void FakeQuantizeParallel(std::span<const float> in, const QuantParams& params,
                          std::span<float> out) {
  Check(in.size() == out.size() && params.scale.size() == 1, "one scale for all values");
  const auto forward = ADZE_BEST_SIMD(Forward);
  const Affine affine(params.scale[0], params.zero_point[0], params.spec.num_bits);
  ParallelFor(static_cast<int64_t>(in.size()), kBlock, [&](int64_t begin, int64_t end) {
    forward(in.data() + begin, out.data() + begin, end - begin, affine);
  });
}

ClipGradient UlqBackward(std::span<const float> x, std::span<const float> dy, ClipRange range,
                         const QuantParams& params, std::span<float> dx) {
  Check(x.size() == dy.size() && x.size() == dx.size(), "sizes");
  const auto backward = ADZE_BEST_SIMD(Backward);
  const int bits = params.spec.num_bits;
  const float scale = params.scale[0], offset = static_cast<float>(params.zero_point[0]);
  const UlqTerms terms{.below = scale * (static_cast<float>(QuantMin(bits)) - offset),
                       .above = scale * (static_cast<float>(QuantMax(bits)) - offset),
                       .clip_min = range.clip_min,
                       .clip_max = range.clip_max,
                       .scale = scale,
                       .levels = static_cast<float>((int64_t{1} << bits) - 1)};
  const auto size = static_cast<int64_t>(x.size());
  const int64_t blocks = (size + kBlock - 1) / kBlock;
  std::vector<ClipGradient> sums(blocks);
  ParallelFor(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      std::array<float, kLanes> max_sum{}, min_sum{};
      const int64_t first = block * kBlock;
      backward(x.data() + first, dy.data() + first, dx.data() + first,
               std::min(kBlock, size - first), terms, max_sum.data(), min_sum.data());
      for (int lane = 0; lane < kLanes; ++lane) {
        sums[block].clip_max += max_sum[lane];
        sums[block].clip_min += min_sum[lane];
      }
    }
  });
  ClipGradient total;
  for (const ClipGradient& sum : sums) {
    total.clip_max += sum.clip_max;
    total.clip_min += sum.clip_min;
  }
  return total;
}

void FakeQuantizeWeightArq(std::span<const float> weight, const ChannelLayout& layout, int num_bits,
                           std::span<float> out) {
  Check(weight.size() == out.size(), "sizes");
  if (weight.empty()) return;
  if (layout.channels > 1 && layout.inner == 1) {
    FakeQuantizeRows(weight, layout.channels, num_bits, out);
  } else {
    FakeQuantizeRuns(weight, layout, num_bits, out);
  }
}

}  // namespace adze
