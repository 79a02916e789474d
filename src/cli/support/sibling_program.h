#pragma once

#include <string>

namespace adze {

// Becomes the program of that name beside this one, with the same arguments. kUnsupported, with
// `remedy`, if there is none.
[[noreturn]] void BecomeSibling(const std::string& name, const std::string& remedy);

}  // namespace adze
