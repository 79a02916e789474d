#include <algorithm>
#include <cstring>

#include "io/attr_codec.h"

namespace adze {
namespace {

// Copies `values` and, TensorFlow's rule, repeats the last one (0 if there is none) to the end.
template <typename T, typename Repeated, typename Convert>
Tensor FromRepeated(Shape shape, DType dtype, const Repeated& values, Convert convert) {
  Tensor tensor(dtype, std::move(shape));
  T* out = static_cast<T*>(tensor.mutable_raw());
  const int64_t count = tensor.num_elements(), given = values.size();
  Require(given <= count, ErrorCode::kBadFile, "tensor of shape ", tensor.shape().ToString(),
          " holds ", given, " values");
  for (int64_t i = 0; i < given; ++i) out[i] = convert(values[static_cast<int>(i)]);
  std::fill(out + given, out + count, given ? out[given - 1] : T{});
  return tensor;
}

template <typename T, typename Repeated>
Tensor FromRepeated(Shape shape, DType dtype, const Repeated& values) {
  return FromRepeated<T>(std::move(shape), dtype, values,
                         [](auto value) { return static_cast<T>(value); });
}

Tensor FromContent(Shape shape, DType dtype, std::string* content) {
  const uint64_t need = shape.num_elements() * SizeOf(dtype);
  Require(content->size() == need, ErrorCode::kBadFile, "tensor_content has ", content->size(),
          " bytes, ", Name(dtype), " ", shape.ToString(), " needs ", need);
  if (dtype == DType::kBool) {
    const bool valid =
        std::all_of(content->begin(), content->end(), [](char c) { return c == 0 || c == 1; });
    Require(valid, ErrorCode::kBadFile, "tensor_content holds bools other than 0 and 1");
  }
  auto owner = std::make_shared<std::string>(std::move(*content));
  content->clear();
  if (reinterpret_cast<uintptr_t>(owner->data()) % SizeOf(dtype) != 0) {
    Tensor tensor(dtype, std::move(shape));
    std::memcpy(tensor.mutable_raw(), owner->data(), need);
    return tensor;
  }
  return Tensor::Borrow(dtype, std::move(shape), owner->data(), owner);
}

}  // namespace

void ExpansionBudget::Take(const Shape& shape, uint64_t bytes) {
  Require(bytes <= left_, ErrorCode::kBadFile, "a constant of shape ", shape.ToString(),
          " that is not in the file would take ", bytes, " bytes");
  left_ -= bytes;
}

Shape DecodeShape(const proto::TensorShapeProto& message) {
  if (message.unknown_rank()) return Shape::UnknownRank();
  std::vector<int64_t> dims;
  for (const auto& dim : message.dim()) {
    Require(dim.size() >= -1, ErrorCode::kBadFile, "a shape has the dimension ", dim.size());
    dims.push_back(dim.size());
  }
  Require(dims.size() <= 254, ErrorCode::kBadFile, "a shape has ", dims.size(), " dimensions");
  return Shape(std::move(dims));
}

void EncodeShape(const Shape& shape, proto::TensorShapeProto& message) {
  if (!shape.known_rank()) message.set_unknown_rank(true);
  for (int64_t dim : shape.dims()) message.add_dim()->set_size(dim);
}

Tensor DecodeTensor(proto::TensorProto& message, ExpansionBudget& budget) {
  const auto dtype = static_cast<DType>(message.dtype());
  Shape shape = DecodeShape(message.tensor_shape());
  Require(shape.IsFullyKnown(), ErrorCode::kBadFile, "a constant has the unknown shape ",
          shape.ToString());
  if (!message.tensor_content().empty() && SizeOf(dtype) > 0) {
    return FromContent(std::move(shape), dtype, message.mutable_tensor_content());
  }
  const size_t element = dtype == DType::kString ? sizeof(std::string) : SizeOf(dtype);
  budget.Take(shape, shape.num_elements() * element);
  switch (dtype) {
    case DType::kFloat:
      return FromRepeated<float>(std::move(shape), dtype, message.float_val());
    case DType::kDouble:
      return FromRepeated<double>(std::move(shape), dtype, message.double_val());
    case DType::kInt32:
    case DType::kQint32:
      return FromRepeated<int32_t>(std::move(shape), dtype, message.int_val());
    case DType::kUint8:
    case DType::kQuint8:
      return FromRepeated<uint8_t>(std::move(shape), dtype, message.int_val());
    case DType::kInt8:
    case DType::kQint8:
      return FromRepeated<int8_t>(std::move(shape), dtype, message.int_val());
    case DType::kInt16:
    case DType::kQint16:
      return FromRepeated<int16_t>(std::move(shape), dtype, message.int_val());
    case DType::kUint16:
    case DType::kQuint16:
      return FromRepeated<uint16_t>(std::move(shape), dtype, message.int_val());
    case DType::kInt64:
      return FromRepeated<int64_t>(std::move(shape), dtype, message.int64_val());
    case DType::kBool:
      return FromRepeated<bool>(std::move(shape), dtype, message.bool_val());
    case DType::kHalf:
    case DType::kBfloat16:
      return FromRepeated<uint16_t>(std::move(shape), dtype, message.half_val());
    case DType::kUint32:
      return FromRepeated<uint32_t>(std::move(shape), dtype, message.uint32_val());
    case DType::kUint64:
      return FromRepeated<uint64_t>(std::move(shape), dtype, message.uint64_val());
    case DType::kString: {
      const auto& values = message.string_val();
      const int64_t count = shape.num_elements();
      Require(values.size() <= count, ErrorCode::kBadFile, "tensor of shape ", shape.ToString(),
              " holds ", values.size(), " strings");
      std::vector<std::string> strings(values.begin(), values.end());
      strings.resize(count, strings.empty() ? "" : strings.back());
      return Tensor::FromStrings(std::move(shape), std::move(strings));
    }
    default:
      throw Error(ErrorCode::kUnsupported, "constants of " + Name(dtype) + " are not supported");
  }
}

void EncodeTensor(const Tensor& tensor, proto::TensorProto& message) {
  message.set_dtype(static_cast<proto::DataType>(tensor.dtype()));
  EncodeShape(tensor.shape(), *message.mutable_tensor_shape());
  if (tensor.dtype() == DType::kString) {
    for (const std::string& value : tensor.strings()) message.add_string_val(value);
  } else {
    message.set_tensor_content(tensor.raw(), tensor.num_bytes());
  }
}

}  // namespace adze
