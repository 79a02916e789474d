#include "adze/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/session.h"

namespace adze {
namespace {

// Class scores as rows; the shape check of Evaluate's contract.
struct Scores {
  explicit Scores(const Tensor& tensor) : tensor_(tensor) {
    const Shape& shape = tensor.shape();
    bool ok = tensor.dtype() == DType::kFloat && shape.rank() >= 2;
    for (int axis = 1; ok && axis + 1 < shape.rank(); ++axis) ok = shape[axis] == 1;
    Require(ok, ErrorCode::kUnsupported, "the output is ", Name(tensor.dtype()), " ",
            shape.ToString(), ", not class scores [N, classes]; choose one with --outputs");
    classes_ = shape[shape.rank() - 1];
  }
  std::span<const float> Row(int64_t i) const {
    return tensor_.data<float>().subspan(i * classes_, classes_);
  }
  int64_t classes() const { return classes_; }

 private:
  const Tensor& tensor_;
  int64_t classes_ = 0;
};

int64_t Best(std::span<const float> row) {
  return std::max_element(row.begin(), row.end()) - row.begin();
}

// How many classes come before `index`; of equal scores the smaller index comes first.
int64_t Rank(std::span<const float> row, int64_t index) {
  int64_t before = 0;
  for (int64_t i = 0; i < static_cast<int64_t>(row.size()); ++i) {
    before += row[i] > row[index] || (row[i] == row[index] && i < index);
  }
  return before;
}

struct Counts {
  int64_t images = 0, labelled = 0, top1 = 0, top5 = 0, agree = 0;
  double signal = 0, noise = 0;  // sums of squares of the logits and of their difference
};

void CountLabels(const Scores& scores, int64_t row, int label, int offset, Counts& counts) {
  const int64_t wanted = int64_t{label} + offset;
  Require(wanted >= 0 && wanted < scores.classes(), ErrorCode::kInvalidArgument, "label ", label,
          " plus offset ", offset, " is no class of 0..", scores.classes() - 1,
          "; check --label-offset");
  const int64_t rank = Rank(scores.Row(row), wanted);
  ++counts.labelled;
  counts.top1 += rank < 1;
  counts.top5 += rank < 5;
}

void CountAgreement(const std::vector<Tensor>& real, const std::vector<Tensor>& results,
                    Counts& counts) {
  const Scores real_scores(real[0]), scores(results[0]);
  Require(real[1].num_elements() == results[1].num_elements(), ErrorCode::kInvalidArgument,
          "the reference model's logits are ", real[1].shape().ToString(), ", the model's ",
          results[1].shape().ToString());
  for (int64_t i = 0; i < results[0].shape()[0]; ++i) {
    counts.agree += Best(real_scores.Row(i)) == Best(scores.Row(i));
  }
  const std::span<const float> a = real[1].data<float>(), b = results[1].data<float>();
  for (size_t i = 0; i < a.size(); ++i) {
    counts.signal += double{a[i]} * a[i];
    counts.noise += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  }
}

std::vector<Value> Fetches(const Graph& graph) {
  return {graph.outputs().at(0).value, FindLogits(graph)};
}

}  // namespace

Value FindLogits(const Graph& graph) {
  const Value output = graph.outputs().at(0).value;
  Value value = output;
  for (;;) {
    const Node& node = *value.node;
    if (node.op() == "Softmax" || node.op() == "LogSoftmax") return node.input(0);
    const bool passes = node.op() == "Reshape" || node.op() == "Squeeze" || node.op() == "Identity";
    if (!passes || node.num_inputs() == 0) return output;
    value = node.input(0);
  }
}

Evaluation Evaluate(const Graph& graph, const Dataset& data, const EvaluateOptions& options,
                    const Graph* reference) {
  Session session(graph, Fetches(graph), nullptr, {.num_threads = options.num_threads});
  std::optional<Session> reference_session;
  if (reference) {
    reference_session.emplace(*reference, Fetches(*reference), nullptr,
                              SessionOptions{.num_threads = options.num_threads});
  }
  using Clock = std::chrono::steady_clock;
  Counts counts;
  double seconds = 0;
  int64_t timed = 0;
  BatchReader batches(data, options.batch_size, 1);
  std::map<std::string, Tensor> feeds;
  int64_t first = 0;
  while (batches.Next(&feeds, &first)) {
    ThrowIfCancelled();
    const auto start = Clock::now();
    const std::vector<Tensor> results = session.Run(feeds);
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    const int64_t rows = feeds.begin()->second.shape()[0];
    // The first run compiles; it counts only if there is no other.
    if (first == options.batch_size) seconds = timed = 0;
    seconds += took;
    timed += rows;
    const Scores scores(results[0]);
    for (int64_t i = 0; i < rows; ++i) {
      if (const std::optional<int> label = data.Label(first + i)) {
        CountLabels(scores, i, *label, options.label_offset, counts);
      }
    }
    if (reference) CountAgreement(reference_session->Run(feeds), results, counts);
    counts.images += rows;
    if (options.progress) options.progress(counts.images, data.size());
  }
  Evaluation result{.images = counts.images};
  result.ms_per_image = 1000 * seconds / static_cast<double>(std::max<int64_t>(timed, 1));
  if (counts.labelled > 0) {
    result.top1 = static_cast<double>(counts.top1) / static_cast<double>(counts.labelled);
    result.top5 = static_cast<double>(counts.top5) / static_cast<double>(counts.labelled);
  }
  if (reference) {
    result.agreement = static_cast<double>(counts.agree) / static_cast<double>(counts.images);
    result.sqnr_db = 10 * std::log10(counts.signal / counts.noise);
  }
  return result;
}

}  // namespace adze
