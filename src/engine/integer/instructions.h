#pragma once

#include "engine/integer/depthwise.h"
#include "engine/integer/tile.h"

namespace adze::integer {

// One implementation of the inner loops.
struct Instructions {
  const char* name;
  const char* key;  // in ADZE_INSTRUCTIONS
  TileFunction run_tile;
  DepthwiseFunction run_depthwise;
  // The epilogue of `count` means, of consecutive channels, in place of sums.
  void (*finish_means)(const float* means, const float* scale, int64_t count, int64_t first,
                       const Epilogue&, const Places&);
  void (*quantize)(const float* values, int64_t count, const Epilogue&, uint8_t* codes);
  // out = max(out, codes)
  void (*largest)(const uint8_t* codes, int64_t count, uint8_t* out);
};

// Those that this machine has, best first; all give the same results.
const std::vector<Instructions>& AvailableInstructions();

// The best ones, those that the environment variable ADZE_INSTRUCTIONS names, or those that
// UseInstructions chose (tests; null: none). kInvalidArgument if the variable names none, or some
// that this machine lacks.
const Instructions& CurrentInstructions();
void UseInstructions(const Instructions* instructions);

extern const Instructions kPlain, kAvx2, kVnni;

}  // namespace adze::integer
