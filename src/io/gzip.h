#pragma once

#include <string>
#include <string_view>

namespace adze {

bool IsGzip(std::string_view bytes);
// kBadFile if the bytes are damaged or unpack to more than 64 times their size (and 48 MiB).
std::string Gunzip(std::string_view bytes);

}  // namespace adze
