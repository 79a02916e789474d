#pragma once

#include "adze/op.h"

namespace adze::integer {

// Ops of a lowered graph. Integers are uint8 codes q + 128. A layer "IntegerX" has the inputs and
// attributes of the op X, with integers for data and weight, and then
//   scale     float32 [1] or [channels]: what a sum is multiplied with
//   bias      int32 [channels], if `has_bias`
//   residual  like the result, if `has_residual`: float32, or codes if `residual_is_codes`
// and the attributes
//   zero            code of real zero in the data
//   pad             rows before, after, columns before, after: real zeros around the data
//   before, after   activation before and after the residual is added: "", "Relu", "Relu6"
//   residual_zero, residual_step      code of zero and scale of a residual that is codes
//   quantizes_own   whether what the residual is added to is quantized before, by
//   own_scale, own_step, own_zero, own_bits   1 / scale, scale, code of zero, bits
//   gives_real, gives_codes           which outputs there are, in this order
//   next_scale, next_zero, next_bits  of the codes given: 1 / scale, code of zero, bits
std::unique_ptr<OpRegistry> WithIntegerOps(const OpRegistry& base);

// Where a layer's inputs are; -1 where it has none.
struct LayerInputs {
  int data = 0, weight = -1, scale = 0, bias = -1, residual = -1;
};
LayerInputs InputsOf(const Node& layer);

// The float op of "IntegerX"; "" if the name is no such.
std::string FloatOpOf(const std::string& op);

// [N, H, W, C] with the node's `pad` around it.
Shape Padded(const Node& node, Shape image);

}  // namespace adze::integer
