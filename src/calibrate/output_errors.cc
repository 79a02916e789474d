#include "calibrate/output_errors.h"

#include <algorithm>
#include <optional>
#include <span>

#include "adze/error.h"
#include "adze/op.h"
#include "calibrate/factors.h"
#include "moments/for_samples.h"
#include "moments/layer_moments.h"
#include "moments/output_positions.h"
#include "moments/row_product.h"

namespace adze {
namespace {

// Sums over output positions of one layer.
struct Sums {
  double rows = 0, signal = 0;  // of (x w)^2
  std::vector<double> squares;  // per candidate, of ((x - Q(x)) w)^2
  std::vector<double> errors;   // [candidates, outputs], of (x - Q(x)) w

  void Add(const Sums& other) {
    rows += other.rows;
    signal += other.signal;
    for (size_t i = 0; i < squares.size(); ++i) squares[i] += other.squares[i];
    for (size_t i = 0; i < errors.size(); ++i) errors[i] += other.errors[i];
  }
};

class MeasuredLayer {
 public:
  MeasuredLayer(const PlannedLayer& layer, const LayerForm& form,
                const std::vector<QuantParams>& candidates, bool keeps_means)
      : node_(*layer.node),
        form_(form),
        candidates_(candidates),
        keeps_means_(keeps_means),
        product_(form,
                 layer.node->input(*layer.node->def()->quant->weight_input).node->const_value()),
        sums_(Zero()) {}

  Value data() const { return node_.input(node_.def()->quant->data_input); }

  Sums Of(const Tensor& data, int64_t samples, uint64_t seed) const {
    // Wide layers take long and have many values at each position.
    constexpr int64_t kWork = int64_t{1} << 25, kLeast = 256, kMost = 2048;
    const int64_t all = std::clamp(kWork / (form_.row_size() * form_.outputs), kLeast, kMost);
    const std::vector<int64_t> chosen =
        ChoosePositions(OutputPositions(node_, data), std::max<int64_t>(1, all / samples), seed);
    const auto rows = static_cast<int64_t>(chosen.size());
    const int64_t size = rows * form_.row_size(), products = rows * outputs();
    std::vector<float> real(size);
    node_.def()->quant->unfold(node_, data, chosen, real);
    Sums sums = Zero();
    sums.rows = static_cast<double>(rows);
    std::vector<float> product(products);
    product_.Multiply(real, product);
    for (const float y : product) sums.signal += double{y} * y;
    // Several candidates at once, since a few rows take less time than fetching the weights.
    constexpr int64_t kRows = 64;
    const auto count = static_cast<int64_t>(candidates_.size());
    const int64_t at_once =
        std::min(count, std::max<int64_t>(kRows / std::max<int64_t>(rows, 1), 1));
    std::vector<float> errors(at_once * size);
    product.resize(at_once * products);
    for (int64_t first = 0; first < count; first += at_once) {
      const int64_t some = std::min(at_once, count - first);
      for (int64_t c = 0; c < some; ++c) {
        const QuantParams& params = candidates_[first + c];
        const std::span<float> error = std::span(errors).subspan(c * size, size);
        FakeQuantize(real, params.scale[0], params.zero_point[0], params.spec.num_bits, error);
        for (int64_t i = 0; i < size; ++i) error[i] = real[i] - error[i];
      }
      product_.Multiply(std::span(errors).first(some * size),
                        std::span(product).first(some * products));
      for (int64_t c = 0; c < some; ++c) {
        AddErrors(std::span(product).subspan(c * products, products), first + c, &sums);
      }
    }
    return sums;
  }

  void Add(const Sums& sums) { sums_.Add(sums); }

  // In parts of the signal.
  double ErrorOf(size_t candidate) const {
    double error = sums_.squares[candidate];
    for (int64_t o = 0; keeps_means_ && o < outputs(); ++o) {
      const double sum = sums_.errors[candidate * outputs() + o];
      error -= sum * sum / sums_.rows;
    }
    return sums_.signal > 0 ? error / sums_.signal : 0;
  }

 private:
  int64_t outputs() const { return product_.outputs(); }
  Sums Zero() const {
    Sums sums;
    sums.squares.resize(candidates_.size());
    if (keeps_means_) sums.errors.resize(candidates_.size() * outputs());
    return sums;
  }

  // Of one candidate, [rows, outputs].
  void AddErrors(std::span<const float> errors, int64_t candidate, Sums* sums) const {
    for (const float e : errors) sums->squares[candidate] += double{e} * e;
    if (!keeps_means_) return;
    double* const of_outputs = &sums->errors[candidate * outputs()];
    for (size_t i = 0; i < errors.size(); i += outputs()) {
      for (int64_t o = 0; o < outputs(); ++o) of_outputs[o] += errors[i + o];
    }
  }

  const Node& node_;
  LayerForm form_;
  const std::vector<QuantParams>& candidates_;
  bool keeps_means_;
  RowProduct product_;
  Sums sums_;
};

}  // namespace

std::vector<std::vector<double>> OutputErrors(const std::vector<OutputQuestion>& questions,
                                              const OutputData& outputs) {
  const ShapeMap shapes = InferShapes(outputs.prepared);
  std::vector<MeasuredLayer> layers;
  std::vector<size_t> question_of, fetch_of;
  std::vector<Value> values;
  for (size_t q = 0; q < questions.size(); ++q) {
    for (const PlannedLayer* layer : questions[q].layers) {
      if (!layer->is_layer()) continue;
      const std::optional<LayerForm> form = FormOf(*layer->node, shapes);
      if (!form) continue;
      const bool corrects = layer->config.weight.bias_correction &&
                            ConstBiasAddBehind(outputs.prepared, *layer->node);
      layers.emplace_back(*layer, *form, questions[q].candidates, corrects);
      question_of.push_back(q);
      const auto found = std::find(values.begin(), values.end(), layers.back().data());
      fetch_of.push_back(found - values.begin());
      if (found == values.end()) values.push_back(layers.back().data());
    }
  }
  std::vector<std::vector<double>> errors(questions.size());
  if (layers.empty()) return errors;
  const int64_t samples = std::min(outputs.samples, outputs.data.size());
  ForSamples<std::vector<Sums>>(
      {{&outputs.prepared, values}}, outputs.data, samples,
      [&](int64_t sample, const SampleRunner::Values& found) {
        std::vector<Sums> sums;
        for (size_t i = 0; i < layers.size(); ++i) {
          sums.push_back(layers[i].Of(found[0][fetch_of[i]], samples, sample));
        }
        return sums;
      },
      [&](int64_t, std::vector<Sums>& sums) {
        for (size_t i = 0; i < layers.size(); ++i) layers[i].Add(sums[i]);
      });
  for (size_t i = 0; i < layers.size(); ++i) {
    std::vector<double>& sum = errors[question_of[i]];
    sum.resize(questions[question_of[i]].candidates.size());
    for (size_t c = 0; c < sum.size(); ++c) sum[c] += layers[i].ErrorOf(c);
  }
  return errors;
}

}  // namespace adze
