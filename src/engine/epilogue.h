#pragma once

#include <unordered_set>
#include <vector>

#include "engine/flow.h"
#include "engine/kernel.h"

namespace adze {

struct EpilogueNode {
  Node* node;
  EpilogueOp op;
  Value residual = {};  // kResidual: the other addend
};

// What follows `anchor` and may become part of its primitive: a bias first, then at most one
// residual addition and activations, each the only reader of the one before.
std::vector<EpilogueNode> FindEpilogue(const Flow& flow, Node& anchor,
                                       const std::unordered_set<const Node*>& taken);

}  // namespace adze
