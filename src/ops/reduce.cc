#include <limits>
#include <numeric>

#include "ops/support/infer.h"
#include "ops/support/permute.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

std::vector<bool> ReducedAxes(const std::vector<int64_t>& axes, int rank) {
  std::vector<bool> reduced(rank, false);
  for (int64_t axis : axes) reduced[NormalizeAxis(axis, rank)] = true;
  return reduced;
}

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Shape& shape = context.shape(0);
  const bool keep = context.node.attr<bool>("keep_dims", false);
  const auto axes = KnownInts(context, 1);
  if (!shape.known_rank()) return {{InputType(context), shape}};
  if (!axes) {
    return {{InputType(context), keep ? UnknownDims(shape.rank()) : Shape::UnknownRank()}};
  }
  const std::vector<bool> reduced = ReducedAxes(*axes, shape.rank());
  std::vector<int64_t> dims;
  for (int i = 0; i < shape.rank(); ++i) {
    if (!reduced[i]) {
      dims.push_back(shape[i]);
    } else if (keep) {
      dims.push_back(1);
    }
  }
  return {{InputType(context), Shape(dims)}};
}

bool KeepsRows(const RowContext& context) {
  return context.OnlyRowsAre(0) &&
         !ReducedAxes(*KnownInts(context, 1), context.shape(0).rank()).at(0);
}

bool PermuteAxes(Graph& graph, Node& node, std::span<const int> axes) {
  const auto reduced = ConstInts(node, 1);
  if (!reduced) return false;
  const auto moved = MovedGoneAxes(axes, *reduced);
  if (!moved && !node.attr<bool>("keep_dims", false)) return false;
  std::vector<int64_t> places;
  for (int64_t axis : *reduced) places.push_back(MovedAxis(axes, axis));
  SetConstInts(graph, node, 1, places);
  return true;
}

std::vector<TensorSpec> InferLogical(const ShapeContext& context) {
  const DType dtype = context.spec(0).dtype;
  Require(dtype == DType::kBool || dtype == DType::kInvalid, ErrorCode::kBadFile, context.node.op(),
          " of ", Name(dtype));
  std::vector<TensorSpec> specs = Infer(context);
  specs[0].dtype = DType::kBool;
  return specs;
}

// Sums are kept in double (int64 wraps around): TensorFlow's float32 sums depend on its blocking,
// and this is nearer to the truth than either.
template <typename T>
using SumType = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

struct Sum {
  template <typename T>
  using Acc = SumType<T>;
  template <typename T>
  static Acc<T> Start() {
    return 0;
  }
  template <typename A, typename T>
  static A Step(A acc, T value) {
    return acc + static_cast<A>(value);
  }
};
struct Prod {
  template <typename T>
  using Acc = SumType<T>;
  template <typename T>
  static Acc<T> Start() {
    return 1;
  }
  template <typename A, typename T>
  static A Step(A acc, T value) {
    return acc * static_cast<A>(value);
  }
};
struct Max {
  template <typename T>
  using Acc = T;
  template <typename T>
  static T Start() {
    return std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                : std::numeric_limits<T>::lowest();
  }
  template <typename T>
  static T Step(T acc, T value) {
    return acc < value ? value : acc;
  }
};
struct Min {
  template <typename T>
  using Acc = T;
  template <typename T>
  static T Start() {
    return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                                : std::numeric_limits<T>::max();
  }
  template <typename T>
  static T Step(T acc, T value) {
    return value < acc ? value : acc;
  }
};
struct All {
  template <typename T>
  using Acc = T;
  template <typename T>
  static T Start() {
    return true;
  }
  static bool Step(bool acc, bool value) { return acc && value; }
};
struct Any {
  template <typename T>
  using Acc = T;
  template <typename T>
  static T Start() {
    return false;
  }
  static bool Step(bool acc, bool value) { return acc || value; }
};

// One row into one accumulator. Several of them side by side, because the loop otherwise waits for
// each addition.
template <typename R, typename T, typename A>
A ReduceRow(const T* x, int64_t count, A acc) {
  if constexpr (std::is_same_v<R, Sum>) {
    A partial[8] = {};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      for (int k = 0; k < 8; ++k) partial[k] = R::Step(partial[k], x[i + k]);
    }
    for (; i < count; ++i) acc = R::Step(acc, x[i]);
    for (A p : partial) acc += p;
    return acc;
  } else {
    for (int64_t i = 0; i < count; ++i) acc = R::Step(acc, x[i]);
    return acc;
  }
}

