#include "tune/adapt_layer.h"

#include <algorithm>

#include "adze/error.h"
#include "adze/export.h"
#include "adze/parallel.h"
#include "moments/cholesky.h"
#include "tune/round_weights.h"

namespace adze {
namespace {

// Moves `weight` [inputs, outputs] to where it gives, of the quantized data, the output of the
// float graph: w + (E[x' x'ᵀ] + ridge)⁻¹ E[x' rᵀ], r being what the output lacks. Where a bias
// takes up the means, all is about the means, `moments` (E[x' x'ᵀ]) too.
void AimAtFloatOutput(const TunedLayer& layer, double damping, std::vector<float>* moments,
                      std::vector<float>* weight) {
  const int64_t n = layer.form.inputs, outputs = layer.form.outputs;
  std::vector<float> step = layer.lacking;
  for (float& x : step) x /= static_cast<float>(layer.moments.rows());
  if (layer.corrects_bias()) {
    std::vector<double> mean_lacking(outputs);
    for (int64_t o = 0; o < outputs; ++o) mean_lacking[o] = layer.mean_skip_lacking(o);
    for (int64_t k = 0; k < n; ++k) {
      const double difference = layer.moments.mean_real(0, k) - layer.moments.mean_quantized(0, k);
      for (int64_t o = 0; o < outputs; ++o) {
        mean_lacking[o] += difference * (*weight)[k * outputs + o];
      }
    }
    for (int64_t k = 0; k < n; ++k) {
      const double mean = layer.moments.mean_quantized(0, k);
      for (int64_t o = 0; o < outputs; ++o) {
        step[k * outputs + o] -= static_cast<float>(mean * mean_lacking[o]);
      }
      for (int64_t j = 0; j < n; ++j) {
        (*moments)[k * n + j] -= static_cast<float>(mean * layer.moments.mean_quantized(0, j));
      }
    }
  }
  double mean_square = 0;
  for (int64_t k = 0; k < n; ++k) mean_square += (*moments)[k * n + k] / static_cast<double>(n);
  std::vector<float> damped = *moments;
  for (int64_t k = 0; k < n; ++k) {
    damped[k * n + k] += static_cast<float>(std::max(damping * mean_square, 1e-12));
  }
  const auto factor = Cholesky::Of(std::move(damped), n);
  if (!factor) return;  // the moments are all but 0
  factor->Solve(outputs, &step);
  for (size_t i = 0; i < step.size(); ++i) (*weight)[i] += step[i];
}

// Rounds each group by its own covariance; fewer than 8 bits get new scales in the record.
Tensor RoundedWeight(const TunedLayer& layer, const Tensor& before, double damping) {
  const LayerForm& form = layer.form;
  QuantParams& params = *layer.record->weight;
  // Few rows tell little about many inputs.
  damping *= 1 + 5 * static_cast<double>(form.inputs) / layer.moments.rows();
  // The scales of 8 bits stay those of AMCT.
  const int refits = params.spec.num_bits < 8 && params.scale.size() > 1 ? 2 : 0;
  Tensor weight = before.Clone();
  const std::span<float> w = weight.mutable_data<float>();
  const auto round_group = [&](int64_t g) {
    std::vector<float> part(form.inputs * form.outputs);
    WeightGrid grid{{}, params.spec.num_bits};
    for (int64_t o = 0; o < form.outputs; ++o) {
      grid.scale.push_back(params.scale[params.scale.size() == 1 ? 0 : g * form.outputs + o]);
      for (int64_t k = 0; k < form.inputs; ++k) {
        part[k * form.outputs + o] = w[form.weight_index(k, g, o)];
      }
    }
    std::vector<float> moments = layer.moments.Second(g);
    if (!layer.lacking.empty()) AimAtFloatOutput(layer, damping, &moments, &part);
    RoundWeights(moments, {.damping = damping, .refits = refits}, form.inputs, part, &grid);
    if (refits > 0) std::copy_n(grid.scale.begin(), form.outputs, &params.scale[g * form.outputs]);
    for (int64_t k = 0; k < form.inputs; ++k) {
      for (int64_t o = 0; o < form.outputs; ++o) {
        w[form.weight_index(k, g, o)] = part[k * form.outputs + o];
      }
    }
  };
  if (form.groups == 1) {
    round_group(0);  // shares its work among the cores
  } else {
    ParallelFor(form.groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; ++g) round_group(g);
    });
  }
  return weight;
}

// b + E[sum over k of x w - x' w' + what the skip path lacks], x' and w' being the quantized ones.
Tensor CorrectedBias(const TunedLayer& layer, std::span<const float> before,
                     std::span<const float> after) {
  const LayerForm& form = layer.form;
  Tensor bias = layer.bias_add->input(1).node->const_value().Clone();
  const std::span<float> b = bias.mutable_data<float>();
  for (int64_t g = 0; g < form.groups; ++g) {
    for (int64_t o = 0; o < form.outputs; ++o) {
      double missing = layer.mean_skip_lacking(g * form.outputs + o);
      for (int64_t k = 0; k < form.inputs; ++k) {
        const int64_t i = form.weight_index(k, g, o);
        missing += layer.moments.mean_real(g, k) * before[i] -
                   layer.moments.mean_quantized(g, k) * after[i];
      }
      b[g * form.outputs + o] += static_cast<float>(missing);
    }
  }
  return bias;
}

}  // namespace

void AdaptLayer(Graph& graph, const TunedLayer& layer, double damping) {
  ErrorScope scope("layer", layer.node().name());
  Node& node = *graph.Find(layer.node().name());
  const Tensor& before = layer.weight();
  Tensor after = node.input(layer.weight_input()).node->const_value();
  if (layer.rounds) {
    after = RoundedWeight(layer, before, damping);
    graph.SetConstInput(node, layer.weight_input(), after);
  } else {
    const std::vector<int>& axes = node.def()->quant->channel_axes;
    after = DequantizeWeight(QuantizeWeight(after, *layer.record->weight, axes), axes);
  }
  if (!layer.corrects_bias()) return;
  graph.SetConstInput(*graph.Find(layer.bias_add->name()), 1,
                      CorrectedBias(layer, before.data<float>(), after.data<float>()));
}

}  // namespace adze
