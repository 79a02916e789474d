#pragma once

#include <vector>

#include "adze/dataset.h"
#include "io/resize.h"

namespace adze {

// Turns 8-bit images of any size into samples of one input of a network. Const and safe on several
// threads.
class ImagePreparer {
 public:
  // `own` is the shape [height, width, channels] of the images where they have one; it stands in
  // for what the input's shape leaves unknown. An input that is not of rank 4 takes images of that
  // shape, flattened to its own. kInvalidArgument where the input cannot hold images.
  ImagePreparer(const Preprocess& preprocess, const InputSpec& input, const Shape& own);

  // Shape of `rows` samples.
  Shape BatchShape(int64_t rows) const;
  // Of the pixels that a sample is made of: [height, width, channels].
  Shape image_shape() const { return {height_, width_, channels_}; }
  DType dtype() const { return dtype_; }
  // Writes one sample: the dtype's elements as many as BatchShape(1) has.
  void Prepare(const ImageView& image, void* sample) const;

 private:
  template <typename T, typename Map>
  void Write(const std::vector<uint8_t>& pixels, T* sample, Map map) const;

  DType dtype_;
  int64_t height_ = 0, width_ = 0, channels_ = 0;
  bool channels_first_ = false, bgr_ = false, crop_ = false;
  Shape row_;
  std::vector<float> table_;  // [channel][pixel]: value, channels in the sample's order
};

}  // namespace adze
