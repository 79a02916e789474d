#include "engine/elementwise_chain.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "adze/parallel.h"

namespace adze {
namespace {

using Op = ElementwiseChain::Op;
using enum ElementwiseOp;

struct OpName {
  std::string_view name;
  ElementwiseOp op;
  ElementwiseOp reversed;  // with the chain's value as the second operand
  bool binary = true;
};

constexpr OpName kOpNames[] = {
    {"Add", kAdd, kAdd},
    {"AddV2", kAdd, kAdd},
    {"BiasAdd", kAdd, kAdd},
    {"Sub", kSub, kReverseSub},
    {"Mul", kMul, kMul},
    {"RealDiv", kDiv, kReverseDiv},
    {"Div", kDiv, kReverseDiv},
    {"Maximum", kMaximum, kMaximum},
    {"Minimum", kMinimum, kMinimum},
    {"SquaredDifference", kSquaredDifference, kSquaredDifference},
    {"LeakyRelu", kLeakyRelu, kLeakyRelu, false},
    {"Relu", kRelu, kRelu, false},
    {"Relu6", kRelu6, kRelu6, false},
    {"Round", kRound, kRound, false},
    {"Rint", kRound, kRound, false},
    {"Floor", kFloor, kFloor, false},
    {"Neg", kNeg, kNeg, false},
    {"Abs", kAbs, kAbs, false},
    {"Square", kSquare, kSquare, false},
    {"Sqrt", kSqrt, kSqrt, false},
    {"Rsqrt", kRsqrt, kRsqrt, false},
    {"Sigmoid", kSigmoid, kSigmoid, false},
};

const OpName* FindOp(const Node& node) {
  auto it = std::find_if(std::begin(kOpNames), std::end(kOpNames),
                         [&](const OpName& name) { return name.name == node.op(); });
  return it == std::end(kOpNames) ? nullptr : it;
}

class ChainKernel : public Kernel {
 public:
  ChainKernel(std::vector<Op> ops, int64_t count, int64_t channels)
      : ops_(std::move(ops)), count_(count), channels_(channels) {}

  bool runs_in_place(int) const override { return true; }

  void Run(const KernelArgs& args) override {
    ParallelFor(count_, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += kBlock) {
        RunBlock(args, i, std::min(kBlock, end - i));
      }
    });
  }

 private:
  // A block passes through all ops while it lies in the first-level cache.
  static constexpr int64_t kBlock = 2048;
  static constexpr int64_t kGrain = 16384;

  void RunBlock(const KernelArgs& args, int64_t begin, int64_t count) const {
    alignas(64) float buffer[kBlock];
    const float* x = static_cast<const float*>(args.inputs[0]) + begin;
    float* result = static_cast<float*>(args.outputs[0]) + begin;
    // The result is written by the last op only: it may lie in the memory of any input.
    for (size_t k = 0; k < ops_.size(); ++k) {
      float* out = k + 1 == ops_.size() ? result : buffer;
      const Op& op = ops_[k];
      if (op.input >= 0) {
        ApplyArray(op.op, x, static_cast<const float*>(args.inputs[op.input]) + begin, out, count);
      } else if (op.channels) {
        RunChannels(op, begin, x, out, count);
      } else {
        ApplyScalar(op.op, x, op.scalar, out, count);
      }
      x = out;
    }
  }

  void RunChannels(const Op& op, int64_t begin, const float* x, float* out, int64_t count) const {
    int64_t channel = begin % channels_;
    for (int64_t done = 0; done < count;) {
      const int64_t length = std::min(count - done, channels_ - channel);
      ApplyArray(op.op, x + done, op.channels.data<float>().data() + channel, out + done, length);
      done += length;
      channel = 0;
    }
  }

  std::vector<Op> ops_;
  int64_t count_, channels_;
};

}  // namespace

bool ElementwiseChain::Append(Node& node) {
  if (flow_.spec(node.output()).dtype != DType::kFloat) return false;
  const bool is_batch_norm = node.op().rfind("FusedBatchNorm", 0) == 0;
  if (!(is_batch_norm ? AppendBatchNorm(node) : AppendOp(node))) return false;
  nodes_.push_back(&node);
  return true;
}

bool ElementwiseChain::AppendOp(Node& node) {
  const OpName* name = FindOp(node);
  if (!name) return false;
  const TensorSpec spec = flow_.spec(node.output());
  auto is_data = [&](int i) {
    return !flow_.constant_input(node, i) && flow_.spec(node.input(i)) == spec;
  };
  // Which input is the chain's value.
  int data = 0;
  if (nodes_.empty()) {
    if (name->binary && !is_data(0)) data = 1;
  } else if (name->binary && node.input(1) == nodes_.back()->output()) {
    data = 1;
  }
  if (!is_data(data)) return false;
  Op op{.op = data == 0 ? name->op : name->reversed};
  Value tensor_operand;
  if (name->binary) {
    const Tensor* constant = flow_.constant_input(node, 1 - data);
    if (node.op() == "BiasAdd" && node.attr<std::string>("data_format", "NHWC") != "NHWC") {
      return false;
    }
    if (!constant) {
      if (!is_data(1 - data)) return false;
      tensor_operand = node.input(1 - data);
    } else if (constant->num_elements() == 1) {
      op.scalar = constant->data<float>()[0];
    } else if (IsPerChannel(*constant, spec.shape)) {
      op.channels = *constant;
    } else {
      return false;
    }
  } else if (op.op == kLeakyRelu) {
    op.scalar = node.attr<float>("alpha", 0.2f);
  }
  if (nodes_.empty()) inputs_.push_back(node.input(data));
  if (tensor_operand.node) {
    op.input = static_cast<int>(inputs_.size());
    inputs_.push_back(tensor_operand);
  }
  ops_.push_back(std::move(op));
  return true;
}

// y = (x - mean) * (gamma / sqrt(variance + epsilon)) + beta
bool ElementwiseChain::AppendBatchNorm(Node& node) {
  const Tensor* parameters[5] = {};
  if (node.num_inputs() < 5 || node.attr<bool>("is_training", true) ||
      node.attr<std::string>("data_format", "NHWC") != "NHWC") {
    return false;
  }
  const TensorSpec spec = flow_.spec(node.output());
  for (int i = 1; i < 5; ++i) {
    parameters[i] = flow_.constant_input(node, i);
    if (!parameters[i] || !IsPerChannel(*parameters[i], spec.shape)) return false;
    if (flow_.is_used({&node, i})) return false;
  }
  if (flow_.constant_input(node, 0) || flow_.spec(node.input(0)) != spec) return false;
  const float epsilon = node.attr<float>("epsilon", 1e-4f);
  Tensor factor = parameters[1]->Clone();
  for (int64_t c = 0; c < factor.num_elements(); ++c) {
    factor.mutable_data<float>()[c] /= std::sqrt(parameters[4]->data<float>()[c] + epsilon);
  }
  if (nodes_.empty()) inputs_.push_back(node.input(0));
  ops_.push_back({.op = kSub, .channels = *parameters[3]});
  ops_.push_back({.op = kMul, .channels = std::move(factor)});
  ops_.push_back({.op = kAdd, .channels = *parameters[2]});
  return true;
}

std::unique_ptr<Kernel> ElementwiseChain::Compile() const {
  const Shape shape = flow_.spec(nodes_.back()->output()).shape;
  const int64_t channels = shape.rank() > 0 ? shape[shape.rank() - 1] : 1;
  return std::make_unique<ChainKernel>(ops_, shape.num_elements(), std::max<int64_t>(channels, 1));
}

}  // namespace adze
