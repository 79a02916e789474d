#include "io/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "adze/error.h"

namespace adze {
namespace {

struct Inflater {
  Inflater() {
    constexpr int kGzip = 16 + MAX_WBITS;
    Check(inflateInit2(&stream, kGzip) == Z_OK, "zlib does not start");
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream stream = {};
};

}  // namespace

bool IsGzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

std::string Gunzip(std::string_view bytes) {
  const size_t most = (size_t{48} << 20) + 64 * bytes.size();
  Require(bytes.size() < size_t{1} << 31, ErrorCode::kUnsupported,
          "is packed and larger than 2 GiB; unpack it");
  Inflater inflater;
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  for (int state = Z_OK; state != Z_STREAM_END;) {
    const size_t have = out.size();
    Require(have < most, ErrorCode::kBadFile, "unpacks to more than ", most, " bytes");
    out.resize(std::min(most, std::max<size_t>(have + have / 2, 1 << 16)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = static_cast<uInt>(std::min<size_t>(out.size() - have, 1 << 30));
    const size_t room = stream.avail_out;
    state = inflate(&stream, Z_NO_FLUSH);
    Require(state == Z_OK || state == Z_STREAM_END, ErrorCode::kBadFile,
            state == Z_BUF_ERROR ? "is cut off (gzip)" : "is damaged (gzip)");
    out.resize(have + room - stream.avail_out);
  }
  return out;
}

}  // namespace adze
