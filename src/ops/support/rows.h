#pragma once

#include "adze/op.h"

namespace adze {

// OpDef::keeps_rows where nothing moves between the rows of input kInput, whatever the other
// inputs, which are constant, hold.
template <int kInput>
bool RowsOfInput(const RowContext& context) {
  return context.OnlyRowsAre(kInput);
}

}  // namespace adze
