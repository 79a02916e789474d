#include <algorithm>
#include <map>

#include "adze/parallel.h"
#include "ops/support/broadcast.h"
#include "ops/support/image.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// "abc,cd->abd" over given ranks: the labels of every axis. What "..." stands for is numbered from
// its end, as NumPy broadcasts it: labels above 255.
struct Equation {
  std::vector<std::vector<int>> operands;
  std::vector<int> result;
};
constexpr int kEllipsis = 256;

std::vector<int> Labels(const std::string& text, int hidden) {
  std::vector<int> labels;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 3, "...") == 0) {
      for (int k = hidden; k-- > 0;) labels.push_back(kEllipsis + k);
      i += 2;
    } else if (text[i] != ' ') {
      Require(std::isalpha(static_cast<unsigned char>(text[i])), ErrorCode::kBadFile,
              "Einsum term '", text, "' has a '", text[i], "'");
      labels.push_back(text[i]);
    }
  }
  return labels;
}

Equation Parse(const Node& node, const std::vector<int>& ranks) {
  const std::string& text = node.attr<std::string>("equation");
  const size_t arrow = text.find("->");
  Require(arrow != text.npos, ErrorCode::kBadFile, "Einsum equation '", text, "' has no '->'");
  std::vector<std::string> terms = {""};
  for (const char c : text.substr(0, arrow)) {
    if (c == ',') {
      terms.emplace_back();
    } else {
      terms.back() += c;
    }
  }
  Require(terms.size() == ranks.size() && terms.size() <= 2, ErrorCode::kBadFile,
          "Einsum equation '", text, "' has ", terms.size(), " terms for ", ranks.size(),
          " operands");
  Equation equation;
  int most_hidden = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const int named = static_cast<int>(Labels(terms[i], 0).size());
    const bool open = terms[i].find("...") != std::string::npos;
    Require(open ? named <= ranks[i] : named == ranks[i], ErrorCode::kBadFile, "Einsum term '",
            terms[i], "' does not fit an operand of rank ", ranks[i]);
    most_hidden = std::max(most_hidden, ranks[i] - named);
    equation.operands.push_back(Labels(terms[i], ranks[i] - named));
  }
  equation.result = Labels(text.substr(arrow + 2), most_hidden);
  return equation;
}

// The length of every label; axes of "..." broadcast.
std::map<int, int64_t> Lengths(const Node& node, const Equation& equation,
                               std::span<const Shape> shapes) {
  std::map<int, int64_t> lengths;
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (int axis = 0; axis < shapes[i].rank(); ++axis) {
      const int label = equation.operands[i][axis];
      const int64_t dim = shapes[i][axis];
      auto [length, is_new] = lengths.emplace(label, dim);
      if (is_new) continue;
      if (label >= kEllipsis) {
        length->second = BroadcastShapes(Shape{length->second}, Shape{dim})[0];
      } else {
        length->second = SameDim(node, "an Einsum label", length->second, dim);
      }
    }
  }
  for (size_t i = 0; i < equation.result.size(); ++i) {
    const int label = equation.result[i];
    Require(lengths.contains(label), ErrorCode::kBadFile, "Einsum equation '",
            node.attr<std::string>("equation"), "' makes an axis that no operand has");
    Require(std::find(equation.result.begin(), equation.result.begin() + i, label) ==
                equation.result.begin() + i,
            ErrorCode::kBadFile, "Einsum equation '", node.attr<std::string>("equation"),
            "' has an axis twice in its result");
  }
  return lengths;
}

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const DType dtype = FloatType(context);
  std::vector<Shape> shapes;
  std::vector<int> ranks;
  for (const TensorSpec& spec : context.inputs) {
    if (!spec.shape.known_rank()) return {{dtype, Shape::UnknownRank()}};
    shapes.push_back(spec.shape);
    ranks.push_back(spec.shape.rank());
  }
  const Equation equation = Parse(context.node, ranks);
  const std::map<int, int64_t> lengths = Lengths(context.node, equation, shapes);
  std::vector<int64_t> dims;
  for (const int label : equation.result) dims.push_back(lengths.at(label));
  return {{dtype, Shape(dims)}};
}

// How far each label moves through an operand; an axis named twice is its diagonal.
std::vector<int64_t> StridesOf(const std::vector<int>& labels, const Shape& shape,
                               const std::vector<int>& order) {
  const std::vector<int64_t> strides = RowMajorStrides(shape);
  std::vector<int64_t> moved(order.size(), 0);
  for (size_t i = 0; i < order.size(); ++i) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const bool repeats = labels[axis] >= kEllipsis && shape[axis] == 1;
      if (labels[axis] == order[i] && !repeats) moved[i] += strides[axis];
    }
  }
  return moved;
}

std::vector<int64_t> DimsOf(const std::vector<int>& labels, const std::map<int, int64_t>& lengths) {
  std::vector<int64_t> dims;
  for (const int label : labels) dims.push_back(lengths.at(label));
  return dims;
}

// Each element of the result is a sum over all labels that it lacks; sums in double.
void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  std::vector<Shape> shapes;
  std::vector<int> ranks;
  for (const Tensor& input : inputs) {
    shapes.push_back(input.shape());
    ranks.push_back(input.shape().rank());
  }
  const Equation equation = Parse(node, ranks);
  const std::map<int, int64_t> lengths = Lengths(node, equation, shapes);
  std::vector<int> summed;
  for (const auto& [label, length] : lengths) {
    const auto& kept = equation.result;
    if (std::find(kept.begin(), kept.end(), label) == kept.end()) summed.push_back(label);
  }
  // An operand that is missing is one number, 1.
  const float one = 1;
  std::array<const float*, 2> data = {&one, &one};
  std::array<std::vector<int64_t>, 2> outer, inner;
  for (size_t i = 0; i < 2; ++i) {
    outer[i].assign(equation.result.size(), 0);
    inner[i].assign(summed.size(), 0);
    if (i >= inputs.size()) continue;
    data[i] = inputs[i].data<float>().data();
    outer[i] = StridesOf(equation.operands[i], shapes[i], equation.result);
    inner[i] = StridesOf(equation.operands[i], shapes[i], summed);
  }
  const Shape& shape = outputs[0].shape();
  float* out = outputs[0].mutable_data<float>().data();
  const Walk<3> results(shape.dims(), {outer[0], outer[1], RowMajorStrides(shape)});
  const Walk<2> terms(DimsOf(summed, lengths), inner);
  if (results.empty()) return;
  results.ParallelForRows([&](const Walk<3>::Offsets& row) {
    for (int64_t i = 0; i < results.row_length(); ++i) {
      const float* a = data[0] + row[0] + i * results.row_stride(0);
      const float* b = data[1] + row[1] + i * results.row_stride(1);
      double sum = 0;
      terms.ForAllRows([&](const Walk<2>::Offsets& at) {
        for (int64_t k = 0; k < terms.row_length(); ++k) {
          sum += double{a[at[0] + k * terms.row_stride(0)]} * b[at[1] + k * terms.row_stride(1)];
        }
      });
      out[row[2] + i * results.row_stride(2)] = static_cast<float>(sum);
    }
  });
}

}  // namespace

void register_einsum(OpRegistry& ops) {
  ops.Add({.name = "Einsum",
           .summary = "Sums of products, as an equation of axes says",
           .infer = Infer,
           .evaluate = InFloat(Evaluate)});
}

}  // namespace adze
