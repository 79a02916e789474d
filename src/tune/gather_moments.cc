#include "tune/gather_moments.h"

#include <algorithm>
#include <span>

#include "engine/matrix_product.h"
#include "moments/for_samples.h"
#include "moments/output_positions.h"
#include "moments/row_product.h"

namespace adze {
namespace {

// What one sample gives a layer.
struct Rows {
  std::vector<float> real, quantized, lacking;
  std::vector<double> skip_lacking;  // summed over the rows
};

std::vector<float> Unfold(const TunedLayer& layer, const Tensor& data,
                          std::span<const int64_t> positions) {
  std::vector<float> rows(positions.size() * layer.form.row_size());
  layer.node().def()->quant->unfold(layer.node(), data, {positions.begin(), positions.end()}, rows);
  return rows;
}

std::vector<int64_t> PositionsOf(const TunedLayer& layer, const Tensor& data,
                                 const GatherOptions& options, int64_t sample) {
  const int64_t most = std::max<int64_t>(1, options.rows / options.samples);
  return ChoosePositions(OutputPositions(layer.node(), data), most, sample);
}

Rows RowsOf(const TunedLayer& layer, const Tensor& data, const GatherOptions& options,
            int64_t sample) {
  const QuantParams& params = *layer.record->activation;
  Rows rows{.real = Unfold(layer, data, PositionsOf(layer, data, options, sample))};
  rows.quantized.resize(rows.real.size());
  FakeQuantize(rows.real, params.scale[0], params.zero_point[0], params.spec.num_bits,
               rows.quantized);
  return rows;
}

// What the skip path, [..., outputs], lacks at these positions.
void AddSkipPath(const Tensor& real, const Tensor& quantized, std::span<const int64_t> positions,
                 Rows* rows) {
  const int64_t outputs = std::ssize(rows->lacking) / std::ssize(positions);
  rows->skip_lacking.assign(outputs, 0.0);
  for (int64_t row = 0; row < std::ssize(positions); ++row) {
    for (int64_t o = 0; o < outputs; ++o) {
      const int64_t at = positions[row] * outputs + o;
      const float lacking = real.data<float>()[at] - quantized.data<float>()[at];
      rows->lacking[row * outputs + o] += lacking;
      rows->skip_lacking[o] += lacking;
    }
  }
}

// What layers read, each value once.
struct Inputs {
  std::vector<Value> values;
  std::vector<size_t> of_layer;

  explicit Inputs(const std::vector<TunedLayer>& layers) {
    for (const TunedLayer& layer : layers) {
      const Value value = layer.node().input(layer.data_input());
      const auto found = std::find(values.begin(), values.end(), value);
      of_layer.push_back(found - values.begin());
      if (found == values.end()) values.push_back(value);
    }
  }
};

}  // namespace

void GatherMoments(const Graph& prepared, std::vector<TunedLayer>& layers, const Dataset& data,
                   const GatherOptions& options) {
  const Inputs inputs(layers);
  ForSamples<std::vector<Rows>>(
      {{&prepared, inputs.values}}, data, options.samples,
      [&](int64_t sample, const SampleRunner::Values& found) {
        std::vector<Rows> all;
        for (size_t l = 0; l < layers.size(); ++l) {
          all.push_back(RowsOf(layers[l], found[0][inputs.of_layer[l]], options, sample));
        }
        return all;
      },
      [&](int64_t, std::vector<Rows>& all) {
        for (size_t l = 0; l < layers.size(); ++l) {
          layers[l].moments.Add(all[l].real, all[l].quantized);
        }
        options.after_sample();
      });
}

void GatherMomentsBehind(const Graph& prepared, const Graph& fake_quant, TunedLayer& layer,
                         const Dataset& data, const GatherOptions& options) {
  const bool aims = layer.rounds && layer.form.groups == 1;
  const int64_t inputs = layer.form.inputs, outputs = layer.form.outputs;
  const float scale = layer.record->activation->scale[0];
  const RowProduct product(layer.form, layer.weight());
  if (aims) layer.lacking.assign(inputs * outputs, 0.0f);
  std::vector<Value> real = {layer.node().input(layer.data_input())};
  std::vector<Value> quantized = {fake_quant.Find(layer.node().name())->input(layer.data_input())};
  if (aims && layer.skip_path) {
    const auto [add, input] = *layer.skip_path;
    real.push_back(add->input(input));
    quantized.push_back(fake_quant.Find(add->name())->input(input));
    layer.skip_lacking.assign(outputs, 0.0);
  }
  ForSamples<Rows>(
      {{&prepared, real}, {&fake_quant, quantized}}, data, options.samples,
      [&](int64_t sample, const SampleRunner::Values& found) {
        const std::vector<int64_t> positions = PositionsOf(layer, found[0][0], options, sample);
        Rows rows{.real = Unfold(layer, found[0][0], positions),
                  .quantized = Unfold(layer, found[1][0], positions)};
        for (float& x : rows.quantized) x *= scale;  // the simulation feeds layers with integers
        if (!aims) return rows;
        std::vector<float> difference = rows.real;
        for (size_t i = 0; i < difference.size(); ++i) difference[i] -= rows.quantized[i];
        rows.lacking.resize(positions.size() * outputs);
        product.Multiply(difference, rows.lacking);
        if (found[0].size() > 1) AddSkipPath(found[0][1], found[1][1], positions, &rows);
        return rows;
      },
      [&](int64_t, Rows& rows) {
        layer.moments.Add(rows.real, rows.quantized);
        for (size_t o = 0; o < rows.skip_lacking.size(); ++o) {
          layer.skip_lacking[o] += rows.skip_lacking[o];
        }
        if (aims) {
          const int64_t count = std::ssize(rows.lacking) / outputs;
          AddProduct(1, {rows.quantized.data(), count, inputs, inputs, true},
                     {rows.lacking.data(), count, outputs, outputs},
                     {layer.lacking.data(), inputs, outputs, outputs});
        }
        options.after_sample();
      });
}

}  // namespace adze
