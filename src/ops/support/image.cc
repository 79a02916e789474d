#include "ops/support/image.h"

#include <algorithm>
#include <cstring>

#include "adze/parallel.h"

namespace adze {
namespace {

// [batch, rows, columns] to [batch, columns, rows] of elements of any type.
template <typename T>
void SwapLastAxes(const void* in, int64_t batch, int64_t rows, int64_t columns, void* out) {
  const T* from = static_cast<const T*>(in);
  T* to = static_cast<T*>(out);
  ParallelFor(batch * columns, 1 + 4096 / (rows + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* source = from + i / columns * rows * columns + i % columns;
      for (int64_t r = 0; r < rows; ++r) to[i * rows + r] = source[r * columns];
    }
  });
}

void SwapLastAxes(const Tensor& in, int64_t batch, int64_t rows, int64_t columns, Tensor& out) {
  const void* from = in.raw();
  void* to = out.mutable_raw();
  switch (SizeOf(in.dtype())) {
    case 1:
      return SwapLastAxes<uint8_t>(from, batch, rows, columns, to);
    case 2:
      return SwapLastAxes<uint16_t>(from, batch, rows, columns, to);
    case 4:
      return SwapLastAxes<uint32_t>(from, batch, rows, columns, to);
    case 8:
      return SwapLastAxes<uint64_t>(from, batch, rows, columns, to);
    default:
      Require(false, ErrorCode::kUnsupported, "images of ", Name(in.dtype()), " elements");
  }
}

Shape ChannelsLastShape(const Shape& shape) { return {shape[0], shape[2], shape[3], shape[1]}; }

}  // namespace

bool IsFloating(DType dtype) {
  return dtype == DType::kFloat || dtype == DType::kDouble || dtype == DType::kHalf ||
         dtype == DType::kBfloat16;
}

DType FloatType(const ShapeContext& context, std::initializer_list<int> inputs) {
  const Node& node = context.node;
  DType dtype = DType::kInvalid;
  for (int i : inputs) {
    const DType own = context.spec(i).dtype;
    if (dtype == DType::kInvalid) dtype = own;
    Require(own == dtype || own == DType::kInvalid, ErrorCode::kBadFile, node.op(), " takes both ",
            Name(dtype), " and ", Name(own), " elements");
  }
  if (dtype == DType::kInvalid) dtype = node.attr<DType>("T", DType::kFloat);
  Require(IsFloating(dtype), ErrorCode::kUnsupported, node.op(), " of ", Name(dtype),
          " elements is not supported; floating types are");
  return dtype;
}

DType FixedSizeType(const ShapeContext& context) {
  DType dtype = context.spec(0).dtype;
  if (dtype == DType::kInvalid) dtype = context.node.attr<DType>("T", DType::kInvalid);
  Require(dtype == DType::kInvalid || SizeOf(dtype) > 0, ErrorCode::kUnsupported, context.node.op(),
          " of ", Name(dtype), " elements is not supported");
  return dtype;
}

Shape ShapeOfRank(const ShapeContext& context, int input, int rank) {
  const Shape& shape = context.shape(input);
  if (!shape.known_rank()) return Shape(std::vector<int64_t>(rank, Shape::kUnknown));
  Require(shape.rank() == rank, ErrorCode::kBadFile, context.node.op(), " input ", input,
          " has shape ", shape.ToString(), "; its rank must be ", rank);
  return shape;
}

int64_t SameDim(const Node& node, const char* what, int64_t a, int64_t b) {
  if (a == Shape::kUnknown) return b;
  Require(b == Shape::kUnknown || a == b, ErrorCode::kBadFile, node.op(), " has ", a, " ", what,
          " in one operand and ", b, " in another");
  return a;
}

int64_t DimProduct(const Node& node, int64_t a, int64_t b) {
  if (a == Shape::kUnknown || b == Shape::kUnknown) return Shape::kUnknown;
  int64_t product = 0;
  Require(a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, &product), ErrorCode::kBadFile,
          node.op(), " has dimensions ", a, " and ", b, ", whose product is out of range");
  return product;
}

EvaluateFunction InFloat(EvaluateFunction evaluate) {
  return [evaluate = std::move(evaluate)](const Node& node, std::span<const Tensor> inputs,
                                          std::span<Tensor> outputs) {
    auto to_convert = [](const Tensor& tensor) {
      return IsFloating(tensor.dtype()) && tensor.dtype() != DType::kFloat;
    };
    if (std::none_of(inputs.begin(), inputs.end(), to_convert)) {
      return evaluate(node, inputs, outputs);
    }
    std::vector<Tensor> in, out;
    for (const Tensor& tensor : inputs) {
      in.push_back(to_convert(tensor) ? Cast(tensor, DType::kFloat) : tensor);
    }
    for (const Tensor& tensor : outputs) {
      out.push_back(to_convert(tensor) ? Tensor(DType::kFloat, tensor.shape()) : tensor);
    }
    evaluate(node, in, out);
    for (size_t i = 0; i < out.size(); ++i) {
      if (!to_convert(outputs[i])) continue;
      const Tensor narrow = Cast(out[i], outputs[i].dtype());
      std::memcpy(outputs[i].mutable_raw(), narrow.raw(), narrow.num_bytes());
    }
  };
}

Shape InLayoutOf(const Node& node, const Shape& nhwc) {
  return ImageShape(LayoutOf(node), nhwc[0], nhwc[1], nhwc[2], nhwc[3]);
}

EvaluateFunction InChannelsLast(std::vector<int> images, EvaluateFunction evaluate) {
  return [images = std::move(images), evaluate = std::move(evaluate)](
             const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
    if (!LayoutOf(node).channels_first) return evaluate(node, inputs, outputs);
    std::vector<Tensor> in(inputs.begin(), inputs.end()), out(outputs.begin(), outputs.end());
    for (int i : images) {
      const Shape& from = inputs[i].shape();
      in[i] = Tensor(inputs[i].dtype(), ChannelsLastShape(from));
      SwapLastAxes(inputs[i], from[0], from[1], from[2] * from[3], in[i]);
    }
    const Shape& shape = outputs[0].shape();
    out[0] = Tensor(outputs[0].dtype(), ChannelsLastShape(shape));
    evaluate(node, in, out);
    SwapLastAxes(out[0], shape[0], shape[2] * shape[3], shape[1], outputs[0]);
  };
}

}  // namespace adze
