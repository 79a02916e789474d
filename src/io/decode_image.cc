#include "adze/dataset.h"
#include "adze/error.h"
#include "io/image_codec.h"

namespace adze {

void CheckImageSize(uint64_t height, uint64_t width, uint64_t bytes_per_pixel, size_t file_bytes) {
  Require(height > 0 && width > 0, ErrorCode::kBadFile, "is an image of no pixels");
  const uint64_t budget = ImageMemoryBudget(file_bytes);
  Require(height <= 65535 && width <= 65535 && height * width <= budget / bytes_per_pixel,
          ErrorCode::kBadFile, "is a file of ", file_bytes, " bytes that claims to be an image of ",
          height, " x ", width, " pixels");
}

Tensor DecodeImage(std::string_view bytes) {
  if (IsJpeg(bytes)) return DecodeJpeg(bytes);
  if (IsPng(bytes)) return DecodePng(bytes);
  throw Error(ErrorCode::kBadFile, bytes.empty() ? "is empty, a JPEG or PNG image is needed"
                                                 : "is neither a JPEG nor a PNG image");
}

}  // namespace adze
