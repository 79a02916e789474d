#include "decompose/layer_data.h"

#include <algorithm>
#include <exception>
#include <functional>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/session.h"
#include "engine/matrix_product.h"
#include "moments/cholesky.h"
#include "moments/layer_moments.h"
#include "moments/output_positions.h"

namespace adze {
namespace {

int64_t SamplesOf(const DecomposeData& data) {
  return std::min(data.samples, data.dataset->size());
}
int64_t RowsOfSample(const DecomposeData& data) {
  return std::max<int64_t>(1, data.rows / std::max<int64_t>(1, SamplesOf(data)));
}

LayerForm FormOfConvolution(const Node& layer) {
  const Shape& weight = layer.input(1).node->const_value().shape();
  return FormOf(layer, weight[weight.rank() - 2]);
}

// Rows of the layer's data at the positions.
std::vector<float> RowsAt(const Node& layer, const Tensor& data,
                          const std::vector<int64_t>& positions) {
  std::vector<float> rows(positions.size() * FormOfConvolution(layer).row_size());
  layer.def()->quant->unfold(layer, data, positions, rows);
  return rows;
}

// What one session computes.
struct Fetched {
  const Graph& graph;
  std::vector<Value> values;
};
using Arrays = std::vector<std::vector<float>>;

// Runs the graphs on samples, each sample on one thread; `extract` gets the values of all graphs
// and gives arrays, which `consume` gets in order, those of some samples one after another.
void ForSamples(
    const std::vector<Fetched>& graphs, const DecomposeData& data,
    const std::function<Arrays(int64_t, const std::vector<std::vector<Tensor>>&)>& extract,
    const std::function<void(const Arrays&)>& consume) {
  constexpr int64_t kBlock = 16;
  const int64_t workers = NumThreads();
  std::vector<std::vector<Session>> sessions(workers);
  for (std::vector<Session>& own : sessions) {
    for (const Fetched& graph : graphs) {
      own.emplace_back(graph.graph, graph.values, nullptr, SessionOptions{.num_threads = 1});
    }
  }
  for (int64_t first = 0; first < SamplesOf(data); first += kBlock) {
    ThrowIfCancelled();
    const int64_t count = std::min(kBlock, SamplesOf(data) - first);
    std::vector<Arrays> found(count);
    std::vector<std::exception_ptr> errors(workers);
    ParallelFor(workers, 1, [&](int64_t begin, int64_t end) {
      for (int64_t worker = begin; worker < end; ++worker) {
        try {
          for (int64_t i = worker; i < count; i += workers) {
            const auto feeds = data.dataset->Read(first + i, first + i + 1);
            std::vector<std::vector<Tensor>> values;
            for (Session& session : sessions[worker]) values.push_back(session.Run(feeds));
            found[i] = extract(first + i, values);
          }
        } catch (...) {
          errors[worker] = std::current_exception();
        }
      }
    });
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
    Arrays all = std::move(found[0]);
    for (int64_t i = 1; i < count; ++i) {
      for (size_t a = 0; a < all.size(); ++a) {
        all[a].insert(all[a].end(), found[i][a].begin(), found[i][a].end());
        found[i][a] = {};
      }
    }
    consume(all);
  }
}

void CorrectLayer(const Graph& original, Graph& graph, const LayerDecomposition& layer,
                  const DecomposeData& data) {
  Node& last = *graph.Find(layer.nodes.back());
  if (!HasRows(last)) return;
  const LayerForm form = FormOfConvolution(last);
  const int64_t inputs = form.inputs, outputs = form.outputs;
  LayerMoments moments(form, true);
  std::vector<float> cross(inputs * outputs);  // sum of z yᵀ
  ForSamples(
      {{original, {original.Find(layer.name)->output()}}, {graph, {last.input(0)}}}, data,
      [&](int64_t sample, const std::vector<std::vector<Tensor>>& values) -> Arrays {
        const Tensor &wanted = values[0][0], &given = values[1][0];
        const std::vector<int64_t> positions =
            ChoosePositions(OutputPositions(last, given), RowsOfSample(data), sample);
        std::vector<float> y(positions.size() * outputs);
        for (size_t i = 0; i < positions.size(); ++i) {
          std::copy_n(wanted.data<float>().data() + positions[i] * outputs, outputs,
                      y.data() + i * outputs);
        }
        return {RowsAt(last, given, positions), std::move(y)};
      },
      [&](const Arrays& rows) {
        moments.Add(rows[0], rows[0]);
        const auto count = static_cast<int64_t>(rows[1].size()) / outputs;
        AddProduct(1, {const_cast<float*>(rows[0].data()), count, inputs, inputs, true},
                   {const_cast<float*>(rows[1].data()), count, outputs, outputs},
                   {cross.data(), inputs, outputs, outputs});
      });
  // w + (E[z zᵀ] + damping)⁻¹ (E[z yᵀ] - E[z zᵀ] w)
  std::vector<float> second = moments.Second(0);
  Tensor weight = last.input(1).node->const_value().Clone();
  std::vector<float> step(inputs * outputs);
  for (size_t i = 0; i < step.size(); ++i) step[i] = cross[i] / static_cast<float>(moments.rows());
  AddProduct(-1, {second.data(), inputs, inputs, inputs},
             {weight.mutable_data<float>().data(), inputs, outputs, outputs},
             {step.data(), inputs, outputs, outputs});
  double mean = 0;
  for (int64_t i = 0; i < inputs; ++i) mean += second[i * inputs + i];
  mean /= static_cast<double>(inputs);
  const double damping =
      data.damping * mean * (1 + 5 * static_cast<double>(inputs) / moments.rows());
  for (int64_t i = 0; i < inputs; ++i) {
    second[i * inputs + i] += static_cast<float>(std::max(damping, 1e-12));
  }
  const std::optional<Cholesky> factor = Cholesky::Of(std::move(second), inputs);
  if (!factor) return;  // data without any power: the weight is as good as another
  factor->Solve(outputs, &step);
  const std::span<float> w = weight.mutable_data<float>();
  for (size_t i = 0; i < step.size(); ++i) w[i] += step[i];
  graph.SetConstInput(last, 1, weight);
}

}  // namespace

bool HasRows(const Node& layer) {
  return layer.def() && layer.def()->quant && layer.def()->quant->unfold &&
         layer.input(1).node->IsConst() &&
         layer.input(1).node->const_value().dtype() == DType::kFloat &&
         !layer.attr<bool>("transpose_b", false) &&
         layer.attr<std::string>("data_format", "NHWC") == "NHWC";
}

std::vector<std::vector<float>> InputMoments(const Graph& graph,
                                             const std::vector<const Node*>& layers,
                                             const DecomposeData& data) {
  std::vector<Value> values;
  std::vector<LayerMoments> moments;
  for (const Node* layer : layers) {
    values.push_back(layer->input(0));
    moments.emplace_back(FormOfConvolution(*layer), true);
  }
  std::vector<std::vector<float>> result;
  if (layers.empty()) return result;
  ForSamples(
      {{graph, values}}, data,
      [&](int64_t sample, const std::vector<std::vector<Tensor>>& read) {
        Arrays rows;
        for (size_t l = 0; l < layers.size(); ++l) {
          const Tensor& image = read[0][l];
          rows.push_back(RowsAt(
              *layers[l], image,
              ChoosePositions(OutputPositions(*layers[l], image), RowsOfSample(data), sample)));
        }
        return rows;
      },
      [&](const Arrays& rows) {
        for (size_t l = 0; l < layers.size(); ++l) moments[l].Add(rows[l], rows[l]);
      });
  for (const LayerMoments& layer : moments) result.push_back(layer.Second(0));
  return result;
}

void CorrectLayers(const Graph& original, Graph& graph,
                   const std::vector<LayerDecomposition>& layers, const DecomposeData& data) {
  for (const LayerDecomposition& layer : layers) {
    if (!layer.reason.empty()) continue;
    ErrorScope scope("layer", layer.name);
    CorrectLayer(original, graph, layer, data);
  }
}

}  // namespace adze
