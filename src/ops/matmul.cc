#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/quantizable.h"
#include "ops/support/unfold.h"

namespace adze {
namespace {

// One product of matrices in memory: out[m, n] = sum over k of a[m, k] * b[k, n].
struct Product {
  int64_t m, k, n;
  bool transpose_a, transpose_b;  // stored as [k, m], [n, k]
};

// Rows [begin, end) of the product; sums in double.
void MultiplyRows(const Product& p, int64_t begin, int64_t end, const float* a, const float* b,
                  float* out) {
  std::vector<double> sums(p.n);
  for (int64_t i = begin; i < end; ++i) {
    std::fill(sums.begin(), sums.end(), 0);
    for (int64_t k = 0; k < p.k; ++k) {
      const double value = p.transpose_a ? a[k * p.m + i] : a[i * p.k + k];
      if (p.transpose_b) {
        for (int64_t j = 0; j < p.n; ++j) sums[j] += value * b[j * p.k + k];
      } else {
        for (int64_t j = 0; j < p.n; ++j) sums[j] += value * b[k * p.n + j];
      }
    }
    std::copy(sums.begin(), sums.end(), out + i * p.n);
  }
}

bool IsSet(const Node& node, std::string_view name) { return node.attr<bool>(name, false); }

std::vector<TensorSpec> InferMatMul(const ShapeContext& context) {
  const Node& node = context.node;
  const bool ta = IsSet(node, "transpose_a"), tb = IsSet(node, "transpose_b");
  const Shape a = ShapeOfRank(context, 0, 2), b = ShapeOfRank(context, 1, 2);
  SameDim(node, "terms to sum", a[!ta], b[tb]);
  return {{FloatType(context, {0, 1}), Shape{a[ta], b[!tb]}}};
}

void EvaluateMatMul(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape &a = inputs[0].shape(), &out = outputs[0].shape();
  const bool ta = IsSet(node, "transpose_a"), tb = IsSet(node, "transpose_b");
  const Product product{out[0], a[!ta], out[1], ta, tb};
  if (outputs[0].num_elements() == 0) return;
  ParallelFor(product.m, 1, [&](int64_t begin, int64_t end) {
    MultiplyRows(product, begin, end, inputs[0].data<float>().data(),
                 inputs[1].data<float>().data(), outputs[0].mutable_data<float>().data());
  });
}

std::optional<std::string> RefuseMatMul(const Node& node) {
  for (const char* name : {"transpose_a", "transpose_b", "adjoint_a", "adjoint_b"}) {
    if (IsSet(node, name)) return std::string(name) + " is true; only false is supported";
  }
  return RefuseElementType(node);
}

Shape WithoutMatrix(const Shape& shape) {
  return Shape(std::vector<int64_t>(shape.dims().begin(), shape.dims().end() - 2));
}

std::vector<TensorSpec> InferBatchMatMul(const ShapeContext& context) {
  const Node& node = context.node;
  const Shape &a = context.shape(0), &b = context.shape(1);
  const DType dtype = FloatType(context, {0, 1});
  if (!a.known_rank() || !b.known_rank()) return {{dtype, Shape::UnknownRank()}};
  Require(a.rank() >= 2 && b.rank() >= 2, ErrorCode::kBadFile, node.op(), " of shapes ",
          a.ToString(), " and ", b.ToString(), "; both ranks must be at least 2");
  const bool ta = IsSet(node, "adj_x"), tb = IsSet(node, "adj_y");
  const int ra = a.rank() - 2, rb = b.rank() - 2;
  SameDim(node, "terms to sum", a[ra + !ta], b[rb + tb]);
  std::vector<int64_t> dims = BroadcastShapes(WithoutMatrix(a), WithoutMatrix(b)).dims();
  dims.push_back(a[ra + ta]);
  dims.push_back(b[rb + !tb]);
  return {{dtype, Shape(std::move(dims))}};
}

// Which matrix of an operand with batch dimensions `own` makes matrix `index` of `all`.
int64_t MatrixAt(int64_t index, const Shape& all, const Shape& own) {
  int64_t result = 0, stride = 1;
  for (int i = 1; i <= all.rank(); ++i) {
    const int64_t dim = all[all.rank() - i];
    const int64_t at = index % dim;
    index /= dim;
    if (i > own.rank()) continue;
    const int64_t own_dim = own[own.rank() - i];
    if (own_dim != 1) result += at * stride;
    stride *= own_dim;
  }
  return result;
}

void EvaluateBatchMatMul(const Node& node, std::span<const Tensor> inputs,
                         std::span<Tensor> outputs) {
  const Shape &a = inputs[0].shape(), &b = inputs[1].shape(), &out = outputs[0].shape();
  const bool ta = IsSet(node, "adj_x"), tb = IsSet(node, "adj_y");
  const Product p{out[out.rank() - 2], a[a.rank() - 2 + !ta], out[out.rank() - 1], ta, tb};
  if (outputs[0].num_elements() == 0) return;
  const Shape batch = WithoutMatrix(out), batch_a = WithoutMatrix(a), batch_b = WithoutMatrix(b);
  ParallelFor(batch.num_elements(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* left = inputs[0].data<float>().data() + MatrixAt(i, batch, batch_a) * p.m * p.k;
      const float* right = inputs[1].data<float>().data() + MatrixAt(i, batch, batch_b) * p.k * p.n;
      MultiplyRows(p, 0, p.m, left, right, outputs[0].mutable_data<float>().data() + i * p.m * p.n);
    }
  });
}

bool KeepsRows(const RowContext& context) {
  return context.OnlyRowsAre(0) && !context.node.attr<bool>("transpose_a", false);
}

}  // namespace

void register_matmul(OpRegistry& ops) {
  ops.Add({.name = "MatMul",
           .summary = "Product of two matrices",
           .infer = InferMatMul,
           .evaluate = InFloat(EvaluateMatMul),
           .keeps_rows = KeepsRows,
           .quant = QuantTraits{.weight_input = 1,
                                .channel_axes = {1},
                                .input_channel_axes = {0},
                                .unfold = UnfoldRows,
                                .refuse = RefuseMatMul}});
  for (const char* name : {"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"}) {
    ops.Add({.name = name,
             .summary = "Products of matrices in the last two axes",
             .infer = InferBatchMatMul,
             .evaluate = InFloat(EvaluateBatchMatMul)});
  }
}

}  // namespace adze
