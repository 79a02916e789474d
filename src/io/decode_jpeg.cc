#include <algorithm>
#include <csetjmp>
#include <cstdio>
// libjpeg's headers need stdio's types before them.
#include <jerror.h>
#include <jpeglib.h>

#include "adze/error.h"
#include "io/image_codec.h"

namespace adze {
namespace {

// A file of 100 scans over a large image is a way to keep a decoder busy, not a photograph.
constexpr int kMostScans = 100;

// libjpeg reports errors by longjmp, so nothing with a destructor may be created between setjmp
// and the calls into it: the decoder's state lives here.
struct Decoder {
  explicit Decoder(std::string_view bytes) : bytes(bytes) {
    info.err = jpeg_std_error(&errors);
    errors.error_exit = OnError;
    errors.emit_message = OnMessage;
    info.client_data = this;
    progress.progress_monitor = OnProgress;
  }
  ~Decoder() { jpeg_destroy_decompress(&info); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  [[noreturn]] static void OnError(j_common_ptr info) {
    auto* decoder = static_cast<Decoder*>(info->client_data);
    (*info->err->format_message)(info, decoder->message);
    std::longjmp(decoder->target, 1);
  }
  // Level -1 is a warning. Libjpeg fills what is missing with grey; a calibration set must not
  // hold such images.
  static void OnMessage(j_common_ptr info, int level) {
    const int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) OnError(info);
  }
  static void OnProgress(j_common_ptr info) {
    auto* decoder = static_cast<Decoder*>(info->client_data);
    if (decoder->info.input_scan_number <= kMostScans) return;
    std::snprintf(decoder->message, sizeof(decoder->message), "more than %d scans", kMostScans);
    std::longjmp(decoder->target, 1);
  }

  jpeg_decompress_struct info = {};
  jpeg_error_mgr errors = {};
  jpeg_progress_mgr progress = {};
  std::string_view bytes;
  std::jmp_buf target;
  char message[JMSG_LENGTH_MAX] = {};
};

bool ReadHeader(Decoder& decoder) {
  jpeg_decompress_struct& info = decoder.info;
  if (setjmp(decoder.target)) return false;
  jpeg_create_decompress(&info);
  info.client_data = &decoder;
  info.progress = &decoder.progress;
  info.mem->max_memory_to_use = static_cast<long>(ImageMemoryBudget(decoder.bytes.size()));
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(decoder.bytes.data()),
               decoder.bytes.size());
  jpeg_read_header(&info, TRUE);
  const bool inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = inks ? JCS_CMYK : JCS_RGB;
  return true;
}

// Rows of `pixel_bytes` a pixel; `convert` (may be null) turns one into RGB.
bool ReadRows(Decoder& decoder, uint8_t* out, uint8_t* row,
              void (*convert)(const uint8_t* row, int64_t width, uint8_t* out)) {
  jpeg_decompress_struct& info = decoder.info;
  if (setjmp(decoder.target)) return false;
  jpeg_start_decompress(&info);
  const size_t stride = size_t{info.output_width} * 3;
  while (info.output_scanline < info.output_height) {
    uint8_t* to = out + info.output_scanline * stride;
    uint8_t* line = convert ? row : to;
    jpeg_read_scanlines(&info, &line, 1);
    if (convert) convert(row, info.output_width, to);
  }
  jpeg_finish_decompress(&info);
  return true;
}

// Inks are stored inverted, as Adobe's programs do: k = 255 is no black. Pillow's arithmetic.
void InksToRgb(const uint8_t* row, int64_t width, uint8_t* out) {
  for (int64_t x = 0; x < width; ++x) {
    const int black = row[4 * x + 3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - row[4 * x + c]) * black + 128;
      out[3 * x + c] = static_cast<uint8_t>(std::max(0, black - (((product >> 8) + product) >> 8)));
    }
  }
}

}  // namespace

bool IsJpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

Tensor DecodeJpeg(std::string_view bytes) {
  Decoder decoder(bytes);
  Require(ReadHeader(decoder), ErrorCode::kBadFile, "is not a JPEG image: ", decoder.message);
  const jpeg_decompress_struct& info = decoder.info;
  // A progressive image's coefficients stay in memory, two bytes each, beside the pixels.
  const int per_pixel = 3 + (jpeg_has_multiple_scans(&decoder.info) ? 2 * info.num_components : 0);
  CheckImageSize(info.image_height, info.image_width, per_pixel, bytes.size());
  Tensor image(DType::kUint8, {info.image_height, info.image_width, 3});
  const bool inks = info.out_color_space == JCS_CMYK;
  std::vector<uint8_t> row(inks ? size_t{info.image_width} * 4 : 0);
  Require(ReadRows(decoder, image.mutable_data<uint8_t>().data(), row.data(),
                   inks ? InksToRgb : nullptr),
          ErrorCode::kBadFile, "is not a JPEG image: ", decoder.message);
  return image;
}

}  // namespace adze
