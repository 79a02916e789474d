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

// A sum of products of integers wraps round, as TensorFlow's does.
void Store(double sum, float* out) { *out = static_cast<float>(sum); }
void Store(double sum, int32_t* out) { *out = static_cast<int32_t>(static_cast<int64_t>(sum)); }

// Rows [begin, end) of the product; sums in double.
template <typename T>
void MultiplyRows(const Product& p, int64_t begin, int64_t end, const float* a, const float* b,
                  T* out) {
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
    for (int64_t j = 0; j < p.n; ++j) Store(sums[j], out + i * p.n + j);
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

bool IsByte(DType dtype) { return dtype == DType::kInt8 || dtype == DType::kUint8; }

// BatchMatMulV3 says what it makes of operands that may differ: floating types of floating types,
// int32 of bytes.
DType ProductType(const ShapeContext& context) {
  const Node& node = context.node;
  if (!node.attrs().contains("Tout")) return FloatType(context, {0, 1});
  const auto dtype = node.attr<DType>("Tout", DType::kFloat);
  const auto operand = [&](int input, const char* attribute) {
    const DType own = context.spec(input).dtype;
    return own == DType::kInvalid ? node.attr<DType>(attribute, own) : own;
  };
  const DType a = operand(0, "Ta"), b = operand(1, "Tb");
  const auto both = [&](auto fits) {
    return (a == DType::kInvalid || fits(a)) && (b == DType::kInvalid || fits(b));
  };
  Require((IsFloating(dtype) && both(IsFloating)) || (dtype == DType::kInt32 && both(IsByte)),
          ErrorCode::kUnsupported, node.op(), " of ", Name(a), " and ", Name(b), " to ",
          Name(dtype), " is not supported; floating types are, and int8 and uint8 to int32");
  return dtype;
}

std::vector<TensorSpec> InferBatchMatMul(const ShapeContext& context) {
  const Node& node = context.node;
  const Shape &a = context.shape(0), &b = context.shape(1);
  const DType dtype = ProductType(context);
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

template <typename T>
void MultiplyMatrices(const Node& node, const Tensor& left, const Tensor& right, Tensor& result) {
  const Shape &a = left.shape(), &b = right.shape(), &out = result.shape();
  const bool ta = IsSet(node, "adj_x"), tb = IsSet(node, "adj_y");
  const Product p{out[out.rank() - 2], a[a.rank() - 2 + !ta], out[out.rank() - 1], ta, tb};
  if (result.num_elements() == 0) return;
  const Shape batch = WithoutMatrix(out), batch_a = WithoutMatrix(a), batch_b = WithoutMatrix(b);
  ParallelFor(batch.num_elements(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      MultiplyRows(p, 0, p.m, left.data<float>().data() + MatrixAt(i, batch, batch_a) * p.m * p.k,
                   right.data<float>().data() + MatrixAt(i, batch, batch_b) * p.k * p.n,
                   result.mutable_data<T>().data() + i * p.m * p.n);
    }
  });
}

void EvaluateBatchMatMul(const Node& node, std::span<const Tensor> inputs,
                         std::span<Tensor> outputs) {
  if (outputs[0].dtype() == DType::kFloat) {
    return MultiplyMatrices<float>(node, inputs[0], inputs[1], outputs[0]);
  }
  MultiplyMatrices<int32_t>(node, Cast(inputs[0], DType::kFloat), Cast(inputs[1], DType::kFloat),
                            outputs[0]);
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
