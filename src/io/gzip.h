#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace adze {

// What a packed file may become. Generous for data, but a small file cannot ask for everything.
inline uint64_t MostUnpackedBytes(uint64_t packed) { return (uint64_t{48} << 20) + 64 * packed; }

bool IsGzip(std::string_view bytes);
// Whether bytes may be a zlib stream; two bytes tell little.
bool MayBeZlib(std::string_view bytes);
// The whole content. kBadFile where it is damaged or absurdly larger than the packed bytes.
std::string Gunzip(std::string_view bytes);

// Unpacks gzip or zlib piece by piece: `read` gives the next packed bytes, nothing at their end;
// `write` takes unpacked ones and returns whether it wants more. kBadFile where it is damaged.
void Inflate(const std::function<std::string_view()>& read,
             const std::function<bool(std::string_view)>& write);

}  // namespace adze
