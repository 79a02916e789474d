#include "retrain/scale_fake_quant.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "adze/quant.h"

namespace adze {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// x as a number of steps, before rounding.
at::Tensor StepsOf(const at::Tensor& x, const at::Tensor& scale) {
  // An activation's scale is one number: the simulation multiplies by its reciprocal.
  return scale.dim() == 1 ? x * scale.reciprocal() : x / scale;
}

class ScaleQuant : public torch::autograd::Function<ScaleQuant> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& scale,
                            const at::Tensor& low, int64_t zero_point, int64_t num_bits,
                            double factor, bool passes_through) {
    context->save_for_backward({x, scale, low});
    context->saved_data["zero_point"] = zero_point;
    context->saved_data["bits"] = num_bits;
    context->saved_data["factor"] = factor;
    context->saved_data["passes"] = passes_through;
    const int bits = static_cast<int>(num_bits);
    // The addition of 0 makes 0 of -0, as the way through an integer does.
    return StepsOf(x, scale)
        .round_()
        .clamp_(QuantMin(bits) - zero_point, QuantMax(bits) - zero_point)
        .add_(0)
        .mul_(scale);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &scale = saved[1], &low = saved[2], &dy = gradients[0];
    const int64_t zero_point = context->saved_data["zero_point"].toInt();
    const int bits = static_cast<int>(context->saved_data["bits"].toInt());
    const double lowest = static_cast<double>(QuantMin(bits) - zero_point);
    const double highest = static_cast<double>(QuantMax(bits) - zero_point);
    const at::Tensor t = StepsOf(x, scale);
    const at::Tensor below = t<lowest, above = t> highest;
    const at::Tensor beyond = below.logical_or(above);
    variable_list results(7);
    results[0] = context->saved_data["passes"].toBool() ? dy : dy.masked_fill(beyond, 0);
    if (scale.requires_grad()) {
      // With a learned low end, q counts from there.
      const bool counts_from_low = low.requires_grad();
      const double bottom = counts_from_low ? 0 : lowest;
      const double top = counts_from_low ? highest - lowest : highest;
      at::Tensor slope = t.round().sub_(t);
      slope.masked_fill_(below, bottom).masked_fill_(above, top);
      results[1] =
          slope.mul_(dy).sum_to_size(scale.sizes()).mul_(context->saved_data["factor"].toDouble());
    }
    if (low.requires_grad())
      results[2] = dy.masked_fill(beyond.logical_not(), 0).sum().reshape({1});
    return results;
  }
};

}  // namespace

at::Tensor ScaleFakeQuant(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& low,
                          int zero_point, int num_bits, ScaleGradientRule rule) {
  return ScaleQuant::apply(x, scale, low.defined() ? low : at::zeros({1}, scale.options()),
                           static_cast<int64_t>(zero_point), static_cast<int64_t>(num_bits),
                           rule.factor, rule.passes_through);
}

std::vector<int64_t> ScaleShape(at::IntArrayRef weight, const std::vector<int>& channel_axes) {
  std::vector<int64_t> shape(weight.size(), 1);
  for (int axis : channel_axes) shape[axis] = weight[axis];
  return shape;
}

at::Tensor LearnedLeaf(at::Tensor value, at::Device device) {
  return value.to(at::kFloat).to(device).clone().set_requires_grad(true);
}

}  // namespace adze
