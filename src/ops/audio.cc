#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>
#include <unsupported/Eigen/FFT>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"

// Sound as keyword networks read it: spectrogram and mel-frequency cepstral coefficients.
namespace adze {
namespace {

// [samples, channels] to [channels, frames, frequencies]: a frame is a window of the samples,
// padded with zeros to a power of two.
struct Frames {
  int64_t window, stride, fft;
};

Frames FramesOf(const Node& node) {
  Frames frames{node.attr<int64_t>("window_size"), node.attr<int64_t>("stride"), 0};
  constexpr int64_t kMost = 1 << 24;
  Require(frames.window >= 2 && frames.window <= kMost && frames.stride >= 1, ErrorCode::kBadFile,
          node.op(), " with a window of ", frames.window, " samples every ", frames.stride);
  frames.fft = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(frames.window)));
  return frames;
}

std::vector<TensorSpec> InferSpectrogram(const ShapeContext& context) {
  const Frames frames = FramesOf(context.node);
  const Shape sound = ShapeOfRank(context, 0, 2);
  int64_t count = Shape::kUnknown;
  if (sound[0] != Shape::kUnknown) {
    count = sound[0] < frames.window ? 0 : 1 + (sound[0] - frames.window) / frames.stride;
  }
  return {{DType::kFloat, {sound[1], count, 1 + frames.fft / 2}}};
}

void EvaluateSpectrogram(const Node& node, std::span<const Tensor> inputs,
                         std::span<Tensor> outputs) {
  const Frames frames = FramesOf(node);
  const bool squared = node.attr<bool>("magnitude_squared", false);
  const int64_t channels = inputs[0].shape()[1], count = outputs[0].shape()[1];
  const int64_t bins = outputs[0].shape()[2];
  std::vector<double> hann(frames.window);
  for (int64_t i = 0; i < frames.window; ++i) {
    const double turn = static_cast<double>(i) / static_cast<double>(frames.window);
    hann[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * turn);
  }
  const float* in = inputs[0].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ParallelFor(channels * count, 1, [&](int64_t begin, int64_t end) {
    Eigen::FFT<double> fft;
    std::vector<double> samples(frames.fft, 0.0);
    std::vector<std::complex<double>> spectrum;
    for (int64_t row = begin; row < end; ++row) {
      const int64_t first = row % count * frames.stride, channel = row / count;
      for (int64_t i = 0; i < frames.window; ++i) {
        samples[i] = hann[i] * in[(first + i) * channels + channel];
      }
      fft.fwd(spectrum, samples);
      for (int64_t i = 0; i < bins; ++i) {
        const double power = std::norm(spectrum[i]);
        out[row * bins + i] = static_cast<float>(squared ? power : std::sqrt(power));
      }
    }
  });
}

double Mel(double hertz) { return 1127.0 * std::log1p(hertz / 700.0); }

std::vector<TensorSpec> InferMfcc(const ShapeContext& context) {
  const Node& node = context.node;
  const Shape spectrogram = ShapeOfRank(context, 0, 3);
  ShapeOfRank(context, 1, 0);
  const int64_t channels = node.attr<int64_t>("filterbank_channel_count", 40);
  const int64_t coefficients = node.attr<int64_t>("dct_coefficient_count", 13);
  const float low = node.attr<float>("lower_frequency_limit", 20);
  const float high = node.attr<float>("upper_frequency_limit", 4000);
  Require(channels >= 1 && channels <= (1 << 20) && coefficients >= 1 && coefficients <= channels &&
              low >= 0 && high > low,
          ErrorCode::kBadFile, "Mfcc with ", coefficients, " coefficients of ", channels,
          " channels from ", low, " to ", high, " Hz");
  return {{FloatType(context), {spectrogram[0], spectrogram[1], coefficients}}};
}

// Triangles that overlap by half, evenly spaced in mel: frequency i gives weight[i] of its
// magnitude to channel[i] and the rest to the one above.
struct MelFilter {
  int64_t begin = 0, end = 0;  // frequencies that count
  std::vector<int64_t> channel;
  std::vector<double> weight;
};

MelFilter MakeMelFilter(const Node& node, int64_t bins, double sample_rate, int64_t channels) {
  const double low = node.attr<float>("lower_frequency_limit", 20);
  const double high = node.attr<float>("upper_frequency_limit", 4000);
  const double spacing = (Mel(high) - Mel(low)) / static_cast<double>(channels + 1);
  const double step = 0.5 * sample_rate / static_cast<double>(bins - 1);
  const auto center = [&](int64_t k) { return Mel(low) + spacing * static_cast<double>(k + 1); };
  MelFilter filter{.begin = static_cast<int64_t>(1.5 + low / step),
                   .end = std::min(static_cast<int64_t>(high / step) + 1, bins),
                   .channel = std::vector<int64_t>(bins),
                   .weight = std::vector<double>(bins)};
  int64_t above = 0;
  for (int64_t i = filter.begin; i < filter.end; ++i) {
    const double mel = Mel(static_cast<double>(i) * step);
    while (above < channels && center(above) < mel) ++above;
    filter.channel[i] = above - 1;
    filter.weight[i] = (center(above) - mel) / spacing;
  }
  return filter;
}

void EvaluateMfcc(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const int64_t bins = inputs[0].shape()[2];
  const int64_t channels = node.attr<int64_t>("filterbank_channel_count", 40);
  const int64_t coefficients = outputs[0].shape()[2];
  const int64_t rate = ToInt64s(inputs[1]).at(0);
  Require(bins >= 2 && rate > 0, ErrorCode::kBadFile, "Mfcc of ", bins, " frequencies at ", rate,
          " samples a second");
  const MelFilter filter = MakeMelFilter(node, bins, static_cast<double>(rate), channels);
  const double norm = std::sqrt(2.0 / static_cast<double>(channels));
  const double turn = std::numbers::pi / static_cast<double>(channels);
  std::vector<double> mel(channels);
  for (int64_t row = 0; row < inputs[0].num_elements() / bins; ++row) {
    const float* power = inputs[0].data<float>().data() + row * bins;
    std::fill(mel.begin(), mel.end(), 0.0);
    for (int64_t i = filter.begin; i < filter.end; ++i) {
      const double magnitude = std::sqrt(power[i]), part = magnitude * filter.weight[i];
      const int64_t channel = filter.channel[i];
      if (channel >= 0) mel[channel] += part;
      if (channel + 1 < channels) mel[channel + 1] += magnitude - part;
    }
    for (double& value : mel) value = std::log(std::max(value, 1e-12));
    for (int64_t k = 0; k < coefficients; ++k) {
      double sum = 0;
      for (int64_t j = 0; j < channels; ++j) {
        sum += norm * std::cos(static_cast<double>(k) * turn * (static_cast<double>(j) + 0.5)) *
               mel[j];
      }
      outputs[0].mutable_data<float>()[row * coefficients + k] = static_cast<float>(sum);
    }
  }
}

}  // namespace

void register_audio(OpRegistry& ops) {
  ops.Add({.name = "AudioSpectrogram",
           .summary = "Magnitudes of the frequencies in windows of a sound",
           .infer = InferSpectrogram,
           .evaluate = InFloat(EvaluateSpectrogram)});
  ops.Add({.name = "Mfcc",
           .summary = "Mel-frequency cepstral coefficients of a spectrogram",
           .infer = InferMfcc,
           .evaluate = InFloat(EvaluateMfcc)});
}

}  // namespace adze
