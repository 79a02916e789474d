#include <cmath>
#include <map>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/report.h"
#include "adze/session.h"
#include "report/layer_output.h"

namespace adze {
namespace {

// Sums over all elements seen, in double.
struct Similarity {
  double float_square = 0, simulated_square = 0, product = 0, error_square = 0;

  void Add(std::span<const float> real, std::span<const float> simulated) {
    Check(real.size() == simulated.size(), "outputs of one layer");
    for (size_t i = 0; i < real.size(); ++i) {
      const double a = real[i], b = simulated[i];
      float_square += a * a;
      simulated_square += b * b;
      product += a * b;
      error_square += (a - b) * (a - b);
    }
  }
  // Reference section 15: 1 if there is nothing, 0 if the simulation lost everything.
  double Cosine() const {
    if (float_square == 0) return 1;
    return simulated_square == 0 ? 0 : product / std::sqrt(float_square * simulated_square);
  }
  double SqnrDb() const { return 10 * std::log10(float_square / error_square); }
};

// Keeps a copy of each layer's output of one run.
class KeepOutputs : public Probe {
 public:
  KeepOutputs(const Graph& graph, const std::vector<std::string>& layers) {
    for (const std::string& layer : layers) {
      Node* node = graph.Find(layer);
      Require(node != nullptr, ErrorCode::kNotFound, "no layer '", layer, "' in the graph");
      const Value value = LayerOutput(graph, *node);
      layers_of_[value.node].push_back(layer);
    }
  }
  bool Wants(Value value) const override {
    return value.index == 0 && layers_of_.contains(value.node);
  }
  void OnValue(Value value, const Tensor& tensor) override {
    for (const std::string& layer : layers_of_.at(value.node)) kept[layer] = tensor.Clone();
  }
  std::map<std::string, Tensor> kept;

 private:
  std::map<const Node*, std::vector<std::string>> layers_of_;
};

}  // namespace

std::vector<LayerComparison> CompareLayers(const Graph& prepared, const Graph& simulated,
                                           const Record& record, const Dataset& data,
                                           int64_t samples) {
  std::vector<std::string> layers;
  for (const LayerRecord& layer : record.layers) {
    if (layer.activation && !ParseTensorKey(layer.name)) layers.push_back(layer.name);
  }
  KeepOutputs real(prepared, layers), fake(simulated, layers);
  Session real_session(prepared, {}, &real), fake_session(simulated, {}, &fake);
  std::map<std::string, Similarity> similarity;
  for (int64_t i = 0; i < samples; ++i) {
    ThrowIfCancelled();
    const std::map<std::string, Tensor> feeds = data.Read(i, i + 1);
    real_session.Run(feeds);
    fake_session.Run(feeds);
    for (const std::string& layer : layers) {
      similarity[layer].Add(real.kept.at(layer).data<float>(), fake.kept.at(layer).data<float>());
    }
  }
  std::vector<LayerComparison> comparisons;
  for (const std::string& layer : layers) {
    comparisons.push_back({layer, similarity[layer].Cosine(), similarity[layer].SqnrDb()});
  }
  return comparisons;
}

}  // namespace adze
