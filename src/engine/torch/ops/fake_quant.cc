#include "engine/torch/torch_op.h"

namespace adze {
namespace {

// Range and scale after TensorFlow's nudging: moved so that 0 is one of its levels.
struct Nudged {
  at::Tensor min, max, scale;
};

Nudged Nudge(const Node& node, const at::Tensor& min, const at::Tensor& max) {
  const double lowest = node.attr<bool>("narrow_range", false) ? 1 : 0;
  const auto highest = static_cast<double>((int64_t{1} << node.attr<int64_t>("num_bits", 8)) - 1);
  const at::Tensor scale = (max - min) / (highest - lowest);
  // Half away from 0; what is rounded is not negative.
  const at::Tensor zero = at::floor(at::clamp(lowest - min / scale, lowest, highest) + 0.5);
  return {(lowest - zero) * scale, (highest - zero) * scale, scale};
}

at::Tensor Round(const at::Tensor& x, const Nudged& range) {
  const at::Tensor clipped = at::maximum(at::minimum(x, range.max), range.min);
  return at::floor((clipped - range.min) / range.scale + 0.5) * range.scale + range.min;
}

// The gradient passes within the range, and goes to the end that cut a number off. A range of
// nothing but 0 makes 0 of everything.
struct Masks {
  at::Tensor within, below, above;
};
Masks MasksOf(const at::Tensor& x, const Nudged& range) {
  const at::Tensor below = x<range.min, above = x> range.max;
  return {below.logical_or(above).logical_not(), below, above};
}

at::Tensor SumTo(const at::Tensor& x, bool per_channel) {
  return per_channel ? x.reshape({-1, x.size(-1)}).sum(0) : x.sum();
}

// dy, x, min, max to dx, dmin, dmax.
template <bool kPerChannel>
std::vector<at::Tensor> Gradient(const TorchCall& call) {
  const at::Tensor &dy = call.input(0), &x = call.input(1);
  const Masks masks = MasksOf(x, Nudge(call.node, call.input(2), call.input(3)));
  return {dy * masks.within, SumTo(dy * masks.below, kPerChannel),
          SumTo(dy * masks.above, kPerChannel)};
}

// y with the gradients above, without an autograd function: terms of value 0 carry them.
at::Tensor FakeQuant(const Node& node, const at::Tensor& x, const at::Tensor& min,
                     const at::Tensor& max) {
  const at::Tensor empty = at::logical_and(min == 0, max == 0).detach();
  const at::Tensor safe_max = at::where(empty, at::ones_like(max), max).detach();
  const Nudged range = Nudge(node, min.detach(), safe_max);
  const at::Tensor value = at::where(empty, 0.0, Round(x.detach(), range));
  const Masks masks = MasksOf(x.detach(), range);
  const at::Tensor carrier = x * masks.within + min * masks.below + max * masks.above;
  return value + (carrier - carrier.detach());
}

at::Tensor FakeQuantOfArgs(const TorchCall& call) {
  const at::Tensor& x = call.input(0);
  const auto number = [&](const char* name, float fallback) {
    return at::scalar_tensor(call.node.attr<float>(name, fallback), x.options());
  };
  return FakeQuant(call.node, x, number("min", -6), number("max", 6));
}

at::Tensor FakeQuantOfVars(const TorchCall& call) {
  return FakeQuant(call.node, call.input(0), call.input(1), call.input(2));
}

}  // namespace

void register_fake_quant(TorchOpRegistry& ops) {
  ops.AddOne("FakeQuantWithMinMaxArgs", FakeQuantOfArgs);
  ops.AddOne("FakeQuantWithMinMaxVars", FakeQuantOfVars);
  ops.AddOne("FakeQuantWithMinMaxVarsPerChannel", FakeQuantOfVars);
  ops.Add("FakeQuantWithMinMaxVarsGradient", Gradient<false>);
  ops.Add("FakeQuantWithMinMaxVarsPerChannelGradient", Gradient<true>);
}

}  // namespace adze
