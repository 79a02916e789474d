#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "adze/op.h"
#include "adze/registry.h"

namespace adze {

using Ints = std::vector<int64_t>;

// 0, 1, 2 ...
inline Tensor Counting(Shape shape) {
  Tensor tensor(DType::kFloat, std::move(shape));
  std::iota(tensor.mutable_data<float>().begin(), tensor.mutable_data<float>().end(), 0.0f);
  return tensor;
}

// A graph of one op whose inputs are placeholders of float32.
class OneNode {
 public:
  OneNode(const std::string& op, const std::vector<Shape>& shapes, AttrMap attrs)
      : graph_(Builtin<OpRegistry>()) {
    std::vector<Value> inputs;
    for (const Shape& shape : shapes) {
      AttrMap placeholder{{"dtype", DType::kFloat}, {"shape", shape}};
      inputs.push_back(graph_.Add(graph_.UniqueName("x"), "Placeholder", {}, placeholder).output());
    }
    node_ = &graph_.Add("y", op, inputs, std::move(attrs));
  }

  // Makes an input constant.
  OneNode& Set(int input, Tensor value) {
    graph_.SetInput(*node_, input, graph_.AddConst("c", std::move(value)).output());
    return *this;
  }

  const Node& node() const { return *node_; }
  Shape InferShape() const { return InferShapes(graph_)[node_->output()].shape; }
  // The message of the error that inference throws; "" if none.
  std::string Failure() const {
    try {
      InferShape();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  std::optional<std::string> Refusal() const { return node_->def()->quant->refuse(*node_); }

 private:
  Graph graph_;
  Node* node_;
};

// Outputs of one op on the given inputs.
inline std::vector<Tensor> RunOp(const std::string& op, const std::vector<Tensor>& inputs,
                                 AttrMap attrs) {
  const std::vector<Shape> shapes(inputs.size(), Shape::UnknownRank());
  return EvaluateNode(OneNode(op, shapes, std::move(attrs)).node(), inputs);
}

inline std::vector<float> Floats(const Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

}  // namespace adze
