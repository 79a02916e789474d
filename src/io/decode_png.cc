#include <png.h>

#include <csetjmp>
#include <cstring>

#include "io/image_codec.h"

namespace adze {
namespace {

// libpng reports errors by longjmp, so nothing with a destructor may be created between SetJmp and
// the calls into it: the reader's state lives here.
struct Reader {
  explicit Reader(std::string_view bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, OnError, OnWarning);
    if (png) info = png_create_info_struct(png);
    Require(info != nullptr, ErrorCode::kInternal, "libpng does not start");
    png_set_read_fn(png, this, OnRead);
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[noreturn]] static void OnError(png_structp png, png_const_charp what) {
    auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
    std::strncpy(reader->message, what, sizeof(reader->message) - 1);
    std::longjmp(reader->target, 1);
  }
  static void OnWarning(png_structp, png_const_charp) {}
  static void OnRead(png_structp png, png_bytep out, size_t count) {
    auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
    if (reader->rest.size() < count) png_error(png, "it is cut off");
    std::memcpy(out, reader->rest.data(), count);
    reader->rest.remove_prefix(count);
  }

  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view rest;
  std::jmp_buf target;
  char message[128] = {};
};

// As Pillow's convert("RGB"): palettes looked up, grey repeated, alpha dropped, the high byte of 16
// bits. False on an error.
bool ReadHeader(Reader& reader) {
  if (setjmp(reader.target)) return false;
  png_set_user_limits(reader.png, 65535, 65535);
  png_set_chunk_cache_max(reader.png, 64);
  png_set_chunk_malloc_max(reader.png, 1 << 20);
  png_read_info(reader.png, reader.info);
  png_set_expand(reader.png);
  png_set_strip_16(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool ReadRows(Reader& reader, png_bytepp rows) {
  if (setjmp(reader.target)) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

}  // namespace

bool IsPng(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }

Tensor DecodePng(std::string_view bytes) {
  Reader reader(bytes);
  Require(ReadHeader(reader), ErrorCode::kBadFile, "is not a PNG image: ", reader.message);
  const uint64_t height = png_get_image_height(reader.png, reader.info);
  const uint64_t width = png_get_image_width(reader.png, reader.info);
  CheckImageSize(height, width, 3, bytes.size());
  Check(png_get_rowbytes(reader.png, reader.info) == width * 3, "PNG not converted to RGB");
  Tensor image(DType::kUint8, {static_cast<int64_t>(height), static_cast<int64_t>(width), 3});
  std::vector<png_bytep> rows(height);
  for (uint64_t y = 0; y < height; ++y) {
    rows[y] = image.mutable_data<uint8_t>().data() + y * width * 3;
  }
  Require(ReadRows(reader, rows.data()), ErrorCode::kBadFile,
          "is not a PNG image: ", reader.message);
  return image;
}

}  // namespace adze
