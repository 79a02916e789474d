#include "adze/decompose.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "adze/cancel.h"
#include "adze/error.h"
#include "decompose/evbmf.h"
#include "decompose/memory.h"
#include "decompose/spatial.h"
#include "decompose/symmetric_eigen.h"

namespace adze {
namespace {

// What was found for a weight; other convolutions may have the same one.
struct Found {
  LayerDecomposition layer;
  std::vector<Factor> factors;
  std::vector<Node*> kernels;
};

double TailError(std::span<const double> eigenvalues, int64_t rank) {
  double tail = 0, all = 0;
  for (size_t i = eigenvalues.size(); i-- > 0;) {
    all += std::max(eigenvalues[i], 0.0);
    if (static_cast<int64_t>(i) >= rank) tail = all;
  }
  return all > 0 ? std::sqrt(tail / all) : 0;
}

Found DecomposeSpatially(const Convolution& convolution) {
  const Tensor weight = FiniteWeight(convolution);
  const Shape& kernel = convolution.kernel;
  const SpatialMode mode = SpatialModeOf(kernel);
  const Unfolding matrix = UnfoldSpatially(weight.data<float>(), kernel, mode);
  RequireMemory(SymmetricEigen::BytesFor(matrix.rows(), matrix.rows()) +
                    matrix.rows() * matrix.columns() * static_cast<int64_t>(sizeof(float)),
                AvailableMemory());
  const SymmetricEigen eigen(matrix.Gram());
  Found found;
  LayerDecomposition& layer = found.layer;
  layer.method = "spatial";
  layer.mode = mode.name();
  layer.evbmf_rank = SolveEvbmf(eigen.values(), matrix.columns()).rank;
  const int64_t rank = AmctRank(layer.evbmf_rank, matrix.rows(), std::min(kernel[2], kernel[3]));
  layer.ranks = {rank};
  layer.error = TailError(eigen.values(), rank);
  const std::vector<float> rows = eigen.LeadingVectors(rank);
  found.factors = SpatialFactors(kernel, mode, rank);
  SetSpatialValues(kernel, mode, rows, matrix.Project(rows), &found.factors);
  return found;
}

}  // namespace

std::vector<LayerDecomposition> Decompose(Graph& graph, const DecomposeOptions& options) {
  const std::vector<Convolution> convolutions = FindConvolutions(graph);
  std::vector<LayerDecomposition> layers;
  std::map<const Node*, Found> by_weight;
  int64_t done = 0;
  for (const Convolution& convolution : convolutions) {
    ThrowIfCancelled();
    const std::string name = convolution.node->name();
    ErrorScope scope("layer", name);
    LayerDecomposition layer{.name = name, .reason = ReasonToStay(convolution, options.filter)};
    layer.kernel = convolution.kernel;
    if (layer.reason.empty()) {
      auto [found, is_new] = by_weight.try_emplace(convolution.weight);
      if (is_new) found->second = DecomposeSpatially(convolution);
      const std::vector<Factor>& factors = found->second.factors;
      std::vector<Node*>& kernels = found->second.kernels;
      const std::vector<Node*> nodes = is_new ? PutInPlace(graph, convolution, factors)
                                              : PutInPlace(graph, convolution, factors, kernels);
      const LayerDecomposition& same = found->second.layer;
      layer.method = same.method;
      layer.mode = same.mode;
      layer.ranks = same.ranks;
      layer.evbmf_rank = same.evbmf_rank;
      layer.error = same.error;
      for (size_t i = 0; i < nodes.size(); ++i) {
        layer.nodes.push_back(nodes[i]->name());
        layer.kernels.push_back(factors[i].kernel);
        if (is_new) kernels.push_back(nodes[i]->input(1).node);
      }
      layer.weights_before = convolution.kernel.num_elements();
      layer.weights_after = WeightsOf(factors);
      if (convolution.has_sizes()) {
        layer.macs_before = MacsOf(convolution);
        layer.macs_after = MacsOf(convolution, factors);
      }
    }
    layers.push_back(std::move(layer));
    if (options.progress) options.progress(++done, static_cast<int64_t>(convolutions.size()));
  }
  graph.Prune();
  return layers;
}

}  // namespace adze
