#include "io/prepare_image.h"

#include <algorithm>

#include "adze/error.h"

namespace adze {
namespace {

// The middle 87.5 % of each side, as TF-slim's evaluation cuts it: (side - side * 0.875) / 2 pixels
// go at either end, rounded down.
ImageView CentralCrop(const ImageView& image) {
  const auto cut = [](int64_t side) {
    return static_cast<int64_t>((static_cast<double>(side) - static_cast<double>(side) * 0.875) /
                                2);
  };
  ImageView part = image;
  part.height -= 2 * cut(image.height);
  part.width -= 2 * cut(image.width);
  part.pixels += cut(image.height) * image.stride + cut(image.width) * image.channels;
  return part;
}

// Luma of ITU-R 601-2 in Pillow's fixed point; grey to colour repeats.
std::vector<uint8_t> ChangeChannels(const ImageView& image, int64_t channels) {
  std::vector<uint8_t> pixels(image.height * image.width * channels);
  uint8_t* out = pixels.data();
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* in = image.pixels + y * image.stride;
    for (int64_t x = 0; x < image.width; ++x, in += image.channels, out += channels) {
      if (channels == 1) {
        *out = static_cast<uint8_t>((in[0] * 19595 + in[1] * 38470 + in[2] * 7471 + 0x8000) >> 16);
      } else {
        std::fill_n(out, channels, in[0]);
      }
    }
  }
  return pixels;
}

// Value of channel c in a list of one for all or one for each; grey takes the first of several.
float PerChannel(const std::vector<float>& values, int64_t c, int64_t channels, const char* what) {
  const auto count = static_cast<int64_t>(values.size());
  Require(count == 1 || count == channels || (channels == 1 && count > 0),
          ErrorCode::kInvalidArgument, "preprocessing has ", count, " values for ", what,
          ", the input has ", channels, " channels");
  return values[count == 1 || channels == 1 ? 0 : c];
}

}  // namespace

ImagePreparer::ImagePreparer(const Preprocess& preprocess, const InputSpec& input, const Shape& own)
    : dtype_(input.dtype), bgr_(preprocess.bgr), crop_(preprocess.resize == "crop") {
  ErrorScope scope("input", input.name);
  Require(crop_ || preprocess.resize == "squash", ErrorCode::kInvalidArgument, "resize is '",
          preprocess.resize, "'; it can be squash or crop");
  Require(dtype_ == DType::kFloat || dtype_ == DType::kUint8, ErrorCode::kInvalidArgument, "takes ",
          Name(dtype_), ", images need float32 or uint8");
  Shape size = own;
  if (input.shape.known_rank() && input.shape.rank() == 4) {
    const auto is_color = [](int64_t dim) { return dim == 1 || dim == 3; };
    channels_first_ = is_color(input.shape[1]) && !is_color(input.shape[3]);
    const Shape wanted = channels_first_ ? Shape{input.shape[2], input.shape[3], input.shape[1]}
                                         : Shape{input.shape[1], input.shape[2], input.shape[3]};
    for (int i = 0; i < 3; ++i) {
      if (wanted[i] >= 0) size[i] = wanted[i];
    }
  }
  height_ = size[0], width_ = size[1], channels_ = size[2];
  Require(height_ > 0 && width_ > 0, ErrorCode::kInvalidArgument, "has the shape ",
          input.shape.ToString(), "; images need a known height and width, give the input's shape");
  Require(channels_ == 1 || channels_ == 3, ErrorCode::kInvalidArgument, "has the shape ",
          input.shape.ToString(), ": ", channels_, " channels, images have 1 or 3");
  Require(size.num_elements() <= int64_t{1} << 30, ErrorCode::kInvalidArgument, "has the shape ",
          input.shape.ToString(), ", too large for an image");
  row_ = channels_first_ ? Shape{channels_, height_, width_} : size;
  if (input.shape.known_rank() && input.shape.rank() != 4) {
    row_ = Shape(std::vector<int64_t>(input.shape.dims().begin() + std::min(input.shape.rank(), 1),
                                      input.shape.dims().end()));
    if (std::count(row_.dims().begin(), row_.dims().end(), Shape::kUnknown) == 1 &&
        row_.rank() == 1) {
      row_[0] = size.num_elements();
    }
    Require(row_.IsFullyKnown() && row_.num_elements() == size.num_elements(),
            ErrorCode::kInvalidArgument, "has the shape ", input.shape.ToString(),
            ", which cannot hold images of ", size.ToString());
  }
  for (int64_t c = 0; c < channels_; ++c) {
    const float mean = PerChannel(preprocess.mean, c, channels_, "mean");
    const float std = PerChannel(preprocess.std, c, channels_, "std");
    Require(std != 0, ErrorCode::kInvalidArgument, "preprocessing has std 0");
    // (x - mean) / std, so written that `tf` is x / 127.5 - 1 and `caffe` x - mean to the last bit.
    for (int x = 0; x < 256; ++x) table_.push_back(static_cast<float>(x) / std - mean / std);
  }
}

Shape ImagePreparer::BatchShape(int64_t rows) const {
  std::vector<int64_t> dims = {rows};
  dims.insert(dims.end(), row_.dims().begin(), row_.dims().end());
  return Shape(std::move(dims));
}

template <typename T, typename Map>
void ImagePreparer::Write(const std::vector<uint8_t>& pixels, T* sample, Map map) const {
  const int64_t count = height_ * width_;
  const int64_t pixel_step = channels_first_ ? 1 : channels_;
  const int64_t channel_step = channels_first_ ? count : 1;
  for (int64_t c = 0; c < channels_; ++c) {
    const uint8_t* in = pixels.data() + (bgr_ ? channels_ - 1 - c : c);
    T* out = sample + c * channel_step;
    for (int64_t i = 0; i < count; ++i) out[i * pixel_step] = map(c, in[i * channels_]);
  }
}

void ImagePreparer::Prepare(const ImageView& image, void* sample) const {
  ImageView view = crop_ ? CentralCrop(image) : image;
  std::vector<uint8_t> changed;
  if (view.channels != channels_) {
    changed = ChangeChannels(view, channels_);
    view.pixels = changed.data();
    view.channels = channels_;
    view.stride = view.width * channels_;
  }
  std::vector<uint8_t> pixels(height_ * width_ * channels_);
  ResizeBilinear(view, height_, width_, pixels.data());
  if (dtype_ == DType::kUint8) {
    Write(pixels, static_cast<uint8_t*>(sample), [](int64_t, uint8_t x) { return x; });
  } else {
    Write(pixels, static_cast<float*>(sample),
          [table = table_.data()](int64_t c, uint8_t x) { return table[c * 256 + x]; });
  }
}

}  // namespace adze
