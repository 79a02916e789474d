#include <Eigen/Core>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Shape& shape = context.shape(0);
  Require(!shape.known_rank() || shape.rank() >= 1, ErrorCode::kBadFile, context.node.op(),
          " of a scalar");
  return {{FloatType(context), shape}};
}

// Over the last axis, with the largest element subtracted first, so that nothing overflows.
template <bool kLog>
void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (inputs[0].num_elements() == 0) return;
  const int64_t classes = inputs[0].shape().dims().back();
  const float* in = inputs[0].data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ParallelFor(inputs[0].num_elements() / classes, 1 + 4096 / classes,
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row) {
                  const Eigen::Map<const Eigen::ArrayXf> x(in + row * classes, classes);
                  Eigen::Map<Eigen::ArrayXf> y(out + row * classes, classes);
                  const float largest = x.maxCoeff();
                  if (kLog) {
                    y = x - largest;
                    y -= std::log(y.exp().sum());
                  } else {
                    y = (x - largest).exp();
                    y /= y.sum();
                  }
                }
              });
}

bool KeepsRows(const RowContext& context) {
  return context.OnlyRowsAre(0) && context.shape(0).rank() >= 2;
}

}  // namespace

void register_softmax(OpRegistry& ops) {
  ops.Add({.name = "Softmax",
           .summary = "exp(x) / sum of exp(x) over the last axis",
           .infer = Infer,
           .evaluate = InFloat(Evaluate<false>),
           .keeps_rows = KeepsRows});
  ops.Add({.name = "LogSoftmax",
           .summary = "Logarithm of Softmax",
           .infer = Infer,
           .evaluate = InFloat(Evaluate<true>),
           .keeps_rows = KeepsRows});
}

}  // namespace adze
