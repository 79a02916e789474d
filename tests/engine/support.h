#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "relative_error.h"

namespace adze {

using Feeds = std::map<std::string, Tensor>;

inline Tensor RandomTensor(Shape shape, uint32_t seed, float low = -1, float high = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  Tensor tensor(DType::kFloat, std::move(shape));
  for (float& x : tensor.mutable_data<float>()) x = uniform(random);
  return tensor;
}

// Every value of the graph by OpDef::evaluate, node by node.
inline std::map<std::string, Tensor> EvaluateAll(const Graph& graph, const Feeds& feeds) {
  std::map<std::string, Tensor> values;
  for (Node* node : graph.TopologicalOrder()) {
    if (node->op() == "Placeholder") {
      values[node->name()] = feeds.at(node->name());
      continue;
    }
    std::vector<Tensor> inputs;
    for (Value input : node->inputs()) inputs.push_back(values.at(ToString(input)));
    const std::vector<Tensor> outputs = EvaluateNode(*node, inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      values[ToString({node, static_cast<int>(i)})] = outputs[i];
    }
  }
  return values;
}

// Builds graphs in few words.
class GraphBuilder {
 public:
  Value Input(const std::string& name, Shape shape) {
    return graph.Add(name, "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", shape}})
        .output();
  }
  Value Const(Tensor tensor) { return graph.AddConst("const", std::move(tensor)).output(); }
  Value Weights(Shape shape) { return Const(RandomTensor(std::move(shape), ++seed_)); }
  Value Scalar(float value) { return Const(Tensor::Scalar(value)); }
  Value Op(const std::string& op, std::vector<Value> inputs, AttrMap attrs = {}) {
    attrs.insert({"T", DType::kFloat});
    return graph.Add(graph.UniqueName(op), op, std::move(inputs), std::move(attrs)).output();
  }
  Value Conv(Value data, Shape filter, int64_t stride = 1, const std::string& padding = "SAME") {
    return Op("Conv2D", {data, Weights(std::move(filter))},
              {{"strides", std::vector<int64_t>{1, stride, stride, 1}}, {"padding", padding}});
  }

  Graph graph{Builtin<OpRegistry>()};

 private:
  uint32_t seed_ = 0;
};

}  // namespace adze
