#include "decompose/latency.h"

#include <algorithm>
#include <chrono>

#include "adze/cancel.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"

namespace adze {
namespace {

std::string ToText(const Shape& kernel) {
  std::string text;
  for (int64_t dim : kernel.dims()) text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

// Any numbers will do that are neither zero nor denormal.
std::vector<float> SomeNumbers(int64_t count) {
  std::vector<float> values(count);
  uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = (static_cast<float>(state >> 8) * 0x1p-24f - 0.5f) * 0.25f;
  }
  return values;
}

Tensor SomeTensor(const Shape& shape) {
  return Tensor::From<float>(shape, SomeNumbers(shape.num_elements()));
}

// x -> convolution or factors -> bias -> Relu, one sample, NHWC.
Graph GraphToTime(const Convolution& c, std::vector<Factor> factors) {
  Graph graph(Builtin<OpRegistry>());
  const Shape image = c.is_product()
                          ? Shape{1, c.inputs()}
                          : Shape{1, c.window.height.input, c.window.width.input, c.inputs()};
  Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", image}}).output();
  AttrMap attrs = {{"T", DType::kFloat}};
  if (!c.is_product()) {
    const WindowAxis &h = c.window.height, &w = c.window.width;
    attrs["strides"] = std::vector<int64_t>{1, h.stride, w.stride, 1};
    attrs["padding"] = c.node->attr<std::string>("padding");
    if (c.node->attr<std::string>("padding") == "EXPLICIT") {
      attrs["explicit_paddings"] =
          std::vector<int64_t>{0, 0, h.pad_before, h.pad_after, w.pad_before, w.pad_after, 0, 0};
    }
  }
  const Shape kernel = c.is_product() ? Shape{c.inputs(), c.outputs()} : c.kernel;
  Node& node = graph.Add("layer", c.node->op(),
                         {data, graph.AddConst("weight", SomeTensor(kernel)).output()}, attrs);
  Node& bias = graph.AddConst("bias", SomeTensor({c.outputs()}));
  Node& sum = graph.Add("sum", "BiasAdd", {node.output(), bias.output()}, {{"T", DType::kFloat}});
  graph.Add("out", "Relu", {sum.output()}, {{"T", DType::kFloat}});
  graph.SetOutputs({"out"});
  if (!factors.empty()) {
    for (Factor& factor : factors) factor.values = SomeNumbers(factor.kernel.num_elements());
    PutInPlace(graph, FindConvolutions(graph, true).at(0), factors);
    graph.Prune();
  }
  return graph;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

std::string LatencyKey(const Convolution& c, const std::vector<Factor>& factors, int num_threads) {
  std::string key = std::to_string(num_threads) + (num_threads == 1 ? " thread, " : " threads, ");
  const WindowAxis &h = c.window.height, &w = c.window.width;
  if (!c.is_product()) {
    const std::string padding = c.node->attr<std::string>("padding");
    key += ToText({h.input, w.input}) + " " + padding;
    if (padding == "EXPLICIT") {
      for (int64_t pad : {h.pad_before, h.pad_after, w.pad_before, w.pad_after}) {
        key += " " + std::to_string(pad);
      }
    }
    key += " " + ToText({h.stride, w.stride}) + ": ";
  } else {
    key += "MatMul: ";
  }
  if (factors.empty()) return key + ToText(c.kernel);
  std::string kernels;
  for (const Factor& factor : factors) {
    kernels += (kernels.empty() ? "" : ", ") + ToText(factor.kernel);
    if (factor.depthwise) kernels += " depthwise";
  }
  return key + kernels;
}

void MeasureLatencies(const Convolution& convolution, const std::vector<std::vector<Factor>>& ways,
                      const LatencyOptions& options, LatencyTable* table) {
  struct Way {
    std::string key;
    std::unique_ptr<Graph> graph;
    std::unique_ptr<Session> session;
    std::vector<double> times;
  };
  std::vector<Way> missing;
  for (const std::vector<Factor>& factors : ways) {
    std::string key = LatencyKey(convolution, factors, options.num_threads);
    if (table->contains(key)) continue;
    Way way{.key = std::move(key),
            .graph = std::make_unique<Graph>(GraphToTime(convolution, factors))};
    way.session = std::make_unique<Session>(*way.graph, std::vector<Value>{}, nullptr,
                                            SessionOptions{.num_threads = options.num_threads});
    missing.push_back(std::move(way));
  }
  if (missing.empty()) return;
  const std::map<std::string, Tensor> feeds = {
      {"x", SomeTensor(missing[0].graph->Find("x")->attr<Shape>("shape"))}};
  // The first round compiles.
  for (int round = 0; round <= options.rounds; ++round) {
    ThrowIfCancelled();
    for (Way& way : missing) {
      const auto start = std::chrono::steady_clock::now();
      way.session->Run(feeds);
      const std::chrono::duration<double, std::milli> time =
          std::chrono::steady_clock::now() - start;
      if (round > 0) way.times.push_back(time.count());
    }
  }
  for (Way& way : missing) (*table)[way.key] = Median(std::move(way.times));
}

}  // namespace adze
