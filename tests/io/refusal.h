#pragma once

#include <string>

#include "adze/error.h"

namespace adze {

// The message of the Error that `f` throws; "no error" if it throws none.
template <typename F>
std::string Refusal(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace adze