template <typename R, typename T, typename Finish>
void Reduce(const Tensor& input, const std::vector<int64_t>& axes, Tensor& output,
            const Finish& finish) {
  using Acc = typename R::template Acc<T>;
  const int rank = input.shape().rank();
  const std::vector<bool> reduced = ReducedAxes(axes, rank);
  std::vector<int64_t> out_strides(rank, 0);
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    if (reduced[i]) continue;
    out_strides[i] = stride;
    if (__builtin_mul_overflow(stride, input.shape()[i], &stride)) stride = 0;
  }
  const int64_t count = output.num_elements();
  const auto acc = std::make_unique<Acc[]>(count);
  std::fill_n(acc.get(), count, R::template Start<T>());
  const T* x = input.data<T>().data();
  const Walk<2> walk(input.shape().dims(), {RowMajorStrides(input.shape()), out_strides});
  const auto reduce_row = [&](const Walk<2>::Offsets& at) {
    Acc* a = acc.get() + at[1];
    const T* row = x + at[0];
    if (walk.row_stride(1) == 0) {
      *a = ReduceRow<R>(row, walk.row_length(), *a);
    } else {
      for (int64_t i = 0; i < walk.row_length(); ++i) a[i] = R::Step(a[i], row[i]);
    }
  };
  if (!walk.empty()) {
    // Rows of one index of the first axis go to the same thread: if it is kept, nobody else writes
    // to its sums.
    const int64_t pieces = walk.rank() > 1 && walk.stride(1, 0) != 0 ? walk.dims()[0] : 1;
    const int64_t rows = walk.num_rows() / pieces;
    const int64_t grain = std::max<int64_t>(1, kGrain / (rows * walk.row_length()));
    ParallelFor(pieces, grain, [&](int64_t begin, int64_t end) {
      walk.ForRows(begin * rows, end * rows, reduce_row);
    });
  }
  std::transform(acc.get(), acc.get() + count, output.mutable_data<T>().data(), finish);
}

template <typename R, typename... Ts>
OpDef ReduceOp(std::string name) {
  return {.name = std::move(name),
          .summary = "Over axes",
          .infer = std::is_same_v<R, All> || std::is_same_v<R, Any> ? InferLogical : Infer,
          .evaluate =
              [](const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
                Dispatch<Ts...>(inputs[0].dtype(), [&](auto t) {
                  using T = decltype(t);
                  Reduce<R, T>(inputs[0], ToInt64s(inputs[1]), outputs[0],
                               [](auto acc) { return static_cast<T>(acc); });
                });
              },
          .keeps_rows = KeepsRows,
          .permute_axes = PermuteAxes};
}

void EvaluateMean(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const int64_t results = std::max<int64_t>(1, outputs[0].num_elements());
  const int64_t each = inputs[0].num_elements() / results;
  Dispatch<float, double, int32_t, int64_t>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    Reduce<Sum, T>(inputs[0], ToInt64s(inputs[1]), outputs[0], [each](auto sum) {
      if constexpr (std::is_integral_v<T>) {
        return each == 0 ? T(0) : static_cast<T>(static_cast<int64_t>(sum) / each);
      } else {
        return static_cast<T>(sum / static_cast<double>(each));  // NaN of nothing, as TensorFlow
      }
    });
  });
}

}  // namespace

// Reductions over the axes that the second operand lists.
void register_reduce(OpRegistry& ops) {
  ops.Add({.name = "Mean",
           .summary = "Mean over axes",
           .infer = Infer,
           .evaluate = EvaluateMean,
           .keeps_rows = KeepsRows,
           .permute_axes = PermuteAxes});
  ops.Add(ReduceOp<Sum, float, double, int32_t, int64_t>("Sum"));
  ops.Add(ReduceOp<Prod, float, double, int32_t, int64_t>("Prod"));
  ops.Add(ReduceOp<Max, float, double, int32_t, int64_t>("Max"));
  ops.Add(ReduceOp<Min, float, double, int32_t, int64_t>("Min"));
  ops.Add(ReduceOp<All, bool>("All"));
  ops.Add(ReduceOp<Any, bool>("Any"));
}

}  // namespace adze
