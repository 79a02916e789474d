#include "io/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "adze/error.h"

namespace adze {
namespace {

struct Inflater {
  Inflater() {
    constexpr int kGzipOrZlib = 32 + MAX_WBITS;
    Check(inflateInit2(&stream, kGzipOrZlib) == Z_OK, "zlib does not start");
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream stream = {};
};

}  // namespace

bool IsGzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

bool MayBeZlib(std::string_view bytes) {
  if (bytes.size() < 2 || (bytes[0] & 0x0f) != Z_DEFLATED) return false;
  return (static_cast<uint8_t>(bytes[0]) * 256 + static_cast<uint8_t>(bytes[1])) % 31 == 0;
}

void Inflate(const std::function<std::string_view()>& read,
             const std::function<bool(std::string_view)>& write) {
  Inflater inflater;
  z_stream& stream = inflater.stream;
  std::string out(1 << 16, '\0');
  std::string_view packed;
  for (int state = Z_OK;;) {
    if (packed.empty()) packed = read();
    if (state == Z_STREAM_END) {
      // gzip files may be joined; anything else behind the end is not ours.
      if (!IsGzip(packed)) return;
      Check(inflateReset(&stream) == Z_OK, "zlib starts again");
    }
    Require(!packed.empty(), ErrorCode::kBadFile, "is cut off (gzip)");
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(std::min<size_t>(packed.size(), 1 << 30));
    const size_t given = stream.avail_in;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      state = inflate(&stream, Z_NO_FLUSH);
      Require(state == Z_OK || state == Z_STREAM_END || state == Z_BUF_ERROR, ErrorCode::kBadFile,
              "is damaged (gzip)");
      const size_t got = out.size() - stream.avail_out;
      if (got > 0 && !write(std::string_view(out.data(), got))) return;
    } while (state != Z_STREAM_END && stream.avail_out == 0);
    packed.remove_prefix(given - stream.avail_in);
  }
}

std::string Gunzip(std::string_view bytes) {
  const size_t most = MostUnpackedBytes(bytes.size());
  std::string out;
  Inflate([&] { return std::exchange(bytes, {}); },
          [&](std::string_view piece) {
            Require(piece.size() <= most - out.size(), ErrorCode::kBadFile, "unpacks to more than ",
                    most, " bytes");
            out += piece;
            return true;
          });
  return out;
}

}  // namespace adze
